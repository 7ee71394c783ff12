/** The name of this tab, by which the server distinguishes the devices on one link. It survives a reload. */

const KEY = 'kyc-rtc.instance';

/** @type {Promise<string> | null} */
let known = null;

/** @returns {Promise<string>} the same for the whole life of the page */
export function instanceId() {
  known ??= findId();
  return known;
}

async function findId() {
  const kept = read();
  // A duplicated tab copies the storage, and must not pass for the tab that it was copied from.
  if (kept !== null && (await isFree(kept))) return kept;
  const fresh = crypto.randomUUID();
  await isFree(fresh);
  write(fresh);
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

/** @returns {string | null} null also where the browser keeps no storage for the page */
function read() {
  try {
    return window.sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** @param {string} id */
function write(id) {
  try {
    window.sessionStorage.setItem(KEY, id);
  } catch {
    // Without a storage a reload is another device, which may take over by its button.
  }
}
