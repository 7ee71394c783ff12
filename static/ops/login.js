/** The login's page: sends user and password in development; says what went wrong at the login provider. */

import { byId } from '../apply/dom.js';
import { Catalogue } from '../sdk/i18n.js';

const CATALOGUE_URL = '/static/i18n/en.json';
const HOME = '/ops/';

class LoginPage {
  #words;
  #form = /** @type {HTMLFormElement} */ (byId('form'));
  #submit = /** @type {HTMLButtonElement} */ (byId('submit'));
  #password = /** @type {HTMLInputElement} */ (byId('password'));

  /** @param {Catalogue} words */
  constructor(words) {
    this.#words = words;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  show() {
    const problem = document.body.dataset.problem;
    byId('again').hidden = !problem;
    this.#form.hidden = Boolean(problem);
    if (problem) this.#complain(problem);
    else this.#password.focus();
  }

  async #send() {
    this.#submit.disabled = true;
    byId('problem').hidden = true;
    try {
      window.location.assign(await this.#loggedIn());
    } catch (error) {
      this.#complain(/** @type {Error} */ (error).message);
      this.#submit.disabled = false;
      this.#password.select();
    }
  }

  /**
   * @returns {Promise<string>} where to go on
   * @throws {Error} with the code of what went wrong
   */
  async #loggedIn() {
    const fields = new FormData(this.#form);
    const next = new URLSearchParams(window.location.search).get('next') ?? HOME;
    const body = JSON.stringify({ user: fields.get('user'), password: fields.get('password'), next: next.slice(0, 1_024) });
    const response = await fetch('/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(response.status === 401 ? 'wrong' : (answer?.error?.code ?? 'unknown'));
    return answer.next;
  }

  /** @param {string} code */
  #complain(code) {
    const key = `login.problem.${code}`;
    byId('problem').textContent = this.#words.text(this.#words.has(key) ? key : 'login.problem.unknown');
    byId('problem').hidden = false;
  }
}

async function main() {
  const words = await Catalogue.load(CATALOGUE_URL);
  words.fill(document);
  new LoginPage(words).show();
}

main();
