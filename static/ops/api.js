/** Calls of the operator's pages: with the login's cookie, and its token against forged requests. */

const BASE = '/api/v1';
const LOGIN = '/login';

/** An answer of the server that is an error, in its own words. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{code?: string, message?: string, hint?: string}} error
   */
  constructor(status, { code = '', message = '', hint = '' }) {
    super([message || `HTTP ${status}`, hint].filter(Boolean).join('. '));
    this.status = status;
    this.code = code;
  }
}

/** @typedef {{name: string, tenant: string, roles: string[], scopes: string[], csrf_token: string | null}} Me */

export class Api {
  /** @type {Me | null} */
  #me = null;

  /** Whoever is logged in; goes to the login where nobody is. @returns {Promise<Me>} */
  async me() {
    this.#me ??= /** @type {Me} */ (await this.get('/me'));
    return this.#me;
  }

  /**
   * @param {string} path
   * @param {Record<string, string | number | null | undefined>} [query] what is empty is left out
   * @returns {Promise<any>}
   */
  get(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== '' && value !== null && value !== undefined);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return this.#call('GET', search ? `${path}?${search}` : path);
  }

  /**
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  post(path, body) {
    return this.#call('POST', path, body);
  }

  /** @param {string} path @returns {Promise<any>} */
  remove(path) {
    return this.#call('DELETE', path);
  }

  /** End the login. */
  async logout() {
    await fetch('/logout', { method: 'POST', headers: this.#headers('POST') });
    window.location.assign(LOGIN);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async #call(method, path, body) {
    /** @type {RequestInit} */
    const request = { method, headers: this.#headers(method), cache: 'no-store' };
    if (body !== undefined) {
      request.body = JSON.stringify(body);
      request.headers = { ...request.headers, 'Content-Type': 'application/json' };
    }
    const response = await fetch(BASE + path, request);
    if (response.status === 401) {
      const next = window.location.pathname + window.location.search + window.location.hash;
      window.location.assign(`${LOGIN}?next=${encodeURIComponent(next)}`);
    }
    const answer = response.status === 204 ? null : await response.json().catch(() => ({}));
    if (!response.ok) throw new ApiError(response.status, answer?.error ?? {});
    return answer;
  }

  /** @param {string} method @returns {Record<string, string>} */
  #headers(method) {
    const token = this.#me?.csrf_token;
    return method === 'GET' || !token ? {} : { 'X-CSRF-Token': token };
  }
}
