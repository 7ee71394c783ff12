/** The page's address: `/apply/{session_id}#{token}`. The fragment reaches the server only in a POST. */

/** @typedef {{sessionId: string, token: string}} Invitation the token of the link, as long-lived as it */

/**
 * A token is three words with dots between them. Chats and mails put something behind it (`.`, `)`,
 * `&fbclid=…`), a slash before it, and write the `#` as `%23`.
 */
const LINK = /\/apply\/+([^/#]+)\/*#+(?:\s|%20)*([\w-]+\.[\w-]+\.[\w-]+)/;

/**
 * @param {{pathname: string, hash: string}} location
 * @returns {Invitation | null} null where the link is incomplete
 */
export function readInvitation({ pathname, hash }) {
  const match = LINK.exec((pathname + hash).replace(/%23/g, '#'));
  if (match === null) return null;
  try {
    return { sessionId: decodeURIComponent(match[1]), token: match[2] };
  } catch {
    return null;
  }
}

/**
 * Make the clean link the page's address, for a reload and for whoever copies it.
 *
 * @param {Invitation} invitation
 */
export function showInvitation({ sessionId, token }) {
  window.history.replaceState(null, '', `/apply/${encodeURIComponent(sessionId)}#${token}`);
}

/**
 * Take over the link of a new session. Its address becomes the page's, so that a reload stays on it.
 *
 * @param {string} joinUrl
 * @returns {Invitation | null} null where the link leads to another origin, and the page is on its way there
 * @throws {TypeError} where it is not a link
 */
export function adoptInvitation(joinUrl) {
  const target = new URL(joinUrl, window.location.href);
  if (target.origin !== window.location.origin && /^https?:$/.test(target.protocol)) {
    window.location.assign(target);
    return null;
  }
  const invitation = readInvitation(target);
  if (invitation === null) throw new TypeError('join_url is not a link to this page');
  showInvitation(invitation);
  return invitation;
}
