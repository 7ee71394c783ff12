/** When to try again, for how long, and a pause that can be cut short. */

import { ApiError } from './api.js';

const DELAYS_MS = Object.freeze([0, 500, 1_000, 2_000, 4_000, 8_000]);
const MAX_ASKED_DELAY_MS = 30_000;

/** @typedef {import('./api.js').Trouble} Trouble */

/** @typedef {Trouble | 'closed'} Hindrance `closed`: the server answers, and no media gets through to it */

/** @type {Readonly<Record<Hindrance, number>>} how long to go on asking after the first failure, by its cause */
const BUDGET_MS = Object.freeze({
  link: 60_000,
  closed: 20_000,
  busy: 300_000,
  storage: 240_000,
  server: 240_000,
  elsewhere: 30_000,
});

/**
 * @param {unknown} error what a call threw
 * @returns {Trouble | null} null where asking again does not help; no answer at all counts as `link`
 */
export function troubleOf(error) {
  return error instanceof ApiError ? error.trouble : 'link';
}

/** @type {Readonly<Record<Hindrance, string>>} code of the client's `fatal` when the budget is spent */
export const FATAL_CODES = Object.freeze({
  link: 'link_lost',
  closed: 'link_lost',
  busy: 'busy',
  storage: 'server',
  server: 'server',
  elsewhere: 'refused',
});

/**
 * @param {unknown} error what a call threw
 * @returns {ApiError | null} null where the server gave no answer
 */
export function refusalOf(error) {
  return error instanceof ApiError ? error : null;
}

/** Counts attempts since the link was last good, and says how long to wait before the next. */
export class RetryBudget {
  #attempt = 0;
  /** @type {Map<Hindrance, number>} when each began, in ms */
  #since = new Map();

  /** The link is good again. */
  reset() {
    this.#attempt = 0;
    this.#since.clear();
  }

  /**
   * @param {number} nowMs
   * @param {Hindrance} [trouble]
   * @param {number} [askedS] seconds from `Retry-After`
   * @returns {number | null} milliseconds to wait; null where the budget is spent
   */
  next(nowMs, trouble = 'link', askedS = 0) {
    if (trouble !== 'link') this.#since.delete('link'); // the server was reached
    const sinceMs = this.#since.get(trouble) ?? nowMs;
    this.#since.set(trouble, sinceMs);
    const delay = this.#delay(trouble, Math.min(MAX_ASKED_DELAY_MS, askedS * 1_000));
    if (nowMs + delay - sinceMs > BUDGET_MS[trouble]) return null;
    this.#attempt += 1;
    return delay;
  }

  /**
   * @param {Hindrance} trouble
   * @param {number} askedMs
   */
  #delay(trouble, askedMs) {
    const backOffMs = DELAYS_MS[Math.min(this.#attempt, DELAYS_MS.length - 1)];
    // A full server and a misdirected call know when to come again; the others are a guess.
    if (trouble === 'busy' || trouble === 'elsewhere') return Math.max(1_000, askedMs);
    return Math.max(backOffMs, askedMs);
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

/**
 * Call back when waiting has lost its sense: the device is online again, or the page is looked at again.
 *
 * @param {(why: 'online' | 'visible') => void} run
 * @param {AbortSignal} signal ends it
 */
export function onReturn(run, signal) {
  window.addEventListener('online', () => run('online'), { signal });
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && run('visible'), {
    signal,
  });
}

/**
 * Make one call until it is answered, as long as what stands in the way may go away by itself.
 *
 * @template T
 * @param {() => Promise<T>} call
 * @param {(trouble: Trouble) => void} onWait called before each wait
 * @returns {Promise<T>}
 * @throws {unknown} what the call threw last, when asking again does not help or took too long
 */
export async function askPatiently(call, onWait) {
  const budget = new RetryBudget();
  const pause = new Pause();
  const done = new AbortController();
  onReturn(() => pause.wake(), done.signal);
  try {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const trouble = troubleOf(error);
        const askedS = error instanceof ApiError ? error.retryAfterS : 0;
        const delay = trouble === null ? null : budget.next(performance.now(), trouble, askedS);
        if (trouble === null || delay === null) throw error;
        onWait(trouble);
        await pause.wait(delay, done.signal);
      }
    }
  } finally {
    done.abort();
  }
}
