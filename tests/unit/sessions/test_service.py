"""Sessions from open to close, on fakes: states, admission, deadlines, failures."""

from __future__ import annotations

import asyncio
import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from kyc_rtc.errors import (
    AtCapacity,
    BadImage,
    BadRequest,
    BadSdp,
    Conflict,
    NotFound,
    StorageUnavailable,
)
from kyc_rtc.ids import SessionId
from kyc_rtc.sessions.devices import MAX_PEERS
from kyc_rtc.sessions.interface import ClientView, Command, CommandType
from kyc_rtc.settings import LimitSettings, Settings
from kyc_rtc.vision.quality import QualityIssue
from tests.support.clock import settle
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import MakeStage, Stage

CLIENT = ClientView(user_agent="test", address="192.0.2.7")
COMPLETE, CANCEL = Command(CommandType.COMPLETE), Command(CommandType.CANCEL)


def picture() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(out, "JPEG")
    return out.getvalue()


async def test_a_session_greets_its_peer_and_checks_the_picture(stage: Stage) -> None:
    session_id = await stage.join()
    assert await stage.state(session_id) == "connecting"
    await stage.show(1)
    assert await stage.state(session_id) == "checking_quality"
    hello = stage.peer.last_sent("hello")
    assert (hello["session_id"], hello["challenges_total"]) == (session_id, 3)
    quality = stage.peer.last_sent("quality")
    assert quality["issues"] == [{"code": "no_face", "hint": "hint.no_face"}]


async def test_the_status_of_a_session_moves_with_its_pictures(stage: Stage) -> None:
    session_id = await stage.join()
    counted = []
    for _ in range(3):
        await stage.show(5)
        counted.append((await stage.service.status(session_id)).frames_processed)
    assert counted == [5, 10, 15]
    assert stage.store.row(SessionId(session_id)).frames_processed < 15  # not stored for that
    await stage.service.command(session_id, COMPLETE)
    assert (await stage.service.status(session_id)).frames_processed == 15


async def test_nothing_is_analysed_before_the_applicant_is_ready(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await stage.service.offer(session_id, browser_like_offer(), CLIENT)
    stage.peer.connect()
    await settle()
    await stage.show(3)
    assert not stage.analysis.analysed
    stage.peer.say("ready")
    await stage.show(3)
    assert len(stage.analysis.analysed) == 3


async def test_no_more_frames_are_analysed_than_asked_for(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings(target_fps=10))
    await stage.join()
    await stage.show(50, every_ms=20)  # one second at 50 fps
    assert 9 <= len(stage.analysis.analysed) <= 12


async def test_the_session_ends_when_the_picture_never_gets_good(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.show(470, every_ms=100)
    view = await stage.service.status(session_id)
    assert (view.state, view.status) == ("inconclusive", "INCONCLUSIVE")
    assert "no_face" in view.reasons
    verdict = stage.peer.last_sent("verdict")
    assert not verdict["verified"]
    assert verdict["can_retry"]


@pytest.mark.parametrize("exposed", [False, True])
async def test_weights_are_stored_and_returned_only_where_scores_are_exposed(
    make_stage: MakeStage, *, exposed: bool
) -> None:
    stage = await make_stage(Settings(expose_scores=exposed))
    session_id = await stage.join()
    await stage.show(2)
    view = await stage.service.command(session_id, COMPLETE)
    assert view.reason_weights == (1.0,) * len(view.reasons)
    stored = await stage.store.sessions.get(SessionId(session_id))
    assert stored.reason_weights == view.reason_weights
    verdict = stage.peer.last_sent("verdict")
    weighed = {"weight": 1.0, "weight_text": "weight.decisive"} if exposed else {}
    codes = view.reasons if exposed else ("framing",)
    assert verdict["reasons"] == [
        {"code": code, "text": f"reason.{code}"} | weighed for code in codes
    ]


@pytest.mark.parametrize(
    ("failure", "answer", "left"),
    [
        (StorageUnavailable("the database is away"), StorageUnavailable, "checking_quality"),
        (ConnectionError("nobody knows what this is"), StorageUnavailable, "checking_quality"),
    ],
)
async def test_the_verdict_is_stored_before_it_is_published(
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    answer: type[Exception],
    left: str,
) -> None:
    session_id = await stage.join()
    await stage.show(2)

    async def broken(_commit: object) -> None:
        raise failure

    monkeypatch.setattr(stage.store.sessions, "commit", broken)
    asking = asyncio.ensure_future(stage.service.command(session_id, COMPLETE))
    await stage.clock.advance(10_000)
    with pytest.raises(answer):
        await asking
    assert "verdict" not in stage.peer.types_sent()
    assert await stage.state(session_id) == left
    monkeypatch.undo()
    await stage.clock.advance(5_000)
    assert ("verdict" in stage.peer.types_sent()) == (left != "interrupted")


async def test_complete_gives_a_verdict_once(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.show(3)
    first = await stage.service.command(session_id, COMPLETE)
    assert (first.status, "completed_early" in first.reasons) == ("INCONCLUSIVE", True)
    assert await stage.service.command(session_id, COMPLETE) == first
    withdrawn = await stage.service.command(session_id, CANCEL)
    assert withdrawn == dataclasses.replace(first, can_retry=False, withdrawn=True)


async def test_complete_without_a_single_frame_is_inconclusive(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    view = await stage.service.command(session_id, COMPLETE)
    assert view.status == "INCONCLUSIVE"


async def test_a_broken_analysis_ends_the_session_as_inconclusive(stage: Stage) -> None:
    session_id = await stage.join()
    stage.analysis.failure = RuntimeError("the net broke")
    await stage.show(1)
    view = await stage.service.status(session_id)
    assert (view.status, view.reasons[0]) == ("INCONCLUSIVE", "internal_error")


async def test_the_applicant_can_give_up(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.show(1)
    stage.peer.say("cancel")
    await settle()
    assert await stage.state(session_id) == "cancelled"


@pytest.mark.parametrize("junk", ["{", b"\x00\xff", "[]", '{"v":1}', "x" * 20_000])
async def test_a_malformed_message_is_answered_and_survived(
    stage: Stage, junk: str | bytes
) -> None:
    session_id = await stage.join()
    stage.peer.deliver(junk)
    await settle()
    assert stage.peer.last_sent("error")["code"] == "bad_message"
    await stage.show(1)
    assert await stage.state(session_id) == "checking_quality"


async def test_a_silent_peer_is_dropped_and_the_session_waits_then_ends(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.show(2)
    await stage.clock.advance(9_000)
    assert stage.peer.closed
    assert stage.peer.keyframes_requested
    assert await stage.state(session_id) == "checking_quality"
    await stage.clock.advance(61_000)
    view = await stage.service.status(session_id)
    assert (view.status, view.reasons[0]) == ("INCONCLUSIVE", "link_lost")


async def test_a_new_offer_takes_over_and_the_session_goes_on(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.show(3)
    await stage.connect(session_id)
    assert stage.peers[0].closed
    assert not stage.peers[1].closed
    await stage.show(3)
    assert stage.peers[1].last_sent("hello")["state"] == "checking_quality"
    assert len(stage.analysis.analysed) == 6


async def test_a_refused_offer_leaves_the_old_peer_in_place(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await stage.join()
    with pytest.raises(BadSdp):
        await stage.service.offer(session_id, "junk", CLIENT)
    assert not stage.peer.closed


async def test_the_time_limit_ends_a_session(stage: Stage) -> None:
    session_id = await stage.join()
    stage.analysis.issues = (QualityIssue.SEVERAL_FACES,)
    for _ in range(75):
        await stage.clock.advance(4_000)
        stage.peer.say("stats")
        await settle()
    await stage.clock.advance(2_000)
    view = await stage.service.status(session_id)
    assert (view.status, view.reasons[0]) == ("INCONCLUSIVE", "time_limit")


async def test_admission_is_limited_and_says_so(make_stage: MakeStage) -> None:
    limits = LimitSettings(max_live_sessions=2, retry_after_s=9)
    stage = await make_stage(Settings(limits=limits))
    waiting = [(await stage.service.open(f"c{n}")).session_id for n in range(3)]
    for session_id in waiting[:2]:
        await stage.connect(session_id)
    with pytest.raises(AtCapacity) as refused:
        await stage.service.offer(waiting[2], browser_like_offer(), CLIENT)
    assert refused.value.retry_after_s == 9
    assert (await stage.service.open("one more")).state == "created", "a row takes no place"
    await stage.connect(waiting[0])  # a reconnect takes no further place
    await stage.service.command(waiting[1], CANCEL)
    await stage.clock.advance(5_000)
    await stage.connect(waiting[2])
    assert await stage.state(waiting[2]) == "connecting"


async def test_what_a_dead_process_left_behind_reads_interrupted(stage: Stage) -> None:
    view = await stage.service.open("customer")
    record = await stage.store.sessions.get(SessionId(view.session_id))
    owned = dataclasses.replace(record, state="challenging", owner_id="dead", owner_epoch=1)
    stage.store.put(owned)
    await stage.clock.advance(15_000)
    assert await stage.state(view.session_id) == "interrupted"
    assert (await stage.service.status(view.session_id)).can_retry


async def test_stopping_the_server_interrupts_live_sessions(stage: Stage) -> None:
    session_id = await stage.join()
    await stage.show(1)
    closing = asyncio.create_task(stage.service.aclose())
    await stage.clock.advance(5_000)
    await closing
    assert await stage.state(session_id) == "interrupted"
    assert stage.peer.last_sent("state")["state"] == "interrupted"


async def test_retry_gives_one_follow_up_however_often_it_is_asked(stage: Stage) -> None:
    session_id = await stage.join()
    with pytest.raises(Conflict):
        await stage.service.retry(session_id)
    await stage.service.command(session_id, COMPLETE)
    first, second = await asyncio.gather(
        stage.service.retry(session_id), stage.service.retry(session_id)
    )
    assert first.session_id == second.session_id != session_id
    assert (first.attempt, first.user_id) == (2, "customer")


async def test_attempts_run_out(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings(limits=LimitSettings(session_attempts=2)))
    first = (await stage.service.open("customer")).session_id
    await stage.service.command(first, COMPLETE)
    second = (await stage.service.retry(first)).session_id
    await stage.service.command(second, COMPLETE)
    assert not (await stage.service.status(second)).can_retry
    with pytest.raises(Conflict, match="no attempts"):
        await stage.service.retry(second)


async def test_uploaded_pictures_run_the_same_pipeline(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    stage.clock.tick(100)
    view = await stage.service.upload(session_id, picture(), CLIENT)
    assert (view.session.state, view.face_detected, view.issues) == (
        "checking_quality",
        False,
        ("no_face",),
    )
    assert "quality" in [message["type"] for message in view.messages]
    stage.clock.tick(100)
    await stage.service.upload(session_id, picture(), CLIENT)
    first, second = stage.analysis.analysed
    assert second.captured_at_ms - first.captured_at_ms == 100
    with pytest.raises(BadImage):
        await stage.service.upload(session_id, b"junk", CLIENT)


async def test_pictures_cannot_be_mixed_into_a_camera(stage: Stage) -> None:
    session_id = await stage.join()
    with pytest.raises(Conflict, match="camera"):
        await stage.service.upload(session_id, picture(), CLIENT)


async def test_an_ordered_challenge_is_added_to_the_plan(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    nod = Command(CommandType.SEND_CHALLENGE, {"challenge_type": "nod"})
    await stage.service.command(session_id, nod)
    await stage.connect(session_id)
    assert stage.peer.last_sent("hello")["challenges_total"] == 4


async def test_the_sweeper_expires_what_nobody_finished(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings(limits=LimitSettings(session_expiry_ms=60_000)))
    session_id = (await stage.service.open("customer")).session_id
    await stage.clock.advance(100_000)
    assert await stage.state(session_id) == "expired"
    with pytest.raises(Conflict):
        await stage.service.offer(session_id, browser_like_offer(), CLIENT)


@pytest.mark.parametrize(
    "session_id", ["", "x", "..", "0" * 36, "00000000-0000-4000-8000-000000000000"]
)
async def test_unknown_sessions_are_not_found(stage: Stage, session_id: str) -> None:
    with pytest.raises(NotFound):
        await stage.service.status(session_id)
    with pytest.raises(NotFound):
        await stage.service.offer(session_id, browser_like_offer(), CLIENT)


@pytest.mark.parametrize("user_id", ["", "   ", "x" * 300])
async def test_a_session_needs_a_usable_user_id(stage: Stage, user_id: str) -> None:
    with pytest.raises(BadRequest):
        await stage.service.open(user_id)


async def test_readers_read_along_until_the_end(stage: Stage) -> None:
    session_id = await stage.join()

    async def read() -> list[str]:
        async with stage.service.following(session_id, 0) as messages:
            return [message["type"] async for message in messages]

    reading = asyncio.create_task(read())
    await settle()
    await stage.show(1)
    await stage.service.command(session_id, COMPLETE)
    await stage.clock.advance(5_000)
    types = await reading
    assert types == ["state", "quality", "state", "state", "verdict"]


async def test_a_session_has_so_many_peers_and_no_more(stage: Stage) -> None:
    session_id = await stage.join()
    for _ in range(MAX_PEERS - 1):
        await stage.service.offer(session_id, browser_like_offer(), CLIENT)
    with pytest.raises(Conflict, match="too many connections"):
        await stage.service.offer(session_id, browser_like_offer(), CLIENT)
    assert len(stage.peers) == MAX_PEERS  # refused before a peer was made
    assert not stage.peer.closed
    view = await stage.service.status(session_id)
    assert view.connection is not None
    assert view.connection["peers"] == MAX_PEERS
