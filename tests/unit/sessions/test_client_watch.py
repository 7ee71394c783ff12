"""What a client hears of itself: a channel that does not come, a `ready` that does not, too few pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.sessions.channel_wait import NO_CHANNEL_MS, READY_EXPECTED_MS, ChannelWait, Due
from kyc_rtc.sessions.interface import ClientView
from kyc_rtc.sessions.picture_rate import WINDOW_MS, PictureRate
from tests.support.clock import settle
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import Stage

LOOK_MS = 250


def heard(rate: PictureRate, per_s: float, seconds: float, since_ms: float = 0.0) -> list[object]:
    """The codes of the notices while so many pictures a second come."""
    codes: list[object] = []
    for number in range(round(seconds * 1_000 / LOOK_MS)):
        passed_ms = number * LOOK_MS
        pictures = 1 + int((since_ms + passed_ms) * per_s / 1_000)
        codes += [m.fields["code"] for m in rate.look(since_ms + passed_ms, pictures)]
    return codes


@pytest.mark.parametrize(
    ("per_s", "codes"),
    [(3.0, ["few_pictures"]), (7.0, ["few_pictures"]), (10.0, []), (25.0, [])],
)
def test_who_sends_too_few_is_warned_once(per_s: float, codes: list[str]) -> None:
    assert heard(PictureRate(), per_s, 20) == codes


def test_it_is_over_when_enough_come() -> None:
    rate = PictureRate()
    assert heard(rate, 4.0, 10) == ["few_pictures"]
    assert rate.is_low
    assert heard(rate, 20.0, 10, since_ms=10_000) == [None]
    assert not rate.is_low


def test_before_the_first_picture_and_after_the_last_there_is_nothing_to_say() -> None:
    rate = PictureRate()
    assert all(rate.look(ms, 0) == [] for ms in range(0, 10_000, LOOK_MS))
    assert all(rate.look(ms, 1) == [] for ms in range(10_000, 12_500, LOOK_MS))
    assert all(rate.look(ms, 1) == [] for ms in range(12_500 + int(WINDOW_MS), 40_000, LOOK_MS))


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 200)), max_size=60))
def test_notices_take_turns(steps: list[tuple[int, int]]) -> None:
    rate, now_ms, pictures, codes = PictureRate(), 0.0, 0, []
    for passed_ms, came in steps:
        now_ms, pictures = now_ms + passed_ms, pictures + came
        codes += [message.fields["code"] for message in rate.look(now_ms, pictures)]
    assert codes == ["few_pictures", None] * (len(codes) // 2) + ["few_pictures"][: len(codes) % 2]


def test_a_channel_that_never_opens_is_not_waited_for() -> None:
    wait = ChannelWait()
    wait.joined(0.0, has_channel=True)
    assert wait.look(NO_CHANNEL_MS - 1) is None
    assert [wait.look(NO_CHANNEL_MS + n) for n in (0, 1)] == [Due.BEGIN, None]
    assert wait.opened(NO_CHANNEL_MS + 5_000), "the check had begun without it"


def test_a_client_that_does_not_say_ready_is_reminded_once() -> None:
    wait = ChannelWait()
    wait.joined(0.0, has_channel=True)
    assert not wait.opened(1_000.0)
    assert wait.look(1_000 + READY_EXPECTED_MS - 1) is None
    assert [wait.look(1_000 + READY_EXPECTED_MS + n) for n in (0, 1)] == [Due.REMIND, None]


@pytest.mark.parametrize("has_channel", [True, False])
def test_a_client_that_is_ready_or_has_no_channels_hears_nothing(has_channel: bool) -> None:
    wait = ChannelWait()
    wait.joined(0.0, has_channel=has_channel)
    if has_channel:
        wait.opened(0.0)
        wait.ready()
    assert wait.look(1e9) is None


async def test_a_negotiated_channel_does_not_keep_the_check_waiting(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await stage.service.offer(session_id, browser_like_offer(), ClientView())
    stage.seat()
    await stage.show(50)
    assert await stage.state(session_id) == "connecting"
    await stage.show(int(NO_CHANNEL_MS / 40))
    assert await stage.state(session_id) == "challenging"


async def test_a_channel_that_opens_again_begins_with_a_greeting_and_another_challenge(
    stage: Stage,
) -> None:
    await stage.join()
    stage.seat()
    await stage.perform(lambda: stage.has_sent("challenge"))
    first = stage.peer.last_sent("challenge")
    stage.peer.sent.clear()
    stage.peer.connect()  # the channel once more, on the same connection
    await settle()
    assert stage.peer.types_sent()[0] == "hello"
    stage.peer.say("ready", last_event=first["event"])
    await stage.perform(lambda: stage.has_sent("challenge"), limit_ms=10_000)
    assert stage.has_sent("challenge_voided", challenge_id=first["challenge_id"], reason="peer")
    assert stage.peer.last_sent("challenge")["challenge_id"] != first["challenge_id"]


async def test_an_offer_of_the_same_connection_is_answered_by_its_peer(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    first = await stage.service.offer(session_id, browser_like_offer(), ClientView())
    stage.peer.continues = True
    again = await stage.service.offer(session_id, browser_like_offer(), ClientView())
    assert again.peer_id == first.peer_id
    assert (len(stage.peers), stage.peer.answers) == (1, 2)
