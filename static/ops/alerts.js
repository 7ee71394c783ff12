/** Alerts, live: who looks at each, and what came of it. */

import { action, chip, el, facts, field, onSubmit, select, table, toneOf, when } from './ui.js';

const PAGE = 50;
const SEVERITIES = ['critical', 'high', 'medium', 'low'];
const STATES = ['open', 'acknowledged', 'resolved'];
const RESOLUTIONS = ['confirmed_attack', 'false_positive', 'handled', 'duplicate', 'not_relevant'];
/** After news a list is drawn anew, at most so often. */
const REDRAW_MS = 1_000;
/** A feed that the server refused is asked for again with the view, after so long. */
const AGAIN_MS = 10_000;

/**
 * @param {import('./ops.js').Desk} desk
 * @param {string} place id of an alert
 * @param {URLSearchParams} query
 */
export async function alerts(desk, place, query) {
  if (place) return one(desk, place); // drawn anew, it would lose what somebody writes there
  const view = el('div', {});
  const draw = async () => view.replaceChildren(await list(desk, query));
  listen(desk, draw);
  await draw();
  return view;
}

/**
 * Draw the list anew when an alert is raised or changes, and when the feed begins: what was raised before is
 * in the list then, and what comes after is said.
 *
 * @param {import('./ops.js').Desk} desk
 * @param {() => Promise<void>} draw
 */
function listen({ again, closing, fail }, draw) {
  const feed = new EventSource('/api/v1/alerts/feed');
  let timer = 0;
  const after = (/** @type {number} */ ms, /** @type {() => Promise<void>} */ act) => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => act().catch(fail), ms);
  };
  feed.addEventListener('alert', () => after(REDRAW_MS, draw));
  feed.addEventListener('open', () => after(REDRAW_MS, draw));
  feed.addEventListener('error', () => {
    if (feed.readyState === EventSource.CLOSED) after(AGAIN_MS, again); // else it connects again by itself
  });
  closing.addEventListener('abort', () => {
    window.clearTimeout(timer);
    feed.close();
  });
}

/** @param {import('./ops.js').Desk} desk @param {URLSearchParams} query */
async function list(desk, query) {
  const { api, words } = desk;
  const given = { state: query.get('state') ?? 'open', severity: query.get('severity') ?? '', after: query.get('after') ?? '' };
  const page = await api.get('/alerts', { ...given, limit: PAGE });
  const rows = page.alerts.map((/** @type {any} */ each) => [
    chip(words.text(`ops.severity.${each.severity}`), toneOf(each.severity)),
    el('a', { href: `#/alerts/${each.alert_id}`, text: words.text(each.message) }),
    when(each.created_at),
    each.assigned_to ?? '–',
    each.acknowledged_by ?? '–',
  ]);
  const columns = ['severity', 'alert', 'raised', 'assigned', 'acknowledged'].map((name) => words.text(`ops.column.${name}`));
  return el(
    'section',
    { class: 'card' },
    el('h1', { text: words.text('ops.alerts') }),
    filters(desk, given),
    rows.length ? table(words.text('ops.alerts'), columns, rows) : el('p', { class: 'soft', text: words.text('ops.no_alerts') }),
    page.next ? el('p', {}, el('a', { href: `#/alerts?${new URLSearchParams({ ...given, after: page.next })}`, text: words.text('ops.next_page') })) : null,
  );
}

/** @param {import('./ops.js').Desk} desk @param {{state: string, severity: string}} given */
function filters({ words }, given) {
  /** @param {string[]} values @param {string} key @returns {[string, string][]} */
  const options = (values, key) => values.map((value) => [value, words.text(`ops.${key}.${value}`)]);
  const form = el(
    'form',
    { class: 'row' },
    field(words.text('ops.column.status'), select('state', options(STATES, 'alert_state'), given.state)),
    field(words.text('ops.column.severity'), select('severity', [['', words.text('ops.any')], ...options(SEVERITIES, 'severity')], given.severity)),
  );
  form.addEventListener('change', () => {
    const data = new FormData(/** @type {HTMLFormElement} */ (form));
    window.location.hash = `#/alerts?${new URLSearchParams([...data].map(([name, value]) => [name, String(value)]))}`;
  });
  return form;
}

/** @param {import('./ops.js').Desk} desk @param {string} id */
async function one(desk, id) {
  const { api, words } = desk;
  const found = await api.get(`/alerts/${encodeURIComponent(id)}`);
  /** @type {[string, Node | string][]} */
  const entries = [
    [words.text('ops.column.raised'), when(found.created_at)],
    [words.text('ops.column.assigned'), found.assigned_to ?? '–'],
    [words.text('ops.column.acknowledged'), found.acknowledged_by ?? '–'],
  ];
  if (found.resolution) {
    entries.push([words.text('ops.column.resolved'), words.text(`resolution.${found.resolution}`)]);
    entries.push([words.text('ops.column.by'), found.resolved_by]);
    if (found.resolved_note) entries.push([words.text('ops.column.note'), found.resolved_note]);
  }
  const reasons = (found.details.reasons ?? []).map((/** @type {string} */ code) => el('li', { text: words.text(`reason.${code}`) }));
  return el(
    'section',
    { class: 'card' },
    el('p', {}, el('a', { href: '#/alerts', text: words.text('ops.back') })),
    el('div', { class: 'head' }, el('h1', { text: words.text(found.message) }), chip(words.text(`ops.severity.${found.severity}`), toneOf(found.severity))),
    facts(entries),
    reasons.length ? el('ul', {}, ...reasons) : null,
    el('p', {}, el('a', { href: `#/verifications/${found.session_id}`, text: words.text('ops.to_verification') })),
    desk.may('alerts') && !found.resolution ? await actions(desk, found) : null,
  );
}

/** @param {import('./ops.js').Desk} desk @param {any} found */
async function actions({ api, words, again, fail }, found) {
  const { name } = await api.me();
  const path = `/alerts/${found.alert_id}`;
  const take = () => api.post(`${path}/assign`, { assigned_to: name }).then(again, fail);
  const acknowledge = () => api.post(`${path}/acknowledge`, { acknowledged_by: name }).then(again, fail);
  const resolutions = /** @type {[string, string][]} */ ([['', words.text('ops.choose')], ...RESOLUTIONS.map((one) => [one, words.text(`resolution.${one}`)])]);
  const resolve = el(
    'form',
    { class: 'row' },
    field(words.text('ops.column.resolved'), select('resolution', resolutions, '', true)),
    field(words.text('ops.column.note'), el('input', { name: 'note', maxlength: 2000, autocomplete: 'off' })),
    el('button', { class: 'button', type: 'submit', text: words.text('ops.resolve') }),
  );
  onSubmit(resolve, (data) =>
    api.post(`${path}/resolve`, { resolution: data.get('resolution'), note: data.get('note') || null }).then(again, fail),
  );
  return el(
    'div',
    {},
    el(
      'p',
      { class: 'row' },
      found.assigned_to === name ? null : action('button outlined', words.text('ops.take'), take),
      found.acknowledged ? null : action('button', words.text('ops.acknowledge'), acknowledge),
    ),
    resolve,
  );
}
