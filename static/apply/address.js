/** The page's address: `/apply/{session_id}#{token}`. The fragment reaches the server only in a POST. */

/** @typedef {{sessionId: string, token: string}} Invitation the token of the link, as long-lived as it */

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
 * @returns {Invitation | null} null where the link leads to another origin, and the page is on its way there
 * @throws {TypeError} where it is no link
 */
export function adoptInvitation(joinUrl) {
  const target = new URL(joinUrl, window.location.href);
  if (target.origin !== window.location.origin && /^https?:$/.test(target.protocol)) {
    window.location.assign(target);
    return null;
  }
  const invitation = readInvitation(target);
  if (invitation === null) throw new TypeError('join_url is no link to this page');
  window.history.replaceState(null, '', target.pathname + target.hash);
  return invitation;
}
