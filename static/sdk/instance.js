/** The name of this tab, by which the server distinguishes the devices on one link. It survives a reload. */

const KEY = 'kyc-rtc.instance';
/** Where the tab keeps the session that it has connected to, after its own name. */
const JOINED_KEY = 'kyc-rtc.joined';

/** @type {Promise<string> | null} */
let known = null;

/** @returns {Promise<string>} the same for the whole life of the page */
export function instanceId() {
  known ??= findId();
  return known;
}

/**
 * Note that this tab has connected to a session.
 *
 * @param {string} sessionId
 */
export async function rememberJoined(sessionId) {
  write(JOINED_KEY, `${await instanceId()} ${sessionId}`);
}

/**
 * @param {string} sessionId
 * @returns {Promise<boolean>} whether this tab has connected to it, before a reload too; false in a copy of the tab
 */
export async function hasJoined(sessionId) {
  return read(JOINED_KEY) === `${await instanceId()} ${sessionId}`;
}

/** @returns {string} 128 random bits; Safari 15.3 and Chrome 91 lack `randomUUID` */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function findId() {
  const kept = read(KEY);
  // A duplicated tab copies the storage, and must not pass for the tab that it was copied from.
  if (kept !== null && (await isFree(kept))) return kept;
  const fresh = newId();
  await isFree(fresh);
  write(KEY, fresh);
  return fresh;
}

/**
 * Take a name for this page; it is held until the page goes.
 *
 * @param {string} id
 * @returns {Promise<boolean>} false where another tab holds it; true where the browser cannot tell
 */
function isFree(id) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks
      .request(`${KEY}.${id}`, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise(() => undefined);
      })
      .catch(() => resolve(true));
  });
}

/**
 * @param {string} key
 * @returns {string | null} null also where the browser keeps no storage for the page
 */
function read(key) {
  try {
    return window.sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
function write(key, value) {
  try {
    window.sessionStorage.setItem(key, value);
  } catch {
    // Without a storage a reload is another device, which may take over by its button.
  }
}
