/** The development start page: opens a session, links to it, shows the server's health. */

import { byId } from '../apply/dom.js';
import { Catalogue } from '../sdk/i18n.js';

const CATALOGUE_URL = '/static/i18n/en.json';
const COPIED_FOR_MS = 2_000;

class DevPage {
  #words;
  #start = /** @type {HTMLButtonElement} */ (byId('start'));
  #copy = byId('copy');
  #joinUrl = '';

  /** @param {Catalogue} words */
  constructor(words) {
    this.#words = words;
    byId('start-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#startSession();
    });
    this.#copy.addEventListener('click', () => this.#copyLink());
    byId('refresh').addEventListener('click', () => this.showHealth());
  }

  async showHealth() {
    try {
      const response = await fetch('/health', { cache: 'no-store' });
      const entries = flatten(await response.json());
      byId('health').replaceChildren(...entries.flatMap(([name, value]) => [entry('dt', name), entry('dd', value)]));
    } catch {
      byId('health').replaceChildren(entry('dt', this.#words.text('dev.health_failed')));
    }
  }

  async #startSession() {
    const input = /** @type {HTMLInputElement} */ (byId('user-id'));
    this.#start.disabled = true;
    this.#start.textContent = this.#words.text('dev.starting');
    byId('problem').hidden = true;
    try {
      this.#showSession(await postSession(input.value.trim()));
    } catch (error) {
      byId('session').hidden = true;
      byId('problem').hidden = false;
      const { message } = /** @type {Error} */ (error);
      byId('problem').textContent = this.#words.text('dev.failed', { message });
    } finally {
      this.#start.disabled = false;
      this.#start.textContent = this.#words.text('dev.start');
    }
  }

  /** @param {{session_id: string, join_url: string}} session */
  #showSession({ session_id: sessionId, join_url: joinUrl }) {
    this.#joinUrl = new URL(joinUrl, window.location.href).href;
    byId('session-id').textContent = sessionId;
    byId('join-url').textContent = this.#joinUrl;
    byId('open').setAttribute('href', this.#joinUrl);
    byId('session').hidden = false;
    byId('session-title').focus();
  }

  async #copyLink() {
    if (!navigator.clipboard) return; // an insecure origin: the link stands on the page to be copied by hand
    await navigator.clipboard.writeText(this.#joinUrl);
    this.#copy.textContent = this.#words.text('dev.copied');
    setTimeout(() => (this.#copy.textContent = this.#words.text('dev.copy')), COPIED_FOR_MS);
  }
}

/**
 * @param {string} userId
 * @returns {Promise<{session_id: string, join_url: string}>}
 * @throws {Error} with the server's own words
 */
async function postSession(userId) {
  const response = await fetch('/api/v1/kyc/start-session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ user_id: userId }),
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body?.error?.message ?? `HTTP ${response.status}`);
  return body;
}

/**
 * Nested objects as dotted names.
 *
 * @param {Record<string, unknown>} value
 * @param {string} [prefix]
 * @returns {[string, string][]}
 */
function flatten(value, prefix = '') {
  return Object.entries(value).flatMap(([name, part]) => {
    const isNested = typeof part === 'object' && part !== null && !Array.isArray(part);
    if (isNested) return flatten(/** @type {Record<string, unknown>} */ (part), `${prefix}${name}.`);
    return [/** @type {[string, string]} */ ([prefix + name, String(part)])];
  });
}

/**
 * @param {'dt' | 'dd'} tag
 * @param {string} text
 */
function entry(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

async function main() {
  const words = await Catalogue.load(CATALOGUE_URL);
  words.fill(document);
  const page = new DevPage(words);
  await page.showHealth();
}

main();
