"""ICE on ports of a range: all of them are used, and no other."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
import structlog
from aiortc import RTCIceGatherer, RTCIceTransport
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.settings import MediaSettings, Settings
from media import udp_ports
from media.udp_ports import in_turn, use_ports
from tests.support.loopback import Loopback

HOST_PORT = re.compile(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", re.IGNORECASE)


@given(st.integers(1, 60_000), st.integers(1, 300))
def test_each_port_comes_once(first: int, count: int) -> None:
    ports = range(first, first + count)
    assert sorted(in_turn(ports)) == list(ports)


@pytest.fixture
def free_ports() -> Iterator[range]:
    """A range that nobody else uses at the moment."""
    for first in range(47_000, 60_000, 16):
        try:
            for port in range(first, first + 4):
                with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
                    taken.bind(("", port))
        except OSError:
            continue
        yield range(first, first + 4)
        return
    pytest.fail("every port is taken")


async def _answered(ports: str) -> tuple[Loopback, list[tuple[str, int]]]:
    """A call whose server has these `udp_ports`, and addresses and ports of the answer."""
    settings = Settings(media=MediaSettings.model_validate({"udp_ports": ports}))
    call = Loopback(RemoteStreamTrack("video"), settings)
    sdp = await call.answer()
    return call, [(host, int(port)) for host, port in HOST_PORT.findall(sdp)]


async def test_host_candidates_lie_in_the_range(free_ports: range) -> None:
    call, found = await _answered(f"{free_ports[0]}-{free_ports[-1]}")
    await call.aclose()
    assert found
    assert {port for _, port in found} <= set(free_ports)


async def test_a_range_that_is_used_up_is_logged(free_ports: range) -> None:
    only = f"{free_ports[0]}-{free_ports[0]}"
    first, found = await _answered(only)
    with structlog.testing.capture_logs() as logs:
        second, none = await _answered(only)
    await first.aclose()
    await second.aclose()
    assert (len(found) > 0, none) == (True, [])
    assert {entry["event"] for entry in logs} >= {"no_udp_port_free"}


async def test_a_port_is_free_again_after_its_camera(free_ports: range) -> None:
    only = f"{free_ports[0]}-{free_ports[0]}"
    for _ in range(2):
        call, found = await _answered(only)
        await call.aclose()
        assert {port for _, port in found} == {free_ports[0]}


async def test_no_port_stays_taken_where_gathering_fails(
    free_ports: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("as if it was cancelled")

    monkeypatch.setattr(udp_ports, "_host_candidate", fail)
    transport = RTCIceTransport(RTCIceGatherer())
    use_ports([transport], free_ports)
    with pytest.raises(RuntimeError):
        await transport.iceGatherer.gather()
    await transport._connection.close()
    await asyncio.sleep(0)  # in which the sockets are closed
    for port in free_ports:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
            taken.bind(("", port))
