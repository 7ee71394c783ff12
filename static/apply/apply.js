/** The applicant's page: link → consent → camera → live check → result, and the ways back. */

import { Catalogue } from '../sdk/i18n.js';
import { ApiError, KycApi, Pause, askPatiently, hasJoined, stopStream } from '../sdk/kyc-rtc.js';
import { adoptInvitation, readInvitation, showInvitation } from './address.js';
import { CameraStep } from './camera-step.js';
import { copyLinkOn } from './copy-link.js';
import { ConsentStep } from './consent-step.js';
import { byId, mark, showStep } from './dom.js';
import { Endings } from './endings.js';
import { LiveStep } from './live-step.js';
import { LiveView } from './live-view.js';
import { Scores } from './scores.js';

const CATALOGUE_URL = '/static/i18n/en.json';
/** A link that breaks again and again is reported, instead of starting over for ever. */
const MAX_RESTARTS = 2;
/** Whoever reads the consent for longer may find the check over, or open in another place. */
const FRESH_MS = 10_000;
/** A `cancel` and the question how the check ended go different ways to the server. */
const OUTCOME_EVERY_MS = 500;
const OUTCOME_WITHIN_MS = 3_000;

/** @typedef {import('./address.js').Invitation} Invitation */
/** @typedef {import('../sdk/api.js').SessionReport} SessionReport */

/** @type {Record<import('../sdk/api.js').Trouble, string>} what to say while the page goes on asking */
const WAITING = {
  link: 'page.waiting_link',
  busy: 'page.waiting_busy',
  storage: 'page.waiting',
  server: 'page.waiting',
  elsewhere: 'page.waiting',
};

class ApplyPage {
  #words;
  #camera;
  #consent;
  #view;
  #scores;
  #endings;
  /** @type {Invitation} */
  #invitation;
  /** @type {KycApi} */
  #api;
  /** Ends what the calls do by themselves. */
  #keeping = new AbortController();
  #restarts = 0;
  /** Whether the applicant has agreed on this page. */
  #agreed = false;
  /** Whether to go on here although the check is open in another place. */
  #takeOver = false;
  /** Id of a session that may not be taken over from here any more. */
  #barredFrom = '';
  /** When the server last said how the session stands. */
  #seenAtMs = -Infinity;
  /** @type {MediaStream | null} */
  #stream = null;

  /**
   * @param {Catalogue} words
   * @param {Invitation} invitation
   */
  constructor(words, invitation) {
    this.#words = words;
    this.#invitation = invitation;
    this.#api = new KycApi('', invitation.sessionId, '', invitation.token);
    this.#camera = new CameraStep(words);
    this.#consent = new ConsentStep(words);
    this.#view = new LiveView(words);
    this.#scores = new Scores(words);
    this.#endings = new Endings(words, this.#scores);
    copyLinkOn('live-copy', words);
    byId('agree').addEventListener('click', () => this.#agree());
    byId('decline').addEventListener('click', () => this.#endings.declined());
  }

  /** Look at the session first: a link may be used up, and that should be shown before any question. */
  async open() {
    this.#showLoading('page.loading');
    try {
      await this.#enter(await this.#report());
    } catch (error) {
      this.#showRefusal(error, () => this.open());
    }
  }

  /**
   * @param {SessionReport} report
   * @param {boolean} [mayRenew] whether an interrupted check may be followed by another without a question
   */
  async #enter(report, mayRenew = true) {
    const { state, status, can_retry: canRetry, withdrawn } = report;
    this.#endings.returnUrl = report.return_url ?? null;
    this.#seenAtMs = performance.now();
    if (!isFinal(state)) this.#api.keepFresh(this.#keeping.signal);
    if (status) this.#endings.verdict(report, () => this.#tryAgain());
    else if (state === 'interrupted' && canRetry && mayRenew) await this.#enterAgain();
    else if (isFinal(state)) this.#endings.ended({ state, canRetry, withdrawn }, () => this.#tryAgain());
    else if (await this.#isElsewhere(state)) this.#showElsewhere(false, this.#barredFrom !== this.#api.sessionId);
    else await this.#toCamera(false);
  }

  /** The link's check broke off earlier: a new one, and the applicant learns of it before consenting. */
  async #enterAgain() {
    if (!(await this.#renew())) return;
    await this.#askForConsent('consent.again');
  }

  /** @param {string} state */
  async #isElsewhere(state) {
    return state !== 'created' && !isFinal(state) && !(await hasJoined(this.#api.sessionId));
  }

  // ── the check ──

  /** @param {boolean} takeOver */
  async #toCamera(takeOver) {
    this.#takeOver = takeOver;
    if (this.#agreed) await this.#openCamera();
    else await this.#askForConsent('');
  }

  /** @param {string} note key of a sentence above the text; may be empty */
  async #askForConsent(note) {
    await this.#consent.load(this.#api, (trouble) => this.#showWaiting(trouble));
    this.#consent.setNote(note && this.#words.text(note));
    showStep('consent');
  }

  async #agree() {
    try {
      await this.#takeConsent();
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) await this.#resume();
      else this.#showRefusal(error, () => this.#resume());
    }
  }

  async #takeConsent() {
    this.#showLoading('page.loading');
    if (performance.now() - this.#seenAtMs > FRESH_MS) {
      const report = await this.#api.session().catch(() => null); // no answer: the client finds out why
      const isTaken = report !== null && !this.#takeOver && (await this.#isElsewhere(report.state));
      if (report !== null && (isTaken || isFinal(report.state))) return this.#enter(report);
    }
    const isCurrent = await this.#consent.agree(this.#api, (trouble) => this.#showWaiting(trouble));
    if (!isCurrent) return showStep('consent');
    this.#agreed = true;
    await this.#openCamera();
  }

  async #openCamera() {
    this.#stream = await this.#camera.run();
    await this.#check('');
  }

  /** @param {string} notice */
  async #check(notice) {
    const takeOver = this.#takeOver;
    this.#takeOver = false;
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
    const again = () => this.#tryAgain();
    if (kind === 'verdict') this.#endings.verdict(await this.#withReview(detail), again);
    else if (kind === 'stopped') await this.#afterStop();
    else if (kind === 'interrupted') this.#endings.ended({ state: 'interrupted', ...detail }, again);
    else if (kind === 'over') this.#endings.ended(detail, again);
    else if (kind === 'elsewhere') this.#showElsewhere(detail.replaced, detail.canTakeOver);
    else this.#endings.failure(detail, () => this.#resume());
  }

  async #startOver() {
    this.#restarts += 1;
    this.#showLoading('live.starting_over');
    if (await this.#renew()) await this.#check(this.#words.text('live.starting_over'));
  }

  async #afterStop() {
    this.#endings.stopped();
    const report = await this.#outcome();
    if (report === null) this.#endings.afterStop(() => this.#resume());
    else if (report.status || report.withdrawn) await this.#enter(report);
    else this.#endings.afterStop(report.can_retry ? () => this.#tryAgain() : null);
  }

  /** @returns {Promise<SessionReport | null>} null where it is not known in time how the check ended */
  async #outcome() {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), OUTCOME_WITHIN_MS);
    try {
      while (!late.signal.aborted) {
        const report = await this.#api.session(late.signal);
        if (isFinal(report.state)) return report;
        await new Pause().wait(OUTCOME_EVERY_MS, late.signal);
      }
    } catch {
      // Refused, or no answer: the button looks again.
    } finally {
      clearTimeout(timer);
    }
    return null;
  }

  // ── the ways back ──

  /** The button after a verdict. */
  async #tryAgain() {
    if (!(await this.#renew())) return;
    this.#restarts = 0;
    await this.#goOn(false);
  }

  /**
   * What a button leads to. The text of the consent may not come; then there is a button again.
   *
   * @param {boolean} takeOver
   */
  async #goOn(takeOver) {
    try {
      await this.#toCamera(takeOver);
    } catch (error) {
      this.#showRefusal(error, () => this.#goOn(takeOver));
    }
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
      this.#invitation = invitation;
      this.#use(new KycApi('', sessionId, token, invitation.token));
      this.#api.keepFresh(this.#keeping.signal);
      this.#seenAtMs = performance.now();
      return true;
    } catch (error) {
      this.#releaseCamera();
      if (error instanceof ApiError && error.status === 409) await this.#onConflict(error.code);
      else this.#showRefusal(error, () => this.#tryAgain());
      return false;
    }
  }

  /**
   * There is no further attempt for this one: it may have been made in another place, and may have passed.
   *
   * @param {string} code
   */
  async #onConflict(code) {
    try {
      const report = await this.#look();
      const isAnswered = !isFinal(report.state) || report.status === 'PASSED' || report.needs_review;
      if (this.#endings.isClosed(code) && !isAnswered) this.#endings.closed(code);
      else await this.#enter(report, false);
    } catch (error) {
      this.#showRefusal(error, () => this.#lookAgain());
    }
  }

  async #lookAgain() {
    try {
      await this.#enter(await this.#look());
    } catch (error) {
      this.#showRefusal(error, () => this.#lookAgain());
    }
  }

  /** After the client gave up or was asked to: the session may still stand, or be over by now. */
  async #resume() {
    try {
      const report = await this.#report();
      if (!isFinal(report.state)) await this.#toCamera(false);
      else if (report.can_retry && !report.status) await this.#tryAgain();
      else await this.#enter(report);
    } catch (error) {
      this.#showRefusal(error, () => this.#resume());
    }
  }

  /** How the latest attempt stands, for which the link is opened anew. */
  #look() {
    const { sessionId, token } = this.#invitation;
    this.#use(new KycApi('', sessionId, '', token));
    return this.#report();
  }

  /** @param {KycApi} api the calls from now on */
  #use(api) {
    this.#keeping.abort();
    this.#keeping = new AbortController();
    this.#api = api;
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

  // ── what is shown ──

  /** @param {string} title key of the sentence above */
  #showLoading(title) {
    byId('loading-title').textContent = this.#words.text(title);
    byId('loading-hint').textContent = '';
    showStep('loading');
  }

  /** @param {import('../sdk/api.js').Trouble} trouble why the answer takes longer */
  #showWaiting(trouble) {
    const sentence = this.#words.text(WAITING[trouble]);
    if (this.#endings.isShown) this.#endings.setNote(sentence);
    else byId('loading-hint').textContent = sentence;
  }

  /**
   * @param {boolean} replaced whether it was open here until now
   * @param {boolean} canTakeOver
   */
  #showElsewhere(replaced, canTakeOver) {
    if (!canTakeOver) this.#barredFrom = this.#api.sessionId;
    if (canTakeOver) this.#endings.elsewhere(replaced ? 'replaced' : 'in_use', () => this.#goOn(true));
    else this.#endings.elsewhere('elsewhere', () => this.#lookAgain());
  }

  /**
   * @param {unknown} error
   * @param {() => unknown} again
   */
  #showRefusal(error, again) {
    this.#endings.refusal(error instanceof ApiError ? error : null, again);
  }
}

/** @param {string} state */
function isFinal(state) {
  return ['passed', 'failed', 'inconclusive', 'expired', 'cancelled', 'interrupted'].includes(state);
}

/** Fill in the words, then begin. Until then boot.js says what went wrong. */
async function main() {
  if (!('RTCPeerConnection' in window)) return;
  const words = await Catalogue.load(CATALOGUE_URL);
  words.fill(document);
  document.title = words.text('page.title');
  mark(document.body, 'ready', true);
  // Another link pasted into the same tab changes only the fragment.
  window.addEventListener('hashchange', () => window.location.reload());
  // Pages that come back from the browser's cache hold a closed connection.
  window.addEventListener('pageshow', (event) => event.persisted && window.location.reload());
  const invitation = readInvitation(window.location);
  if (invitation === null) return new Endings(words, new Scores(words)).invalid(null);
  showInvitation(invitation);
  await new ApplyPage(words, invitation).open();
}

main();
