/** What was sent to whom: alerts to channels, events to webhooks, and every attempt. */

import { action, chip, el, field, select, table, toneOf, when } from './ui.js';

const PAGE = 50;
const STATES = ['pending', 'delivered', 'given_up', 'cancelled'];
const KINDS = ['alert', 'webhook'];

/**
 * @param {import('./ops.js').Desk} desk
 * @param {string} place id of a delivery
 * @param {URLSearchParams} query
 */
export async function deliveries(desk, place, query) {
  return place ? one(desk, place) : list(desk, query);
}

/** @param {import('./ops.js').Desk} desk @param {URLSearchParams} query */
async function list(desk, query) {
  const { api, words } = desk;
  const given = { state: query.get('state') ?? '', kind: query.get('kind') ?? '', after: query.get('after') ?? '' };
  const page = await api.get('/deliveries', { ...given, limit: PAGE });
  const rows = page.deliveries.map((/** @type {any} */ each) => [
    el('a', { href: `#/deliveries/${each.delivery_id}`, text: each.topic }),
    words.text(`ops.kind.${each.kind}`),
    each.target,
    chip(words.text(`ops.delivery.${each.state}`), toneOf(each.state)),
    String(each.attempts),
    when(each.created_at),
  ]);
  const columns = ['topic', 'kind', 'target', 'status', 'attempts', 'created'].map((name) => words.text(`ops.column.${name}`));
  return el(
    'section',
    { class: 'card' },
    el('h1', { text: words.text('ops.deliveries') }),
    filters(desk, given),
    rows.length ? table(words.text('ops.deliveries'), columns, rows) : el('p', { class: 'soft', text: words.text('ops.no_deliveries') }),
    page.next ? el('p', {}, el('a', { href: `#/deliveries?${new URLSearchParams({ ...given, after: page.next })}`, text: words.text('ops.next_page') })) : null,
  );
}

/** @param {import('./ops.js').Desk} desk @param {{state: string, kind: string}} given */
function filters({ words }, given) {
  /** @param {string[]} values @param {string} key @returns {[string, string][]} */
  const options = (values, key) => [['', words.text('ops.any')], ...values.map((value) => /** @type {[string, string]} */ ([value, words.text(`ops.${key}.${value}`)]))];
  const form = el(
    'form',
    { class: 'row' },
    field(words.text('ops.column.kind'), select('kind', options(KINDS, 'kind'), given.kind)),
    field(words.text('ops.column.status'), select('state', options(STATES, 'delivery'), given.state)),
  );
  form.addEventListener('change', () => {
    const data = new FormData(/** @type {HTMLFormElement} */ (form));
    window.location.hash = `#/deliveries?${new URLSearchParams([...data].map(([name, value]) => [name, String(value)]))}`;
  });
  return form;
}

/** @param {import('./ops.js').Desk} desk @param {string} id */
async function one(desk, id) {
  const { api, words } = desk;
  const { delivery: found, tries } = await api.get(`/deliveries/${encodeURIComponent(id)}`);
  const rows = tries.map((/** @type {any} */ each) => [
    String(each.number),
    when(each.at),
    chip(words.text(each.ok ? 'ops.ok' : 'ops.failed'), each.ok ? 'good' : 'bad'),
    each.http_status === null ? '–' : String(each.http_status),
    words.text('ops.ms', { count: each.took_ms }),
    each.reason || '–',
  ]);
  const columns = ['number', 'time', 'status', 'code', 'took', 'reason'].map((name) => words.text(`ops.column.${name}`));
  const again = async () => {
    await api.post(`/deliveries/${found.delivery_id}/replay`).then(desk.again, desk.fail);
  };
  return el(
    'section',
    { class: 'card' },
    el('p', {}, el('a', { href: '#/deliveries', text: words.text('ops.back') })),
    el('div', { class: 'head' }, el('h1', { text: found.topic }), chip(words.text(`ops.delivery.${found.state}`), toneOf(found.state))),
    el('p', { class: 'soft', text: `${words.text(`ops.kind.${found.kind}`)}: ${found.target}` }),
    found.verification_id ? el('p', {}, el('a', { href: `#/verifications/${found.verification_id}`, text: words.text('ops.to_verification') })) : null,
    rows.length ? table(words.text('ops.attempts'), columns, rows) : el('p', { class: 'soft', text: words.text('ops.not_sent') }),
    desk.may('webhooks') ? el('p', {}, action('button outlined', words.text('ops.send_again'), again)) : null,
  );
}
