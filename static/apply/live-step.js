/** The live step: follows one client's events and tells the view what to show. */

import { KycClient, openCamera } from '../sdk/kyc-rtc.js';
import { isJournalled } from '../sdk/messages.js';
import { Countdown } from './countdown.js';
import { buzz, keepAwake } from './device.js';
import { byId } from './dom.js';
import { Refusal } from './refusal.js';
import { StopQuestion } from './stop-question.js';

/** How long a message about the last action goes before what the picture lacks. */
const RESULT_HINT_MS = 3_000;
/** A void is told for so long beside the next challenge, which may come at once. */
const VOID_HINT_MS = 1_500;
/** Whoever waits longer for the connection is told that it goes on. */
const LONG_CONNECTING_MS = 8_000;

/** @typedef {import('../sdk/messages.js').Message} Message */
/** @typedef {import('../sdk/i18n.js').Catalogue} Catalogue */
/** @typedef {import('./live-view.js').LiveView} LiveView */
/** @typedef {import('./scores.js').Scores} Scores */

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
  /** Id of the last challenge that has no outcome yet; it may be told after a reconnect. */
  #awaitedId = '';
  #progress = 0;
  #countdown = new Countdown((time) => this.#onTime(time));
  /** What stands there between two challenges. @type {import('./live-view.js').Prompt & {hint: string}} */
  #between;
  #state = 'connecting';
  #qualityHint = '';
  /** The server waits for its database: a sentence, else empty. */
  #notice = '';
  /** @type {{text: string, tone: 'warn' | 'calm', untilMs: number}} */
  #resultHint = { text: '', tone: 'warn', untilMs: 0 };
  /** @type {string} */
  #link = 'connecting';
  #hasWaitedLong = false;
  #refusal = new Refusal(() => this.#onRefusalTick());

  /**
   * @param {object} options
   * @param {Catalogue} options.words
   * @param {LiveView} options.view
   * @param {Scores} options.scores
   * @param {import('../sdk/api.js').KycApi} options.api
   * @param {boolean} options.takeOver
   * @param {MediaStream | null} options.stream
   */
  constructor({ words, view, scores, api, takeOver, stream }) {
    this.#words = words;
    this.#view = view;
    this.#scores = scores;
    this.#client = new KycClient({ api, takeOver, stream, getStream: openCamera });
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
    const timer = setTimeout(() => this.#onLongConnecting(), LONG_CONNECTING_MS);
    this.#done.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
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
      notice: ({ code, hint }) => this.#onNotice(code ? (hint ?? 'hint.storage_waiting') : null),
      frame: (frame) => this.#scores.add(frame),
      link: ({ state }) => this.#onLink(state),
      busy: ({ retryInMs }) => this.#onRefusal('busy', retryInMs),
      waiting: ({ retryInMs }) => this.#onRefusal('waiting', retryInMs),
      camera: (camera) => this.#onCamera(camera),
      error: ({ hint }) => hint && this.#showResultHint(this.#words.text(hint)),
    };
    for (const [type, handle] of Object.entries(handlers)) {
      const take = (/** @type {Event} */ event) => {
        const { detail } = /** @type {CustomEvent} */ (event);
        if (this.#notice && isJournalled(detail)) this.#onNotice(null); // what is told was stored
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
    new StopQuestion(() => this.#stop(), signal);
    byId('live-camera-retry').addEventListener('click', () => this.#client.restoreCamera(), { signal });
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
    this.#notice = ''; // told again where it still holds
    // A new peer voids what was asked of the old one; how it ended is told in a moment.
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
    const worst = ok ? undefined : issues?.[0];
    this.#qualityHint = worst ? this.#words.text(worst.hint) : '';
    this.#showHint();
  }

  /** @param {Message} challenge */
  #onChallenge(challenge) {
    this.#state = 'challenging';
    this.#challenge = challenge;
    this.#awaitedId = challenge.challenge_id;
    this.#view.setNotice('');
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
    this.#countdown.hear(progress.remaining_ms);
    if (this.#notice) this.#showState(); // with the action done, only the wait is left to tell
    const { count } = challenge;
    const done = Math.min(progress.count_done ?? 0, count ?? 1);
    this.#view.setDone(count > 1 ? this.#words.text('live.done_of', { done, count }) : '');
  }

  /** @param {Message} result */
  #onResult(result) {
    if (this.#awaitedId !== result.challenge_id) return;
    this.#awaitedId = '';
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

  /** @param {string | null} key of the sentence; null when the server goes on */
  #onNotice(key) {
    this.#notice = key === null ? '' : this.#words.text(key);
    this.#showState();
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
    if (this.#notice && !this.#isAsked()) this.#showState();
    else this.#view.setTime(time.remainingMs <= 0 && this.#link === 'down' ? null : time);
  }

  /** @param {import('../sdk/link.js').LinkState} state */
  #onLink(state) {
    this.#link = state;
    this.#view.setLink(state);
    this.#view.setDim(state === 'down');
    this.#showState();
  }

  #onLongConnecting() {
    this.#hasWaitedLong = true;
    this.#showHint();
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
      this.#view.hideTrouble();
      this.#showResultHint(this.#words.text('live.camera_back'), 'calm');
    } else {
      this.#view.showTrouble(code ?? 'failed');
    }
  }

  /** The prompt that belongs to the present state. */
  #showState() {
    this.#view.setDirection(null);
    if (this.#refusal.kind === 'busy') {
      this.#view.setPrompt({ icon: 'busy', text: this.#words.text('live.busy') });
    } else if (this.#refusal.kind) {
      this.#view.setPrompt({ icon: 'busy', text: this.#words.text('live.storage_waiting') });
    } else if (this.#link === 'down') {
      this.#view.setPrompt({ icon: 'link', text: this.#words.text('live.reconnecting'), tone: 'warn' });
    } else if (this.#notice && !this.#isAsked()) {
      this.#view.setPrompt({ icon: 'busy', text: this.#words.text('live.storage_waiting') });
      this.#view.setProgress(0);
      this.#view.setTime(null);
      this.#view.setDone('');
    } else if (this.#state === 'challenging' && this.#challenge) {
      this.#showChallenge(this.#challenge);
    } else if (this.#state === 'challenging') {
      this.#view.setPrompt(this.#between);
    } else if (this.#state === 'checking_quality') {
      this.#view.setPrompt({ icon: 'look', text: this.#words.text('live.checking') });
    } else if (this.#state === 'created' || this.#state === 'connecting') {
      this.#view.setPrompt({ icon: 'wait', text: this.#words.text('live.connecting') });
    } else {
      // Deciding, or final with the verdict on its way.
      this.#view.setPrompt({ icon: 'wait', text: this.#words.text('live.deciding') });
    }
    this.#showHint();
  }

  /** Whether something is left to do: what was asked is neither done nor out of time. */
  #isAsked() {
    return this.#challenge !== null && this.#progress < 1 && this.#countdown.remainingMs > 0;
  }

  /** @param {Message} challenge */
  #showChallenge({ challenge_type: type, direction, instruction, count, index, total, attempt, attempts }) {
    const place = this.#words.text('live.count', { index, total });
    const again = attempt > 1 ? ` · ${this.#words.text('live.attempt', { attempt, attempts })}` : '';
    this.#view.setDirection(direction ?? null);
    this.#view.setPrompt({
      icon: direction ? `${type}_${direction}` : type,
      text: this.#words.text(instruction, { count: count ?? 1 }),
      count: place + again,
    });
  }

  /** One hint at a time: the way in, then the server's wait, the last action, the picture, the weak link. */
  #showHint() {
    const recent = this.#resultHint;
    const isConnecting = this.#state === 'created' || this.#state === 'connecting';
    if (this.#refusal.kind === 'busy') this.#view.setHint(this.#words.text('live.busy_hint'), 'calm');
    else if (this.#refusal.kind) this.#view.setHint(this.#words.text('hint.storage_waiting'), 'calm');
    else if (this.#link === 'down') this.#view.setHint(this.#words.text('live.reconnecting_hint'), 'calm');
    else if (this.#notice) this.#view.setHint(this.#notice, 'calm');
    else if (recent.text && performance.now() < recent.untilMs) this.#view.setHint(recent.text, recent.tone);
    else if (this.#state === 'deciding') this.#view.setHint(this.#words.text('live.deciding_hint'), 'calm');
    else if (this.#qualityHint) this.#view.setHint(this.#qualityHint);
    else if (this.#link === 'weak') this.#view.setHint(this.#words.text('hint.link_weak'));
    else if (this.#state === 'challenging' && !this.#challenge) this.#view.setHint(this.#between.hint, 'calm');
    else if (isConnecting && this.#hasWaitedLong) this.#view.setHint(this.#words.text('live.connecting_hint'), 'calm');
    else this.#view.setHint('');
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
