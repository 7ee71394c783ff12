/**
 * An OpenID Connect provider on the loopback: `node provider.mjs PORT REDIRECT_URI`.
 *
 * Every start has another key. The role of whoever logs in is their name; whose token a machine gets says
 * `supervisor`. Prints `ready` when it listens.
 */

import { generateKeyPairSync, randomUUID } from 'node:crypto';

import { Provider } from 'oidc-provider';

const [port, redirectUri] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomUUID()] },
  clients: [
    { client_id: 'kyc-rtc', client_secret: 'a secret: of the tests', redirect_uris: [redirectUri] },
    {
      client_id: 'machine',
      client_secret: 'another',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
  ],
  conformIdTokenClaims: false,
  claims: { openid: ['sub'], profile: ['preferred_username', 'roles'] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: `${id}@bank.example`, roles: [id] }),
  }),
  extraTokenClaims: () => ({ roles: ['supervisor'] }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, audience) => ({
        scope: 'kyc',
        audience,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
