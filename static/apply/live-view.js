/** Draws the live step. Knows elements and words, nothing of the protocol's order of events. */

import { helpItems } from './camera-help.js';
import { byId, mark } from './dom.js';

const FLASH_MS = 1_100;
/** A hint stays at least so long, so that it can be read when the picture wavers. */
const HINT_HOLD_MS = 1_400;
/** A second tap on “I cannot do this”, or a thumb that rests there, comes within this time. */
const CANNOT_DEAF_MS = 1_500;
const HURRY_RATIO = 0.3;
/** Below this the ring counts as not begun: a round line cap would draw a dot. */
const VISIBLE_PROGRESS = 0.01;

/** @type {Record<string, string>} how the oval shows what is wrong with the picture */
const ISSUES = {
  too_dark: 'light',
  too_bright: 'light',
  face_too_small: 'closer',
  face_too_large: 'back',
  off_centre: 'place',
  cut_off: 'place',
  no_face: 'place',
  not_upright: 'upright',
  blurred: 'sharp',
  several_faces: 'alone',
  occluded: 'covered',
};

/** @typedef {import('../sdk/i18n.js').Catalogue} Catalogue */

/**
 * How a hint looks: something is wrong, something goes on, or the action goes well and lacks a little.
 *
 * @typedef {'warn' | 'calm' | 'more'} HintTone
 */

/**
 * @typedef {object} Prompt
 * @property {string} icon value of `data-icon`
 * @property {string} text
 * @property {string} [count]
 * @property {'neutral' | 'good' | 'warn'} [tone]
 */

export class LiveView {
  #words;
  #stage = byId('stage');
  #prompt = byId('prompt');
  #text = byId('prompt-text');
  #hint = byId('hint');
  #video = /** @type {HTMLVideoElement} */ (byId('preview'));
  #flashTimer = 0;
  #hintTimer = 0;
  #cannotSinceMs = -Infinity;
  #hintSinceMs = -Infinity;
  /** @type {{text: string, tone: HintTone}} */
  #wantedHint = { text: '', tone: 'warn' };

  /** @param {Catalogue} words */
  constructor(words) {
    this.#words = words;
    document.addEventListener('visibilitychange', () => this.#keepPlaying());
  }

  /** @param {MediaStream | null} stream */
  showPreview(stream) {
    this.#video.srcObject = stream;
    this.#keepPlaying();
  }

  /** Plays the camera. */
  get video() {
    return this.#video;
  }

  /** Everything as at the start of a check. */
  reset() {
    clearTimeout(this.#flashTimer);
    mark(this.#stage, 'flash', null);
    this.setDirection(null);
    this.setProgress(0);
    this.setTime(null);
    this.setDone('');
    this.hideTrouble();
    this.setNotice('');
    this.setDim(false);
    this.setIssue(null);
    this.setCannot(false);
    this.releaseHint();
    this.setHint('');
  }

  /** @param {Prompt} prompt */
  setPrompt({ icon, text, count = '', tone = 'neutral' }) {
    this.#prompt.dataset.icon = icon;
    this.#prompt.dataset.tone = tone;
    byId('prompt-count').textContent = count;
    if (this.#text.textContent !== text) this.#text.textContent = text; // an equal text is not read out twice
  }

  /** @param {'left' | 'right' | null} direction */
  setDirection(direction) {
    mark(this.#stage, 'direction', direction);
  }

  /** @param {number} progress 0..1 */
  setProgress(progress) {
    const shown = Math.min(1, Math.max(0, progress));
    byId('ring-progress').style.strokeDashoffset = String(1 - shown);
    mark(this.#stage, 'started', shown >= VISIBLE_PROGRESS);
    byId('rings').setAttribute('aria-valuenow', String(Math.round(shown * 100)));
  }

  /** @param {{remainingMs: number, limitMs: number} | null} time null where nothing is timed */
  setTime(time) {
    const ratio = time === null ? 0 : Math.min(1, Math.max(0, time.remainingMs / time.limitMs));
    mark(this.#stage, 'timed', time !== null && ratio > 0);
    mark(this.#stage, 'hurry', time !== null && ratio < HURRY_RATIO);
    byId('ring-time').style.strokeDashoffset = String(1 - ratio);
    const seconds = this.#timeText(time);
    this.setSeconds(seconds);
    byId('stop-seconds').textContent = seconds;
  }

  /** @param {string} text how long something still takes; hidden from screen readers, which it would flood */
  setSeconds(text) {
    byId('prompt-seconds').textContent = text;
  }

  /** @param {string} text such as “1 of 2 done” */
  setDone(text) {
    byId('prompt-done').textContent = text;
  }

  /**
   * @param {string} text empty to clear
   * @param {HintTone} [tone] a calm one ends with what it tells of; the others can be read first
   */
  setHint(text, tone = 'warn') {
    this.#wantedHint = { text, tone };
    clearTimeout(this.#hintTimer);
    const isHeld = this.#hint.textContent !== '' && tone !== 'calm' && this.#hint.dataset.tone === tone;
    const waitMs = isHeld ? HINT_HOLD_MS - (performance.now() - this.#hintSinceMs) : 0;
    if (waitMs <= 0) this.#drawHint();
    else this.#hintTimer = setTimeout(() => this.#drawHint(), waitMs);
  }

  /** The next hint is shown at once, whatever is being held. */
  releaseHint() {
    this.#hintSinceMs = -Infinity;
  }

  /** @param {'pass' | 'again'} kind */
  flash(kind) {
    clearTimeout(this.#flashTimer);
    mark(this.#stage, 'flash', kind);
    this.#flashTimer = setTimeout(() => mark(this.#stage, 'flash', null), FLASH_MS);
  }

  /** @param {boolean} dim the picture is not being seen at the other end */
  setDim(dim) {
    mark(this.#stage, 'dim', dim);
  }

  /** @param {string | null} code what is wrong with the picture; null where nothing is */
  setIssue(code) {
    mark(this.#stage, 'issue', code === null ? null : (ISSUES[code] ?? 'other'));
  }

  /**
   * @param {boolean} shown whether something is asked that a person may be unable to do
   */
  setCannot(shown) {
    const button = byId('cannot');
    if (shown && button.hidden) this.#cannotSinceMs = performance.now();
    const hadFocus = document.activeElement === button;
    button.hidden = !shown;
    if (!shown && hadFocus) this.#text.focus({ preventScroll: true });
  }

  /**
   * A tap that was meant for what stood there before excludes no action. A key is pressed on purpose.
   *
   * @param {MouseEvent} click
   */
  takesCannot({ detail }) {
    return detail === 0 || performance.now() - this.#cannotSinceMs > CANNOT_DEAF_MS;
  }

  /** @param {string} text empty to hide */
  setNotice(text) {
    const notice = byId('live-notice');
    notice.hidden = text === '';
    notice.textContent = text;
  }

  /** @param {import('../sdk/link.js').LinkState | null} state null hides it */
  setLink(state) {
    const link = byId('link');
    link.hidden = state !== 'weak' && state !== 'down'; // what works needs no word
    if (state === null) return;
    link.dataset.state = state;
    byId('link-text').textContent = this.#words.text(`link.${state}`);
  }

  /** @param {string} code the camera went away and did not come back */
  showTrouble(code) {
    byId('live-trouble-title').textContent = this.#words.text(`camera.${code}.title`);
    byId('live-trouble-body').textContent = this.#words.text(`camera.${code}.body`);
    byId('live-trouble-help').replaceChildren(...helpItems(this.#words, code));
    if (this.hasTrouble) return;
    byId('live-trouble').hidden = false;
    mark(byId('side'), 'trouble', true);
    this.setDim(true);
    byId('live-trouble-title').focus();
  }

  /** Whether it stands there that the camera went away. */
  get hasTrouble() {
    return !byId('live-trouble').hidden;
  }

  hideTrouble() {
    byId('live-trouble').hidden = true;
    mark(byId('side'), 'trouble', false);
    this.setDim(false);
  }

  #drawHint() {
    const { text, tone } = this.#wantedHint;
    this.#hint.dataset.tone = tone;
    if (this.#hint.textContent === text) return;
    this.#hint.textContent = text;
    this.#hintSinceMs = performance.now();
  }

  /** @param {{remainingMs: number} | null} time */
  #timeText(time) {
    if (time === null) return '';
    return this.#words.text('live.seconds_left', { seconds: Math.max(0, Math.ceil(time.remainingMs / 1_000)) });
  }

  /** iOS stops the preview with every switch of apps and does not start it again. */
  #keepPlaying() {
    if (document.visibilityState !== 'visible' || this.#video.srcObject === null) return;
    this.#video.play().catch(() => undefined); // refused until the next touch; the check does not need it
  }
}
