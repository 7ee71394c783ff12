/** Holds one camera stream for a client, and opens it again when it goes away. */

import { CameraError, classifyCameraError, stopStream, watchTrack } from './camera.js';

/** A camera that ends more often than this is reported to the applicant; it is not opened again for ever. */
const ATTEMPTS_PER_MINUTE = 5;
const MINUTE_MS = 60_000;
/** A browser may never answer, such as one that asks for the permission again in another window. */
const OPEN_LIMIT_MS = 8_000;

/** @typedef {import('./camera.js').CameraCode} CameraCode */

export class CameraKeeper {
  #open;
  #onLive;
  #onFailed;
  #closed = false;
  #stopWatching = () => {};
  /** @type {Promise<boolean> | null} */
  #opening = null;
  /** @type {number[]} */
  #attemptsAtMs = [];
  #openings = 0;

  /**
   * @param {object} options
   * @param {MediaStream | null} options.stream a camera that is already open
   * @param {() => Promise<MediaStream>} options.open
   * @param {(stream: MediaStream) => unknown} options.onLive a new stream stands
   * @param {(code: CameraCode) => void} options.onFailed
   */
  constructor({ stream, open, onLive, onFailed }) {
    /** @type {MediaStream | null} the camera as it is now */
    this.stream = stream;
    this.#open = open;
    this.#onLive = onLive;
    this.#onFailed = onFailed;
    this.#watch();
  }

  /** @returns {MediaStreamTrack | null} */
  get track() {
    return this.stream?.getVideoTracks()[0] ?? null;
  }

  /** @returns {Promise<boolean>} whether the camera is live; one opening at a time */
  reopen() {
    this.#opening ??= this.#openOnce().finally(() => (this.#opening = null));
    return this.#opening;
  }

  /** As `reopen`, when a person asked for it: their attempts are not counted. */
  reopenOnRequest() {
    this.#attemptsAtMs = [];
    return this.reopen();
  }

  /** @param {boolean} keep leave the stream running */
  close(keep) {
    this.#closed = true;
    this.#stopWatching();
    if (!keep) stopStream(this.stream);
  }

  async #openOnce() {
    try {
      this.#countAttempt();
      this.#stopWatching();
      stopStream(this.stream); // phones refuse a second capture while the first one holds the camera
      return this.#take(await this.#openInTime());
    } catch (error) {
      if (!this.#closed) this.#onFailed(classifyCameraError(error));
      return false;
    }
  }

  /** @returns {Promise<MediaStream>} a stream that comes too late is taken all the same, unless there is another */
  #openInTime() {
    const number = ++this.#openings;
    const opening = this.#open();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new CameraError('no_answer'));
        opening.then((late) => (number === this.#openings ? this.#take(late) : stopStream(late)), () => undefined);
      }, OPEN_LIMIT_MS);
      opening.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  /**
   * @param {MediaStream} stream
   * @returns {boolean} false where nobody needs it any more
   */
  #take(stream) {
    if (this.#closed) {
      stopStream(stream);
      return false;
    }
    this.stream = stream;
    this.#watch();
    this.#onLive(stream);
    return true;
  }

  #countAttempt() {
    const nowMs = performance.now();
    this.#attemptsAtMs = this.#attemptsAtMs.filter((atMs) => nowMs - atMs < MINUTE_MS);
    if (this.#attemptsAtMs.length >= ATTEMPTS_PER_MINUTE) throw new CameraError('failed');
    this.#attemptsAtMs.push(nowMs);
  }

  #watch() {
    this.#stopWatching();
    if (this.track) this.#stopWatching = watchTrack(this.track, () => this.reopen());
  }
}
