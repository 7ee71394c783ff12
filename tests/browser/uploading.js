// A page of an institution without WebRTC: pictures of the camera by `upload-video-frame`, one after the
// other, and the prompts that come in the answers. A test starts it with `kycTestUpload`; what it hears is
// kept as in `scripted_camera.js`, which has to be in the page.
window.kycTestUpload = async ({ sessionId, token, periodMs }) => {
  const words = await (await fetch('/static/i18n/en.json')).json();
  const prompt = Object.assign(document.createElement('p'), { id: 'prompt' });
  const text = Object.assign(document.createElement('span'), { id: 'prompt-text' });
  prompt.append(text);
  document.body.replaceChildren(prompt);
  document.body.dataset.step = 'live';

  const show = (icon, sentence) => {
    prompt.dataset.icon = icon;
    text.textContent = sentence;
  };
  const take = {
    challenge: ({ challenge_type: type, direction, instruction, count }) => {
      const key = count === 1 && `${instruction}.one` in words ? `${instruction}.one` : instruction;
      show(direction ? `${type}_${direction}` : type, words[key].replace('{count}', count));
    },
    challenge_result: ({ will_retry: again }) => show(again ? 'again' : 'look', ''),
    challenge_voided: () => show('look', ''),
    verdict: () => (document.body.dataset.step = 'result'),
  };

  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  await video.play();
  const canvas = document.createElement('canvas');
  while (document.body.dataset.step === 'live') {
    const began = performance.now();
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext('2d').drawImage(video, 0, 0);
    const answer = await fetch('/api/v1/kyc/upload-video-frame', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify({ session_id: sessionId, frame: canvas.toDataURL('image/jpeg') }),
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(`${answer.status} ${JSON.stringify(body)}`);
    for (const message of body.messages) {
      window.kycTest.messages.push(message);
      take[message.type]?.(message);
    }
    const leftMs = periodMs - (performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, leftMs)));
  }
};
