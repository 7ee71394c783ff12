/** The live step: follows one client's events and tells the view what to show. */

import { KycClient, openCamera } from '../sdk/kyc-rtc.js';
import { buzz, keepAwake } from './device.js';
import { byId } from './dom.js';

/** How long a message about the last action goes before what the picture lacks. */
const RESULT_HINT_MS = 3_000;

/** @typedef {import('../sdk/messages.js').Message} Message */
/** @typedef {import('../sdk/i18n.js').Catalogue} Catalogue */
/** @typedef {import('./live-view.js').LiveView} LiveView */
/** @typedef {import('./scores.js').Scores} Scores */

/**
 * How a check ended.
 *
 * @typedef {{kind: 'verdict' | 'interrupted' | 'over' | 'fatal' | 'stopped', detail: any, stream: MediaStream | null}} Ending
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
  #state = 'connecting';
  #qualityHint = '';
  /** @type {{text: string, tone: 'warn' | 'calm', untilMs: number}} */
  #resultHint = { text: '', tone: 'warn', untilMs: 0 };
  /** @type {string} */
  #link = 'connecting';
  #busyTimer = 0;
  #busyUntilMs = 0;

  /**
   * @param {object} options
   * @param {Catalogue} options.words
   * @param {LiveView} options.view
   * @param {Scores} options.scores
   * @param {import('./address.js').Invitation} options.invitation
   * @param {MediaStream | null} options.stream
   */
  constructor({ words, view, scores, invitation, stream }) {
    this.#words = words;
    this.#view = view;
    this.#scores = scores;
    this.#client = new KycClient({ ...invitation, stream, getStream: openCamera });
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
    this.#client.start();
    const ending = await ended;
    this.#close();
    return { ...ending, stream: this.#client.stream };
  }

  #close() {
    this.#done.abort();
    clearInterval(this.#busyTimer);
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
      challenge_result: (result) => this.#onResult(result),
      frame: (frame) => this.#scores.add(frame),
      link: ({ state }) => this.#onLink(state),
      busy: ({ retryInMs }) => this.#onBusy(retryInMs),
      camera: (camera) => this.#onCamera(camera),
      error: ({ hint }) => hint && this.#showResultHint(this.#words.text(hint)),
    };
    for (const [type, handle] of Object.entries(handlers)) {
      this.#client.addEventListener(type, (event) => handle(/** @type {CustomEvent} */ (event).detail), { signal });
    }
    for (const kind of /** @type {const} */ (['verdict', 'interrupted', 'over', 'fatal'])) {
      this.#client.addEventListener(
        kind,
        (event) => this.#end({ kind, detail: /** @type {CustomEvent} */ (event).detail, stream: null }),
        { signal },
      );
    }
    byId('stop').addEventListener('click', () => this.#stop(), { signal });
    byId('live-camera-retry').addEventListener('click', () => this.#client.restoreCamera(), { signal });
    window.addEventListener('pagehide', () => this.#client.close(), { signal });
  }

  async #stop() {
    await this.#client.cancel();
    this.#end({ kind: 'stopped', detail: null, stream: null });
  }

  /** @param {{state: string, expose_scores?: boolean}} hello */
  #onHello({ state, expose_scores: exposeScores }) {
    clearInterval(this.#busyTimer);
    this.#view.setSeconds('');
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
    this.#view.setNotice('');
    this.#view.setProgress(0);
    this.#view.setDone('');
    this.#view.setDirection(challenge.direction ?? null);
    this.#view.setTime({ remainingMs: challenge.time_limit_ms, limitMs: challenge.time_limit_ms, paused: false });
    this.#showState();
  }

  /** @param {Message} progress */
  #onProgress(progress) {
    const challenge = this.#challenge;
    if (challenge === null || progress.challenge_id !== challenge.challenge_id) return;
    this.#view.setProgress(progress.progress);
    this.#view.setTime({
      remainingMs: progress.remaining_ms,
      limitMs: challenge.time_limit_ms,
      paused: progress.paused ?? false,
    });
    const { count } = challenge;
    const done = Math.min(progress.count_done ?? 0, count ?? 1);
    this.#view.setDone(count > 1 ? this.#words.text('live.done_of', { done, count }) : '');
  }

  /** @param {Message} result */
  #onResult(result) {
    if (this.#challenge?.challenge_id !== result.challenge_id) return;
    this.#forgetChallenge();
    if (result.passed) {
      buzz();
      this.#view.setProgress(1);
      this.#view.flash('pass');
      this.#view.setPrompt({ icon: 'passed', text: this.#words.text('live.passed'), tone: 'good' });
    } else if (result.will_retry) {
      this.#view.flash('again');
      this.#view.setPrompt({ icon: 'again', text: this.#words.text('live.retry'), tone: 'warn' });
    } else {
      this.#view.setPrompt({ icon: 'look', text: this.#words.text('live.go_on') });
    }
    this.#showResultHint(!result.passed && result.hint ? this.#words.text(result.hint) : '');
  }

  #forgetChallenge() {
    this.#challenge = null;
    this.#view.setDirection(null);
    this.#view.setProgress(0);
    this.#view.setTime(null);
    this.#view.setDone('');
  }

  /** @param {import('../sdk/link.js').LinkState} state */
  #onLink(state) {
    this.#link = state;
    this.#view.setLink(state);
    this.#view.setDim(state === 'down');
    if (state === 'down') this.#view.setTime(null); // the server's clock stands still meanwhile
    this.#showState();
  }

  /** @param {number} retryInMs */
  #onBusy(retryInMs) {
    clearInterval(this.#busyTimer);
    this.#busyUntilMs = performance.now() + retryInMs;
    const tick = () => {
      const seconds = Math.max(1, Math.ceil((this.#busyUntilMs - performance.now()) / 1_000));
      this.#view.setSeconds(this.#words.text('live.next_try', { seconds }));
    };
    this.#view.setPrompt({ icon: 'busy', text: this.#words.text('live.busy') });
    this.#view.setHint(this.#words.text('live.busy_hint'), 'calm');
    this.#busyTimer = setInterval(tick, 1_000);
    tick();
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
    if (this.#link === 'down') {
      this.#view.setPrompt({ icon: 'link', text: this.#words.text('live.reconnecting'), tone: 'warn' });
    } else if (this.#state === 'challenging' && this.#challenge) {
      this.#showChallenge(this.#challenge);
    } else if (this.#state === 'challenging') {
      this.#view.setPrompt({ icon: 'look', text: this.#words.text('live.ready') });
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

  /** @param {Message} challenge */
  #showChallenge({ challenge_type: type, direction, instruction, count, index, total, attempt, attempts }) {
    const place = this.#words.text('live.count', { index, total });
    const again = attempt > 1 ? ` · ${this.#words.text('live.attempt', { attempt, attempts })}` : '';
    this.#view.setPrompt({
      icon: direction ? `${type}_${direction}` : type,
      text: this.#words.text(instruction, { count: count ?? 1 }),
      count: place + again,
    });
  }

  /** One hint at a time: the link, then the last action, then the picture, then the weak link. */
  #showHint() {
    const recent = this.#resultHint;
    if (this.#link === 'down') this.#view.setHint(this.#words.text('live.reconnecting_hint'), 'calm');
    else if (recent.text && performance.now() < recent.untilMs) this.#view.setHint(recent.text, recent.tone);
    else if (this.#state === 'deciding') this.#view.setHint(this.#words.text('live.deciding_hint'), 'calm');
    else if (this.#qualityHint) this.#view.setHint(this.#qualityHint);
    else if (this.#link === 'weak') this.#view.setHint(this.#words.text('hint.link_weak'));
    else this.#view.setHint('');
  }

  /**
   * @param {string} text
   * @param {'warn' | 'calm'} [tone]
   */
  #showResultHint(text, tone = 'warn') {
    this.#resultHint = { text, tone, untilMs: performance.now() + RESULT_HINT_MS };
    this.#view.releaseHint();
    this.#showHint();
    if (text) setTimeout(() => this.#done.signal.aborted || this.#showHint(), RESULT_HINT_MS + 20);
  }
}
