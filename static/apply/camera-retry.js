/** The button that opens the camera again: while it is at work, it says so. */

import { byId } from './dom.js';

/**
 * @param {string} id of the button
 * @param {import('../sdk/i18n.js').Catalogue} words
 * @param {() => Promise<unknown>} open settles in a limited time
 * @param {AbortSignal} signal ends it
 */
export function retryCameraOn(id, words, open, signal) {
  const button = /** @type {HTMLButtonElement} */ (byId(id));
  const rest = () => {
    button.disabled = false;
    button.textContent = words.text('camera.retry');
  };
  const run = async () => {
    button.disabled = true;
    button.textContent = words.text('result.waiting');
    await open();
    rest();
  };
  button.addEventListener('click', run, { signal });
  signal.addEventListener('abort', rest);
}
