/**
 * The data channels' messages: reading what the server sends, framing what the client sends.
 * See docs/protocol.md for every field.
 */

/** Version of the protocol that this client speaks. */
export const PROTOCOL_VERSION = 1;

/** A longer text frame is never valid, so it is not even parsed. */
const MAX_MESSAGE_CHARS = 16 * 1024;

/** Message types that the server may send; each becomes an event of the same name. */
const SERVER_TYPES = new Set([
  'hello',
  'state',
  'quality',
  'challenge',
  'challenge_progress',
  'challenge_voided',
  'challenge_result',
  'frame',
  'capture',
  'notice',
  'replaced',
  'verdict',
  'error',
]);

/** Types that stand in the session's journal: each carries its number there as `event`. */
const JOURNALLED_TYPES = new Set(['state', 'challenge', 'challenge_voided', 'challenge_result', 'verdict']);

/**
 * @typedef {{v: number, seq: number, type: string, t_ms: number} & Record<string, any>} Message
 */

/**
 * Read one text frame.
 *
 * @param {unknown} data what the channel delivered
 * @returns {Message | null} the message; null where it is malformed or of an unknown type
 */
export function parseMessage(data) {
  if (typeof data !== 'string' || data.length > MAX_MESSAGE_CHARS) return null;
  let value;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (value.v !== PROTOCOL_VERSION || !SERVER_TYPES.has(value.type)) return null;
  return value;
}

/**
 * Frame one message for sending.
 *
 * @param {string} type
 * @param {number} seq rises by one per channel
 * @param {number} tMs media time in milliseconds, as far as the client knows it
 * @param {Record<string, unknown>} fields
 * @returns {string}
 */
export function frameMessage(type, seq, tMs, fields) {
  return JSON.stringify({ v: PROTOCOL_VERSION, seq, type, t_ms: Math.max(0, Math.round(tMs)), ...fields });
}

/**
 * @param {Message} message
 * @returns {boolean} whether the server had stored it before it was sent
 */
export function isJournalled(message) {
  return JOURNALLED_TYPES.has(message.type);
}

/** How far a session's journal was read: what comes again after a reconnect is taken only once. */
export class JournalPlace {
  /** @type {number | null} */
  #lastEvent = null;

  /** The greatest number seen; null before the first. The server goes on after it. */
  get lastEvent() {
    return this.#lastEvent;
  }

  /**
   * @param {Message} message
   * @returns {boolean} false where it was seen before; a message without a number is always new
   */
  take(message) {
    if (!isJournalled(message) || !Number.isInteger(message.event)) return true;
    if (this.#lastEvent !== null && message.event <= this.#lastEvent) return false;
    this.#lastEvent = message.event;
    return true;
  }
}

/** Follows the server's media time between messages. */
export class MediaClock {
  #heardTMs = 0;
  #heardAtMs = 0;

  /**
   * @param {number} tMs the latest media time that the server gave
   * @param {number} nowMs
   */
  hear(tMs, nowMs) {
    if (!Number.isFinite(tMs) || tMs < this.#heardTMs) return;
    this.#heardTMs = tMs;
    this.#heardAtMs = nowMs;
  }

  /**
   * @param {number} nowMs
   * @returns {number} the media time now; 0 before the first frame
   */
  at(nowMs) {
    return this.#heardTMs === 0 ? 0 : this.#heardTMs + (nowMs - this.#heardAtMs);
  }
}
