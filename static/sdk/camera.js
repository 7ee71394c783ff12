/** Opening the camera, naming why it would not open, and noticing when it goes away. */

/** @type {MediaStreamConstraints[]} asked for in turn; the second where the first cannot be met */
const CONSTRAINTS = [
  {
    audio: false,
    video: {
      facingMode: 'user',
      width: { ideal: 640 },
      height: { ideal: 480 },
      frameRate: { ideal: 30, max: 30 },
    },
  },
  { audio: false, video: true },
];

/** Phones mute a track for a moment without reason; only a longer silence is trouble. */
const MUTE_GRACE_MS = 2_000;

/**
 * @typedef {'denied' | 'dismissed' | 'not_found' | 'in_use' | 'insecure' | 'unsupported' | 'overconstrained' | 'no_answer' | 'no_picture' | 'failed'} CameraCode
 */

/** The camera could not be opened; `code` says why. */
export class CameraError extends Error {
  /**
   * @param {CameraCode} code
   * @param {unknown} [cause]
   */
  constructor(code, cause) {
    super(`camera: ${code}`, { cause });
    this.name = 'CameraError';
    this.code = code;
  }
}

/** @type {Record<string, CameraCode>} names of DOMExceptions, old ones included */
const CODE_BY_NAME = {
  NotAllowedError: 'denied',
  PermissionDeniedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'not_found',
  DevicesNotFoundError: 'not_found',
  NotReadableError: 'in_use',
  TrackStartError: 'in_use',
  AbortError: 'in_use',
  OverconstrainedError: 'overconstrained',
  ConstraintNotSatisfiedError: 'overconstrained',
};

/** Chromium: the question was closed without an answer. It can be asked again; nothing is blocked. */
const DISMISSED = /dismissed/i;

/**
 * @param {unknown} error what getUserMedia threw
 * @returns {CameraCode}
 */
export function classifyCameraError(error) {
  if (error instanceof CameraError) return error.code;
  const { name = '', message = '' } = /** @type {{name?: string, message?: string}} */ (error ?? {});
  const code = CODE_BY_NAME[name] ?? 'failed';
  return code === 'denied' && DISMISSED.test(message) ? 'dismissed' : code;
}

/**
 * Open the front camera, without sound.
 *
 * @returns {Promise<MediaStream>} a stream with one live video track
 * @throws {CameraError}
 */
export async function openCamera() {
  // Browsers hide mediaDevices on an insecure origin, so that has to be asked first.
  if (!window.isSecureContext) throw new CameraError('insecure');
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraError('unsupported');
  if (!('RTCPeerConnection' in window)) throw new CameraError('unsupported');
  let failure = new CameraError('failed');
  for (const constraints of CONSTRAINTS) {
    try {
      return await navigator.mediaDevices.getUserMedia(constraints);
    } catch (error) {
      failure = new CameraError(classifyCameraError(error), error);
      if (failure.code !== 'overconstrained') break;
    }
  }
  throw failure;
}

/**
 * Stop every track of a stream.
 *
 * @param {MediaStream | null} stream
 */
export function stopStream(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * Watch a camera track and call back once when it ended, or stays muted while the page is in view.
 * iOS does either after a call, on switching apps, and when another page takes the camera.
 *
 * @param {MediaStreamTrack} track
 * @param {(reason: 'ended' | 'muted') => void} onTrouble
 * @returns {() => void} stops the watch
 */
export function watchTrack(track, onTrouble) {
  const watch = new AbortController();
  const { signal } = watch;
  let timer = 0;
  /** @param {'ended' | 'muted'} reason */
  const report = (reason) => {
    stop();
    onTrouble(reason);
  };
  const look = () => {
    clearTimeout(timer);
    if (document.visibilityState !== 'visible') return;
    if (track.readyState === 'ended') report('ended');
    else if (track.muted) timer = setTimeout(() => track.muted && report('muted'), MUTE_GRACE_MS);
  };
  const stop = () => {
    clearTimeout(timer);
    watch.abort();
  };
  for (const name of ['ended', 'mute', 'unmute']) track.addEventListener(name, look, { signal });
  document.addEventListener('visibilitychange', look, { signal });
  look();
  return stop;
}
