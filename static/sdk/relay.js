/** What becomes of the TURN servers of one peer connection. */

/** From here on an error is not an answer of the server: it was not reached (WebRTC 1.0, 4.8.2). */
const NOT_REACHED = 700;
const TURN = /^turns?:/;

/**
 * Why no media gets through: the network alone (`no_way`), or the TURN server as well, which refused the
 * credential or gave no answer.
 *
 * @typedef {'no_way' | 'relay_refused' | 'relay_unreachable'} Obstacle
 */

export class RelayWatch {
  #isOffered;
  #wasRefused = false;

  /**
   * @param {RTCPeerConnection} pc
   * @param {RTCIceServer[]} iceServers
   */
  constructor(pc, iceServers) {
    this.#isOffered = iceServers.flatMap(({ urls }) => urls).some((url) => TURN.test(url));
    pc.addEventListener('icecandidateerror', ({ url, errorCode }) => {
      if (TURN.test(url ?? '') && errorCode < NOT_REACHED) this.#wasRefused = true;
    });
  }

  /**
   * @param {string} sdp the local description; it has the candidates that were found
   * @returns {Obstacle} of a connection that did not come about
   */
  obstacle(sdp) {
    if (!this.#isOffered || / typ relay/.test(sdp)) return 'no_way';
    return this.#wasRefused ? 'relay_refused' : 'relay_unreachable';
  }
}
