// Put into the page before its own scripts: a camera that shows what the test draws, and a record of
// what the server and the page say; `kycTestHear`, where there is one, gets the server's messages at once.
// The test answers `kycTestFrame` with a JPEG (base64) for what the page asks.
(() => {
  const said = { messages: [], sent: [], violations: [], peers: [], tracks: [], isStalled: false };
  window.kycTest = said;

  document.addEventListener('securitypolicyviolation', (event) => {
    said.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
  });

  const createDataChannel = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (label, options) {
    const channel = createDataChannel.call(this, label, options);
    if (!said.peers.includes(this)) said.peers.push(this);
    channel.addEventListener('message', ({ data }) => {
      const message = JSON.parse(data);
      said.messages.push({ ...message, channel: label, at_ms: performance.now() });
      window.kycTestHear?.(message);
    });
    const send = channel.send;
    channel.send = function (data) {
      said.sent.push(JSON.parse(data));
      send.call(channel, data);
    };
    return channel;
  };

  if (!('kycTestFrame' in window)) return; // Chromium's own camera is used
  if (!navigator.mediaDevices) return; // an empty tab, before the page

  /** What a person at the page reads at this moment. */
  function readPrompt() {
    const prompt = document.getElementById('prompt');
    const text = document.getElementById('prompt-text')?.textContent ?? '';
    return { step: document.body?.dataset.step ?? '', icon: prompt?.dataset.icon ?? '', text };
  }

  async function draw(context) {
    const jpeg = await window.kycTestFrame(readPrompt());
    const picture = new Image();
    picture.src = `data:image/jpeg;base64,${jpeg}`;
    await picture.decode();
    const { canvas } = context;
    if (canvas.width !== picture.width) Object.assign(canvas, { width: picture.width, height: picture.height });
    context.drawImage(picture, 0, 0);
  }

  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  // `kycTest.isStalled` holds the picture; `kycTestAnswerMs`: until the permission is answered;
  // `kycTestFirstMs`: from every opening to the first picture.
  navigator.mediaDevices.getUserMedia = async () => {
    if (window.kycTestAnswerMs) await pause(window.kycTestAnswerMs);
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d');
    const firstMs = window.kycTestFirstMs ?? 0;
    if (!firstMs && !said.isStalled) await draw(context);
    const stream = canvas.captureStream(30);
    const [track] = stream.getVideoTracks();
    said.tracks.push(track);
    const run = async () => {
      await pause(firstMs);
      while (track.readyState === 'live') {
        const began = performance.now();
        if (!said.isStalled) await draw(context);
        const leftMs = window.kycTestPeriodMs - (performance.now() - began);
        await pause(Math.max(0, leftMs));
      }
    };
    run();
    return stream;
  };
})();
