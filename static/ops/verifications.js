/** Verifications in a list: filters, search by reference, pages. */

import { chip, el, field, select, table, toneOf, when } from './ui.js';

const PAGE = 25;
const STATUSES = ['active', 'PASSED', 'FAILED', 'INCONCLUSIVE'];

/**
 * @param {import('./ops.js').Desk} desk
 * @param {URLSearchParams} query
 */
export async function verifications(desk, query) {
  const { api, words } = desk;
  const given = { user_id: query.get('user_id') ?? '', status: query.get('status') ?? '', after: query.get('after') ?? '' };
  const page = await api.get('/kyc/sessions', { ...given, limit: PAGE });
  const rows = page.sessions.map((/** @type {any} */ one) => row(desk, one));
  return el(
    'div',
    { class: 'card' },
    el('div', { class: 'head' }, el('h1', { text: words.text('ops.verifications') })),
    filters(desk, given),
    rows.length
      ? table(words.text('ops.verifications'), columns(desk), rows)
      : el('p', { class: 'soft', text: words.text('ops.no_verifications') }),
    pager(desk, given, page.next),
  );
}

/** @param {import('./ops.js').Desk} desk */
function columns({ words }) {
  return ['user', 'status', 'state', 'attempts', 'started', 'changed'].map((name) => words.text(`ops.column.${name}`));
}

/**
 * @param {import('./ops.js').Desk} desk
 * @param {any} one
 */
function row({ words }, one) {
  const status = el('span', {}, chip(words.text(`ops.status.${one.status}`), toneOf(one.status)));
  if (one.needs_review) status.append(' ', chip(words.text('ops.needs_review'), 'warn'));
  return [
    el('a', { href: `#/verifications/${one.session_id}`, text: one.user_id }),
    status,
    words.text(`ops.state.${one.state}`),
    String(one.attempts),
    when(one.created_at),
    when(one.updated_at),
  ];
}

/**
 * @param {import('./ops.js').Desk} desk
 * @param {{user_id: string, status: string}} given
 */
function filters({ words }, given) {
  /** @type {[string, string][]} */
  const options = [['', words.text('ops.any')], ...STATUSES.map((one) => /** @type {[string, string]} */ ([one, words.text(`ops.status.${one}`)]))];
  const form = el(
    'form',
    { class: 'row', role: 'search' },
    field(words.text('ops.column.user'), el('input', { name: 'user_id', value: given.user_id, type: 'search', autocomplete: 'off', maxlength: 256 })),
    field(words.text('ops.column.status'), select('status', options, given.status)),
    el('button', { class: 'button', type: 'submit', text: words.text('ops.search') }),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    go(new FormData(/** @type {HTMLFormElement} */ (form)));
  });
  return form;
}

/** @param {FormData} data */
function go(data) {
  const search = new URLSearchParams();
  for (const [name, value] of data) if (value) search.set(name, String(value).trim());
  window.location.hash = `#/verifications?${search}`;
}

/**
 * @param {import('./ops.js').Desk} desk
 * @param {{user_id: string, status: string, after: string}} given
 * @param {string | null} next
 */
function pager({ words }, given, next) {
  const first = new URLSearchParams({ user_id: given.user_id, status: given.status });
  const links = [];
  if (given.after) links.push(el('a', { href: `#/verifications?${first}`, text: words.text('ops.first_page') }));
  if (next) {
    const following = new URLSearchParams({ user_id: given.user_id, status: given.status, after: next });
    links.push(el('a', { href: `#/verifications?${following}`, text: words.text('ops.next_page') }));
  }
  return links.length ? el('p', { class: 'row' }, ...links) : null;
}
