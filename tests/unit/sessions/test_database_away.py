"""The database is away for a while: nothing is lost, nothing is doubled, nothing leaves unstored."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from kyc_rtc.errors import Conflict, StorageUnavailable
from kyc_rtc.sessions.callers import ANSWER_LIMIT_MS
from kyc_rtc.sessions.interface import ClientView, Command, CommandType
from kyc_rtc.sessions.journal import EntryType
from kyc_rtc.settings import LivenessSettings, Settings
from kyc_rtc.storage import Commit
from tests.support.clock import settle
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import MakeStage, Stage, while_time_passes
from tests.unit.sessions.test_journal import PUBLISHED, journalled

COMPLETE, CANCEL = Command(CommandType.COMPLETE), Command(CommandType.CANCEL)
AWAY = StorageUnavailable("the database is away")
PATIENT = Settings(liveness=LivenessSettings(quality_time_limit_ms=300_000))


def check_journal(stage: Stage, session_id: str) -> None:
    """Without holes and doubles, and the present peer has read what it says, once."""
    entries = stage.journal(session_id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    types = {entry.seq: entry.type for entry in entries}
    numbers = [message["event"] for message in journalled(stage.peer.sent)]
    assert numbers == sorted(set(numbers))
    assert all(types[m["event"]] == m["type"] for m in journalled(stage.peer.sent))
    for kind in ("verdict", "challenge_result", "challenge"):
        published = Counter(m["event"] for m in stage.peer.sent if m["type"] == kind)
        known = Counter(entry.seq for entry in entries if entry.type == kind)
        assert published == known


async def checking_quality(stage: Stage) -> None:
    await stage.show(2)
    stage.seat()


async def challenging(stage: Stage) -> None:
    await stage.perform(lambda: stage.has_sent("challenge"))


async def deciding(stage: Stage) -> None:
    """The last answer is half given."""
    await stage.perform(lambda: stage.has_sent("challenge", index=3))
    await stage.perform(limit_ms=700)


@pytest.mark.parametrize("away_ms", [30_000, 119_000])
@pytest.mark.parametrize("begin", [checking_quality, challenging, deciding])
async def test_a_session_outlasts_it(
    make_stage: MakeStage, begin: Callable[[Stage], Awaitable[None]], away_ms: int
) -> None:
    stage = await make_stage(PATIENT)
    session_id = await stage.join()
    await begin(stage)
    before, entries = journalled(stage.peer.sent), list(stage.journal(session_id))
    analysed = len(stage.analysis.analysed)
    stage.store.failure = AWAY
    await stage.perform(limit_ms=4_000)
    assert stage.peer.last_sent("notice")["code"] == "storage_waiting"
    await stage.perform(limit_ms=away_ms - 4_000, every_ms=250)
    assert journalled(stage.peer.sent) == before
    assert stage.journal(session_id) == entries
    enough = begin is deciding  # everything was seen: only the verdict waits
    assert len(stage.analysis.analysed) > analysed + (10 if enough else away_ms / 1_000)
    assert stage.peer.types_sent().count("notice") == 1

    stage.store.failure = None
    await stage.perform(lambda: stage.has_sent("verdict"), limit_ms=90_000)
    assert stage.peer.last_sent("verdict")["status"] == "PASSED"
    assert stage.row(session_id).state == "passed"
    assert stage.peer.last_sent("notice")["code"] is None
    assert stage.peer.types_sent().count("notice") == 2
    check_journal(stage, session_id)


async def test_an_answer_given_meanwhile_counts_and_is_published_afterwards(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("challenge"))
    prompt = stage.peer.last_sent("challenge")
    stage.store.failure = AWAY
    await stage.perform(limit_ms=12_000)
    assert not stage.has_sent("challenge_result")
    assert stage.peer.types_sent().count("challenge") == 1
    stage.store.failure = None
    await stage.clock.advance(2_000)
    result = stage.peer.last_sent("challenge_result")
    assert (result["challenge_id"], result["passed"]) == (prompt["challenge_id"], True)
    # The next prompt's time begins only now.
    assert stage.peer.types_sent().count("challenge") == 2
    nearly = stage.peer.last_sent("challenge")["deadline_t_ms"] - stage.clock.monotonic_ms()
    assert nearly > 7_000
    check_journal(stage, session_id)


async def test_a_hiccup_is_not_reported(stage: Stage) -> None:
    await stage.join()
    stage.store.failure = AWAY
    await stage.show(10)
    stage.store.failure = None
    await stage.show(30)
    assert not stage.has_sent("notice")
    assert stage.has_sent("state", state="checking_quality")


async def test_who_comes_back_meanwhile_is_let_in_and_notified(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("challenge"))
    prompt = stage.peer.last_sent("challenge")["event"]
    stage.store.failure = AWAY
    await stage.perform(lambda: stage.has_sent("notice"))
    await stage.connect(session_id, last_event=prompt)
    assert stage.peer.types_sent() == ["hello", "notice"]
    assert stage.peer.last_sent("hello")["last_event"] == prompt
    stage.store.failure = None
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.peer.last_sent("verdict")["status"] == "PASSED"
    assert stage.peer.last_sent("notice")["code"] is None
    numbers = [message["event"] for message in journalled(stage.peer.sent)]
    entries = [e for e in stage.journal(session_id) if e.type in PUBLISHED and e.seq > prompt]
    withdrawn = {e.payload["challenge_id"] for e in entries if e.payload.get("shown") is False}
    unseen = [e.seq for e in entries if e.payload.get("challenge_id") not in withdrawn]
    assert numbers == unseen


async def test_a_prompt_that_waited_for_the_database_is_not_sent_to_another_peer(
    stage: Stage,
) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("challenge"))
    stage.store.failure = AWAY
    await stage.perform(limit_ms=12_000)  # answered, and the next prompt is drawn
    await stage.connect(session_id)
    sent = [*stage.peers[0].sent, *stage.peers[1].sent]
    stage.store.failure = None
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.row(session_id).state == "passed"
    asked = {e.payload["challenge_id"] for e in stage.journal(session_id) if e.type == "challenge"}
    shown = {m["challenge_id"] for m in (*sent, *stage.peer.sent) if m["type"] == "challenge"}
    (withdrawn,) = asked - shown
    (voided,) = [e.payload for e in stage.journal(session_id) if e.type == "challenge_voided"]
    assert (voided["challenge_id"], voided["shown"]) == (withdrawn, False)
    assert not stage.has_sent("challenge_voided")
    assert stage.row(session_id).connection["voided"] == {}  # type: ignore[index]


async def test_after_two_minutes_the_session_ends_and_can_be_retried(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.show(2)
    stage.seat()
    before = journalled(stage.peer.sent)
    stage.store.failure = AWAY
    await stage.perform(lambda: stage.peer.closed, limit_ms=130_000, every_ms=250)
    assert stage.peer.closed
    assert journalled(stage.peer.sent) == before
    assert (await stage.service.health()).live_sessions == 0
    assert stage.row(session_id).state == "checking_quality"

    stage.store.failure = None
    await stage.clock.advance(10_000)
    view = await stage.service.status(session_id)
    assert (view.state, view.can_retry) == ("interrupted", True)
    assert stage.journal(session_id)[-1].actor == "system"
    with pytest.raises(Conflict):
        await stage.service.offer(session_id, browser_like_offer(), ClientView())
    again = await stage.service.retry(session_id)
    await stage.connect(again.session_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert await stage.state(session_id) == "passed"


@pytest.mark.parametrize(("away_ms", "ends"), [(119_000, False), (123_000, True)])
async def test_two_minutes_are_the_limit(stage: Stage, away_ms: int, *, ends: bool) -> None:
    session_id = await stage.join()
    await stage.show(2)
    stage.store.failure = AWAY
    stage.peer.say("cancel")
    await stage.clock.advance(away_ms)
    stage.store.failure = None
    await stage.clock.advance(10_000)
    assert stage.row(session_id).state == ("interrupted" if ends else "cancelled")
    assert stage.has_sent("state", state="cancelled") is not ends


async def test_no_verification_begins_and_no_status_is_guessed(stage: Stage) -> None:
    session_id = await stage.join()
    stage.store.failure = AWAY
    with pytest.raises(StorageUnavailable):
        await stage.service.open("another")
    with pytest.raises(StorageUnavailable):
        await stage.service.status(session_id)
    with pytest.raises(StorageUnavailable):
        await stage.service.command(session_id, COMPLETE)
    health = await stage.service.health()
    assert (health.waiting_sessions, health.live_sessions) == (None, 1)
    assert "database" in health.problems


async def unstored(_commit: Commit) -> None:
    raise AWAY


@pytest.mark.parametrize(("command", "state"), [(COMPLETE, "inconclusive"), (CANCEL, "cancelled")])
async def test_a_command_times_out_and_still_happens(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, command: Command, state: str
) -> None:
    session_id = await stage.join()
    await stage.show(2)
    with monkeypatch.context() as away:
        away.setattr(stage.store.sessions, "commit", unstored)
        asking = asyncio.ensure_future(stage.service.command(session_id, command))
        await stage.clock.advance(ANSWER_LIMIT_MS + 1)
        with pytest.raises(StorageUnavailable):
            await asking
        assert stage.row(session_id).state == "checking_quality"
    await stage.clock.advance(5_000)
    assert stage.row(session_id).state == state
    check_journal(stage, session_id)


@pytest.mark.parametrize("every", [1, 2, 3])
async def test_a_lost_acknowledgement_loses_nothing_and_doubles_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    commit, calls = stage.store.sessions.commit, Counter[int]()

    async def unacknowledged(record: Commit) -> None:
        await commit(record)
        calls[record.base_seq] += 1
        if record.base_seq % every == 0 and calls[record.base_seq] < 3:
            raise StorageUnavailable("the connection broke")

    monkeypatch.setattr(stage.store.sessions, "commit", unacknowledged)
    session_id = (await stage.service.open("customer")).session_id
    connecting = stage.service.offer(session_id, browser_like_offer(), ClientView())
    await while_time_passes(stage, connecting)
    stage.peer.connect()
    stage.peer.say("ready")
    await settle()
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.peer.last_sent("verdict")["status"] == "PASSED"
    check_journal(stage, session_id)
    assert max(calls.values()) == 3


async def test_the_alerts_of_a_lost_acknowledgement_are_there_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = stage.store.sessions.commit
    lost: list[Commit] = []

    async def unacknowledged(record: Commit) -> None:
        await commit(record)
        if record.alerts and not lost:
            lost.append(record)
            raise StorageUnavailable("the connection broke")

    session_id = await stage.join()
    await stage.show(2)
    monkeypatch.setattr(stage.store.sessions, "commit", unacknowledged)
    await while_time_passes(stage, stage.service.command(session_id, COMPLETE))
    assert lost
    assert len(stage.alerts(session_id)) == len(lost[0].alerts) > 0
    entries = Counter(entry.type for entry in stage.journal(session_id))
    assert entries[EntryType.ALERT] == len(lost[0].alerts)
    assert entries[EntryType.VERDICT] == stage.peer.types_sent().count("verdict") == 1
