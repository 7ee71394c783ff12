"""Real peers whose candidates are refused, wrong, or come late."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable

import pytest
from aiortc import VideoStreamTrack
from pydantic import SecretStr

from kyc_rtc.clock import Clock
from kyc_rtc.errors import BadSdp
from kyc_rtc.settings import Settings
from media import peer as peer_module
from media.peer import CONNECT_LIMIT_MS
from media.peer_events import Connected, PeerClosed, Refused
from media.peer_setup import video_receivers
from media.sdp import parse_fragment
from media.sdp_lines import MAX_CANDIDATES
from tests.support.clock import ManualClock
from tests.support.loopback import Loopback

NewLoopback = Callable[..., Loopback]
STRICT = Settings(
    environment="production",
    public_url="https://kyc.example",
    secret_key=SecretStr("k" * 32),
    api_key_hashes=("0" * 64,),
)
JUNK = (
    "1 1 udp 1 example.com 5000 typ host",
    "1 1 udp 1 224.0.0.251 5353 typ host",
    "1 1 udp 1 0.0.0.0 5000 typ host",
    "1 2 udp 1 10.0.0.1 5000 typ host",
    "1 1 tcp 1 10.0.0.1 9 typ host tcptype active",
    "1 1 udp 1 10.0.0.1 99999999999 typ host",
    "1 1 udp -1 10.0.0.1 5000 typ host",
    "1 1 udp 99999999999999999999 ::ffff:10.0.0.1 5000 typ srflx raddr x rport 0",
    "x 1 udp 1 10.0.0.1 5000 typ prflx",
    "1 1 udp 1 fe80::1%eth0 5000 typ host",
    "1 1 udp 1 " + "a" * 300 + ".local 5000 typ host",
    "1 1 \u0130 1 \u0661\u0662.local 5000 typ relay",
)


@pytest.fixture
async def loopback() -> AsyncIterator[NewLoopback]:
    made: list[Loopback] = []

    def make(settings: Settings | None = None, clock: Clock | None = None) -> Loopback:
        made.append(Loopback(VideoStreamTrack(), settings, clock))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


def with_candidates(*values: str) -> Callable[[str], str]:
    """Changes an offer: these in the place of its own, and that there are no others."""
    lines = "".join(f"a=candidate:{value}\r\n" for value in values)

    def edit(sdp: str) -> str:
        bare = re.sub("a=(candidate:.*|end-of-candidates)\r\n", "", sdp)
        return re.sub("(a=mid:.*\r\n)", rf"\g<1>{lines}a=end-of-candidates\r\n", bare)

    return edit


PRIVATE = with_candidates("1 1 udp 2130706431 10.255.255.1 5000 typ host")


@pytest.mark.parametrize("edit", [PRIVATE, with_candidates()])
async def test_a_client_without_a_candidate_shows_by_its_own_checks(
    loopback: NewLoopback, edit: Callable[[str], str]
) -> None:
    call = loopback(STRICT)
    await call.connect(edit)
    await call.until(lambda: call.of_type(Connected))
    assert call.refusals() == []


async def test_who_does_not_show_either_gets_the_name_of_the_setting(loopback: NewLoopback) -> None:
    clock = ManualClock()
    call = loopback(STRICT, clock)
    await call.answer(PRIVATE)
    await clock.advance(CONNECT_LIMIT_MS - 1)
    assert call.events == []
    await clock.advance(1)
    await call.until(lambda: call.of_type(PeerClosed))
    assert call.refusals() == ["candidates_refused"]
    (refused,) = call.of_type(Refused)
    assert "media.allow_private_candidates" in refused.error.hint


async def test_who_could_be_reached_and_does_not_come_is_closed(loopback: NewLoopback) -> None:
    clock = ManualClock()
    call = loopback(clock=clock)
    await call.answer()
    await clock.advance(CONNECT_LIMIT_MS)
    await call.until(lambda: call.of_type(PeerClosed))
    assert call.refusals() == []


async def test_who_is_up_in_time_stays(loopback: NewLoopback) -> None:
    clock = ManualClock()
    call = loopback(clock=clock)
    await call.connect()
    await call.until(lambda: call.of_type(Connected))
    await clock.advance(3 * CONNECT_LIMIT_MS)
    assert not call.of_type(PeerClosed)


async def test_junk_in_an_offer_costs_nothing_but_itself(loopback: NewLoopback) -> None:
    call = loopback()
    await call.connect(with_candidates(*JUNK))
    await call.until(lambda: call.of_type(Connected))


@pytest.mark.parametrize("is_parsed", [True, False])
async def test_junk_in_a_fragment_is_left_out_or_refused(
    loopback: NewLoopback, is_parsed: bool
) -> None:
    call = loopback(clock=ManualClock())
    await call.answer()
    unparsed = ("", "1", "1 x udp 1 10.0.0.1 5 typ host", JUNK[5])
    for value in [*JUNK[:5], *JUNK[6:]] if is_parsed else unparsed:
        text = f"a=mid:0\na=candidate:{value}\na=end-of-candidates\n"
        with contextlib.nullcontext() if is_parsed else pytest.raises(BadSdp):
            await call.peer.add_candidates(parse_fragment(text))
    assert not call.of_type(PeerClosed)


async def test_a_peer_has_so_many_candidates_in_all(loopback: NewLoopback) -> None:
    call = loopback(clock=ManualClock())
    await call.answer(with_candidates())
    lines = [f"a=candidate:1 1 udp 1 10.9.9.9 {6_000 + n} typ host" for n in range(60)]
    for at in range(0, 180, 60):
        text = "\n".join(["a=mid:0", *(line.replace("10.9.9.9", f"10.9.9.{at}") for line in lines)])
        await call.peer.add_candidates(parse_fragment(text))
    ice = video_receivers(call.peer._connection)[0].transport.transport
    assert len(ice.getRemoteCandidates()) == MAX_CANDIDATES


@pytest.mark.parametrize(("settings", "is_asked"), [(Settings(), True), (STRICT, False)])
async def test_names_are_resolved_only_where_private_addresses_are_tried(
    loopback: NewLoopback, monkeypatch: pytest.MonkeyPatch, settings: Settings, is_asked: bool
) -> None:
    asked: list[str] = []

    async def resolve(names: tuple[str, ...], limit_s: float) -> dict[str, str]:
        asked.extend(names)
        await asyncio.sleep(0)
        return {"known.local": "10.1.2.3", "wrong.local": "224.0.0.1"}

    monkeypatch.setattr(peer_module, "resolve_mdns", resolve)
    call = loopback(settings, ManualClock())
    names = ("known.local", "wrong.local", "unknown.local")
    await call.answer(with_candidates(*(f"1 1 udp 1 {n} 5000 typ host" for n in names)))
    assert asked == (list(names) if is_asked else [])
    ice = video_receivers(call.peer._connection)[0].transport.transport
    assert [c.ip for c in ice.getRemoteCandidates()] == (["10.1.2.3"] if is_asked else [])
