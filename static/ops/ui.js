/** What views are made of. Texts go in as text, never as markup. */

/**
 * An element with its attributes and children. `text` is its text; an attribute that is null or false is
 * left out; one that is a function listens to that event.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') element.textContent = String(value);
    else if (typeof value === 'function') element.addEventListener(name, /** @type {EventListener} */ (value));
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** @param {string | null | undefined} iso a time of the server @param {boolean} [isShort] only the time of day */
export function when(iso, isShort = false) {
  if (!iso) return el('span', { text: '–' });
  const date = new Date(iso);
  const text = isShort ? date.toLocaleTimeString() : date.toLocaleString();
  return el('time', { datetime: iso, text });
}

/** @param {string} text @param {'good' | 'warn' | 'bad' | ''} [tone] */
export function chip(text, tone = '') {
  return el('span', { class: `chip ${tone}`.trim(), text });
}

/** @param {string} status @returns {'good' | 'warn' | 'bad' | ''} */
export function toneOf(status) {
  if (['PASSED', 'delivered', 'low'].includes(status)) return 'good';
  if (['FAILED', 'critical', 'high', 'given_up'].includes(status)) return 'bad';
  if (['INCONCLUSIVE', 'medium', 'pending'].includes(status)) return 'warn';
  return '';
}

/**
 * A table; on a phone each row becomes a card whose cells carry the name of their column.
 *
 * @param {string} caption read by screen readers
 * @param {string[]} columns
 * @param {(Node | string)[][]} rows
 */
export function table(caption, columns, rows) {
  const head = el('thead', {}, el('tr', {}, ...columns.map((text) => el('th', { scope: 'col', text }))));
  const cells = rows.map((row) =>
    el('tr', {}, ...row.map((cell, at) => el('td', { 'data-label': columns[at] }, cell))),
  );
  const caption_ = el('caption', { class: 'visually-hidden', text: caption });
  return el('div', { class: 'table', tabindex: '0', role: 'group', 'aria-label': caption }, el('table', {}, caption_, head, el('tbody', {}, ...cells)));
}

/** @param {[string, Node | string][]} entries */
export function facts(entries) {
  return el('dl', { class: 'facts' }, ...entries.flatMap(([name, value]) => [el('dt', { text: name }), el('dd', {}, value)]));
}

/** A bar for a number of 0 to 1, with its value in words next to it. @param {number} value @param {string} label */
export function meter(value, label) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 100 8');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  const bar = document.createElementNS(ns, 'rect');
  bar.setAttribute('width', String(Math.round(value * 100)));
  bar.setAttribute('height', '8');
  svg.append(bar);
  return el('span', {}, el('span', { text: label }), el('span', { class: 'meter' }, svg));
}

/**
 * @param {string} title
 * @param {...(Node | null)} children
 */
export function card(title, ...children) {
  return el('section', { class: 'card', 'aria-label': title }, el('h2', { text: title }), ...children);
}

/**
 * A labelled control.
 *
 * @param {string} text
 * @param {HTMLElement} control
 */
export function field(text, control) {
  return el('label', {}, text, control);
}

/**
 * @param {string} name
 * @param {[string, string][]} options value and text
 * @param {string} chosen
 * @param {boolean} [required] the form waits until one is chosen that has a value
 */
export function select(name, options, chosen, required = false) {
  return el(
    'select',
    { name, required },
    ...options.map(([value, text]) => el('option', { value, text, selected: value === chosen })),
  );
}

/**
 * A button that takes no second tap while its work goes on.
 *
 * @param {string} style @param {string} text @param {() => Promise<unknown>} work
 */
export function action(style, text, work) {
  const button = /** @type {HTMLButtonElement} */ (el('button', { class: style, type: 'button', text }));
  button.addEventListener('click', () => busy(button, work()));
  return button;
}

/** Send a form by `work`, once at a time. @param {HTMLElement} form @param {(data: FormData) => Promise<unknown>} work */
export function onSubmit(form, work) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement} */ (form.querySelector('[type=submit]'));
    busy(button, work(new FormData(/** @type {HTMLFormElement} */ (form))));
  });
}

/** @param {HTMLButtonElement} button @param {Promise<unknown>} work */
async function busy(button, work) {
  button.disabled = true;
  try {
    await work;
  } finally {
    button.disabled = false;
  }
}
