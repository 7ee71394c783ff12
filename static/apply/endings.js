/** What the page says when a check has ended, or cannot begin, and which way on it offers. */

import { byId, showStep } from './dom.js';
import { ResultStep } from './result-step.js';

/** @typedef {import('./result-step.js').Result} Result */
/** @typedef {() => unknown} Way what a button does */

/** @type {Record<string, Pick<Result, 'name' | 'tone'>>} by the verdict's status */
const VERDICTS = {
  PASSED: { name: 'passed', tone: 'good' },
  FAILED: { name: 'failed', tone: 'bad' },
  INCONCLUSIVE: { name: 'inconclusive', tone: 'warn' },
};

/** The reason that a failed check's own sentence says already. */
const UNSAID = 'not_verified';

/** Why there is no further attempt, by the code of a 409. */
const CLOSED = new Map([['attempts_spent', 'spent'], ['verification_expired', 'expired'], ['withdrawn', 'withdrawn']]);

/** @type {Record<string, string>} what is said of a link that the server does not take, by the error's code */
const DEAD_LINKS = { link_expired: 'expired', link_replaced: 'link_replaced' };

/** @type {Record<import('../sdk/api.js').Trouble, string>} the result when asking again did not help */
const REFUSALS = { link: 'offline', busy: 'busy', storage: 'server', server: 'server', elsewhere: 'refused' };

/** @type {Record<string, string>} what is said where no media gets through, by the reason */
const OBSTACLES = {
  candidates_refused: 'unreachable',
  no_way: 'unreachable',
  relay_refused: 'relay_refused',
  relay_unreachable: 'relay_unreachable',
};

export class Endings {
  #result;
  #scores;
  /** @type {string | null} where the institution wants the applicant to go afterwards */
  returnUrl = null;

  /**
   * @param {import('../sdk/i18n.js').Catalogue} words
   * @param {import('./scores.js').Scores} scores
   */
  constructor(words, scores) {
    this.#result = new ResultStep(words);
    this.#scores = scores;
  }

  /** @param {string} text what goes on; empty to hide */
  setNote(text) {
    this.#result.setNote(text);
  }

  /**
   * @param {Record<string, any>} verdict
   * @param {Way} again
   */
  verdict({ needs_review: needsReview, ...verdict }, again) {
    // A person decides. What the check saw is for them, and says nothing yet.
    if (verdict.status !== 'INCONCLUSIVE' || !needsReview) return this.#decision(verdict, again);
    this.#show({ name: 'review', tone: 'neutral', action: verdict.can_retry ? { ...tryAgain(again), isAside: true } : null });
  }

  /**
   * @param {Record<string, any>} verdict
   * @param {Way} again
   */
  #decision({ status, reasons, can_retry: canRetry, withdrawn = false, ...scores }, again) {
    const { liveness_score: liveness, deepfake_score: deepfake } = scores;
    const passed = status === 'PASSED';
    // That it was not confirmed is said above the reasons.
    const shown = status === 'FAILED' ? reasons.filter((/** @type {{code: string}} */ { code }) => code !== UNSAID) : reasons;
    const exposed = liveness !== undefined || deepfake !== undefined;
    this.#show({
      ...(VERDICTS[status] ?? VERDICTS.INCONCLUSIVE),
      reasons: shown,
      tips: !passed && canRetry,
      attemptsSpent: !passed && !canRetry && !withdrawn,
      scores: exposed ? { liveness: this.#scores.format(liveness), deepfake: this.#scores.format(deepfake) } : null,
      action: passed || !canRetry ? null : tryAgain(again),
    });
  }

  /**
   * @param {{state: string, canRetry: boolean, withdrawn?: boolean}} end `expired`, `cancelled` or `interrupted`
   * @param {Way} again
   */
  ended({ state, canRetry, withdrawn = false }, again) {
    if (withdrawn) return this.closed('withdrawn');
    this.#show({
      // What the server broke off is not counted as a try.
      name: state === 'interrupted' && !canRetry ? 'interrupted_over' : state,
      tone: state === 'cancelled' ? 'neutral' : 'warn',
      attemptsSpent: !canRetry && state === 'cancelled',
      action: canRetry ? tryAgain(again) : null,
    });
  }

  /** The applicant stopped the check; whether there may be another is not known yet. */
  stopped() {
    this.#show({ name: 'cancelled', tone: 'neutral' });
  }

  /**
   * What `stopped` left open.
   *
   * @param {Way | null} again null where no tries are left
   */
  afterStop(again) {
    if (again === null) this.#result.setAttemptsSpent();
    else this.#result.setAction(tryAgain(again));
  }

  /**
   * The check is open in another place. The page stays quiet until its button is pressed.
   *
   * @param {'in_use' | 'replaced' | 'elsewhere'} name
   * @param {Way} on goes on here; where that is not possible, looks whether it still is so
   */
  elsewhere(name, on) {
    const label = name === 'elsewhere' ? 'result.look_again' : 'result.continue_here';
    this.#show({ name, tone: 'neutral', action: { label, run: on } });
  }

  /** @param {string} code of a 409 */
  isClosed(code) {
    return CLOSED.has(code);
  }

  /** @param {string} code one that `isClosed` takes */
  closed(code) {
    this.#show({ name: /** @type {string} */ (CLOSED.get(code)), tone: 'warn' });
  }

  declined() {
    const back = { label: 'result.back', run: () => showStep('consent') };
    this.#show({ name: 'declined', tone: 'neutral', action: back });
  }

  /**
   * The client gave up.
   *
   * @param {{code: string, status: number, reason: string | null}} failure
   * @param {Way} again
   */
  failure({ code, status, reason }, again) {
    if (code === 'refused' && isDeadLink(status)) return this.invalid(reason);
    const known = ['link_lost', 'busy', 'server'].includes(code) ? code : 'refused';
    this.#show({ name: OBSTACLES[reason ?? ''] ?? known, tone: 'warn', action: tryAgain(again) });
  }

  /**
   * A call did not succeed.
   *
   * @param {{status: number, code: string, trouble: import('../sdk/api.js').Trouble | null} | null} error null
   *   where there was no answer
   * @param {Way} again
   */
  refusal(error, again) {
    if (error && isDeadLink(error.status)) return this.invalid(error.code);
    const name = REFUSALS[error ? (error.trouble ?? 'elsewhere') : 'link'];
    this.#show({ name, tone: 'warn', action: tryAgain(again) });
  }

  /** @param {string | null} code of the error */
  invalid(code) {
    this.#show({ name: DEAD_LINKS[code ?? ''] ?? 'invalid', tone: 'warn' });
  }

  /** Whether a result is on the screen. */
  get isShown() {
    return !byId('result').hidden;
  }

  /** @param {Result} result */
  #show(result) {
    this.#result.show({ returnUrl: this.returnUrl, ...result });
  }
}

/**
 * @param {Way} run
 * @returns {{label: string, run: Way}}
 */
function tryAgain(run) {
  return { label: 'result.try_again', run };
}

/** @param {number} status */
function isDeadLink(status) {
  return [401, 403, 404, 410].includes(status);
}
