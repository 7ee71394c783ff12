/** Whether the camera really shows something: a stream may stand still, stay empty or be black. */

const LOOK_EVERY_MS = 500;
/** The server notices the same after 2.5 s; whoever is first opens the camera again. */
const LOST_AFTER_MS = 2_500;
/** A stream that stalls may begin with one picture. */
const STEADY_LOOKS = 4;
/** No pixel of a picture is brighter than this (of 255): the camera is closed, not the room dark. */
const BLACK_LEVEL = 6;
const SAMPLE_WIDTH = 16;
const SAMPLE_HEIGHT = 12;

export class CameraWatch {
  #video;
  #onLost;
  #onFound;
  #context;
  #shownAtMs = performance.now();
  /** Frames that were shown; null where the browser does not count them. @type {number | null} */
  #frames = null;
  #lastPlace = 0;
  #steadyLooks = 0;

  /**
   * @param {HTMLVideoElement} video plays the camera
   * @param {() => void} onLost no picture came for a while; called again after each such time
   * @param {() => void} onFound pictures come steadily
   * @param {AbortSignal} signal ends the watch
   */
  constructor(video, onLost, onFound, signal) {
    this.#video = video;
    this.#onLost = onLost;
    this.#onFound = onFound;
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: SAMPLE_WIDTH, height: SAMPLE_HEIGHT });
    this.#context = canvas.getContext('2d', { willReadFrequently: true });
    const timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    document.addEventListener('visibilitychange', () => this.restart(), { signal });
    if ('requestVideoFrameCallback' in video) this.#countFrames(signal);
  }

  /** @param {AbortSignal} signal */
  #countFrames(signal) {
    this.#frames = 0;
    const count = () => {
      this.#frames = (this.#frames ?? 0) + 1;
      if (!signal.aborted) this.#video.requestVideoFrameCallback(count);
    };
    this.#video.requestVideoFrameCallback(count);
  }

  /** A new stream, or a page that comes back, gets its full time. */
  restart() {
    this.#shownAtMs = performance.now();
  }

  #look() {
    const nowMs = performance.now();
    if (document.visibilityState !== 'visible') return this.restart();
    if (this.#hasMoved() && !this.#isBlack()) {
      this.#shownAtMs = nowMs;
      this.#steadyLooks += 1;
      if (this.#steadyLooks === STEADY_LOOKS) this.#onFound();
    } else {
      this.#steadyLooks = 0;
      if (nowMs - this.#shownAtMs < LOST_AFTER_MS) return;
      this.restart();
      this.#onLost();
    }
  }

  /** A paused preview says nothing of the camera: iOS pauses it by itself. */
  #hasMoved() {
    const { currentTime, paused, srcObject } = this.#video;
    const place = this.#frames ?? currentTime; // the time goes on without frames in some browsers
    const moved = place !== this.#lastPlace;
    this.#lastPlace = place;
    return srcObject !== null && (moved || (paused && currentTime > 0));
  }

  #isBlack() {
    if (this.#context === null || this.#video.videoWidth === 0) return false;
    this.#context.drawImage(this.#video, 0, 0, SAMPLE_WIDTH, SAMPLE_HEIGHT);
    const { data } = this.#context.getImageData(0, 0, SAMPLE_WIDTH, SAMPLE_HEIGHT);
    return data.every((value, at) => at % 4 === 3 || value <= BLACK_LEVEL);
  }
}

/** Opens a camera that shows nothing once by itself; then the applicant is asked. */
export class CameraCure {
  #reopen;
  #onGivenUp;
  #hasTried = false;
  #isTrying = false;

  /**
   * @param {() => Promise<boolean>} reopen whether the camera is open again
   * @param {() => void} onGivenUp it was opened again, and there is still no picture
   */
  constructor(reopen, onGivenUp) {
    this.#reopen = reopen;
    this.#onGivenUp = onGivenUp;
  }

  /** There is no picture. */
  async lost() {
    if (this.#isTrying) return;
    if (this.#hasTried) return this.#onGivenUp();
    this.#hasTried = this.#isTrying = true;
    await this.#reopen().finally(() => (this.#isTrying = false));
  }

  /** There is a picture: the next loss is another one. */
  found() {
    this.#hasTried = false;
  }
}
