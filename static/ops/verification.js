/** One verification: what it came to and why, its attempts, evidence, connections and journal. */

import { action, card, chip, el, facts, meter, table, toneOf, when } from './ui.js';

const LIVE = ['created', 'connecting', 'checking_quality', 'challenging', 'deciding'];
/** A confidence below it: the analyser saw too little to count. */
const LEAST_CONFIDENCE = 0.3;

/**
 * @param {import('./ops.js').Desk} desk
 * @param {string} id of the verification or of one attempt
 */
export async function verification(desk, id) {
  const one = await desk.api.get('/kyc/get-session-status', { session_id: id });
  const attempt = one.attempts.find((/** @type {any} */ each) => each.attempt === one.attempt)?.session_id ?? id;
  const { events } = await desk.api.get(`/kyc/sessions/${attempt}/events`);
  return el(
    'div',
    { class: 'columns' },
    outcome(desk, one),
    reasons(desk, one),
    attempts(desk, one),
    challenges(desk, one),
    evidence(desk, one),
    connection(desk, one),
    journal(desk, events),
  );
}

/** @param {import('./ops.js').Desk} desk @param {any} one */
function outcome(desk, one) {
  const { words } = desk;
  const status = el('span', {}, chip(words.text(`ops.status.${one.status}`), toneOf(one.status)));
  if (one.needs_review) status.append(' ', chip(words.text('ops.needs_review'), 'warn'));
  /** @type {[string, Node | string][]} */
  const entries = [
    [words.text('ops.column.status'), status],
    [words.text('ops.column.state'), words.text(`ops.state.${one.state}`)],
    [words.text('ops.id'), el('span', { class: 'code', text: one.verification_id })],
    [words.text('ops.column.started'), when(one.created_at)],
    [words.text('ops.column.changed'), when(one.updated_at)],
    [words.text('ops.liveness'), score(desk, one.liveness_score)],
    [words.text('ops.deepfake'), score(desk, one.deepfake_score)],
    [words.text('ops.frames'), String(one.frames_processed)],
  ];
  if (one.consent) entries.push([words.text('ops.consent'), when(one.consent.agreed_at)]);
  for (const [name, value] of Object.entries(one.metadata)) entries.push([name, String(value)]);
  return el(
    'section',
    { class: 'card' },
    el('p', {}, el('a', { href: '#/verifications', text: words.text('ops.back') })),
    el('h1', { text: one.user_id }),
    facts(entries),
    commands(desk, one),
  );
}

/** @param {import('./ops.js').Desk} desk @param {number | null} value */
function score({ words }, value) {
  return value === null ? words.text('ops.not_judged') : meter(value, value.toFixed(2));
}

/** @param {import('./ops.js').Desk} desk @param {any} one */
function commands(desk, one) {
  if (!LIVE.includes(one.state) || !desk.may('verifications')) return null;
  const cancel = async () => {
    if (!window.confirm(desk.words.text('ops.cancel_question'))) return;
    await desk.api.post(`/kyc/sessions/${one.verification_id}/cancel`).then(desk.again, desk.fail);
  };
  return el('p', {}, action('button outlined', desk.words.text('ops.cancel'), cancel));
}

/** @param {import('./ops.js').Desk} desk @param {any} one */
function reasons({ words }, one) {
  if (!one.reasons.length) return null;
  const items = one.reasons.map((/** @type {any} */ reason) =>
    el(
      'li',
      {},
      reason.weight_text ? chip(words.text(reason.weight_text), reason.weight >= 0.5 ? 'bad' : '') : null,
      ' ',
      words.text(reason.text),
      ' ',
      el('span', { class: 'code soft', text: reason.code }),
    ),
  );
  return card(words.text('ops.reasons'), el('ul', { class: 'list' }, ...items));
}

/** @param {import('./ops.js').Desk} desk @param {any} one */
function attempts({ words }, one) {
  const rows = one.attempts.map((/** @type {any} */ each) => [
    el('a', { href: `#/verifications/${each.session_id}`, text: String(each.attempt) }),
    chip(words.text(`ops.status.${each.status}`), toneOf(each.status)),
    words.text(`ops.state.${each.state}`),
    when(each.updated_at),
  ]);
  const columns = ['attempt', 'status', 'state', 'changed'].map((name) => words.text(`ops.column.${name}`));
  return card(words.text('ops.attempts'), table(words.text('ops.attempts'), columns, rows));
}

/** @param {import('./ops.js').Desk} desk @param {any} one */
function challenges({ words }, one) {
  if (!one.challenges.length) return null;
  const rows = one.challenges.map((/** @type {any} */ each) => [
    words.text(`ops.challenge.${each.challenge_type}`, { direction: each.direction ?? '', count: each.count }),
    answer(words, each),
  ]);
  const columns = ['challenge', 'answer'].map((name) => words.text(`ops.column.${name}`));
  return card(words.text('ops.challenges'), table(words.text('ops.challenges'), columns, rows));
}

/** @param {import('../sdk/i18n.js').Catalogue} words @param {any} each */
function answer(words, each) {
  if (each.voided) return chip(words.text(`ops.voided.${each.voided}`));
  if (each.passed === null) return chip(words.text('ops.open'));
  return each.passed ? chip(words.text('ops.met'), 'good') : chip(words.text('ops.not_met'), 'bad');
}

/** @param {import('./ops.js').Desk} desk @param {any} one */
function evidence({ words }, one) {
  const analysers = one.evidence.filter((/** @type {any} */ each) => each.analyser !== 'connection');
  if (!analysers.length) return null;
  analysers.sort((/** @type {any} */ a, /** @type {any} */ b) => b.score * b.confidence - a.score * a.confidence);
  const rows = analysers.map((/** @type {any} */ each) => [
    words.text(`ops.analyser.${each.analyser}`),
    each.confidence < LEAST_CONFIDENCE ? words.text('ops.cannot_judge') : meter(each.score, each.score.toFixed(2)),
    meter(each.confidence, each.confidence.toFixed(2)),
    each.reasons.map((/** @type {string} */ code) => words.text(`reason.${code}`)).join(' ') || '–',
  ]);
  const columns = ['analyser', 'score', 'confidence', 'noticed'].map((name) => words.text(`ops.column.${name}`));
  return card(words.text('ops.evidence'), table(words.text('ops.evidence'), columns, rows));
}

/** @param {import('./ops.js').Desk} desk @param {any} one */
function connection({ words }, one) {
  const link = one.connection;
  if (!link) return null;
  const rows = link.clients.map((/** @type {any} */ each) => [
    String(each.number),
    words.text(`ops.transport.${each.transport}`),
    each.address_prefix || '–',
    each.user_agent || '–',
    when(new Date(each.joined_at_ms).toISOString()),
  ]);
  const columns = ['number', 'transport', 'network', 'program', 'since'].map((name) => words.text(`ops.column.${name}`));
  return card(
    words.text('ops.connection'),
    facts([
      [words.text('ops.reconnects'), String(link.reconnects)],
      [words.text('ops.gaps'), words.text('ops.gaps_are', { count: link.gaps, seconds: (link.longest_gap_ms / 1000).toFixed(1) })],
    ]),
    table(words.text('ops.connection'), columns, rows),
  );
}

/** @param {import('./ops.js').Desk} desk @param {any[]} events */
function journal({ words }, events) {
  const items = events.map((event) =>
    el('li', {}, when(event.at, true), el('span', {}, entry(words, event), ' ', el('span', { class: 'soft', text: words.text(`ops.actor.${event.actor}`) }))),
  );
  return card(words.text('ops.journal'), el('ol', { class: 'timeline' }, ...items));
}

/** A journal entry in words. @param {import('../sdk/i18n.js').Catalogue} words @param {any} event */
function entry(words, { type, payload }) {
  switch (type) {
    case 'state':
      return words.text('ops.entry.state', { state: words.text(`ops.state.${payload.state}`) });
    case 'challenge':
      return words.text('ops.entry.challenge', { challenge: words.text(payload.instruction, { count: payload.count }) });
    case 'challenge_voided':
      return words.text('ops.entry.voided', { why: words.text(`ops.voided.${payload.reason}`) });
    case 'challenge_result':
      return words.text(payload.passed ? 'ops.entry.met' : 'ops.entry.not_met');
    case 'verdict':
      return words.text('ops.entry.verdict', { status: words.text(`ops.status.${payload.status}`) });
    case 'alert':
      return words.text('ops.entry.alert', { alert: words.text(`alert.${payload.alert_type}`) });
    case 'peer':
      return words.text('ops.entry.peer');
    default:
      return type;
  }
}
