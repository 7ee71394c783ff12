/** Renews a client token, time and again, before it runs out. */

/** Of a token's life; the other half is for trying again. */
const RENEW_AFTER = 0.5;
const AGAIN_MS = 30_000;

/**
 * @param {() => Promise<number>} renew resolves with the seconds that the new token lives
 * @param {number} livesS seconds that the present one still lives; 0 where that is not known
 * @param {AbortSignal} signal ends it; so does a refusal, for the session is over then
 */
export function keepRenewing(renew, livesS, signal) {
  let timer = 0;
  /** @param {number} ms */
  const plan = (ms) => {
    if (!signal.aborted) timer = setTimeout(run, ms);
  };
  const run = async () => {
    try {
      plan((await renew()) * 1_000 * RENEW_AFTER);
    } catch (error) {
      const { isTransient = true } = /** @type {{isTransient?: boolean}} */ (error); // no answer: no network
      if (isTransient) plan(AGAIN_MS);
    }
  };
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  plan(livesS * 1_000 * RENEW_AFTER);
}
