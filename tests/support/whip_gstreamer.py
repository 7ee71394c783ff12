"""GStreamer's webrtcbin as a WHIP client, run by the system's Python: `python3 whip_gstreamer.py CODEC URL`.

The token is in the environment (`WHIP_TOKEN`). Pictures come as raw BGR, 480x360 at 15 a second, by standard
input, in real time; at its end the client deletes its resource. It writes the statuses that it got, one a
line. GStreamer's certificate is RSA. With `passive` as third argument the client insists on being the DTLS
server.
"""

from __future__ import annotations

import os
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import gi  # type: ignore[import-not-found,unused-ignore]

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import (  # type: ignore[import-not-found,unused-ignore]  # noqa: E402
    GLib,
    Gst,
    GstSdp,
    GstWebRTC,
)

PICTURE_BYTES = 480 * 360 * 3
PAYLOAD = "application/x-rtp,media=video,payload=96,encoding-name="
ENCODERS = {
    "VP8": "vp8enc deadline=1 cpu-used=8 target-bitrate=900000 keyframe-max-dist=60 ! rtpvp8pay pt=96 "
    f"picture-id-mode=15-bit ! {PAYLOAD}VP8",
    "H264": "x264enc tune=zerolatency speed-preset=veryfast bitrate=900 key-int-max=60 ! "
    "video/x-h264,profile=constrained-baseline ! h264parse ! rtph264pay pt=96 config-interval=-1 "
    f"aggregate-mode=zero-latency ! {PAYLOAD}H264",
}
CAMERA = (
    "appsrc name=camera is-live=true format=time do-timestamp=true "
    "caps=video/x-raw,format=BGR,width=480,height=360,framerate=15/1 ! "
    "videoconvert ! queue max-size-buffers=2 leaky=downstream"
)


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Client:
    """One connection."""

    def __init__(self, codec: str, url: str, *, passive: bool) -> None:
        self._url = url
        self._passive = passive
        self._location = self._etag = self._ufrag = self._pwd = ""
        self._waiting: list[str] = []
        self._kept: list[Any] = []  # the bindings of GStreamer 1.22 free what is still in use
        self._lock = threading.Lock()
        self._loop = GLib.MainLoop()
        self._pipe = Gst.parse_launch(
            f"webrtcbin name=w bundle-policy=max-bundle {CAMERA} ! {ENCODERS[codec]} ! w."
        )
        self._peer = self._pipe.get_by_name("w")
        self._peer.connect("on-negotiation-needed", self._offer)
        self._peer.connect("on-ice-candidate", self._on_candidate)
        bus = self._pipe.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self._on_error)

    def run(self) -> None:
        self._pipe.set_state(Gst.State.PLAYING)
        threading.Thread(target=self._film, daemon=True).start()
        self._loop.run()
        if self._location:
            self._call("DELETE", self._location)

    def _film(self) -> None:
        """Each picture's time is that of its arrival. At the end of the input the client leaves."""
        camera = self._pipe.get_by_name("camera")
        while len(picture := sys.stdin.buffer.read(PICTURE_BYTES)) == PICTURE_BYTES:
            camera.emit("push-buffer", Gst.Buffer.new_wrapped(picture))
        self._loop.quit()

    def _on_error(self, _bus: Any, message: Any) -> None:
        _say("error", message.parse_error()[0].message)
        self._loop.quit()

    def _offer(self, _peer: Any) -> None:
        made = Gst.Promise.new_with_change_func(self._offered)
        self._peer.emit("create-offer", None, made)

    def _offered(self, promise: Any, *_: Any) -> None:
        promise.wait()
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self._kept += [promise, reply, offer]
        text = offer.sdp.as_text()
        self._peer.emit("set-local-description", offer, Gst.Promise.new())
        threading.Thread(target=self._post, args=(text,)).start()

    def _post(self, sdp: str) -> None:
        found = dict(
            line[2:].split(":", 1) for line in sdp.split("\r\n") if line.startswith("a=ice-")
        )
        self._ufrag, self._pwd = found["ice-ufrag"], found["ice-pwd"]
        if self._passive:
            sdp = sdp.replace("a=setup:actpass", "a=setup:passive")
        headers, text = self._call("POST", self._url, sdp, "application/sdp")
        _, parsed = GstSdp.SDPMessage.new_from_text(text)
        kind = GstWebRTC.WebRTCSDPType.ANSWER
        answer = GstWebRTC.WebRTCSessionDescription.new(kind, parsed)
        self._kept += [parsed, answer]
        self._peer.emit("set-remote-description", answer, Gst.Promise.new())
        with self._lock:
            self._location = urllib.parse.urljoin(self._url, headers["Location"])
            self._etag = headers["ETag"]
            waiting, self._waiting = self._waiting, []
        for candidate in waiting:
            self._trickle(candidate)

    def _on_candidate(self, _peer: Any, _section: int, candidate: str) -> None:
        with self._lock:
            if not self._location:
                self._waiting.append(candidate)
                return
        self._trickle(candidate)

    def _trickle(self, candidate: str) -> None:
        fragment = (
            f"a=ice-ufrag:{self._ufrag}\r\na=ice-pwd:{self._pwd}\r\n"
            f"m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:video0\r\na={candidate}\r\n"
        )
        self._call("PATCH", self._location, fragment, "application/trickle-ice-sdpfrag")

    def _call(self, method: str, url: str, body: str = "", kind: str = "") -> tuple[Any, str]:
        headers = {"Authorization": f"Bearer {os.environ['WHIP_TOKEN']}"}
        if body:
            headers["Content-Type"] = kind
        if method == "PATCH":
            headers["If-Match"] = self._etag
        request = urllib.request.Request(  # noqa: S310 - the URL is the test's
            url, method=method, headers=headers, data=body.encode() or None
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
                _say(method, answer.status)
                return answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            _say(method, error.code)
            raise


if __name__ == "__main__":
    Gst.init(None)
    Client(sys.argv[1], sys.argv[2], passive="passive" in sys.argv[3:]).run()
    os._exit(0)  # without the interpreter's end, which waits for GStreamer's threads
