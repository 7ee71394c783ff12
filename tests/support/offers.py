"""Real offers, made once by aiortc, and ways to spoil them."""

from __future__ import annotations

import asyncio
import functools
import random
from concurrent.futures import ThreadPoolExecutor

from aiortc import RTCConfiguration, RTCPeerConnection, VideoStreamTrack

LOCAL_ONLY = RTCConfiguration(iceServers=[])


@functools.cache
def browser_like_offer() -> str:
    """An offer with a camera and a data channel. Made on a thread, for the caller may be on a loop."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(lambda: asyncio.run(_make_offer())).result()


async def _make_offer() -> str:
    connection = RTCPeerConnection(LOCAL_ONLY)
    connection.addTrack(VideoStreamTrack())
    connection.createDataChannel("kyc")
    await connection.setLocalDescription(await connection.createOffer())
    sdp: str = connection.localDescription.sdp
    await connection.close()
    return sdp


def mutated(sdp: str, seed: int) -> str:
    """The offer after a few random cuts, swaps, repeats and replacements."""
    chance = random.Random(seed)  # noqa: S311 - repeatable junk, no secret
    lines = sdp.splitlines()
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(lines))
        match chance.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case 2:
                lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
            case 3:
                lines[at] = lines[at].replace(
                    "1", chance.choice(["", "-1", "99999999999", "x", "\x00"])
                )
            case 4:
                lines[at] = "".join(chr(chance.randrange(32, 0x2FFF)) for _ in range(40))
            case _:
                lines[at] = lines[at][:2] + "A" * chance.choice([0, 10, 5_000])
        if not lines:
            return ""
    return "\r\n".join(lines) + "\r\n"
