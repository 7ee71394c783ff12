/** When to try again, and a pause that can be cut short. */

const DELAYS_MS = Object.freeze([0, 500, 1_000, 2_000, 4_000, 8_000]);
const RECONNECT_BUDGET_MS = 60_000;
const BUSY_BUDGET_MS = 300_000;
const MAX_BUSY_DELAY_MS = 30_000;

/** Counts attempts since the link was last good, and says how long to wait before the next. */
export class RetryBudget {
  #attempt = 0;
  /** @type {number | null} */
  #troubleSinceMs = null;
  /** @type {number | null} */
  #busySinceMs = null;

  /** The link is good again. */
  reset() {
    this.#attempt = 0;
    this.#troubleSinceMs = null;
    this.#busySinceMs = null;
  }

  /**
   * @param {number} nowMs
   * @returns {number | null} milliseconds to wait; null where the budget is spent
   */
  next(nowMs) {
    this.#troubleSinceMs ??= nowMs;
    const delay = DELAYS_MS[Math.min(this.#attempt, DELAYS_MS.length - 1)];
    if (nowMs + delay - this.#troubleSinceMs > RECONNECT_BUDGET_MS) return null;
    this.#attempt += 1;
    return delay;
  }

  /**
   * The server is full: wait as it asks, within a longer budget.
   *
   * @param {number} nowMs
   * @param {number} askedS seconds from `Retry-After`
   * @returns {number | null} as `next`
   */
  nextBusy(nowMs, askedS) {
    this.#busySinceMs ??= nowMs;
    this.#troubleSinceMs = null;
    if (nowMs - this.#busySinceMs > BUSY_BUDGET_MS) return null;
    return Math.min(MAX_BUSY_DELAY_MS, Math.max(1, askedS) * 1_000);
  }
}

/** A wait that ends by itself, when it is woken, or when the owner closes. */
export class Pause {
  /** @type {() => void} */
  #finish = () => undefined;

  /**
   * @param {number} ms
   * @param {AbortSignal} signal
   * @returns {Promise<void>} resolves in every case
   */
  wait(ms, signal) {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal.addEventListener('abort', finish, { once: true });
      this.#finish = finish;
    });
  }

  /** End the present wait, if there is one. */
  wake() {
    this.#finish();
  }
}
