/** The time of one challenge: real time, which goes on by itself whether the server is heard or not. */

const TICK_MS = 200;
/** A server that seems to give a little more time was only heard late. */
const LATENESS_MS = 400;

export class Countdown {
  #onTick;
  #timer = 0;
  #limitMs = 0;
  #endsAtMs = -Infinity;

  /** @param {(time: {remainingMs: number, limitMs: number}) => void} onTick called at once and with every tick */
  constructor(onTick) {
    this.#onTick = onTick;
  }

  /**
   * @param {number} limitMs
   * @param {number} remainingMs of the limit
   */
  start(limitMs, remainingMs) {
    this.stop();
    this.#limitMs = limitMs;
    this.#endsAtMs = performance.now() + Math.min(limitMs, remainingMs);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  /** @param {number} remainingMs what the server says now */
  hear(remainingMs) {
    if (!this.isRunning || !Number.isFinite(remainingMs)) return;
    const endsAtMs = performance.now() + remainingMs;
    const isLate = endsAtMs > this.#endsAtMs && endsAtMs < this.#endsAtMs + LATENESS_MS;
    if (!isLate) this.#endsAtMs = endsAtMs;
    this.#tick();
  }

  /** Idempotent; nothing is called any more. */
  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  get isRunning() {
    return this.#timer !== 0;
  }

  /** Milliseconds; 0 where nothing is timed, or the time is over. */
  get remainingMs() {
    return this.isRunning ? Math.max(0, this.#endsAtMs - performance.now()) : 0;
  }

  #tick() {
    this.#onTick({ remainingMs: this.remainingMs, limitMs: this.#limitMs });
  }
}
