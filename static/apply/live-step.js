/** The live step: follows one client's events and tells the view what to show. */

import { KycClient, openCamera } from '../sdk/kyc-rtc.js';
import { isJournalled } from '../sdk/messages.js';
import { retryCameraOn } from './camera-retry.js';
import { Countdown } from './countdown.js';
import { buzz, keepAwake } from './device.js';
import { byId } from './dom.js';
import { LiveHealth } from './live-health.js';
import { headingOf, lastHintOf, promptOf, urgentHintOf } from './live-prompt.js';
import { Refusal } from './refusal.js';
import { StopQuestion } from './stop-question.js';

/** How long a message about the last action goes before what the picture lacks. */
const RESULT_HINT_MS = 3_000;
/** A void is shown for so long with the next challenge, which may come at once. */
const VOID_HINT_MS = 1_500;

/** @typedef {import('../sdk/messages.js').Message} Message */
/** @typedef {import('../sdk/i18n.js').Catalogue} Catalogue */

/**
 * How a check ended.
 *
 * @typedef {{kind: 'verdict' | 'interrupted' | 'over' | 'elsewhere' | 'fatal' | 'stopped', detail: any, stream: MediaStream | null}} Ending
 */

export class LiveStep {
  #words;
  #view;
  #scores;
  /** @type {KycClient} */
  #client;
  #done = new AbortController();
  /** @type {(ending: Ending) => void} */
  #end = () => undefined;
  /** @type {Message | null} */
  #challenge = null;
  /** Id of the last challenge that has no outcome yet; it may come after a reconnect. */
  #awaitedId = '';
  #progress = 0;
  /** Key of what the open challenge still lacks, or empty. */
  #shortfall = '';
  #countdown = new Countdown((time) => this.#onTime(time));
  /** What stands there between two challenges. @type {import('./live-view.js').Prompt & {hint: string}} */
  #between;
  #state = 'connecting';
  /** @type {{code: string, hint: string} | null} */
  #issue = null;
  /** @type {LiveHealth} */
  #health;
  #hasLeftOver = false;
  #counted = 0;
  #total = 0;
  /** @type {{text: string, tone: import('./live-view.js').HintTone, untilMs: number}} */
  #resultHint = { text: '', tone: 'warn', untilMs: 0 };
  #refusal = new Refusal(() => this.#onRefusalTick());

  /**
   * @param {object} options
   * @param {Catalogue} options.words
   * @param {import('./live-view.js').LiveView} options.view
   * @param {import('./scores.js').Scores} options.scores
   * @param {import('../sdk/api.js').KycApi} options.api
   * @param {boolean} options.takeOver
   * @param {MediaStream | null} options.stream
   */
  constructor({ words, view, scores, api, takeOver, stream }) {
    this.#words = words;
    this.#view = view;
    this.#scores = scores;
    this.#client = new KycClient({ api, takeOver, stream, getStream: openCamera });
    const onChange = () => this.#done.signal.aborted || this.#showState();
    this.#health = new LiveHealth({ view, client: this.#client, onChange, signal: this.#done.signal });
    this.#between = { icon: 'look', text: words.text('live.ready'), hint: '' };
  }

  /**
   * Run the check.
   *
   * @param {string} notice a sentence to show until the first action; may be empty
   * @returns {Promise<Ending>} the camera in it is still running
   */
  async run(notice) {
    const ended = new Promise((resolve) => (this.#end = resolve));
    this.#view.reset();
    this.#view.setNotice(notice);
    this.#view.showPreview(this.#client.stream);
    this.#showState();
    this.#listen();
    keepAwake(this.#done.signal);
    this.#client.start().catch((error) => {
      console.error(error);
      this.#end({ kind: 'fatal', detail: { code: 'failed', status: 0 }, stream: null });
    });
    const ending = await ended;
    this.#close();
    return { ...ending, stream: this.#client.stream };
  }

  #close() {
    this.#done.abort();
    this.#refusal.end();
    this.#countdown.stop();
    this.#client.close({ keepCamera: true });
    this.#view.setLink(null);
    this.#view.showPreview(null);
  }

  #listen() {
    const { signal } = this.#done;
    /** @type {Record<string, (detail: any) => void>} */
    const handlers = {
      hello: (hello) => this.#onHello(hello),
      state: ({ state }) => this.#onState(state),
      quality: (quality) => this.#onQuality(quality),
      challenge: (challenge) => this.#onChallenge(challenge),
      challenge_progress: (progress) => this.#onProgress(progress),
      challenge_voided: (voided) => this.#onVoided(voided),
      challenge_result: (result) => this.#onResult(result),
      notice: ({ code, hint }) => this.#health.setNotice(code, hint),
      frame: (frame) => this.#scores.add(frame),
      link: ({ state, reason }) => this.#onLink(state, reason),
      busy: ({ retryInMs }) => this.#onRefusal('busy', retryInMs),
      waiting: ({ retryInMs }) => this.#onRefusal('waiting', retryInMs),
      camera: (camera) => this.#onCamera(camera),
      error: ({ hint }) => hint && this.#showResultHint(this.#words.text(hint)),
    };
    for (const [type, handle] of Object.entries(handlers)) {
      const take = (/** @type {Event} */ event) => {
        const { detail } = /** @type {CustomEvent} */ (event);
        if (isJournalled(detail)) this.#health.notice = ''; // what is published was stored
        if (detail.t_ms !== undefined) this.#health.heard();
        handle(detail);
      };
      this.#client.addEventListener(type, take, { signal });
    }
    for (const kind of /** @type {const} */ (['verdict', 'interrupted', 'over', 'elsewhere', 'fatal'])) {
      this.#client.addEventListener(
        kind,
        (event) => this.#end({ kind, detail: /** @type {CustomEvent} */ (event).detail, stream: null }),
        { signal },
      );
    }
    new StopQuestion(() => this.#stop(), () => this.#health.link !== 'connecting', signal);
    retryCameraOn('live-camera-retry', this.#words, () => this.#client.restoreCamera(), signal);
    byId('cannot').addEventListener('click', (tap) => this.#view.takesCannot(tap) && this.#sayCannot(), { signal });
    window.addEventListener('pagehide', () => this.#client.close(), { signal });
  }

  async #stop() {
    await this.#client.cancel();
    this.#end({ kind: 'stopped', detail: null, stream: null });
  }

  /** @param {{state: string, expose_scores?: boolean}} hello */
  #onHello({ state, expose_scores: exposeScores }) {
    this.#refusal.end();
    this.#view.setSeconds('');
    this.#health.greeted();
    // A new peer voids what was asked of the old one; how it ended comes in a moment.
    if (this.#challenge) this.#awaitNext({ icon: 'look', text: this.#words.text('live.go_on'), hint: '' });
    if (exposeScores) this.#scores.show();
    this.#onState(state);
  }

  /** @param {string} state */
  #onState(state) {
    this.#state = state;
    if (state !== 'challenging') this.#forgetChallenge();
    this.#showState();
  }

  /** @param {{ok: boolean, issues: {code: string, hint: string}[]}} quality */
  #onQuality({ ok, issues }) {
    this.#issue = ok ? null : (issues?.[0] ?? null);
    this.#showState();
  }

  /** @param {Message} challenge */
  #onChallenge(challenge) {
    this.#state = 'challenging';
    this.#challenge = challenge;
    this.#awaitedId = challenge.challenge_id;
    this.#hasLeftOver = false;
    this.#counted = 0;
    this.#view.setNotice('');
    this.#health.asked();
    if (this.#resultHint.tone === 'warn') this.#resultHint.untilMs = 0; // it was about the last try
    if (this.#total > 0 && challenge.total > this.#total) this.#showResultHint(this.#words.text('live.one_more'), 'calm');
    this.#total = challenge.total;
    this.#setProgress(0);
    this.#view.setDone('');
    const leftMs = challenge.deadline_t_ms - challenge.t_ms;
    this.#countdown.start(challenge.time_limit_ms, leftMs > 0 ? leftMs : challenge.time_limit_ms);
    this.#showState();
  }

  /** @param {Message} progress */
  #onProgress(progress) {
    const challenge = this.#challenge;
    if (challenge === null || progress.challenge_id !== challenge.challenge_id) return;
    this.#setProgress(progress.progress);
    this.#shortfall = progress.hint ?? '';
    this.#countdown.hear(progress.remaining_ms);
    if (this.#health.notice) this.#showState(); // with the action done, only the wait is left to tell
    else this.#showHint();
    const { count } = challenge;
    const done = Math.min(progress.count_done ?? 0, count ?? 1);
    if (done < this.#counted) this.#showResultHint(this.#words.text(`live.count_again.${challenge.challenge_type}`));
    this.#counted = done;
    this.#view.setDone(count > 1 ? this.#words.text('live.done_of', { done, count }) : '');
  }

  #sayCannot() {
    const challenge = this.#challenge;
    if (challenge === null || !this.#client.cannot(challenge.challenge_id)) return;
    this.#awaitNext({ icon: 'look', text: this.#words.text('live.checking'), hint: '' });
    const goesOn = challenge.can_exclude !== false;
    this.#showResultHint(this.#words.text(goesOn ? 'live.cannot_said' : 'live.cannot_ends'), 'calm');
  }

  /** @param {Message} result */
  #onResult(result) {
    if (this.#awaitedId !== result.challenge_id) return;
    this.#awaitedId = '';
    this.#hasLeftOver = !result.passed;
    if (result.passed) {
      this.#awaitNext({ icon: 'passed', text: this.#words.text('live.passed'), tone: 'good', hint: '' });
      buzz();
      this.#view.setProgress(1);
      this.#view.flash('pass');
    } else if (result.will_retry) {
      this.#awaitNext({ icon: 'again', text: this.#words.text('live.retry'), tone: 'warn', hint: '' });
      this.#view.flash('again');
    } else {
      this.#awaitNext({ icon: 'look', text: this.#words.text('live.go_on'), hint: '' });
    }
    this.#showResultHint(!result.passed && result.hint ? this.#words.text(result.hint) : '');
  }

  /**
   * The challenge does not count any more, and nobody is to blame: no red, no buzz, and no old prompt.
   *
   * @param {Message} voided
   */
  #onVoided(voided) {
    if (this.#awaitedId !== voided.challenge_id) return;
    this.#awaitedId = '';
    const hint = voided.will_redraw && voided.hint ? this.#words.text(voided.hint) : '';
    if (!voided.will_redraw) this.#state = 'deciding';
    this.#awaitNext({ icon: 'look', text: this.#words.text('live.checking'), hint });
    this.#showResultHint(hint, 'calm', VOID_HINT_MS);
  }

  /**
   * Take the open challenge away, if there is one.
   *
   * @param {import('./live-view.js').Prompt & {hint: string}} between stands there until the next
   */
  #awaitNext(between) {
    this.#between = between;
    this.#forgetChallenge();
    this.#showState();
  }

  #forgetChallenge() {
    this.#challenge = null;
    this.#shortfall = '';
    this.#countdown.stop();
    this.#setProgress(0);
    this.#view.setTime(null);
    this.#view.setDone('');
  }

  /** @param {number} progress 0..1 */
  #setProgress(progress) {
    this.#progress = progress;
    this.#view.setProgress(progress);
  }

  /** @param {{remainingMs: number, limitMs: number}} time of the open challenge */
  #onTime(time) {
    if (this.#health.isHeldUp && !this.#isAsked()) this.#showState();
    else this.#view.setTime(time);
  }

  /**
   * @param {import('../sdk/link.js').LinkState} state
   * @param {string} reason
   */
  #onLink(state, reason) {
    this.#view.setLink(state);
    this.#view.setDim(state === 'down');
    this.#health.setLink(state, reason);
  }

  /**
   * @param {import('./refusal.js').RefusalKind} kind
   * @param {number} retryInMs
   */
  #onRefusal(kind, retryInMs) {
    this.#forgetChallenge(); // whoever stands outside has nothing to answer any more
    this.#refusal.begin(kind, retryInMs);
  }

  #onRefusalTick() {
    const { kind, seconds } = this.#refusal;
    this.#view.setSeconds(kind === 'busy' && seconds > 0 ? this.#words.text('live.next_try', { seconds }) : '');
    this.#showState();
  }

  /** @param {{state: string, stream: MediaStream | null, code: string | null}} camera */
  #onCamera({ state, stream, code }) {
    if (state === 'live') {
      this.#view.showPreview(stream);
      this.#health.cameraChanged();
      this.#view.hideTrouble();
      this.#showResultHint(this.#words.text('live.camera_back'), 'calm');
    } else {
      this.#view.showTrouble(code ?? 'failed');
    }
  }

  /** @returns {import('./live-prompt.js').Situation} */
  #situation() {
    const phase = this.#challenge !== null ? 'asked' : 'deciding';
    const expectsWord = this.#challenge !== null || this.#state === 'deciding';
    return {
      refusal: this.#refusal.kind,
      ...this.#health.facts,
      isSlow: expectsWord && this.#health.isSlow(phase),
      state: this.#state,
      isAsked: this.#isAsked(),
      isOpen: this.#challenge !== null,
      hasBegun: this.#total > 0,
      hasLeftOver: this.#hasLeftOver,
      shortfall: this.#shortfall,
      issue: this.#issue,
    };
  }

  /** The prompt that belongs to the present state. */
  #showState() {
    const now = this.#situation();
    const heading = headingOf(now, (key) => this.#words.has(key));
    const isOpen = heading === null && this.#challenge !== null;
    this.#view.setDirection(isOpen ? (this.#challenge?.direction ?? null) : null);
    this.#view.setIssue(heading?.icon === 'problem' ? (this.#issue?.code ?? null) : null);
    this.#view.setCannot(isOpen);
    if (heading && now.isOpen && !now.isAsked) this.#clearProgress();
    if (heading) this.#view.setPrompt({ ...heading, text: this.#words.text(heading.key) });
    else if (this.#challenge) this.#view.setPrompt(promptOf(this.#challenge, this.#words));
    else this.#view.setPrompt(this.#between);
    this.#showHint();
  }

  #clearProgress() {
    this.#view.setProgress(0);
    this.#view.setTime(null);
    this.#view.setDone('');
  }

  /** Whether something is left to do: what was asked is neither done nor out of time. */
  #isAsked() {
    return this.#challenge !== null && this.#progress < 1 && this.#countdown.remainingMs > 0;
  }

  /** One hint at a time: what keeps the check from going on, the last action, then the rest. */
  #showHint() {
    const now = this.#situation();
    const urgent = urgentHintOf(now);
    const recent = this.#resultHint;
    if (urgent === null && recent.text && performance.now() < recent.untilMs) {
      return this.#view.setHint(recent.text, recent.tone);
    }
    const hint = urgent ?? lastHintOf(now);
    const isBetween = this.#state === 'challenging' && !this.#challenge;
    if (hint) this.#view.setHint(this.#words.text(hint.key), hint.tone);
    else this.#view.setHint(isBetween ? this.#between.hint : '', 'calm');
  }

  /**
   * @param {string} text
   * @param {'warn' | 'calm'} [tone]
   * @param {number} [forMs]
   */
  #showResultHint(text, tone = 'warn', forMs = RESULT_HINT_MS) {
    this.#resultHint = { text, tone, untilMs: performance.now() + forMs };
    this.#view.releaseHint();
    this.#showHint();
    if (text) setTimeout(() => this.#done.signal.aborted || this.#showHint(), forMs + 20);
  }
}
