/** The first step: what the applicant is asked to agree to, as the server words it. */

import { ApiError, askPatiently } from '../sdk/kyc-rtc.js';
import { byId, mark } from './dom.js';

/** Topics of the text that stand in one item, by the item's id. */
const ITEMS = {
  'consent-actions': ['actions'],
  'consent-biometric': ['biometric'],
  'consent-kept': ['kept', 'kept_for'],
  'consent-watched': ['watched'],
  'consent-refusal': ['refusal', 'other_way'],
};

/** @typedef {import('../sdk/api.js').ConsentText} ConsentText */
/** @typedef {import('../sdk/api.js').KycApi} KycApi */
/** @typedef {(trouble: import('../sdk/api.js').Trouble) => void} OnTrouble */

export class ConsentStep {
  #words;
  /** @type {ConsentText | null} what is on the screen */
  #text = null;

  /** @param {import('../sdk/i18n.js').Catalogue} words */
  constructor(words) {
    this.#words = words;
  }

  /**
   * Fetch the text and fill the step with it.
   *
   * @param {KycApi} api
   * @param {OnTrouble} onTrouble called while it takes longer
   * @throws {ApiError | TypeError | DOMException} as `askPatiently`
   */
  async load(api, onTrouble) {
    this.#text = await askPatiently(() => api.consentText(), onTrouble);
    const { institution, privacy_url: privacyUrl, points } = this.#text;
    const title = institution ? 'consent.title_for' : 'consent.title';
    byId('consent-title').textContent = this.#words.text(title, { institution: institution ?? '' });
    byId('consent-purpose').textContent = sentences(points, ['purpose']);
    for (const [id, topics] of Object.entries(ITEMS)) {
      const text = sentences(points, topics);
      byId(id).textContent = text;
      mark(/** @type {HTMLElement} */ (byId(id).closest('li')), 'empty', text === '');
    }
    const link = /** @type {HTMLAnchorElement} */ (byId('consent-privacy'));
    link.hidden = privacyUrl === null;
    if (privacyUrl !== null) link.href = privacyUrl;
  }

  /**
   * Store that the applicant agreed to what was shown.
   *
   * @param {KycApi} api
   * @param {OnTrouble} onTrouble
   * @returns {Promise<boolean>} false where the text is another one by now, which the step shows then
   * @throws {ApiError | TypeError | DOMException}
   */
  async agree(api, onTrouble) {
    const text = this.#text;
    if (text === null) throw new Error('nothing was shown');
    try {
      await askPatiently(() => api.agree(text.version, text.locale), onTrouble);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'consent_changed') throw error;
      await this.load(api, onTrouble);
      this.setNote(this.#words.text('consent.changed'));
      return false;
    }
    return true;
  }

  /** @param {string} text why the step is there again; empty to hide */
  setNote(text) {
    byId('consent-note').textContent = text;
    byId('consent-note').hidden = text === '';
  }
}

/**
 * @param {ConsentText['points']} points
 * @param {string[]} topics
 */
function sentences(points, topics) {
  const found = points.filter(({ topic }) => topics.includes(topic));
  return found.map(({ text }) => text).join(' ');
}
