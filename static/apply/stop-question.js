/** The button that ends the check. It asks once: a tap may be meant for what stood on the screen before. */

import { byId } from './dom.js';

/** A second tap, or one that was on its way while the step changed, comes within this time. */
const DEAF_MS = 2_000;

export class StopQuestion {
  #button = /** @type {HTMLButtonElement} */ (byId('stop'));
  #dialog = /** @type {HTMLDialogElement} */ (byId('stop-question'));
  #costs;

  /**
   * @param {() => void} onStop the applicant wants to stop
   * @param {() => boolean} costs whether stopping now uses up a chance
   * @param {AbortSignal} signal ends it, and closes the question
   */
  constructor(onStop, costs, signal) {
    this.#costs = costs;
    this.#button.disabled = true;
    const timer = setTimeout(() => (this.#button.disabled = false), DEAF_MS);
    this.#button.addEventListener('click', () => this.#ask(), { signal });
    byId('stop-keep').addEventListener('click', () => this.#close(), { signal });
    byId('stop-confirm').addEventListener('click', () => this.#confirm(onStop), { signal });
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      this.#close();
    });
  }

  #ask() {
    if (this.#dialog.hasAttribute('open')) return;
    byId('stop-body').hidden = !this.#costs();
    if (this.#dialog.showModal) this.#dialog.showModal();
    else this.#dialog.setAttribute('open', ''); // Safari before 15.4 knows no dialogs
  }

  #close() {
    if (this.#dialog.showModal) this.#dialog.close();
    else this.#dialog.removeAttribute('open');
  }

  /** @param {() => void} onStop */
  #confirm(onStop) {
    this.#close();
    this.#button.disabled = true;
    onStop();
  }
}
