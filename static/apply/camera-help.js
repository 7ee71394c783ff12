/** What helps where the camera cannot be opened, step by step. */

import { deviceFamily } from './device.js';

/**
 * @param {import('../sdk/i18n.js').Catalogue} words
 * @param {string} code of the trouble
 * @returns {HTMLLIElement[]} none where nothing but the sentence is known
 */
export function helpItems(words, code) {
  const family = `camera.${code}.help.${deviceFamily()}`;
  const prefix = words.has(`${family}.1`) ? family : `camera.${code}.help`;
  const items = [];
  for (let index = 1; words.has(`${prefix}.${index}`); index += 1) {
    const item = document.createElement('li');
    const sentence = document.createElement('span');
    sentence.textContent = words.text(`${prefix}.${index}`);
    item.append(sentence);
    items.push(item);
  }
  return items;
}
