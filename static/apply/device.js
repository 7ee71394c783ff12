/** What the page asks of the device: which family it is, to stay awake, a short buzz. */

/**
 * The family of the device, only to choose the words of help.
 *
 * @returns {'ios' | 'android' | 'desktop'}
 */
export function deviceFamily() {
  const agent = navigator.userAgent;
  if (/Android/i.test(agent)) return 'android';
  // iPads call themselves Macs, but a Mac has no touch screen.
  if (/iPhone|iPad|iPod/i.test(agent) || (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1)) return 'ios';
  return 'desktop';
}

/**
 * Keep the screen on until the signal aborts; browsers drop the lock with every switch of apps.
 *
 * @param {AbortSignal} signal
 */
export function keepAwake(signal) {
  if (!('wakeLock' in navigator)) return;
  /** @type {WakeLockSentinel | null} */
  let lock = null;
  const ask = async () => {
    if (document.visibilityState !== 'visible' || signal.aborted) return;
    lock = await navigator.wakeLock.request('screen').catch(() => null); // refused on a low battery
    if (signal.aborted) lock?.release();
  };
  document.addEventListener('visibilitychange', ask, { signal });
  signal.addEventListener('abort', () => lock?.release(), { once: true });
  ask();
}

/** A head turned away does not see the screen; the hand feels that the action was accepted. */
export function buzz() {
  navigator.vibrate?.(60);
}
