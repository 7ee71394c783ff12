/** What keeps a check from going on: the link, the server's waits, the camera. */

import { CameraCure, CameraWatch } from './camera-watch.js';

/** Whoever waits longer for the connection reads that it goes on. */
const LONG_CONNECTING_MS = 8_000;
/** While something is asked the server says how it goes, several times a second; a verdict takes a few seconds. */
const SLOW_AFTER_MS = { asked: 3_000, deciding: 10_000 };
const LOOK_EVERY_MS = 500;
/** Notices that the next action waits for the face, and what it has to do. */
const REST_CODES = new Set(['rest_first', 'make_room', 'get_nearer']);

export class LiveHealth {
  /** @type {string} */
  link = 'connecting';
  /** The server waits for its database: the key of a sentence, else empty. */
  notice = '';
  /** The camera gives no picture, as the page or the server sees it. */
  isBlind = false;
  /** What the face has to do before the next action: the key of a sentence, else empty. */
  restHint = '';
  /** Too few pictures a second reach the server. */
  hasFewPictures = false;
  /** Nothing at all arrives from the server. */
  isSilent = false;
  hasWaitedLong = false;
  #heardAtMs = performance.now();
  #cure;
  #watch;
  #view;
  #onChange;

  /**
   * @param {object} options
   * @param {import('./live-view.js').LiveView} options.view
   * @param {import('../sdk/kyc-rtc.js').KycClient} options.client
   * @param {() => void} options.onChange called on every change, and in between
   * @param {AbortSignal} options.signal ends it
   */
  constructor({ view, client, onChange, signal }) {
    this.#view = view;
    this.#onChange = onChange;
    this.#cure = new CameraCure(
      () => client.restoreCamera(),
      () => view.hasTrouble || view.showTrouble('no_picture'), // what is known already says more
    );
    this.#watch = new CameraWatch(
      view.video,
      () => this.setBlind(true),
      () => this.#onSteady(),
      signal,
    );
    const connecting = setTimeout(() => (this.hasWaitedLong = true), LONG_CONNECTING_MS);
    const looking = setInterval(onChange, LOOK_EVERY_MS);
    signal.addEventListener('abort', () => {
      clearTimeout(connecting);
      clearInterval(looking);
    });
  }

  /** For the choice of words. */
  get facts() {
    const { link, notice, isBlind, restHint, hasFewPictures, isSilent, hasWaitedLong } = this;
    return { link, notice, isBlind, restHint, hasFewPictures, isSilent, hasWaitedLong };
  }

  /** A message of the server came. */
  heard() {
    this.#heardAtMs = performance.now();
  }

  /** Another connection: what still holds is reported again. */
  greeted() {
    this.isBlind = false;
    this.#clearNotice();
  }

  /** Something is asked: what the wait for it said is over. */
  asked() {
    this.restHint = '';
  }

  /** A new stream of the camera. */
  cameraChanged() {
    this.#watch.restart();
  }

  /**
   * One notice stands at a time. One that this page does not know is not shown.
   *
   * @param {string | null} code null when it is over
   * @param {string | null} hint key of the sentence
   */
  setNotice(code, hint) {
    this.#clearNotice();
    if (code === 'no_picture') return this.setBlind(true);
    if (code === 'storage_waiting') this.notice = hint ?? 'hint.storage_waiting';
    this.restHint = code !== null && REST_CODES.has(code) ? `hint.${code}` : '';
    this.hasFewPictures = code === 'few_pictures';
    const isSeen = code === null || this.restHint !== '' || this.hasFewPictures;
    if (this.isBlind && isSeen) this.setBlind(false);
    else this.#onChange();
  }

  #clearNotice() {
    this.notice = '';
    this.restHint = '';
    this.hasFewPictures = false;
  }

  /** @param {boolean} isBlind */
  setBlind(isBlind) {
    this.isBlind = isBlind;
    if (isBlind) this.#cure.lost();
    else this.#view.hideTrouble();
    this.#onChange();
  }

  /**
   * @param {string} link
   * @param {string} reason
   */
  setLink(link, reason) {
    this.link = link;
    this.isSilent = reason === 'silent';
    this.#onChange();
  }

  /** The server cannot say now how the action went. */
  get isHeldUp() {
    return this.link === 'down' || this.notice !== '' || this.isSlow('asked');
  }

  /**
   * Whether the connection works and the server does not say what it should.
   *
   * @param {'asked' | 'deciding'} phase
   */
  isSlow(phase) {
    const heardMs = performance.now() - this.#heardAtMs;
    return this.link === 'up' && !this.isBlind && heardMs > SLOW_AFTER_MS[phase];
  }

  /** One picture may be all that comes; after some of them the next loss is another one. */
  #onSteady() {
    this.#cure.found();
    if (this.isBlind) this.setBlind(false);
  }
}
