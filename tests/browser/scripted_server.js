// Put into the page before its own scripts: a peer connection without a network, whose other end is the
// test. HTTP is answered by the test as well (see `browser_script.py`), so the page needs no server.
(() => {
  const script = { peers: [], sent: [], hello: { state: 'connecting', expose_scores: false }, heard: 0, calls: 0, silent: false, mute: false, closed: null };
  window.kycScript = script;

  class Channel {
    readyState = 'connecting';
    bufferedAmount = 0;
    onmessage = null;
    onclose = null;
    seq = 0;

    constructor(label) {
      this.label = label;
    }

    send(data) {
      script.sent.push({ ...JSON.parse(data), channel: this.label });
    }

    say(type, fields) {
      const data = JSON.stringify({ v: 1, seq: this.seq++, type, t_ms: 1_000, ...fields });
      this.onmessage?.({ data });
    }
  }

  window.RTCPeerConnection = class extends EventTarget {
    connectionState = 'new';
    signalingState = 'stable';
    iceGatheringState = 'complete';
    localDescription = null;
    remoteDescription = null;
    onconnectionstatechange = null;
    iceConnectionState = 'new';
    channels = {};

    constructor({ iceServers }) {
      super();
      this.iceServers = iceServers;
    }

    createDataChannel(label) {
      return (this.channels[label] = new Channel(label));
    }

    addTransceiver(track) {
      const getParameters = () => ({ encodings: [] });
      const done = async () => undefined;
      return { sender: { track, getParameters, setParameters: done, replaceTrack: done } };
    }

    async createOffer() {
      return { type: 'offer', sdp: 'v=0' };
    }

    async setLocalDescription(description) {
      const { sdp = description.sdp } = script.closed ?? {};
      this.localDescription = { ...description, sdp, toJSON: () => description };
      this.signalingState = 'have-local-offer';
      const { errorCode } = script.closed ?? {};
      if (!errorCode) return;
      this.dispatchEvent(Object.assign(new Event('icecandidateerror'), { url: 'turn:turn.example:3478', errorCode }));
    }

    async setRemoteDescription(description) {
      this.remoteDescription = description;
      this.signalingState = 'stable';
      script.peers.push(this);
      setTimeout(() => this.#open(), 0);
    }

    async getStats() {
      if (!script.silent) script.heard += 100;
      const pair = { type: 'candidate-pair', nominated: true, state: 'succeeded', bytesReceived: script.heard };
      return new Map([['pair', pair]]);
    }

    close() {
      this.connectionState = 'closed';
      for (const channel of Object.values(this.channels)) channel.readyState = 'closed';
    }

    lose() {
      this.connectionState = 'failed';
      this.onconnectionstatechange?.();
    }

    #open() {
      if (this.connectionState === 'closed' || script.closed) return;
      this.connectionState = 'connected';
      for (const channel of Object.values(this.channels)) channel.readyState = 'open';
      if (!script.mute) this.channels.kyc.say('hello', { session_id: 's', challenges_total: 3, ...script.hello });
    }
  };

  script.say = (type, fields = {}) => {
    const telemetry = type === 'challenge_progress' || type === 'frame';
    script.peers.at(-1).channels[telemetry ? 'kyc-telemetry' : 'kyc'].say(type, fields);
  };
  script.fallSilent = () => (script.silent = true);
  script.lose = () => script.peers.at(-1).lose();

  // Counted until the body is here: the test lets no time pass while a call is under way. Files may be held.
  const { fetch } = window;
  window.fetch = async (...request) => {
    if (String(request[0]).includes('/static/')) return fetch(...request);
    script.calls += 1;
    try {
      const response = await fetch(...request);
      return new Response(await response.arrayBuffer(), response);
    } finally {
      script.calls -= 1;
    }
  };

  // Frames come with the clock that the test turns, unless it is the camera that is tested.
  const { requestVideoFrameCallback } = HTMLVideoElement.prototype;
  HTMLVideoElement.prototype.requestVideoFrameCallback = function (callback) {
    if (script.realFrames) return requestVideoFrameCallback.call(this, callback);
    return setTimeout(callback, 200);
  };

  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 480, height: 640 });
    const context = canvas.getContext('2d');
    context.fillStyle = '#7d8ea3';
    context.fillRect(0, 0, 480, 640);
    context.fillStyle = '#d9b99b';
    context.ellipse(240, 320, 110, 150, 0, 0, 2 * Math.PI);
    context.fill();
    return canvas.captureStream(5);
  };
})();
