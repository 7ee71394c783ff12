/** The last step: a verdict or another ending, in plain words, with what can be done next. */

import { byId, showStep } from './dom.js';

/** @typedef {import('../sdk/i18n.js').Catalogue} Catalogue */

/**
 * @typedef {object} Result
 * @property {string} name the part of the catalogue: `result.<name>.title` and `.body`
 * @property {'good' | 'bad' | 'warn' | 'neutral'} tone
 * @property {{code: string, text: string}[]} [reasons]
 * @property {{liveness: string, deepfake: string} | null} [scores]
 * @property {boolean} [tips] whether to say how the next try goes better
 * @property {boolean} [attemptsSpent] whether to say that no attempts are left
 * @property {{label: string, run: () => unknown} | null} [action] the button, by its word's key
 * @property {string | null} [returnUrl] where the institution wants the applicant to go now
 */

export class ResultStep {
  #words;
  #button = /** @type {HTMLButtonElement} */ (byId('result-action'));
  #return = /** @type {HTMLAnchorElement} */ (byId('result-return'));
  /** @type {Result['action']} */
  #action = null;

  /** @param {Catalogue} words */
  constructor(words) {
    this.#words = words;
    this.#button.addEventListener('click', () => this.#act());
  }

  /** @param {Result} result */
  show({ name, tone, reasons = [], scores = null, tips = false, attemptsSpent = false, ...ways }) {
    const { action = null, returnUrl = null } = ways;
    byId('result').dataset.tone = tone;
    byId('result').dataset.name = name;
    byId('result-title').textContent = this.#words.text(`result.${name}.title`);
    byId('result-body').textContent = this.#words.text(`result.${name}.body`);
    this.#listReasons(reasons);
    byId('result-tips').hidden = !tips;
    this.setNote(attemptsSpent ? this.#words.text('result.no_attempts') : '');
    byId('result-scores').hidden = scores === null;
    byId('result-liveness').textContent = scores?.liveness ?? '';
    byId('result-deepfake').textContent = scores?.deepfake ?? '';
    this.#action = action;
    this.#button.hidden = action === null;
    this.#button.disabled = false;
    if (action) this.#button.textContent = this.#words.text(action.label);
    this.#return.hidden = returnUrl === null;
    this.#return.classList.toggle('outlined', action !== null);
    if (returnUrl !== null) this.#return.href = returnUrl;
    showStep('result');
  }

  async #act() {
    this.#button.disabled = true;
    this.setNote(this.#words.text('result.starting'));
    await this.#action?.run();
  }

  /** @param {string} text what goes on; empty to hide */
  setNote(text) {
    byId('result-note').textContent = text;
    byId('result-note').hidden = text === '';
  }

  /** @param {{code: string, text: string}[]} reasons */
  #listReasons(reasons) {
    const sentences = new Set(reasons.map(({ text }) => this.#words.text(this.#words.has(text) ? text : 'reason.other')));
    const items = [...sentences].map((sentence) => {
      const item = document.createElement('li');
      item.textContent = sentence;
      return item;
    });
    byId('result-reason-list').replaceChildren(...items);
    byId('result-reasons').hidden = items.length === 0;
  }
}
