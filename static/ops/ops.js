/** The operator's pages: who is logged in, which view is shown, and what goes wrong. */

import { byId } from '../apply/dom.js';
import { Catalogue } from '../sdk/i18n.js';
import { Api } from './api.js';
import { alerts } from './alerts.js';
import { deliveries } from './deliveries.js';
import { keys } from './keys.js';
import { el } from './ui.js';
import { verification } from './verification.js';
import { verifications } from './verifications.js';

const CATALOGUES = ['/static/i18n/en.json', '/static/i18n/ops.en.json'];

/**
 * @typedef {object} Desk what a view is given
 * @property {Api} api
 * @property {Catalogue} words
 * @property {(scope: string) => boolean} may
 * @property {(text: string) => void} say what has happened, for screen readers
 * @property {(error: unknown) => void} fail
 * @property {() => Promise<void>} again draws the view anew
 * @property {AbortSignal} closing of the view
 */

/** @typedef {(desk: Desk, place: string, query: URLSearchParams) => Promise<Node>} View */

/** @type {{name: string, scope: string, view: View}[]} */
const TABS = [
  { name: 'verifications', scope: 'verifications:read', view: (desk, place, query) => (place ? verification(desk, place) : verifications(desk, query)) },
  { name: 'alerts', scope: 'alerts:read', view: alerts },
  { name: 'deliveries', scope: 'deliveries:read', view: deliveries },
  { name: 'keys', scope: 'keys', view: keys },
];

class Pages {
  #api;
  #words;
  #scopes;
  #closing = new AbortController();

  /**
   * @param {Api} api
   * @param {Catalogue} words
   * @param {import('./api.js').Me} me
   */
  constructor(api, words, me) {
    this.#api = api;
    this.#words = words;
    this.#scopes = new Set(me.scopes);
    byId('who').textContent = words.text('ops.who', { name: me.name, tenant: me.tenant });
    byId('logout').hidden = !me.csrf_token;
    byId('logout').addEventListener('click', () => api.logout());
    window.addEventListener('hashchange', () => this.show());
  }

  async show() {
    const { name, place, query } = placeOf(window.location);
    const tab = TABS.find((one) => one.name === name && this.#scopes.has(one.scope)) ?? this.#first();
    this.#drawTabs(tab?.name ?? '');
    this.#fail(null);
    this.#closing.abort();
    this.#closing = new AbortController();
    const { signal } = this.#closing;
    if (!tab) {
      byId('view').replaceChildren(el('p', { text: this.#words.text('ops.nothing') }));
      return;
    }
    document.title = `${this.#words.text(`ops.${tab.name}`)} · ${this.#words.text('ops.brand')}`;
    try {
      const drawn = await tab.view(this.#desk(signal), place, query);
      if (signal.aborted) return;
      byId('view').replaceChildren(drawn);
      byId('view').dataset.view = place ? `${tab.name}/${place}` : tab.name;
    } catch (error) {
      this.#fail(error);
      byId('view').replaceChildren();
    }
  }

  #first() {
    return TABS.find((one) => this.#scopes.has(one.scope));
  }

  /** @param {AbortSignal} closing @returns {Desk} */
  #desk(closing) {
    return {
      api: this.#api,
      words: this.#words,
      may: (scope) => this.#scopes.has(scope),
      say: (text) => (byId('said').textContent = text),
      fail: (error) => this.#fail(error),
      again: () => this.show(),
      closing,
    };
  }

  /** @param {string} current */
  #drawTabs(current) {
    const links = TABS.filter(({ scope }) => this.#scopes.has(scope)).map(({ name }) =>
      el('a', {
        href: `#/${name}`,
        text: this.#words.text(`ops.${name}`),
        'aria-current': name === current ? 'page' : null,
      }),
    );
    byId('tabs').replaceChildren(...links);
  }

  /** @param {unknown} error null hides an earlier one */
  #fail(error) {
    byId('problem').hidden = error === null;
    byId('problem').textContent = error instanceof Error ? error.message : '';
  }
}

/**
 * The view of an address: `#/alerts?severity=high`; a message's link names an alert before the hash.
 *
 * @param {Location} location
 */
function placeOf(location) {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, place = ''] = path.split('/');
  const query = new URLSearchParams(search);
  const alert = new URLSearchParams(location.search).get('alert');
  if (!name && alert) return { name: 'alerts', place: alert, query };
  return { name: name || 'verifications', place, query };
}

async function main() {
  const [api, texts] = [new Api(), await Promise.all(CATALOGUES.map((url) => fetch(url).then((answer) => answer.json())))];
  const words = new Catalogue(Object.assign({}, ...texts));
  words.fill(document);
  try {
    await new Pages(api, words, await api.me()).show();
  } catch (error) {
    byId('problem').hidden = false;
    byId('problem').textContent = String(error instanceof Error ? error.message : error);
  }
}

main();
