"""What is published was stored, and who comes back gets what was missed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.interface import Command, CommandType
from kyc_rtc.sessions.journal import EntryType, message_of
from kyc_rtc.sessions.messages import Exposure
from kyc_rtc.settings import Settings
from kyc_rtc.storage.records import EventRecord
from tests.support.clock import settle
from tests.unit.sessions.conftest import MakeStage, Stage

COMPLETE, CANCEL = Command(CommandType.COMPLETE), Command(CommandType.CANCEL)
PUBLISHED = {
    EntryType.STATE,
    EntryType.CHALLENGE,
    EntryType.CHALLENGE_VOIDED,
    EntryType.CHALLENGE_RESULT,
    EntryType.VERDICT,
}
NOT_JOURNALLED = {"hello", "quality", "challenge_progress", "frame", "notice", "error"}


async def passed(stage: Stage, user_id: str = "customer") -> str:
    """A session in which everything that is asked is done."""
    session_id = await stage.join(user_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.row(session_id).state == "passed"
    return session_id


def journalled(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if "event" in message]


def is_stored(stage: Stage, message: dict[str, Any]) -> bool:
    entries = [entry for rows in stage.store.event_rows.values() for entry in rows]
    return any((e.seq, e.type) == (message["event"], message["type"]) for e in entries)


async def test_the_greeting_comes_first_whatever_was_stored_meanwhile(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("challenge"))
    await stage.connect(session_id)
    assert [peer.sent[0]["type"] for peer in stage.peers] == ["hello", "hello"]


async def test_nothing_is_sent_that_is_not_stored(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await stage.connect(session_id)
    send, early = stage.peer.send, []

    def checked(label: str, text: str) -> bool:
        message = json.loads(text)
        if "event" in message and not is_stored(stage, message):
            early.append(message)
        return send(label, text)

    monkeypatch.setattr(stage.peer, "send", checked)
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.has_sent("verdict", status="PASSED")
    assert early == []


@pytest.mark.parametrize("exposed", [True, False])
async def test_what_is_published_is_what_the_journal_says(
    make_stage: MakeStage, *, exposed: bool
) -> None:
    stage = await make_stage(Settings(expose_scores=exposed))
    session_id = await passed(stage)
    entries = stage.journal(session_id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    # What came before the channel opened is in the greeting.
    expected = [
        e for e in entries if e.type in PUBLISHED and e.seq > stage.peer.sent[0]["last_event"]
    ]
    messages = journalled(stage.peer.sent)
    assert [(m["event"], m["type"]) for m in messages] == [(e.seq, e.type) for e in expected]
    for message, entry in zip(messages, expected, strict=True):
        own = {key: message[key] for key in entry.payload if key in message}
        if entry.type != EntryType.VERDICT or exposed:
            assert own == entry.payload
    others = {message["type"] for message in stage.peer.sent if "event" not in message}
    assert others <= NOT_JOURNALLED


async def test_the_institution_reads_the_same_journal_in_parts(stage: Stage) -> None:
    session_id = await passed(stage)
    whole = await stage.service.journal(session_id, 0)
    assert [view.payload for view in whole] == [e.payload for e in stage.journal(session_id)]
    half = whole[len(whole) // 2].seq
    assert await stage.service.journal(session_id, half) == whole[half:]
    assert await stage.service.journal(session_id, whole[-1].seq) == ()


async def test_no_payload_names_the_applicant(stage: Stage) -> None:
    session_id = await passed(stage, "Ada Applicant 4711")
    stored = json.dumps([dict(entry.payload) for entry in stage.journal(session_id)])
    sent = json.dumps(stage.peer.sent)
    assert "Ada" not in stored + sent
    assert "4711" not in stored + sent


async def test_who_did_it_stands_in_the_journal(stage: Stage) -> None:
    given_up, called_off = await stage.join(), (await stage.service.open("another")).session_id
    stage.peer.say("cancel")
    await settle()
    await stage.service.command(called_off, CANCEL)
    for session_id, actor in ((given_up, "applicant"), (called_off, "institution")):
        first, last = stage.journal(session_id)[0], stage.journal(session_id)[-1]
        assert (first.actor, first.payload["state"]) == ("institution", "created")
        assert (last.actor, last.payload["state"]) == (actor, "cancelled")


# Replay


async def test_who_comes_back_gets_exactly_what_was_missed(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("challenge"))
    first = stage.peer
    last_read = first.last_sent("challenge")["event"]
    first.is_open = False  # what follows is lost on the way
    await stage.perform(limit_ms=6_000)
    answered = [e for e in stage.journal(session_id) if e.type == EntryType.CHALLENGE_RESULT]
    assert [entry.payload["passed"] for entry in answered] == [True]
    await stage.connect(session_id, last_event=last_read)
    replayed = journalled(stage.peer.sent)
    missed = [
        entry
        for entry in stage.journal(session_id)
        if entry.type in PUBLISHED - {EntryType.CHALLENGE} and entry.seq > last_read
    ]
    assert [(m["event"], m["type"]) for m in replayed] == [(e.seq, e.type) for e in missed]
    assert "challenge_result" in stage.peer.types_sent()
    assert "challenge_voided" in stage.peer.types_sent()  # the prompt that was sent into the void
    assert stage.peer.sent[0]["type"] == "hello"


async def test_wherever_the_client_stopped_reading_it_gets_the_rest(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("challenge_result"))
    for last_event in range(1, len(stage.journal(session_id)) + 1):
        await stage.connect(session_id, last_event=last_event)
        replayed = [message["event"] for message in journalled(stage.peer.sent)]
        assert replayed == [
            entry.seq
            for entry in stage.journal(session_id)
            if entry.type in PUBLISHED - {EntryType.CHALLENGE} and entry.seq > last_event
        ]


async def test_a_stale_prompt_is_never_replayed_and_a_new_one_follows(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("challenge"))
    stale = stage.peer.last_sent("challenge")["challenge_id"]
    await stage.connect(session_id, last_event=0)
    assert not stage.has_sent("challenge")
    assert stage.peer.last_sent("challenge_voided")["challenge_id"] == stale
    await stage.perform(lambda: stage.has_sent("challenge"))
    assert stage.peer.last_sent("challenge")["challenge_id"] != stale
    await stage.perform(lambda: stage.has_sent("verdict"))
    assert stage.row(session_id).state == "passed"


@pytest.mark.parametrize("last_event", [None, True, "3", 2.5, [], 10**9, -1])
async def test_junk_for_the_last_event_replays_nothing_or_everything(
    stage: Stage, last_event: Any
) -> None:
    session_id = await stage.join()
    await stage.show(2)
    await stage.connect(session_id, last_event=last_event)
    numbers = [message["event"] for message in journalled(stage.peer.sent)]
    everything = [e.seq for e in stage.journal(session_id) if e.type in PUBLISHED and e.seq > 1]
    assert numbers == (everything if last_event == -1 else [])
    await stage.show(2)
    assert stage.row(session_id).state == "checking_quality"


async def test_a_verdict_that_never_arrived_is_kept_for_the_page(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.show(2)
    stage.peer.is_open = False
    await stage.service.command(session_id, COMPLETE)
    assert not stage.has_sent("verdict")
    assert stage.journal(session_id)[-1].type in {EntryType.VERDICT, EntryType.ALERT}
    assert (await stage.service.attempt(session_id)).status == "INCONCLUSIVE"


@pytest.mark.parametrize("needs_review", [True, False])
def test_a_verdict_does_not_say_that_a_detector_alarmed(*, needs_review: bool) -> None:
    payload: dict[str, Any] = {
        "status": "INCONCLUSIVE",
        "verified": False,
        "needs_review": needs_review,
        "transport": "webrtc",
        "reasons": [{"code": "no_face"}, {"code": "deepfake_suspected"}],
        "liveness_score": 0.5,
        "deepfake_score": 0.7,
    }
    entry = EventRecord(SessionId("x"), 1, 0, "server", EntryType.VERDICT.value, payload)
    message = message_of(entry, Exposure(scores=False, can_retry=True), 0)
    assert message is not None
    assert message.fields["needs_review"] is False
    assert message.fields["reasons"] == [{"code": "framing", "text": "reason.framing"}]
