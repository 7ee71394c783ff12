"""Pictures that are uploaded: a weaker proof, for no camera need stand behind them."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from kyc_rtc.errors import Conflict, UploadsDisabled
from kyc_rtc.sessions.devices import MAX_PEERS
from kyc_rtc.sessions.interface import ClientView, Command, CommandType, FrameView, SessionView
from kyc_rtc.settings import Settings
from tests.unit.liveness.fakes.actor import pulses_for
from tests.unit.sessions.conftest import MakeStage, Stage, challenge_of
from tests.unit.sessions.test_advice import footage, signs_of
from tests.unit.sessions.test_service import CLIENT, picture

COMPLETE = Command(CommandType.COMPLETE)
PICTURE = picture()
PRODUCTION = Settings(
    environment="production",
    public_url="https://kyc.example",
    secret_key=SecretStr("x" * 40),
    api_key_hashes=("0" * 64,),
)


async def upload_all(stage: Stage, session_id: str, limit_ms: int = 60_000) -> FrameView:
    """Somebody uploads picture by picture and does what the answers ask, until the verdict."""
    stage.seat()
    view = None
    for _ in range(limit_ms // 40):
        stage.clock.tick(40)
        view = await stage.service.upload(session_id, PICTURE, CLIENT)
        for message in view.messages:
            if message["type"] == "challenge" and stage.analysis.applicant is not None:
                start_ms = stage.analysis.analysed[-1].captured_at_ms + 450
                stage.analysis.applicant.pulses += pulses_for(challenge_of(dict(message)), start_ms)
        if view.session.status is not None:
            return view
        await stage.clock.advance(0)
    raise AssertionError("no verdict")


async def uploaded(stage: Stage) -> tuple[str, FrameView]:
    session_id = (await stage.service.open("customer")).session_id
    return session_id, await upload_all(stage, session_id)


async def test_where_they_are_off_they_are_refused(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings(uploads="off"))
    session_id = (await stage.service.open("customer")).session_id
    with pytest.raises(UploadsDisabled) as refused:
        await stage.service.upload(session_id, PICTURE, CLIENT)
    assert (refused.value.code, bool(refused.value.hint)) == ("uploads_disabled", True)
    assert await stage.state(session_id) == "created"
    assert stage.row(session_id).owner_id is None


async def test_in_development_they_can_pass(stage: Stage) -> None:
    session_id, view = await uploaded(stage)
    assert (view.session.status, view.session.needs_review) == ("PASSED", False)
    assert (view.session.transport, view.analysed, view.face_detected) == ("upload", True, True)
    assert "verdict" in [message["type"] for message in view.messages]
    assert stage.alerts(session_id) == []


@pytest.mark.parametrize("settings", [Settings(uploads="review"), PRODUCTION])
async def test_in_production_somebody_has_to_look(
    make_stage: MakeStage, settings: Settings
) -> None:
    stage = await make_stage(settings)
    session_id, view = await uploaded(stage)
    assert (view.session.status, view.session.needs_review) == ("INCONCLUSIVE", True)
    assert "uploaded_pictures" in view.session.reasons
    assert [alert.type for alert in stage.alerts(session_id)] == ["review_needed"]
    verdict = next(entry for entry in stage.journal(session_id) if entry.type == "verdict")
    assert (verdict.payload["needs_review"], verdict.payload["transport"]) == (True, "upload")


async def test_a_camera_is_not_an_upload(make_stage: MakeStage) -> None:
    stage = await make_stage(Settings(uploads="review"))
    session_id = await stage.join()
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.status(session_id)
    assert (view.status, view.needs_review, view.transport) == ("PASSED", False, "webrtc")


async def test_a_camera_after_pictures_leaves_the_transport_as_it_was(
    make_stage: MakeStage,
) -> None:
    stage = await make_stage(Settings(uploads="review"))
    session_id = (await stage.service.open("customer")).session_id
    await stage.service.upload(session_id, PICTURE, CLIENT)
    await stage.connect(session_id)
    with pytest.raises(Conflict, match="camera"):
        await stage.service.upload(session_id, PICTURE, CLIENT)
    stage.seat()
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.status(session_id)
    assert (view.status, view.needs_review, view.transport) == ("INCONCLUSIVE", True, "upload")
    assert view.connection is not None
    assert [client["transport"] for client in view.connection["clients"]] == ["upload", "webrtc"]


async def test_a_picture_that_a_newer_one_replaced_says_so(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    await stage.service.upload(session_id, PICTURE, CLIENT)
    views = await asyncio.gather(
        *(stage.service.upload(session_id, PICTURE, CLIENT) for _ in range(4))
    )
    lost = [view for view in views if not view.analysed]
    assert lost
    assert views[-1].analysed
    assert all((view.face_detected, view.issues) == (False, ()) for view in lost)
    assert len(stage.analysis.analysed) == 5 - len(lost)


async def test_a_gap_between_pictures_may_be_longer_than_a_cameras(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    stage.seat()
    for _ in range(20):  # a picture every second
        await stage.clock.advance(1_000)
        await stage.service.upload(session_id, PICTURE, CLIENT)
    await stage.clock.advance(2_500)
    await stage.service.upload(session_id, PICTURE, CLIENT)
    kinds = [entry.type for entry in stage.journal(session_id)]
    assert "challenge" in kinds
    assert "challenge_voided" not in kinds
    await stage.clock.advance(3_500)
    assert "challenge_voided" in [entry.type for entry in stage.journal(session_id)]


# Footage seen before


async def judged(stage: Stage, user_id: str, seed: int = 1) -> SessionView:
    """Somebody passes with this footage, if it is new."""
    stage.analysis.footage = footage(seed)
    stage.seat()
    session_id = await stage.join(user_id)
    await stage.perform(lambda: stage.has_sent("verdict"))
    await stage.clock.advance(5_000)
    return await stage.service.status(session_id)


async def test_footage_of_another_applicant_is_a_matter_for_review(stage: Stage) -> None:
    first = await judged(stage, "Ada")
    again = await judged(stage, "Grace")
    assert (first.status, first.needs_review) == ("PASSED", False)
    assert (again.status, again.needs_review) == ("INCONCLUSIVE", True)
    assert "seen_before" in again.reasons
    assert signs_of(again) == ["seen_before"]
    (alert,) = [a for a in stage.alerts(again.session_id) if a.type == "footage_seen_before"]
    assert alert.details["other_session_id"] == first.session_id
    assert alert.severity == "high"
    assert stage.alerts(first.session_id) == []


async def test_footage_of_the_same_applicant_is_reported_and_changes_nothing(stage: Stage) -> None:
    first = await judged(stage, "Ada")
    again = await judged(stage, "Ada")
    assert (again.status, again.needs_review) == ("PASSED", False)
    assert signs_of(again) == ["seen_before"]
    assert "seen_before" not in again.reasons
    assert stage.alerts(again.session_id) == stage.alerts(first.session_id) == []


async def test_another_applicants_goes_before_ones_own(stage: Stage) -> None:
    await judged(stage, "Ada")
    await judged(stage, "Grace")
    assert (await judged(stage, "Grace")).needs_review


async def test_new_footage_is_nobodys(stage: Stage) -> None:
    await judged(stage, "Ada", seed=1)
    view = await judged(stage, "Grace", seed=2)
    assert (view.status, view.needs_review, signs_of(view)) == ("PASSED", False, [])


async def test_each_answer_counts_the_pictures_up_to_its_own(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    counts = []
    for _ in range(5):
        stage.clock.tick(100)
        view = await stage.service.upload(session_id, PICTURE, CLIENT)
        counts.append(view.session.frames_processed)
    assert counts == [1, 2, 3, 4, 5]


async def test_pictures_from_ever_new_clients_are_refused_in_the_end(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    for number in range(MAX_PEERS):
        stage.clock.tick(100)
        await stage.service.upload(session_id, PICTURE, ClientView(f"agent {number}"))
    entries = len(stage.journal(session_id))
    with pytest.raises(Conflict, match="too many"):
        await stage.service.upload(session_id, PICTURE, ClientView("one more"))
    stage.clock.tick(100)
    await stage.service.upload(session_id, PICTURE, ClientView(f"agent {MAX_PEERS - 1}"))
    assert len(stage.journal(session_id)) == entries
