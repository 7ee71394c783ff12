/** How good the link is, judged from WebRTC statistics. Pure: takes samples, keeps a few numbers. */

/** @typedef {'connecting' | 'up' | 'weak' | 'down'} LinkState */

/**
 * @typedef {object} Sample
 * @property {number} atMs
 * @property {number | null} rttMs
 * @property {number} packetsLost
 * @property {number} packetsSent
 * @property {number} bytesSent
 * @property {number} fps
 * @property {number | null} heard a count that rises whenever anything arrives; null where unknown
 */

/**
 * @typedef {object} Reading
 * @property {'up' | 'weak'} state
 * @property {number} silentMs how long nothing has arrived
 * @property {{rtt_ms: number | null, packets_lost: number, bitrate_kbps: number, fps: number}} stats
 */

const WEAK_RTT_MS = 400;
const WEAK_LOSS_RATIO = 0.08;
/** Between two samples, which are 2 s apart. */
const WEAK_SILENCE_MS = 1_800;
/** One bad sample is noise; two in a row are a weak link. The way back takes two good ones. */
const SAMPLES_TO_TURN = 2;
/** A sleeping page takes no samples; the gap must not count as silence. */
const MAX_COUNTED_GAP_MS = 3_000;

/**
 * @param {RTCStatsReport} report
 * @param {number} nowMs
 * @returns {Sample}
 */
export function readSample(report, nowMs) {
  /** @type {Sample} */
  const sample = { atMs: nowMs, rttMs: null, packetsLost: 0, packetsSent: 0, bytesSent: 0, fps: 0, heard: null };
  for (const entry of report.values()) {
    if (entry.type === 'outbound-rtp' && entry.kind === 'video') {
      sample.packetsSent = entry.packetsSent ?? 0;
      sample.bytesSent = entry.bytesSent ?? 0;
      sample.fps = entry.framesPerSecond ?? 0;
    } else if (entry.type === 'remote-inbound-rtp' && entry.kind === 'video') {
      sample.packetsLost = entry.packetsLost ?? 0;
      if (entry.roundTripTime !== undefined) sample.rttMs = entry.roundTripTime * 1_000;
    } else if (entry.type === 'candidate-pair' && entry.nominated && entry.state === 'succeeded') {
      readPair(entry, sample);
    }
  }
  return sample;
}

/**
 * @param {Record<string, number>} pair
 * @param {Sample} sample
 */
function readPair(pair, sample) {
  if (pair.bytesReceived !== undefined) {
    sample.heard = (sample.heard ?? 0) + pair.bytesReceived + (pair.responsesReceived ?? 0);
  }
  if (sample.rttMs === null && pair.currentRoundTripTime !== undefined) {
    sample.rttMs = pair.currentRoundTripTime * 1_000;
  }
}

/** Turns samples of one peer into readings. */
export class LinkMeter {
  /** @type {Sample | null} */
  #previous = null;
  /** @type {'up' | 'weak'} */
  #state = 'up';
  #against = 0;
  #silentMs = 0;

  /**
   * @param {Sample} sample
   * @returns {Reading}
   */
  feed(sample) {
    const previous = this.#previous ?? sample;
    this.#previous = sample;
    const gapMs = sample.atMs - previous.atMs;
    const silent = gapMs > 0 && sample.heard !== null && sample.heard === previous.heard;
    this.#silentMs = silent ? this.#silentMs + Math.min(gapMs, MAX_COUNTED_GAP_MS) : 0;
    if (this.#silentMs >= WEAK_SILENCE_MS) this.#fallSilent();
    else this.#turn(this.#isBad(sample, previous) ? 'weak' : 'up');
    return {
      state: this.#state,
      silentMs: this.#silentMs,
      stats: {
        rtt_ms: sample.rttMs === null ? null : Math.round(sample.rttMs),
        packets_lost: sample.packetsLost,
        bitrate_kbps: gapMs > 0 ? Math.round(((sample.bytesSent - previous.bytesSent) * 8) / gapMs) : 0,
        fps: Math.round(sample.fps),
      },
    };
  }

  /**
   * @param {Sample} sample
   * @param {Sample} previous
   */
  #isBad(sample, previous) {
    if (sample.rttMs !== null && sample.rttMs > WEAK_RTT_MS) return true;
    const sent = sample.packetsSent - previous.packetsSent;
    return sent > 0 && (sample.packetsLost - previous.packetsLost) / sent > WEAK_LOSS_RATIO;
  }

  /** A number may be noise; that nothing arrives is not. */
  #fallSilent() {
    this.#state = 'weak';
    this.#against = 0;
  }

  /** @param {'up' | 'weak'} seen */
  #turn(seen) {
    this.#against = seen === this.#state ? 0 : this.#against + 1;
    if (this.#against < SAMPLES_TO_TURN) return;
    this.#state = seen;
    this.#against = 0;
  }
}
