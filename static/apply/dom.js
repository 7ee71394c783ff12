/** Small helpers on the document: find an element, move between steps. */

/**
 * The element of an id that the page is known to have.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page lacks #${id}`);
  return /** @type {T} */ (element);
}

/**
 * Set or remove a data attribute of an element, for CSS to act on.
 *
 * @param {HTMLElement} element
 * @param {string} name in camel case
 * @param {string | boolean | null} value false and null remove it
 */
export function mark(element, name, value) {
  if (value === false || value === null) delete element.dataset[name];
  else element.dataset[name] = value === true ? '' : value;
}

/** @typedef {'loading' | 'consent' | 'camera' | 'live' | 'result'} StepName */

/**
 * Show one step, hide the others, and move the focus to its heading.
 *
 * @param {StepName} name
 */
export function showStep(name) {
  /** @type {HTMLElement | null} */
  let shown = null;
  for (const section of document.querySelectorAll('section.step')) {
    const step = /** @type {HTMLElement} */ (section);
    step.hidden = step.dataset.step !== name;
    if (!step.hidden) shown = step;
  }
  document.body.dataset.step = name;
  markProgress(name);
  window.scrollTo(0, 0);
  focusHeading(shown);
}

/** @param {HTMLElement | null} step */
export function focusHeading(step) {
  for (const heading of step?.querySelectorAll('h1') ?? []) {
    if (heading.offsetParent !== null) heading.focus({ preventScroll: true });
  }
}

/** @param {StepName} name */
function markProgress(name) {
  let reached = true;
  for (const item of byId('steps').children) {
    const entry = /** @type {HTMLElement} */ (item);
    const isCurrent = entry.dataset.for === name;
    mark(entry, 'reached', reached);
    if (isCurrent) entry.setAttribute('aria-current', 'step');
    else entry.removeAttribute('aria-current');
    if (isCurrent) reached = false;
  }
}
