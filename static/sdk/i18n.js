/** The word catalogue: a flat map from key to sentence, with `{name}` placeholders. */

const FETCH_ATTEMPTS = 3;
const FETCH_AGAIN_MS = 1_000;

/** @typedef {Record<string, string | number>} Params */

export class Catalogue {
  #words;

  /** @param {Record<string, string>} words */
  constructor(words) {
    this.#words = new Map(Object.entries(words));
  }

  /**
   * @param {string} url
   * @returns {Promise<Catalogue>}
   * @throws {Error} where the catalogue cannot be fetched
   */
  static async load(url) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await fetch(url);
        if (!response.ok) throw new Error(`catalogue: HTTP ${response.status}`);
        return new Catalogue(await response.json());
      } catch (error) {
        if (attempt === FETCH_ATTEMPTS) throw new Error(`catalogue: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, FETCH_AGAIN_MS));
      }
    }
  }

  /** @param {string} key */
  has(key) {
    return this.#words.has(key);
  }

  /**
   * The sentence of a key. With a `count` of 1, `key.one` is taken where it exists.
   *
   * @param {string} key
   * @param {Params} [params]
   * @returns {string} the key itself where the catalogue lacks it
   */
  text(key, params = {}) {
    const chosen = params.count === 1 && this.has(`${key}.one`) ? `${key}.one` : key;
    const sentence = this.#words.get(chosen) ?? key;
    return sentence.replace(/\{(\w+)\}/g, (whole, name) => String(params[name] ?? whole));
  }

  /**
   * Fill every element that carries `data-i18n` (text) or `data-i18n-label` (aria-label).
   *
   * @param {ParentNode} root
   */
  fill(root) {
    for (const element of root.querySelectorAll('[data-i18n]')) {
      element.textContent = this.text(/** @type {string} */ (element.getAttribute('data-i18n')));
    }
    for (const element of root.querySelectorAll('[data-i18n-label]')) {
      element.setAttribute('aria-label', this.text(/** @type {string} */ (element.getAttribute('data-i18n-label'))));
    }
  }
}
