"""Real peers that close on a dead link, or whose parts do not close: nothing of them is left."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from aiortc import VideoStreamTrack
from OpenSSL import SSL

from media import peer as peer_module
from media import peer_setup
from media.aiortc_quirks import PictureQueue
from media.peer_events import ChannelOpened, PeerClosed
from media.peer_setup import video_receivers
from tests.support.loopback import Loopback


@pytest.fixture
async def call() -> AsyncIterator[Loopback]:
    made = await connected()
    yield made
    await made.aclose()


async def connected() -> Loopback:
    """A call with both channels, whose pictures come."""
    made = Loopback(VideoStreamTrack())
    await made.connect()
    await made.until(lambda: len(made.of_type(ChannelOpened)) == 2 and made.frames)
    return made


async def hang() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ConnectionError("the link is gone")


async def test_pictures_come_through_the_bounded_queue(call: Loopback) -> None:
    (receiver,) = video_receivers(call.peer._connection)
    assert isinstance(getattr(receiver.track, "_queue", None), PictureQueue)


@pytest.mark.parametrize("part", ["connection", "receiver", "sctp", "dtls", "ice"])
@pytest.mark.parametrize("stop", [hang, fail])
async def test_what_does_not_close_is_closed_part_by_part(
    monkeypatch: pytest.MonkeyPatch, part: str, stop: Any
) -> None:
    monkeypatch.setattr(peer_module, "CLOSE_TIMEOUT_MS", 100)
    monkeypatch.setattr(peer_module, "PARTS_LIMIT_S", 0.2)
    before = decoders()
    call = await connected()
    assert decoders() - before
    (receiver,) = video_receivers(call.peer._connection)
    dtls = receiver.transport
    ice = dtls.transport._connection
    sockets = [protocol.transport for protocol in ice._protocols]
    target, name = {
        "connection": (call.peer._connection, "close"),
        "receiver": (receiver, "stop"),
        "sctp": (call.peer._connection.sctp, "stop"),
        "dtls": (dtls, "stop"),
        "ice": (ice, "close"),
    }[part]
    monkeypatch.setattr(target, name, stop)
    with structlog.testing.capture_logs() as logs:
        await call.peer.aclose()
    expected = "peer_close_timeout" if stop is hang else "peer_close_failed"
    assert expected in [entry["event"] for entry in logs]
    assert sockets
    assert all(socket.is_closing() for socket in sockets)
    await call.until(lambda: call.of_type(PeerClosed))
    await call.publisher.aclose()
    await call.until(lambda: not decoders() - before)


def decoders() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "video-decoder"}


class Unretrieved:
    """What the event loop reports of tasks whose errors nobody took."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._errors: list[BaseException | None] = []
        asyncio.get_running_loop().set_exception_handler(self._note)

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._errors.append(context.get("exception"))

    async def of(self, call: Loopback, error: Exception) -> list[BaseException | None]:
        """Those of a call whose link fails with `error` under a message, and that then closes."""
        refused = asyncio.Event()

        async def refuse(_data: bytes) -> None:
            refused.set()
            raise error

        self._patch.setattr(
            video_receivers(call.peer._connection)[0].transport, "_send_data", refuse
        )
        assert call.peer.send("kyc", "hello")
        async with asyncio.timeout(5):
            await refused.wait()
        await call.aclose()
        gc.collect()
        return self._errors


DEAD = (ConnectionError("not connected"), SSL.Error([("SSL routines", "", "protocol is shutdown")]))


@pytest.mark.parametrize("error", DEAD, ids=["connection", "ssl"])
async def test_a_message_to_a_dead_link_is_not_reported(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert await Unretrieved(monkeypatch).of(await connected(), error) == []


@pytest.mark.parametrize("error", DEAD, ids=["connection", "ssl"])
async def test_aiortc_still_reports_it(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(peer_setup, "expect_dead_link", lambda _connection: None)
    assert error in await Unretrieved(monkeypatch).of(await connected(), error)


async def test_other_errors_of_a_channel_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ZeroDivisionError("a bug")
    assert error in await Unretrieved(monkeypatch).of(await connected(), error)
