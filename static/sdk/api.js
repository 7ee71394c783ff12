/** The HTTP calls of the applicant's side, and their one kind of error. */

import { keepRenewing } from './renewal.js';

const TIMEOUT_MS = 10_000;
/** Code of a 409: the check goes on in another place. */
const CONTINUED = 'continued_elsewhere';
/** @type {Record<number, number>} seconds to wait, by HTTP status, where the server does not say */
const DEFAULT_RETRY_AFTER_S = { 421: 2, 503: 5 };

/**
 * What stands in the way of an answer, and may go away by itself: the way to the server, its load, its
 * database, something else in it, or a session that lives in another process, which may be ending.
 *
 * @typedef {'link' | 'busy' | 'storage' | 'server' | 'elsewhere'} Trouble
 */

/** The server answered, and the answer was no. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status
   * @param {{code?: string, message?: string, hint?: string | null}} problem
   * @param {number} retryAfterS seconds that the server asks to wait; 0 where it asks for none
   */
  constructor(status, problem, retryAfterS) {
    super(problem.message ?? `HTTP ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = problem.code ?? `http_${status}`;
    this.hint = problem.hint ?? null;
    this.retryAfterS = retryAfterS;
  }

  /** The server is full or asks to slow down: worth waiting for. */
  get isBusy() {
    return this.trouble === 'busy';
  }

  /** Asking again may help without anybody doing anything. */
  get isTransient() {
    return this.trouble !== null;
  }

  /** @returns {Trouble | null} null where asking again does not help */
  get trouble() {
    if (this.status === 421) return 'elsewhere';
    if (this.status === 503 && this.code === 'storage_unavailable') return 'storage';
    if (this.status === 503 || this.status === 429) return 'busy';
    return this.status >= 500 || this.status === 408 ? 'server' : null;
  }
}

/**
 * @typedef {object} SessionReport answer of `GET /api/v1/kyc/sessions/{session_id}`
 * @property {string} session_id
 * @property {string} state
 * @property {'PASSED' | 'FAILED' | 'INCONCLUSIVE' | null} status
 * @property {boolean | null} verified
 * @property {{code: string, text: string}[]} reasons
 * @property {boolean} can_retry
 * @property {boolean} [needs_review] undecided, with nothing for the applicant to mend
 * @property {boolean} [withdrawn] the institution cancelled the verification
 * @property {string} expires_at
 * @property {string | null} [locale] language tag that the institution gave
 * @property {string | null} [return_url] where the institution wants the applicant to go afterwards
 */

/**
 * @typedef {object} ClientToken answer of `…/open` and `…/renew`
 * @property {string} session_id the attempt that the token is for
 * @property {string} client_token
 * @property {number} expires_in_s
 */

/**
 * @typedef {object} ConsentText what the applicant is asked to agree to, to be shown as it is
 * @property {string} version
 * @property {string} locale
 * @property {string | null} institution
 * @property {string | null} privacy_url
 * @property {{topic: string, text: string}[]} points
 */

/**
 * Which device offers its camera.
 *
 * @typedef {object} Device
 * @property {string} [instance] names the device, or the tab
 * @property {boolean} [take_over] go on here although another device is connected
 */

/**
 * Calls on one session, under its client token. Where the link's token is known, it is exchanged for a
 * client token by the first call, and again when that has run out.
 */
export class KycApi {
  #base;
  #token;
  #linkToken;
  #livesS = 0;
  /** @type {AbortSignal | null} */
  #keptFreshBy = null;
  /** @type {ClientToken | null} the attempt that has followed this one, as far as the link has said */
  #follower = null;
  /** @type {Promise<void> | null} one exchange at a time */
  #opening = null;

  /**
   * @param {string} baseUrl origin of the server; empty for the page's own
   * @param {string} sessionId with a link: replaced by the latest attempt's with the first call
   * @param {string} token the client token; empty where only the link's is known
   * @param {string} [linkToken] the token in the fragment of `join_url`
   */
  constructor(baseUrl, sessionId, token, linkToken = '') {
    this.#base = `${baseUrl.replace(/\/+$/, '')}/api/v1/kyc`;
    this.#token = token;
    this.#linkToken = linkToken;
    this.sessionId = sessionId;
  }

  /**
   * Renew the client token before it runs out, as long as the session may go on.
   *
   * @param {AbortSignal} signal ends it
   */
  keepFresh(signal) {
    if (this.#keptFreshBy !== null && !this.#keptFreshBy.aborted) return;
    this.#keptFreshBy = signal;
    keepRenewing(() => this.#renew(signal), this.#livesS, signal);
  }

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<{ice_servers: RTCIceServer[], expose_scores: boolean, environment: string}>}
   */
  clientConfig(signal) {
    return this.#call('GET', () => '/client-config', undefined, signal);
  }

  /**
   * @param {RTCSessionDescriptionInit} description
   * @param {AbortSignal} [signal]
   * @param {Device} [device]
   * @returns {Promise<RTCSessionDescriptionInit>}
   */
  offer(description, signal, device = {}) {
    const { type, sdp } = description;
    return this.#call('POST', () => this.#path('/offer'), { type, sdp, ...device }, signal);
  }

  /**
   * How the session stands. Where another attempt has followed meanwhile, it is that one's, and so are the
   * calls from now on: `sessionId` says so.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<SessionReport>}
   */
  async session(signal) {
    try {
      return await this.#call('GET', () => this.#path(''), undefined, signal);
    } catch (error) {
      const follower = error instanceof ApiError && error.code === CONTINUED ? this.#follower : null;
      if (follower === null) throw error;
      this.sessionId = follower.session_id;
      this.#take(follower);
      return await this.#call('GET', () => this.#path(''), undefined, signal);
    }
  }

  /**
   * Ask for a new session for the same applicant: another attempt of one verification.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<{session_id: string, verification_id?: string, client_token: string, join_url: string}>}
   */
  retry(signal) {
    return this.#call('POST', () => this.#path('/retry'), undefined, signal);
  }

  /**
   * What the applicant is asked to agree to.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<ConsentText>}
   */
  consentText(signal) {
    return this.#call('GET', () => this.#path('/consent'), undefined, signal);
  }

  /**
   * The applicant agrees to the text of this version.
   *
   * @param {string} version
   * @param {string} locale
   * @param {AbortSignal} [signal]
   * @returns {Promise<{version: string, locale: string, agreed_at: string}>}
   */
  agree(version, locale, signal) {
    return this.#call('POST', () => this.#path('/consent'), { version, locale }, signal);
  }

  /** @param {string} rest */
  #path(rest) {
    return `/sessions/${encodeURIComponent(this.sessionId)}${rest}`;
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<number>} seconds that the new token lives
   */
  async #renew(signal) {
    const answer = await this.#call('POST', () => this.#path('/renew'), undefined, signal);
    this.#take(answer);
    return this.#livesS;
  }

  /** Exchange the link's token for a client token of the latest attempt. */
  async #open() {
    const isFirst = this.#token === '';
    const answer = await this.#send('POST', this.#path('/open'), undefined, this.#linkToken, undefined);
    if (!isFirst && answer.session_id !== this.sessionId) {
      this.#follower = answer;
      throw new ApiError(409, { code: CONTINUED, message: 'another attempt is under way' }, 0);
    }
    this.sessionId = answer.session_id;
    this.#take(answer);
  }

  /** @param {ClientToken} answer */
  #take({ client_token: token, expires_in_s: livesS }) {
    this.#token = token;
    this.#livesS = livesS;
  }

  /**
   * @param {string} method
   * @param {() => string} path of the session as it is known when the call is made
   * @param {object | undefined} body
   * @param {AbortSignal | undefined} signal
   */
  async #call(method, path, body, signal) {
    if (this.#token === '') await this.#openOnce();
    const token = this.#token;
    try {
      return await this.#send(method, path(), body, token, signal);
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status === 401 && this.#linkToken !== '';
      if (!isRefused) throw error;
      if (token === this.#token) await this.#openOnce(); // the page slept longer than the token lives
    }
    return this.#send(method, path(), body, this.#token, signal);
  }

  #openOnce() {
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object | undefined} body
   * @param {string} token
   * @param {AbortSignal | undefined} signal
   */
  async #send(method, path, body, token, signal) {
    const timeout = new AbortController();
    const stop = () => timeout.abort();
    const timer = setTimeout(stop, TIMEOUT_MS);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop(); // an aborted signal fires no event any more
    try {
      const response = await fetch(this.#base + path, {
        method,
        headers: headersOf(token, body !== undefined),
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: 'no-store',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        signal: timeout.signal,
      });
      if (!response.ok) throw await readError(response);
      return await response.json();
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }
}

/**
 * @param {string} token
 * @param {boolean} hasBody
 */
function headersOf(token, hasBody) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json', Authorization: `Bearer ${token}` };
  if (hasBody) headers['Content-Type'] = 'application/json';
  return headers;
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function readError(response) {
  const body = await response.json().catch(() => ({}));
  const asked = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  const fallback = DEFAULT_RETRY_AFTER_S[response.status] ?? 0;
  return new ApiError(response.status, body?.error ?? {}, Number.isFinite(asked) ? asked : fallback);
}
