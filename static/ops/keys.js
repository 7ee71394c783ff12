/** API keys of the tenant: make, rotate, revoke. A key is shown once. */

import { card, chip, el, field, onSubmit, table, when } from './ui.js';

/** What an integration needs, without the metrics, which only the operator's tenant may read. */
const USUAL = ['verifications', 'alerts', 'labels', 'webhooks'];
const DAY_S = 86_400;

/** @param {import('./ops.js').Desk} desk */
export async function keys(desk) {
  const { words } = desk;
  const { keys: found } = await desk.api.get('/keys');
  const shown = el('div', { 'aria-live': 'polite' });
  const rows = found.map((/** @type {any} */ key) => row(desk, key, shown));
  const columns = ['name', 'key', 'scopes', 'status', 'created', 'last_used', 'actions'].map((name) => words.text(`ops.column.${name}`));
  return el(
    'div',
    { class: 'columns' },
    el('section', { class: 'card' }, el('h1', { text: words.text('ops.keys') }), form(desk, shown), shown),
    card(
      words.text('ops.all_keys'),
      rows.length ? table(words.text('ops.keys'), columns, rows) : el('p', { class: 'soft', text: words.text('ops.no_keys') }),
    ),
  );
}

/** @param {import('./ops.js').Desk} desk @param {any} key @param {HTMLElement} shown */
function row(desk, key, shown) {
  const { words } = desk;
  const state = key.valid ? 'valid' : key.revoked_at ? 'revoked' : 'expired';
  return [
    key.name,
    el('span', { class: 'code', text: `kyc_${key.test ? 'test' : 'live'}_${key.key_id}_…` }),
    key.scopes.join(', '),
    el('span', {}, chip(words.text(`ops.key.${state}`), key.valid ? 'good' : ''), key.expires_at ? el('span', {}, ' ', when(key.expires_at)) : null),
    when(key.created_at),
    when(key.last_used_at),
    key.valid ? actions(desk, key, shown) : '–',
  ];
}

/** @param {import('./ops.js').Desk} desk @param {any} key @param {HTMLElement} shown */
function actions({ api, words, again, fail }, key, shown) {
  const rotate = async () => {
    if (!window.confirm(words.text('ops.rotate_question', { name: key.name }))) return;
    await api.post(`/keys/${key.key_id}/rotate`, { overlap: DAY_S }).then((made) => show(words, shown, made), fail);
  };
  const revoke = async () => {
    if (!window.confirm(words.text('ops.revoke_question', { name: key.name }))) return;
    await api.post(`/keys/${key.key_id}/revoke`).then(again, fail);
  };
  const button = (/** @type {string} */ text, /** @type {() => void} */ click) =>
    el('button', { class: 'link', type: 'button', text, 'aria-label': `${text}: ${key.name}`, click });
  return el('span', {}, button(words.text('ops.rotate'), rotate), button(words.text('ops.revoke'), revoke));
}

/** @param {import('./ops.js').Desk} desk @param {HTMLElement} shown */
function form(desk, shown) {
  const { words } = desk;
  const boxes = USUAL.map((scope) =>
    el('label', { class: 'check' }, el('input', { type: 'checkbox', name: 'scopes', value: scope, checked: scope === 'verifications' }), words.text(`ops.scope.${scope}`)),
  );
  const made = el(
    'form',
    { class: 'row' },
    field(words.text('ops.column.name'), el('input', { name: 'name', required: true, maxlength: 128, autocomplete: 'off' })),
    field(words.text('ops.key.days'), el('input', { name: 'days', type: 'number', min: 1, max: 3650, inputmode: 'numeric' })),
    el('fieldset', {}, el('legend', { text: words.text('ops.column.scopes') }), ...boxes),
    el('label', { class: 'check' }, el('input', { type: 'checkbox', name: 'test' }), words.text('ops.key.test')),
    el('button', { class: 'button', type: 'submit', text: words.text('ops.create_key') }),
  );
  onSubmit(made, (data) => create(desk, data, shown));
  return made;
}

/** @param {import('./ops.js').Desk} desk @param {FormData} data @param {HTMLElement} shown */
async function create({ api, words, fail }, data, shown) {
  const days = Number(data.get('days') || 0);
  const order = {
    name: data.get('name'),
    scopes: data.getAll('scopes'),
    expires_in: days ? days * DAY_S : null,
    test: data.get('test') !== null,
  };
  await api.post('/keys', order).then((made) => show(words, shown, made), fail);
}

/** @param {import('../sdk/i18n.js').Catalogue} words @param {HTMLElement} shown @param {{secret: string}} made */
function show(words, shown, made) {
  shown.replaceChildren(
    el('div', { class: 'notice' }, el('p', { text: words.text('ops.key.once') }), el('p', { class: 'code', text: made.secret })),
  );
}
