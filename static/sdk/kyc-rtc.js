/**
 * kyc-rtc's client: sends an applicant's camera to the server and speaks the data-channel protocol.
 *
 *     const client = new KycClient({ sessionId, token, getStream: openCamera });
 *     client.addEventListener('challenge', (event) => show(event.detail));
 *     client.addEventListener('verdict', (event) => finish(event.detail));
 *     await client.start();
 *
 * Every message of the protocol that the server sends is dispatched as a CustomEvent of the same
 * name, with the message as `detail`. Besides them:
 *
 * | event         | detail                          | meaning |
 * |---------------|---------------------------------|---------|
 * | `link`        | `{state, reason}`               | `connecting`, `up`, `weak` or `down`; the client mends it by itself |
 * | `busy`        | `{retryInMs}`                   | the server is full; the client asks again by itself |
 * | `waiting`     | `{retryInMs}`                   | the server waits for its database; the client asks again by itself |
 * | `camera`      | `{state, stream, code}`         | `live` with a new stream, or `failed`; see `restoreCamera` |
 * | `interrupted` | `{canRetry}`                    | the server broke the session off |
 * | `over`        | `{state, canRetry, withdrawn}`  | the session is `expired` or `cancelled` |
 * | `elsewhere`   | `{replaced, canTakeOver}`       | another device or tab has the check; see `takeOver` |
 * | `fatal`       | `{code, status, reason}`        | the client gave up: `link_lost`, `busy`, `server`, `camera`, `refused` |
 *
 * The `reason` of `fatal` is the code of the server's error, or, of `link_lost`, why no media got through
 * to a server that answers: `no_way`, `relay_refused`, `relay_unreachable`; else null.
 *
 * A test of the sandbox sends no video: the client waits for its outcome, and dispatches `verdict` or `over`.
 * The client token is renewed while the client runs.
 * After a reconnect the server says again what it said meanwhile; nothing is dispatched twice.
 */

import { ApiError, KycApi } from './api.js';
import { CameraError, openCamera, stopStream } from './camera.js';
import { CameraKeeper } from './camera-keeper.js';
import { CaptureControl, captureInfo } from './capture.js';
import { endingOf } from './ending.js';
import { hasJoined, instanceId, rememberJoined } from './instance.js';
import { LinkMeter, readSample } from './link.js';
import { JournalPlace, MediaClock } from './messages.js';
import { Peer } from './peer.js';
import { FATAL_CODES, Pause, RetryBudget, askPatiently, onReturn, refusalOf, troubleOf } from './retry.js';

export { ApiError, CameraError, KycApi, Pause, askPatiently, hasJoined, openCamera, stopStream };

const STATS_EVERY_MS = 2_000;
const GREETING_TIMEOUT_MS = 12_000;
/** Nothing heard for so long: the path is dead even if ICE has not noticed. */
const DEAD_SILENCE_MS = 6_000;
/** A peer that lived shorter did not show that the link is good. */
const PROVEN_AFTER_MS = 5_000;
/** A test of the sandbox takes no camera, and has its outcome so long after its start. */
const TEST_OUTCOME_MS = 4_000;
/** How long a `cancel` may take to leave. */
const FAREWELL_MS = 800;

/** @typedef {import('./messages.js').Message} Message */
/** @typedef {import('./link.js').LinkState} LinkState */

/**
 * @typedef {object} KycClientOptions
 * @property {string} [baseUrl] origin of the server; the page's own by default
 * @property {string} [sessionId]
 * @property {string} [token] the session's client token
 * @property {KycApi} [api] the calls on the session, in the place of the three above
 * @property {boolean} [takeOver] its user wants to go on here although another device is connected: each
 *   device may once, after `elsewhere` said `canTakeOver`
 * @property {MediaStream | null} [stream] a camera that is already open
 * @property {() => Promise<MediaStream>} [getStream] opens the camera, at first and again when it was lost
 */

/** One applicant's side of one session. Not reusable: a retry is a new session and a new client. */
export class KycClient extends EventTarget {
  #api;
  #camera;
  /** @type {Peer | null} */
  #peer = null;
  #closing = new AbortController();
  #budget = new RetryBudget();
  #pause = new Pause();
  #capture = new CaptureControl();
  #clock = new MediaClock();
  #journal = new JournalPlace();
  /** @type {LinkState | null} */
  #link = null;
  /** Why the last peer did not connect. @type {import('./relay.js').Obstacle | null} */
  #obstacle = null;
  #finished = false;
  #started = false;
  #takeOver;

  /** @param {KycClientOptions} options */
  constructor({ baseUrl = '', sessionId = '', token = '', api, takeOver = false, stream = null, getStream = openCamera }) {
    super();
    this.#api = api ?? new KycApi(baseUrl, sessionId, token);
    this.#takeOver = takeOver;
    this.#camera = new CameraKeeper({
      stream,
      open: getStream,
      onLive: (live) => this.#onCameraLive(live).catch(() => undefined), // the sender may be gone
      onFailed: (code) => this.#emit('camera', { state: 'failed', stream: null, code }),
    });
  }

  /** The calls on this session, for a page that needs `session()` or `retry()`. */
  get api() {
    return this.#api;
  }

  /** The camera as it is now; a new stream after it was re-acquired. */
  get stream() {
    return this.#camera.stream;
  }

  /**
   * Open the camera where none was given, connect, and keep connected until the session is over.
   *
   * @returns {Promise<void>} resolves when the client has nothing more to do; everything is reported by events
   * @throws {Error} where it was started or closed before
   */
  async start() {
    if (this.#started || this.#closing.signal.aborted) throw new Error('a KycClient starts once');
    this.#started = true;
    this.#listenToPage();
    this.#api.keepFresh(this.#closing.signal);
    if (this.#camera.stream === null && !(await this.#camera.reopen())) this.#fail('camera', null);
    else await this.#keepConnected();
  }

  /**
   * The applicant gives up.
   *
   * @returns {Promise<void>} resolves when the server was notified, where it can be reached
   */
  async cancel() {
    this.#finished = true;
    const peer = this.#peer;
    if (!peer?.send('cancel')) return;
    await Promise.race([peer.lost, new Pause().wait(FAREWELL_MS, this.#closing.signal)]);
  }

  /** Open the camera again, on request or without a picture. @returns {Promise<boolean>} whether it is live */
  restoreCamera() {
    return this.#camera.reopenOnRequest();
  }

  /** The applicant cannot do what is asked. @param {string} challengeId @returns {boolean} whether it was sent */
  cannot(challengeId) {
    return this.#peer?.send('cannot', { challenge_id: challengeId }) ?? false;
  }

  /**
   * End everything that the client started. Idempotent.
   *
   * @param {{keepCamera?: boolean}} [options] keepCamera: leave the stream running for the next client
   */
  close({ keepCamera = false } = {}) {
    this.#finished = true;
    this.#closing.abort();
    this.#peer?.close('client_closed');
    this.#peer = null;
    this.#camera.close(keepCamera);
  }

  async #keepConnected() {
    const { signal } = this.#closing;
    while (!this.#isDone()) {
      const refusal = await this.#servePeer().then(() => null, refusalOf);
      // Without an answer from the server (no network, no greeting in time) trying again is right.
      if (refusal && !refusal.isTransient && refusal.status !== 409) return this.#fail('refused', refusal);
      if (refusal?.code === 'in_use') return this.#leave(false, true);
      if (this.#isDone()) return;
      const { isOver, problem } = await this.#askSession();
      if (isOver) return;
      if (refusal?.code === 'continued_elsewhere') return this.#leave(false, false);
      const isTest = refusal?.code === 'opens_no_camera' && problem === null;
      // A session that cannot be asked about is not refused: what it has come to is not known yet.
      if (refusal?.status === 409 && problem === null && !isTest) return this.#fail('refused', refusal);
      const delay = isTest ? TEST_OUTCOME_MS : this.#nextDelay(refusal?.isTransient ? refusal : refusalOf(problem));
      if (delay !== null) await this.#pause.wait(delay, signal);
    }
  }

  /** One peer from offer to loss. */
  async #servePeer() {
    const { signal } = this.#closing;
    this.#obstacle = null;
    if (this.#link === null) this.#setLink('connecting', 'start');
    // Asked for each peer: the credentials of TURN servers expire.
    const { ice_servers: iceServers } = await this.#api.clientConfig(signal);
    if (this.#isDone()) return;
    const peer = new Peer({
      iceServers: iceServers ?? [],
      stream: /** @type {MediaStream} */ (this.#camera.stream),
      onMessage: (message) => this.#onMessage(message),
      mediaTimeMs: () => this.#clock.at(performance.now()),
    });
    this.#peer = peer;
    try {
      await peer.negotiate(this.#api, signal, { instance: await instanceId(), take_over: this.#takeOver });
      this.#takeOver = false; // a reconnect is none
      rememberJoined(this.#api.sessionId);
      await this.#greeting(peer);
      await this.#watchLink(peer);
    } finally {
      peer.close('replaced');
      if (this.#peer === peer) this.#peer = null;
    }
  }

  /** @param {Peer} peer */
  async #greeting(peer) {
    const timeout = new Pause();
    const outcome = await Promise.race([
      peer.greeted.then(() => 'greeted'),
      peer.lost,
      timeout.wait(GREETING_TIMEOUT_MS, this.#closing.signal).then(() => 'timeout'),
    ]);
    timeout.wake();
    if (outcome === 'timeout' || outcome === 'failed') this.#obstacle = peer.obstacle;
    if (outcome !== 'greeted') throw new Error(`no greeting: ${outcome}`);
    this.#setLink('up', 'greeted');
    await this.#capture.apply(peer.sender);
  }

  /** @param {Peer} peer resolves when it is lost */
  async #watchLink(peer) {
    const meter = new LinkMeter();
    const provenAtMs = performance.now() + PROVEN_AFTER_MS;
    const timer = setInterval(() => this.#measure(peer, meter, provenAtMs), STATS_EVERY_MS);
    const reason = await peer.lost;
    clearInterval(timer);
    if (!this.#isDone()) this.#setLink('down', reason);
  }

  /**
   * @param {Peer} peer
   * @param {LinkMeter} meter
   * @param {number} provenAtMs
   */
  async #measure(peer, meter, provenAtMs) {
    const report = await peer.stats().catch(() => null); // a peer that closes meanwhile has none
    if (report === null || peer !== this.#peer || this.#isDone()) return;
    const reading = meter.feed(readSample(report, performance.now()));
    peer.sendTelemetry('stats', reading.stats);
    if (performance.now() > provenAtMs) this.#budget.reset();
    if (!navigator.onLine) this.#setLink('down', 'offline');
    else this.#setLink(peer.isConnected ? reading.state : 'weak', reading.silentMs > 0 ? 'silent' : 'measured');
    if (reading.silentMs >= DEAD_SILENCE_MS) peer.close('silent');
  }

  /**
   * Ask the server whether there is still something to reconnect to.
   *
   * @returns {Promise<{isOver: boolean, problem: unknown}>} problem: why there was no answer, else null
   */
  async #askSession() {
    const { sessionId } = this.#api;
    try {
      const report = await this.#api.session(this.#closing.signal);
      const ending = this.#isDone() ? null : endingOf(report);
      if (ending) this.#finish(ending.type, ending.detail);
      // This client's place in the journal belongs to the attempt before; another client may take the next over.
      if (!this.#isDone() && sessionId !== '' && this.#api.sessionId !== sessionId) this.#leave(false, true);
      return { isOver: this.#isDone(), problem: null };
    } catch (error) {
      this.#obstacle = null;
      if (troubleOf(error) !== null) return { isOver: this.#isDone(), problem: error };
      this.#fail('refused', refusalOf(error));
      return { isOver: true, problem: error };
    }
  }

  /**
   * @param {ApiError | null} refusal
   * @returns {number | null} milliseconds to wait; null where the client gave up
   */
  #nextDelay(refusal) {
    const trouble = refusal?.trouble ?? (this.#obstacle ? 'closed' : 'link');
    const retryInMs = this.#budget.next(performance.now(), trouble, refusal?.retryAfterS ?? 0);
    if (retryInMs === null) this.#fail(FATAL_CODES[trouble], refusal);
    else if (trouble === 'busy') this.#emit('busy', { retryInMs });
    else if (trouble === 'storage') this.#emit('waiting', { retryInMs });
    return retryInMs;
  }

  /** @param {Message} message */
  #onMessage(message) {
    if (this.#finished || !this.#journal.take(message)) return;
    this.#clock.hear(message.t_ms, performance.now());
    if (message.type === 'hello') this.#sayReady();
    if (message.type === 'capture') this.#obey(message).catch(() => undefined); // the sender may be gone
    if (message.type === 'verdict') return this.#finish('verdict', message);
    if (message.type === 'replaced') return this.#leave(true, message.can_take_over === true);
    this.#emit(message.type, message);
    // Final states without a verdict; those with one are followed by it.
    if (message.type === 'state' && ['interrupted', 'expired', 'cancelled'].includes(message.state)) {
      this.#peer?.close('session_over');
    }
  }

  #sayReady() {
    this.#peer?.send('ready', { last_event: this.#journal.lastEvent });
    this.#sayCaptureInfo();
  }

  #sayCaptureInfo() {
    const { track } = this.#camera;
    if (!track) return;
    this.#peer?.send('capture_info', captureInfo(track));
  }

  /** @param {Message & import('./capture.js').CaptureOrder} order */
  async #obey(order) {
    this.#capture.remember(order);
    const peer = this.#peer;
    if (!peer) return;
    await this.#capture.apply(peer.sender);
    if (peer === this.#peer) this.#sayCaptureInfo();
  }

  /** @param {MediaStream} stream */
  async #onCameraLive(stream) {
    this.#emit('camera', { state: 'live', stream, code: null });
    const peer = this.#peer;
    if (!peer) return;
    await peer.sender.replaceTrack(stream.getVideoTracks()[0]);
    await this.#capture.apply(peer.sender);
    this.#sayCaptureInfo();
  }

  #listenToPage() {
    const { signal } = this.#closing;
    onReturn((why) => this.#hurry(why === 'online'), signal);
    window.addEventListener('offline', () => this.#isDone() || this.#setLink('down', 'offline'), { signal });
  }

  /**
   * Something changed for the better: do not sit out a wait, and do not trust a peer that is unsure.
   *
   * @param {boolean} isNewNetwork so that a peer on its way was begun on the one before
   */
  #hurry(isNewNetwork) {
    if (isNewNetwork) this.#budget.reset();
    this.#pause.wake();
    const isSettled = this.#link !== 'connecting' && this.#link !== 'down';
    if (this.#peer && (isNewNetwork || isSettled) && !this.#peer.isConnected) this.#peer.close('network_changed');
  }

  /**
   * @param {LinkState} state
   * @param {string} reason
   */
  #setLink(state, reason) {
    if (this.#link === state) return;
    this.#link = state;
    this.#emit('link', { state, reason });
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #finish(type, detail) {
    this.#finished = true;
    this.#emit(type, detail);
  }

  /**
   * @param {string} code
   * @param {ApiError | null} refusal
   */
  #fail(code, refusal) {
    const reason = refusal?.code ?? this.#obstacle;
    if (!this.#isDone()) this.#finish('fatal', { code, status: refusal?.status ?? 0, reason });
  }

  /**
   * Another device has the session: this one stays quiet.
   *
   * @param {boolean} replaced whether it had the session until now
   * @param {boolean} canTakeOver
   */
  #leave(replaced, canTakeOver) {
    rememberJoined('');
    if (!this.#isDone()) this.#finish('elsewhere', { replaced, canTakeOver });
    this.#peer?.close('elsewhere');
  }

  #isDone() {
    return this.#finished || this.#closing.signal.aborted;
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #emit(type, detail) {
    if (!this.#closing.signal.aborted) this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
