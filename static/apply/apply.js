/** The applicant's page: link → consent → camera → live check → result, and the ways back. */

import { Catalogue } from '../sdk/i18n.js';
import { ApiError, KycApi, askPatiently, stopStream } from '../sdk/kyc-rtc.js';
import { adoptInvitation, readInvitation } from './address.js';
import { CameraStep } from './camera-step.js';
import { byId, showStep } from './dom.js';
import { LiveStep } from './live-step.js';
import { LiveView } from './live-view.js';
import { ResultStep } from './result-step.js';
import { Scores } from './scores.js';

const CATALOGUE_URL = '/static/i18n/en.json';
/** A link that breaks again and again is told, instead of starting over for ever. */
const MAX_RESTARTS = 2;

/** @typedef {import('./address.js').Invitation} Invitation */
/** @typedef {import('./result-step.js').Result} Result */

/** @type {Record<string, Pick<Result, 'name' | 'tone' | 'tips'>>} by the verdict's status */
const VERDICTS = {
  PASSED: { name: 'passed', tone: 'good' },
  FAILED: { name: 'failed', tone: 'bad', tips: true },
  INCONCLUSIVE: { name: 'inconclusive', tone: 'warn', tips: true },
};

/** @type {Record<import('../sdk/api.js').Trouble, string>} what to say while the page goes on asking */
const WAITING = {
  link: 'page.waiting_link',
  busy: 'live.busy_hint',
  storage: 'hint.storage_waiting',
  server: 'page.waiting',
  elsewhere: 'page.waiting',
};

/** @type {Record<string, string>} what is said of a link that the server does not take, by the error's code */
const DEAD_LINKS = { link_expired: 'expired', link_replaced: 'link_replaced' };

/** @type {Record<import('../sdk/api.js').Trouble, string>} the result when asking again did not help */
const REFUSALS = { link: 'offline', busy: 'busy', storage: 'server', server: 'server', elsewhere: 'refused' };

class ApplyPage {
  #words;
  #camera;
  #view;
  #scores;
  #result;
  /** @type {KycApi} */
  #api;
  /** Ends what the calls do by themselves. */
  #keeping = new AbortController();
  #restarts = 0;
  /** @type {string | null} where the institution wants the applicant to go afterwards */
  #returnUrl = null;
  /** @type {MediaStream | null} */
  #stream = null;

  /**
   * @param {Catalogue} words
   * @param {Invitation} invitation
   */
  constructor(words, invitation) {
    this.#words = words;
    this.#api = new KycApi('', invitation.sessionId, '', invitation.token);
    this.#camera = new CameraStep(words);
    this.#view = new LiveView(words);
    this.#scores = new Scores(words);
    this.#result = new ResultStep(words);
    byId('agree').addEventListener('click', () => this.#openCamera());
    byId('decline').addEventListener('click', () => this.#showDeclined());
  }

  /** Look at the session first: a link may be used up, and that should be told before any question. */
  async open() {
    this.#showLoading('page.loading');
    try {
      this.#enter(await this.#report());
    } catch (error) {
      this.#showRefusal(error);
    }
  }

  /** @param {import('../sdk/api.js').SessionReport} report */
  async #enter(report) {
    const { state, status, can_retry: canRetry, withdrawn } = report;
    this.#returnUrl = report.return_url ?? null;
    if (!isFinal(state)) this.#api.keepFresh(this.#keeping.signal);
    if (status) this.#showVerdict(report);
    else if (state === 'interrupted' && canRetry) await this.#enterAgain();
    else if (state === 'interrupted') this.#showEnd('interrupted', false);
    else if (withdrawn) this.#showEnd('withdrawn', false);
    else if (state === 'expired' || state === 'cancelled') this.#showEnd(state, canRetry);
    else showStep('consent');
  }

  /** The link's check broke off earlier: a new one, and the applicant is told before consenting. */
  async #enterAgain() {
    if (!(await this.#renew())) return;
    byId('consent-again').hidden = false;
    showStep('consent');
  }

  /** @param {boolean} [takeOver] */
  async #openCamera(takeOver = false) {
    this.#stream = await this.#camera.run();
    await this.#check('', takeOver);
  }

  /**
   * @param {string} notice
   * @param {boolean} [takeOver] go on here although another device is connected
   */
  async #check(notice, takeOver = false) {
    this.#scores.reset();
    showStep('live');
    const live = new LiveStep({
      words: this.#words,
      view: this.#view,
      scores: this.#scores,
      api: this.#api,
      takeOver,
      stream: this.#stream,
    });
    const { kind, detail, stream } = await live.run(notice);
    this.#stream = stream;
    if (kind === 'interrupted' && detail.canRetry && this.#restarts < MAX_RESTARTS) return this.#startOver();
    this.#releaseCamera();
    if (kind === 'verdict') this.#showVerdict(await this.#withReview(detail));
    else if (kind === 'stopped') this.#showEnd('cancelled', true, () => this.#resume());
    else if (kind === 'interrupted') this.#showEnd('interrupted', detail.canRetry);
    else if (kind === 'over') this.#showEnd(detail.withdrawn ? 'withdrawn' : detail.state, detail.canRetry);
    else if (kind === 'elsewhere') this.#showElsewhere(detail);
    else this.#showFatal(detail);
  }

  async #startOver() {
    this.#restarts += 1;
    this.#showLoading('live.starting_over');
    if (await this.#renew()) await this.#check(this.#words.text('live.starting_over'));
  }

  /** The button after a verdict. */
  async #tryAgain() {
    if (!(await this.#renew())) return;
    this.#restarts = 0;
    await this.#openCamera();
  }

  /**
   * Get a new session for the same applicant and take its link over.
   *
   * @returns {Promise<boolean>} false where another page or a result is shown instead
   */
  async #renew() {
    try {
      const { session_id: sessionId, client_token: token, join_url: joinUrl } = await askPatiently(
        () => this.#api.retry(),
        (trouble) => this.#showWaiting(trouble),
      );
      const invitation = adoptInvitation(joinUrl);
      if (invitation === null) return false;
      this.#keeping.abort();
      this.#keeping = new AbortController();
      this.#api = new KycApi('', sessionId, token, invitation.token);
      this.#api.keepFresh(this.#keeping.signal);
      return true;
    } catch (error) {
      this.#releaseCamera();
      if (error instanceof ApiError && error.status === 409) this.#showSpent();
      else this.#showRefusal(error, () => this.#tryAgain());
      return false;
    }
  }

  #releaseCamera() {
    stopStream(this.#stream);
    this.#stream = null;
  }

  /** How the session stands; a server that is away for a minute is waited for. */
  #report() {
    return askPatiently(
      () => this.#api.session(),
      (trouble) => this.#showWaiting(trouble),
    );
  }

  /**
   * Only the report says whether a person looks at a check that was left open.
   *
   * @param {Record<string, any>} verdict
   * @returns {Promise<Record<string, any>>}
   */
  async #withReview(verdict) {
    if (verdict.status !== 'INCONCLUSIVE' || verdict.needs_review !== undefined) return verdict;
    const report = await this.#api.session().catch(() => null);
    return { ...verdict, needs_review: report?.needs_review ?? false };
  }

  // ── waiting ──

  /** @param {string} title key of the sentence above */
  #showLoading(title) {
    byId('loading-title').textContent = this.#words.text(title);
    byId('loading-hint').textContent = '';
    showStep('loading');
  }

  /** @param {import('../sdk/api.js').Trouble} trouble why the answer takes longer */
  #showWaiting(trouble) {
    const sentence = this.#words.text(WAITING[trouble]);
    if (document.body.dataset.step === 'result') this.#result.setNote(sentence);
    else byId('loading-hint').textContent = sentence;
  }

  // ── endings ──

  /** @param {Record<string, any>} verdict */
  #showVerdict({ needs_review: needsReview, ...verdict }) {
    if (verdict.status === 'INCONCLUSIVE' && needsReview) this.#showReview(verdict.can_retry);
    else this.#showDecision(verdict);
  }

  /**
   * A person decides. What the check saw is for them, and says nothing yet.
   *
   * @param {boolean} canRetry
   */
  #showReview(canRetry) {
    this.#result.show({
      returnUrl: this.#returnUrl,
      name: 'review',
      tone: 'neutral',
      action: canRetry ? { label: 'result.try_again', run: () => this.#tryAgain() } : null,
    });
  }

  /** @param {Record<string, any>} verdict */
  #showDecision({ status, reasons, can_retry: canRetry, withdrawn = false, ...scores }) {
    const { liveness_score: liveness, deepfake_score: deepfake } = scores;
    const verdict = VERDICTS[status] ?? VERDICTS.INCONCLUSIVE;
    const passed = status === 'PASSED';
    const exposed = liveness !== undefined || deepfake !== undefined;
    this.#result.show({
      returnUrl: this.#returnUrl,
      ...verdict,
      reasons,
      tips: !passed && canRetry,
      attemptsSpent: !passed && !canRetry && !withdrawn,
      scores: exposed ? { liveness: this.#scores.format(liveness), deepfake: this.#scores.format(deepfake) } : null,
      action: passed || !canRetry ? null : { label: 'result.try_again', run: () => this.#tryAgain() },
    });
  }

  /**
   * @param {'expired' | 'cancelled' | 'interrupted' | 'withdrawn'} state
   * @param {boolean} canRetry
   * @param {() => unknown} [again]
   */
  #showEnd(state, canRetry, again = () => this.#tryAgain()) {
    this.#result.show({
      returnUrl: this.#returnUrl,
      name: state,
      tone: state === 'cancelled' ? 'neutral' : 'warn',
      attemptsSpent: !canRetry && (state === 'cancelled' || state === 'interrupted'),
      action: canRetry ? { label: 'result.try_again', run: again } : null,
    });
  }

  /**
   * Another device has the check. This page stays quiet until its button is pressed.
   *
   * @param {{replaced: boolean, canTakeOver: boolean}} elsewhere
   */
  #showElsewhere({ replaced, canTakeOver }) {
    const choice = replaced ? 'replaced' : 'in_use';
    this.#result.show({
      name: canTakeOver ? choice : 'elsewhere',
      tone: 'neutral',
      action: canTakeOver ? { label: 'result.continue_here', run: () => this.#openCamera(true) } : null,
    });
  }

  #showSpent() {
    this.#result.show({ name: 'spent', tone: 'warn', returnUrl: this.#returnUrl });
  }

  #showDeclined() {
    this.#result.show({
      returnUrl: this.#returnUrl,
      name: 'declined',
      tone: 'neutral',
      action: { label: 'result.back', run: () => showStep('consent') },
    });
  }

  /** @param {{code: string, status: number, reason: string | null}} failure */
  #showFatal({ code, status, reason }) {
    if (code === 'refused' && isDeadLink(status)) return this.#showInvalid(reason);
    const known = ['link_lost', 'busy', 'server'].includes(code) ? code : 'refused';
    const name = reason === 'candidates_refused' ? 'unreachable' : known;
    this.#result.show({
      name,
      tone: 'warn',
      action: { label: 'result.try_again', run: () => this.#resume() },
    });
  }

  /** After the client gave up or was told to: the session may still stand, or be over by now. */
  async #resume() {
    try {
      const report = await this.#report();
      if (!isFinal(report.state)) await this.#openCamera();
      else if (report.can_retry && !report.status) await this.#tryAgain();
      else await this.#enter(report);
    } catch (error) {
      this.#showRefusal(error, () => this.#resume());
    }
  }

  /**
   * @param {unknown} error
   * @param {() => unknown} [retry]
   */
  #showRefusal(error, retry = () => this.open()) {
    if (error instanceof ApiError && isDeadLink(error.status)) return this.#showInvalid(error.code);
    const name = REFUSALS[error instanceof ApiError ? (error.trouble ?? 'elsewhere') : 'link'];
    this.#result.show({ name, tone: 'warn', action: { label: 'result.try_again', run: retry } });
  }

  /** @param {string | null} code of the error */
  #showInvalid(code) {
    this.#result.show({ name: DEAD_LINKS[code ?? ''] ?? 'invalid', tone: 'warn' });
  }
}

/** @param {number} status */
function isDeadLink(status) {
  return [401, 403, 404, 410].includes(status);
}

/** @param {string} state */
function isFinal(state) {
  return ['passed', 'failed', 'inconclusive', 'expired', 'cancelled', 'interrupted'].includes(state);
}

/** Fill in the words, then begin. */
async function main() {
  const words = await Catalogue.load(CATALOGUE_URL);
  words.fill(document);
  document.title = words.text('page.title');
  const invitation = readInvitation(window.location);
  if (invitation === null) new ResultStep(words).show({ name: 'invalid', tone: 'warn' });
  else await new ApplyPage(words, invitation).open();
  // Another link pasted into the same tab changes only the fragment.
  window.addEventListener('hashchange', () => window.location.reload());
  // Pages that come back from the browser's cache hold a closed connection.
  window.addEventListener('pageshow', (event) => event.persisted && window.location.reload());
}

main();
