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
    const copied = await copy(window.location.href);
    button.textContent = words.text(copied ? 'camera.copied' : 'camera.not_copied');
    setTimeout(() => (button.textContent = words.text('camera.copy')), COPIED_FOR_MS);
  });
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it worked
 */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyInTheOldWay(text); // the browsers inside other apps have no clipboard, and no address bar to copy from
  }
}

/** @param {string} text */
function copyInTheOldWay(text) {
  const field = document.createElement('textarea');
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  return copied;
}
