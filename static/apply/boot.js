/**
 * What the page says when the rest of it does not come: no network, no word catalogue, an old browser. A
 * classic script in old JavaScript, for browsers that do not know modules; its sentences stand in the page.
 */
(function () {
  'use strict';

  /** Whoever waits for so long wants to know; the page goes on by itself if it still can. */
  var LATE_MS = 20000;

  function isReady() {
    return document.body.hasAttribute('data-ready');
  }

  /** @param {string} id of the sentence */
  function show(id) {
    if (isReady()) return;
    document.body.setAttribute('data-boot', 'failed');
    var sentence = /** @type {HTMLElement} */ (document.getElementById(id));
    sentence.hidden = false;
  }

  var isOld = false;

  /** In a browser that is too old nothing else is worth saying. */
  function onOld() {
    isOld = true;
    /** @type {HTMLElement} */ (document.getElementById('load-failed')).hidden = true;
    show('load-old');
  }

  function onFailure() {
    if (!isOld) show('load-failed');
  }

  /** @param {unknown} place @returns {boolean} whether it is one of the page's own scripts: apps inject others */
  function isOurs(place) {
    return String(place).indexOf('/static/') >= 0;
  }

  /** @param {ErrorEvent} event of a script that asks for what this browser lacks, or of a file that is missing */
  function onError(event) {
    if (event.target === window && isOurs(event.filename)) onOld();
    else if (event.target instanceof HTMLScriptElement && isOurs(event.target.src)) onFailure();
  }

  /** @param {PromiseRejectionEvent} event of a script that asks for what this browser lacks, or of a request */
  function onRejection(event) {
    var reason = event.reason;
    if (!isOurs(reason && reason.stack)) return;
    if (reason instanceof TypeError || reason instanceof ReferenceError) onOld();
    else onFailure();
  }

  /** @returns {boolean} whether the browser lacks what the page cannot do without */
  function lacksSomething() {
    return (
      !('noModule' in HTMLScriptElement.prototype) ||
      !('RTCPeerConnection' in window) ||
      !('AbortController' in window) ||
      !('replaceChildren' in Element.prototype)
    );
  }

  /** @param {string} id @param {() => void} run */
  function onClick(id, run) {
    /** @type {HTMLElement} */ (document.getElementById(id)).addEventListener('click', run);
  }

  function copyLink() {
    var field = document.createElement('textarea');
    field.value = window.location.href;
    document.body.appendChild(field);
    field.select();
    var copied = document.execCommand('copy'); // the way that old browsers know
    document.body.removeChild(field);
    var said = copied ? 'load-copied' : 'load-not-copied';
    /** @type {HTMLElement} */ (document.getElementById(said)).hidden = false;
  }

  function loadAgain() {
    window.location.reload();
  }

  onClick('load-again', loadAgain);
  onClick('load-old-again', loadAgain); // a script that was half renewed fails like one that is too new
  onClick('load-copy', copyLink);
  if (lacksSomething()) return onOld();
  window.addEventListener('error', onError, true); // of a missing file it does not bubble
  window.addEventListener('unhandledrejection', onRejection);
  setTimeout(onFailure, LATE_MS);
})();
