/** The last step: a verdict or another ending, in plain words, with what can be done next. */

import { byId, showStep } from './dom.js';

/** @typedef {import('../sdk/i18n.js').Catalogue} Catalogue */

const LIGHT = ['result.tip.light'];
const FRAMING = ['result.tip.hold', 'result.tip.alone'];
const ACTION = ['result.tip.action'];

/** @type {Record<string, string[]>} keys of tips by a reason's class, or its code where the server tells that */
const TIPS = {
  light: LIGHT,
  poor_quality: LIGHT,
  framing: FRAMING,
  no_face: FRAMING,
  several_faces: FRAMING,
  too_few_frames: FRAMING,
  action: ACTION,
  challenge_failed: ACTION,
  challenge_timeout: ACTION,
  time_limit: ACTION,
};

const DEAF_MS = 1_000;

/**
 * @typedef {object} Result
 * @property {string} name the part of the catalogue: `result.<name>.title` and `.body`
 * @property {'good' | 'bad' | 'warn' | 'neutral'} tone
 * @property {{code: string, text: string}[]} [reasons]
 * @property {{liveness: string, deepfake: string} | null} [scores]
 * @property {boolean} [tips] whether to say how the next try goes better
 * @property {boolean} [attemptsSpent] whether to say that no attempts are left
 * @property {{label: string, run: () => unknown, isAside?: boolean} | null} [action] the button, by its word's
 *   key; one aside is not what most people want
 * @property {string | null} [returnUrl] where the institution wants the applicant to go now
 */

export class ResultStep {
  #words;
  #button = /** @type {HTMLButtonElement} */ (byId('result-action'));
  #return = /** @type {HTMLAnchorElement} */ (byId('result-return'));
  /** @type {Result['action']} */
  #action = null;
  #deafUntilMs = 0;

  /** @param {Catalogue} words */
  constructor(words) {
    this.#words = words;
    this.#button.addEventListener('click', (click) => this.#act(click));
  }

  /** @param {Result} result */
  show({ name, tone, reasons = [], scores = null, tips = false, attemptsSpent = false, ...ways }) {
    const { action = null, returnUrl = null } = ways;
    byId('result').dataset.tone = tone;
    byId('result').dataset.name = name;
    byId('result-title').textContent = this.#words.text(`result.${name}.title`);
    byId('result-body').textContent = this.#words.text(`result.${name}.body`);
    this.#listReasons(reasons);
    this.#listTips(tips ? reasons : []);
    this.setNote('');
    if (attemptsSpent) this.setAttemptsSpent();
    byId('result-scores').hidden = scores === null;
    byId('result-liveness').textContent = scores?.liveness ?? '';
    byId('result-deepfake').textContent = scores?.deepfake ?? '';
    this.#return.hidden = returnUrl === null;
    if (returnUrl !== null) this.#return.href = returnUrl;
    this.setAction(action);
    // A second tap on “I do not agree” would undo the first.
    this.#deafUntilMs = name === 'declined' ? performance.now() + DEAF_MS : 0;
    showStep('result');
  }

  /** @param {Result['action']} action */
  setAction(action) {
    this.#action = action;
    this.#button.hidden = action === null;
    this.#button.disabled = false;
    if (action) this.#button.textContent = this.#words.text(action.label);
    this.#button.classList.toggle('quiet', action?.isAside === true);
    this.#return.classList.toggle('outlined', action !== null);
  }

  /** Say that no tries are left. */
  setAttemptsSpent() {
    this.setNote(this.#words.text('result.no_attempts'));
  }

  /** @param {MouseEvent} click a key is pressed on purpose */
  async #act({ detail }) {
    if (detail > 0 && performance.now() < this.#deafUntilMs) return;
    this.#button.disabled = true;
    this.setNote(this.#words.text('result.waiting'));
    await this.#action?.run();
  }

  /** @param {string} text what goes on; empty to hide */
  setNote(text) {
    byId('result-note').textContent = text;
    byId('result-note').hidden = text === '';
  }

  /** @param {{code: string, text: string}[]} reasons */
  #listReasons(reasons) {
    this.#list('result-reason', reasons.map(({ text }) => (this.#words.has(text) ? text : 'reason.other')));
  }

  /**
   * How the next try goes better: what helps against these reasons, and nothing where nothing does.
   *
   * @param {{code: string, text: string}[]} reasons
   */
  #listTips(reasons) {
    this.#list('result-tip', reasons.flatMap(({ code }) => TIPS[code] ?? []));
  }

  /**
   * @param {string} part of the page
   * @param {string[]} keys
   */
  #list(part, keys) {
    const items = [...new Set(keys.map((key) => this.#words.text(key)))].map((sentence) => {
      const item = document.createElement('li');
      item.textContent = sentence;
      return item;
    });
    byId(`${part}-list`).replaceChildren(...items);
    byId(`${part}s`).hidden = items.length === 0;
  }
}
