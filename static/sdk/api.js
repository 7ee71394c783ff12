/** The HTTP calls of the applicant's side, and their one kind of error. */

const TIMEOUT_MS = 10_000;
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
 * @property {boolean} [needs_review] a person decides, because the check alone could not
 * @property {string} expires_at
 * @property {string | null} [locale] language tag that the institution gave
 * @property {string | null} [return_url] where the institution wants the applicant to go afterwards
 */

/** Calls on one session, under its client token. */
export class KycApi {
  #base;
  #token;

  /**
   * @param {string} baseUrl origin of the server; empty for the page's own
   * @param {string} sessionId
   * @param {string} token
   */
  constructor(baseUrl, sessionId, token) {
    this.#base = `${baseUrl.replace(/\/+$/, '')}/api/v1/kyc`;
    this.#token = token;
    this.sessionId = sessionId;
  }

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<{ice_servers: RTCIceServer[], expose_scores: boolean, environment: string}>}
   */
  clientConfig(signal) {
    return this.#call('GET', '/client-config', undefined, signal);
  }

  /**
   * @param {RTCSessionDescriptionInit} description
   * @param {AbortSignal} [signal]
   * @returns {Promise<RTCSessionDescriptionInit>}
   */
  offer(description, signal) {
    const { type, sdp } = description;
    return this.#call('POST', `${this.#sessionPath()}/offer`, { type, sdp }, signal);
  }

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<SessionReport>}
   */
  session(signal) {
    return this.#call('GET', this.#sessionPath(), undefined, signal);
  }

  /**
   * Ask for a new session for the same applicant: another attempt of one verification.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<{session_id: string, verification_id?: string, client_token: string, join_url: string}>}
   */
  retry(signal) {
    return this.#call('POST', `${this.#sessionPath()}/retry`, {}, signal);
  }

  #sessionPath() {
    return `/sessions/${encodeURIComponent(this.sessionId)}`;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object | undefined} body
   * @param {AbortSignal | undefined} signal
   */
  async #call(method, path, body, signal) {
    const timeout = new AbortController();
    const stop = () => timeout.abort();
    const timer = setTimeout(stop, TIMEOUT_MS);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const response = await fetch(this.#base + path, {
        method,
        headers: this.#headers(body !== undefined),
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

  /** @param {boolean} hasBody */
  #headers(hasBody) {
    /** @type {Record<string, string>} */
    const headers = { Accept: 'application/json', Authorization: `Bearer ${this.#token}` };
    if (hasBody) headers['Content-Type'] = 'application/json';
    return headers;
  }
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
