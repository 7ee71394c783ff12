/** What the live step says in each situation. Pure: a situation in, keys of sentences out. */

/**
 * @typedef {object} Situation
 * @property {'busy' | 'waiting' | null} refusal the server does not let the page in
 * @property {string} link
 * @property {boolean} isSilent nothing at all arrives from the server
 * @property {boolean} isSlow the connection works, and the server says nothing
 * @property {string} notice key of the server's notice, or empty
 * @property {boolean} isBlind the camera gives no picture
 * @property {string} restHint what the face has to do before the next action: key, or empty
 * @property {boolean} hasFewPictures too few pictures a second reach the server
 * @property {string} shortfall key of what the open challenge still lacks, or empty
 * @property {string} state of the session
 * @property {boolean} isAsked something is asked and neither done nor out of time
 * @property {boolean} isOpen a challenge is open
 * @property {boolean} hasBegun something was asked already
 * @property {boolean} hasLeftOver whether the last action was not done
 * @property {{code: string, hint: string} | null} issue what is wrong with the picture
 * @property {boolean} hasWaitedLong for the connection
 */

/** @typedef {{icon: string, key: string, tone?: 'neutral' | 'good' | 'warn'}} Heading */

/**
 * The heading; null where the open challenge, or what stands between two, is the heading.
 *
 * @param {Situation} now
 * @param {(key: string) => boolean} has whether the catalogue has a key
 * @returns {Heading | null}
 */
export function headingOf(now, has) {
  if (now.refusal === 'busy') return { icon: 'busy', key: 'live.busy' };
  if (now.refusal) return { icon: 'busy', key: 'live.storage_waiting' };
  if (now.link === 'down') return { icon: 'link', key: 'live.reconnecting', tone: 'warn' };
  if (now.notice && !now.isAsked) return { icon: 'busy', key: 'live.storage_waiting' };
  if (now.isBlind) return { icon: 'camera', key: 'live.no_picture', tone: 'warn' };
  if (now.state === 'created' || now.state === 'connecting') return { icon: 'wait', key: 'live.connecting' };
  if (isOverdue(now)) return { icon: 'wait', key: 'live.slow' };
  if (now.state === 'challenging' && now.isOpen) return null;
  if (now.state === 'challenging' || now.state === 'checking_quality') return problemOf(now, has);
  // Deciding, or final with the verdict on its way.
  return { icon: 'wait', key: now.hasLeftOver ? 'live.deciding_left' : 'live.deciding' };
}

/**
 * What was asked is done or out of time, and the server does not say how it went.
 *
 * @param {Situation} now
 */
function isOverdue({ state, isOpen, isAsked, isSlow }) {
  return state === 'challenging' && isOpen && !isAsked && isSlow;
}

/**
 * @param {Situation} now
 * @param {(key: string) => boolean} has
 * @returns {Heading | null}
 */
function problemOf({ issue, state, hasBegun, restHint }, has) {
  if (issue !== null && (!hasBegun || state === 'checking_quality')) {
    const short = `problem.${issue.code}`;
    return { icon: 'problem', key: has(short) ? short : issue.hint, tone: 'warn' };
  }
  if (restHint) return { icon: 'look', key: restHint };
  return state === 'checking_quality' ? { icon: 'look', key: 'live.checking' } : null;
}

/** @typedef {import('./live-view.js').HintTone} HintTone */
/** @typedef {{key: string, tone: HintTone}} Hint */

/**
 * The hint that goes before what the last action left: the way in, then the server's wait, then the camera.
 *
 * @param {Situation} now
 * @returns {Hint | null}
 */
export function urgentHintOf(now) {
  if (now.refusal === 'busy') return calm('live.busy_hint');
  if (now.refusal) return calm('live.connecting_hint');
  if (now.link === 'down') return calm('live.reconnecting_hint');
  if (now.notice) return calm(now.notice);
  return now.isBlind ? calm('live.no_picture_hint') : null;
}

/**
 * The hint where nothing else has to be said.
 *
 * @param {Situation} now
 * @returns {Hint | null}
 */
export function lastHintOf(now) {
  if (now.isSlow) return isOverdue(now) ? null : calm('live.slow');
  if (now.shortfall) return { key: now.shortfall, tone: 'more' };
  if (now.state === 'deciding') return calm('live.deciding_hint');
  if (now.issue && now.state === 'challenging' && now.hasBegun) return { key: now.issue.hint, tone: 'warn' };
  if (now.hasFewPictures) return { key: 'hint.few_pictures', tone: 'warn' };
  if (now.link === 'weak') return now.isSilent ? calm('live.silent') : { key: 'hint.link_weak', tone: 'warn' };
  const isConnecting = now.state === 'created' || now.state === 'connecting';
  return isConnecting && now.hasWaitedLong ? calm('live.connecting_hint') : null;
}

/**
 * The heading of an open challenge.
 *
 * @param {import('../sdk/messages.js').Message} challenge
 * @param {import('../sdk/i18n.js').Catalogue} words
 * @returns {import('./live-view.js').Prompt}
 */
export function promptOf({ challenge_type: type, direction, instruction, count, ...place }, words) {
  const { index, total, attempt, attempts } = place;
  const again = attempt > 1 ? ` · ${words.text('live.attempt', { attempt, attempts })}` : '';
  return {
    icon: direction ? `${type}_${direction}` : type,
    text: words.text(instruction, { count: count ?? 1 }),
    count: words.text('live.count', { index, total }) + again,
  };
}

/**
 * @param {string} key
 * @returns {Hint}
 */
function calm(key) {
  return { key, tone: 'calm' };
}
