/** The buttons that copy the page's link, for another browser or device. */

import { byId } from './dom.js';

const COPIED_FOR_MS = 2_500;

/**
 * @param {string} id of the button
 * @param {import('../sdk/i18n.js').Catalogue} words
 */
export function copyLinkOn(id, words) {
  const button = byId(id);
  button.addEventListener('click', async () => {
    const copied = await navigator.clipboard?.writeText(window.location.href).then(
      () => true,
      () => false,
    );
    button.textContent = words.text(copied ? 'camera.copied' : 'camera.not_copied');
    setTimeout(() => (button.textContent = words.text('camera.copy')), COPIED_FOR_MS);
  });
}
