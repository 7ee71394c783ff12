"""FFmpeg's WHIP muxer, as a process of its own: `python whip_ffmpeg.py URL CERTIFICATE KEY`.

The token is in the environment (`WHIP_TOKEN`). Pictures come as raw BGR, 480x360 at 15 a second, by standard
input; at its end the muxer deletes its resource. It sends H.264 only. A process: PyAV holds the interpreter
while it waits for the server, which in a test is the same one.
"""

from __future__ import annotations

import os
import sys
import time
from fractions import Fraction

import av
import numpy as np
from av.video.stream import VideoStream

WIDTH, HEIGHT, FPS = 480, 360, 15


def main(url: str, certificate: str, key: str) -> None:
    options = {
        "authorization": os.environ["WHIP_TOKEN"],
        "cert_file": certificate,
        "key_file": key,
        "handshake_timeout": "10000",
    }
    with av.open(url, "w", format="whip", options=options) as output:
        stream = output.add_stream("libx264", rate=FPS)
        if not isinstance(stream, VideoStream):
            raise TypeError("libx264 is not a video encoder")
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 2 * FPS
        stream.codec_context.bit_rate = 900_000
        stream.codec_context.profile = "Baseline"
        stream.codec_context.options = {"preset": "veryfast", "tune": "zerolatency"}
        began_s, number = time.monotonic(), -1
        while len(data := sys.stdin.buffer.read(WIDTH * HEIGHT * 3)) == WIDTH * HEIGHT * 3:
            image = np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH, 3)
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            number = max(number + 1, round((time.monotonic() - began_s) * FPS))
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            output.mux(stream.encode(picture))


if __name__ == "__main__":
    main(*sys.argv[1:4])
