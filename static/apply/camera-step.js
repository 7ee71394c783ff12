/** The step that opens the camera, and says what to do when it does not open. */

import { CameraError, classifyCameraError, openCamera, stopStream } from '../sdk/camera.js';
import { helpItems } from './camera-help.js';
import { copyLinkOn } from './copy-link.js';
import { byId, focusHeading, showStep } from './dom.js';

/** A permission question may stay open for long; after this its place is pointed out, with another way. */
const LONG_WAIT_MS = 8_000;

/** Where another browser or device may help. */
const ELSEWHERE = new Set(['unsupported', 'no_answer', 'not_found', 'in_use', 'overconstrained', 'failed', 'denied', 'dismissed', 'slow']);

/** @typedef {import('../sdk/i18n.js').Catalogue} Catalogue */

export class CameraStep {
  #words;
  #button = /** @type {HTMLButtonElement} */ (byId('camera-open'));
  #waiting = byId('camera-waiting');
  /** @type {(stream: MediaStream) => void} */
  #onOpen = () => undefined;
  #isDone = false;
  /** Whether the browser was asked for the camera and has not answered. */
  #isAsking = false;

  /** @param {Catalogue} words */
  constructor(words) {
    this.#words = words;
    this.#button.addEventListener('click', () => this.#open());
    copyLinkOn('camera-copy', words);
  }

  /**
   * Show the step; ask at once where the permission stands already.
   *
   * @returns {Promise<MediaStream>} resolves when the camera is open; never rejects
   */
  async run() {
    const opened = new Promise((resolve) => (this.#onOpen = resolve));
    this.#isDone = false;
    this.#showAsk();
    showStep('camera');
    const permission = await askPermission();
    if (permission) permission.onchange = () => this.#onPermission(permission);
    if (permission?.state === 'granted') this.#open();
    return opened;
  }

  /**
   * Whoever allows the camera later, in the settings of the browser, need not press anything here.
   *
   * @param {PermissionStatus} permission
   */
  #onPermission(permission) {
    if (permission.state === 'granted' && !this.#isDone && !this.#isAsking) this.#open();
  }

  /** Ask for the camera. Whoever asks again while a question stands takes the first stream that comes. */
  async #open() {
    this.#button.disabled = true;
    this.#waiting.textContent = this.#words.text('camera.waiting');
    this.#isAsking = true;
    const timer = setTimeout(() => this.#onLongWait(), LONG_WAIT_MS);
    try {
      this.#take(await openCamera());
    } catch (error) {
      if (!(error instanceof CameraError)) throw error;
      if (!this.#isDone) this.#showTrouble(classifyCameraError(error));
    } finally {
      clearTimeout(timer);
      this.#isAsking = false;
      this.#release();
    }
  }

  /** Where the camera is allowed, no question stands: it is the camera that does not come. */
  async #onLongWait() {
    const permission = await askPermission();
    if (!this.#isDone && this.#isAsking) this.#showTrouble(permission?.state === 'granted' ? 'slow' : 'no_answer');
  }

  /** @param {MediaStream} stream */
  #take(stream) {
    if (this.#isDone) return stopStream(stream);
    this.#isDone = true;
    this.#onOpen(stream);
  }

  #release() {
    this.#button.disabled = false;
    this.#waiting.textContent = '';
  }

  #showAsk() {
    byId('camera-ask').hidden = false;
    byId('camera-trouble').hidden = true;
    byId('camera-copy').hidden = true;
    this.#button.hidden = false;
    this.#button.textContent = this.#words.text('camera.turn_on');
  }

  /** @param {import('../sdk/camera.js').CameraCode | 'slow'} code */
  #showTrouble(code) {
    this.#release();
    byId('camera-ask').hidden = true;
    byId('camera-trouble').hidden = false;
    byId('camera-trouble').dataset.code = code;
    byId('camera-copy').hidden = !ELSEWHERE.has(code);
    // Where this browser cannot do it, or not at this address, trying again does not help.
    this.#button.hidden = code === 'unsupported' || code === 'insecure';
    byId('camera-copy').classList.toggle('outlined', code !== 'unsupported');
    byId('camera-trouble-title').textContent = this.#words.text(`camera.${code}.title`);
    byId('camera-trouble-body').textContent = this.#words.text(`camera.${code}.body`);
    byId('camera-trouble-help').replaceChildren(...helpItems(this.#words, code));
    this.#button.textContent = this.#words.text('camera.retry');
    focusHeading(byId('camera-trouble'));
  }
}

/** @returns {Promise<PermissionStatus | null>} null where the browser does not tell */
async function askPermission() {
  try {
    return await navigator.permissions.query({ name: /** @type {PermissionName} */ ('camera') });
  } catch {
    return null;
  }
}
