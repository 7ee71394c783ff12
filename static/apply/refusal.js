/** The server does not let the page in yet: why, and how long until it is asked again. */

const TICK_MS = 1_000;
/** Longer than one call to the server may take: after it, what the server said last is old. */
const STANDS_MS = 12_000;

/** @typedef {'busy' | 'waiting'} RefusalKind the server is full, or waits for its database */

export class Refusal {
  /** @type {RefusalKind | null} null where nothing stands in the way */
  kind = null;
  #onTick;
  #timer = 0;
  #untilMs = 0;

  /** @param {() => void} onTick called at once, with every tick, and when it ends by itself */
  constructor(onTick) {
    this.#onTick = onTick;
  }

  /**
   * @param {RefusalKind} kind
   * @param {number} retryInMs
   */
  begin(kind, retryInMs) {
    this.end();
    this.kind = kind;
    this.#untilMs = performance.now() + retryInMs;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  /** Idempotent; nothing is called any more. */
  end() {
    clearInterval(this.#timer);
    this.kind = null;
  }

  /** Until the server is asked again; 0 while it is being asked. */
  get seconds() {
    return Math.max(0, Math.ceil((this.#untilMs - performance.now()) / 1_000));
  }

  #tick() {
    if (performance.now() >= this.#untilMs + STANDS_MS) this.end();
    this.#onTick();
  }
}
