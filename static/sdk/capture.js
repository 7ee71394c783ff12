/** Obeys the server's `capture` orders: what the sender should produce from now on. */

const LIMITS = Object.freeze({ fps: [1, 60], scale: [1, 8], bitrate_kbps: [50, 5_000] });

/**
 * @typedef {{fps?: number, scale?: number, bitrate_kbps?: number}} CaptureOrder
 */

/** Remembers the latest order, so that a new track or a new peer follows it too. */
export class CaptureControl {
  /** @type {CaptureOrder} */
  #order = {};
  #turn = Promise.resolve();

  /**
   * @param {CaptureOrder} order values out of range are pulled into it, others are left out
   */
  remember(order) {
    this.#order = {
      fps: clamp(order.fps, LIMITS.fps),
      scale: clamp(order.scale, LIMITS.scale),
      bitrate_kbps: clamp(order.bitrate_kbps, LIMITS.bitrate_kbps),
    };
  }

  /**
   * Apply the latest order. Calls take turns: setParameters refuses parameters that are not the
   * ones handed out last.
   *
   * @param {RTCRtpSender} sender
   * @returns {Promise<void>} never rejects: an order that a browser cannot follow is only a loss of economy
   */
  apply(sender) {
    this.#turn = this.#turn.then(() => applyOrder(sender, this.#order)).catch(() => undefined);
    return this.#turn;
  }
}

/**
 * What a camera gives at present, as `capture_info` says it.
 *
 * @param {MediaStreamTrack} track
 */
export function captureInfo(track) {
  const { width, height, frameRate, facingMode } = track.getSettings();
  return {
    width: width ?? null,
    height: height ?? null,
    frame_rate: frameRate ?? null,
    facing_mode: facingMode ?? null,
    user_agent: navigator.userAgent,
    device_label: track.label,
  };
}

/**
 * @param {RTCRtpSender} sender
 * @param {CaptureOrder} order
 */
async function applyOrder(sender, order) {
  const { fps, scale, bitrate_kbps: bitrateKbps } = order;
  const parameters = sender.getParameters();
  const [encoding] = parameters.encodings ?? [];
  if (encoding) {
    if (fps !== undefined) encoding.maxFramerate = fps;
    if (scale !== undefined) encoding.scaleResolutionDownBy = scale;
    if (bitrateKbps !== undefined) encoding.maxBitrate = bitrateKbps * 1_000;
    await sender.setParameters(parameters);
  }
  // The camera itself last: where it cannot change its rate, the encoder's limit already holds.
  if (fps !== undefined && sender.track) {
    const kept = sender.track.getConstraints();
    await sender.track.applyConstraints({ ...kept, frameRate: { ideal: fps, max: fps } });
  }
}

/**
 * @param {number | undefined} value
 * @param {number[]} range
 * @returns {number | undefined}
 */
function clamp(value, [low, high]) {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  return Math.min(high, Math.max(low, value));
}
