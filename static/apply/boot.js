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

  function onFailure() {
    show('load-failed');
  }

  /** @param {Event} event of a script that asks for what this browser lacks, or of a file that is missing */
  function onError(event) {
    var element = event.target;
    if (element === window) show('load-old');
    else if (element instanceof HTMLScriptElement) onFailure();
  }

  /** @param {PromiseRejectionEvent} event of a script that asks for what this browser lacks, or of a request */
  function onRejection(event) {
    if (event.reason instanceof TypeError || event.reason instanceof ReferenceError) show('load-old');
    else onFailure();
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
    document.execCommand('copy'); // the way that old browsers know
    document.body.removeChild(field);
    /** @type {HTMLElement} */ (document.getElementById('load-copied')).hidden = false;
  }

  onClick('load-again', function () {
    window.location.reload();
  });
  onClick('load-copy', copyLink);
  if (!('noModule' in HTMLScriptElement.prototype) || !('RTCPeerConnection' in window)) return show('load-old');
  window.addEventListener('error', onError, true); // of a missing file it does not bubble
  window.addEventListener('unhandledrejection', onRejection);
  setTimeout(onFailure, LATE_MS);
})();
