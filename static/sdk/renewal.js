/** Renews a client token, time and again, before it runs out. */

/** Of a token's life; the other half is for trying again. */
const RENEW_AFTER = 0.5;
const AGAIN_MS = 30_000;
/** Between two renewals, whatever the server says. */
const LEAST_MS = 5_000;
/** A timer of more than 2^31 ms fires at once. */
const MOST_MS = 24 * 3_600_000;

/**
 * @param {() => Promise<number>} renew resolves with the seconds that the new token lives
 * @param {number} livesS seconds that the present one still lives; 0 where that is not known
 * @param {AbortSignal} signal ends it; so does a refusal, for the session is over then
 */
export function keepRenewing(renew, livesS, signal) {
  let timer = 0;
  /** @param {number} ms */
  const plan = (ms) => {
    if (!signal.aborted) timer = setTimeout(run, ms);
  };
  const run = async () => {
    try {
      plan(pauseMs(await renew()));
    } catch (error) {
      const { isTransient = true } = /** @type {{isTransient?: boolean}} */ (error); // no answer: no network
      if (isTransient) plan(AGAIN_MS);
    }
  };
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  plan(livesS > 0 ? pauseMs(livesS) : 0);
}

/**
 * @param {number} livesS
 * @returns {number} milliseconds until the next renewal; `AGAIN_MS` where the answer gives no lifetime
 */
function pauseMs(livesS) {
  if (!Number.isFinite(livesS)) return AGAIN_MS;
  return Math.min(MOST_MS, Math.max(LEAST_MS, livesS * 1_000 * RENEW_AFTER));
}
