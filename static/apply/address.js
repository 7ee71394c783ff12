/** The page's address: `/apply/{session_id}#{token}`. The fragment never leaves the browser. */

/** @typedef {{sessionId: string, token: string}} Invitation */

const PATH = /\/apply\/([^/?#]+)\/?$/;

/**
 * @param {{pathname: string, hash: string}} location
 * @returns {Invitation | null} null where the link is incomplete
 */
export function readInvitation({ pathname, hash }) {
  const match = PATH.exec(pathname);
  const token = hash.slice(1);
  if (match === null || token === '') return null;
  try {
    return { sessionId: decodeURIComponent(match[1]), token };
  } catch {
    return null;
  }
}

/**
 * Take over the link of a new session. Its address becomes the page's, so that a reload stays on it.
 *
 * @param {string} joinUrl
 * @param {Invitation} invitation
 * @returns {boolean} false where the link leads to another origin, and the page is on its way there
 */
export function adoptInvitation(joinUrl, invitation) {
  const target = new URL(joinUrl, window.location.href);
  if (target.origin !== window.location.origin || readInvitation(target) === null) {
    const isElsewhere = target.origin !== window.location.origin && /^https?:$/.test(target.protocol);
    if (isElsewhere) window.location.assign(target);
    else replaceAddress(`/apply/${encodeURIComponent(invitation.sessionId)}#${invitation.token}`);
    return !isElsewhere;
  }
  replaceAddress(target.pathname + target.hash);
  return true;
}

/** @param {string} address */
function replaceAddress(address) {
  window.history.replaceState(null, '', address);
}
