/** How a session ended, from its report. Pure. */

const VERDICT_STATES = new Set(['passed', 'failed', 'inconclusive']);

/**
 * @param {import('./api.js').SessionReport} report
 * @returns {{type: 'verdict' | 'interrupted' | 'over', detail: object} | null} the client's event; null where
 *   the session goes on
 */
export function endingOf(report) {
  const { state, can_retry: canRetry, withdrawn = false } = report;
  if (VERDICT_STATES.has(state)) return { type: 'verdict', detail: { type: 'verdict', ...report } };
  if (state === 'interrupted') return { type: 'interrupted', detail: { canRetry } };
  if (state === 'expired' || state === 'cancelled') return { type: 'over', detail: { state, canRetry, withdrawn } };
  return null;
}
