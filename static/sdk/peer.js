/** One peer connection: camera out, two data channels, one offer. A lost peer is never mended but replaced. */

import { frameMessage, parseMessage } from './messages.js';
import { RelayWatch } from './relay.js';

const GATHERING_CAP_MS = 2_000;
/** ICE often recovers by itself from a short gap. */
const DISCONNECTED_GRACE_MS = 4_000;

/** @typedef {import('./messages.js').Message} Message */
/** @typedef {import('./api.js').KycApi} KycApi */

/**
 * @typedef {object} PeerOptions
 * @property {RTCIceServer[]} iceServers
 * @property {MediaStream} stream its first video track is sent
 * @property {(message: Message) => void} onMessage
 * @property {() => number} mediaTimeMs
 */

export class Peer {
  #pc;
  #kyc;
  #telemetry;
  #options;
  #relays;
  #sent = { kyc: 0, telemetry: 0 };
  #latestTelemetrySeq = -1;
  #graceTimer = 0;
  /** @type {(reason: string) => void} */
  #reportLoss = () => undefined;
  /** @type {() => void} */
  #reportGreeting = () => undefined;

  /** @param {PeerOptions} options */
  constructor(options) {
    this.#options = options;
    /** @type {Promise<string>} resolves with the reason when the peer is of no more use */
    this.lost = new Promise((resolve) => (this.#reportLoss = resolve));
    /** @type {Promise<void>} resolves with the server's `hello` */
    this.greeted = new Promise((resolve) => (this.#reportGreeting = resolve));
    this.#pc = new RTCPeerConnection({ iceServers: options.iceServers });
    this.#relays = new RelayWatch(this.#pc, options.iceServers);
    // The channels stand before the offer, so that the first one already carries them.
    this.#kyc = this.#pc.createDataChannel('kyc', { ordered: true });
    this.#telemetry = this.#pc.createDataChannel('kyc-telemetry', { ordered: false, maxRetransmits: 0 });
    const [track] = options.stream.getVideoTracks();
    this.sender = this.#pc.addTransceiver(track, { direction: 'sendonly', streams: [options.stream] }).sender;
    this.#listen();
  }

  /**
   * Offer, wait for candidates, apply the answer.
   *
   * @param {KycApi} api
   * @param {AbortSignal} signal
   * @param {import('./api.js').Device} device
   * @throws {import('./api.js').ApiError | TypeError | DOMException}
   */
  async negotiate(api, signal, device) {
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    await this.#gathered();
    const description = this.#pc.localDescription;
    if (description === null || signal.aborted) return;
    const answer = await api.offer(description.toJSON(), signal, device);
    if (this.#pc.signalingState === 'have-local-offer') await this.#pc.setRemoteDescription(answer);
  }

  /**
   * Send on the reliable channel. A message for a peer that is going away is dropped.
   *
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   * @returns {boolean} whether it was handed to the channel
   */
  send(type, fields = {}) {
    if (this.#kyc.readyState !== 'open') return false;
    this.#kyc.send(frameMessage(type, this.#sent.kyc++, this.#options.mediaTimeMs(), fields));
    return true;
  }

  /**
   * Send on the telemetry channel; skipped while an earlier message still waits, so nothing piles up.
   *
   * @param {string} type
   * @param {Record<string, unknown>} fields
   */
  sendTelemetry(type, fields) {
    if (this.#telemetry.readyState !== 'open' || this.#telemetry.bufferedAmount > 0) return;
    this.#telemetry.send(frameMessage(type, this.#sent.telemetry++, this.#options.mediaTimeMs(), fields));
  }

  /** @returns {Promise<RTCStatsReport>} */
  stats() {
    return this.#pc.getStats();
  }

  /**
   * Why nothing gets through although the server has answered; null where something does.
   *
   * @returns {import('./relay.js').Obstacle | null}
   */
  get obstacle() {
    const { iceConnectionState, remoteDescription, localDescription } = this.#pc;
    const isReached = this.isConnected || ['connected', 'completed'].includes(iceConnectionState);
    return remoteDescription === null || isReached ? null : this.#relays.obstacle(localDescription?.sdp ?? '');
  }

  /** Whether ICE and DTLS stand. */
  get isConnected() {
    return this.#pc.connectionState === 'connected';
  }

  /**
   * Give the peer up; `lost` resolves. Idempotent.
   *
   * @param {string} reason
   */
  close(reason) {
    clearTimeout(this.#graceTimer);
    this.#pc.onconnectionstatechange = null;
    for (const channel of [this.#kyc, this.#telemetry]) {
      channel.onmessage = null;
      channel.onclose = null;
    }
    this.#pc.close();
    this.#reportLoss(reason);
  }

  #listen() {
    this.#pc.onconnectionstatechange = () => this.#onConnectionState();
    this.#kyc.onclose = () => this.#reportLoss('channel_closed');
    this.#kyc.onmessage = (event) => this.#onMessage(event, false);
    this.#telemetry.onmessage = (event) => this.#onMessage(event, true);
  }

  #onConnectionState() {
    clearTimeout(this.#graceTimer);
    const state = this.#pc.connectionState;
    if (state === 'failed' || state === 'closed') this.#reportLoss(state);
    if (state === 'disconnected') {
      this.#graceTimer = setTimeout(() => this.#reportLoss('disconnected'), DISCONNECTED_GRACE_MS);
    }
  }

  /**
   * @param {MessageEvent} event
   * @param {boolean} unordered
   */
  #onMessage(event, unordered) {
    const message = parseMessage(event.data);
    if (message === null) return;
    if (unordered) {
      if (message.seq <= this.#latestTelemetrySeq) return; // overtaken: only the latest matters
      this.#latestTelemetrySeq = message.seq;
    }
    if (message.type === 'hello') this.#reportGreeting();
    this.#options.onMessage(message);
  }

  /** Resolves when candidates are complete, or after the cap: a dead STUN server must not hold up the start. */
  #gathered() {
    return new Promise((resolve) => {
      const pc = this.#pc;
      const timer = setTimeout(finish, GATHERING_CAP_MS);
      function finish() {
        clearTimeout(timer);
        pc.removeEventListener('icegatheringstatechange', look);
        resolve(undefined);
      }
      function look() {
        if (pc.iceGatheringState === 'complete') finish();
      }
      pc.addEventListener('icegatheringstatechange', look);
      look();
    });
  }
}
