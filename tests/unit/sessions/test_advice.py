"""What is known of a stream's source apart from its pictures: for the institution, never counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import structlog.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc_rtc.decision.findings import Findings, Mode, Thresholds
from kyc_rtc.decision.fusion import deepfake_score
from kyc_rtc.decision.policy import decide
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.detection.recurrence import SURE, recurs
from kyc_rtc.errors import BadSdp, KycError
from kyc_rtc.ids import SessionId
from kyc_rtc.sessions import footage as footage_module
from kyc_rtc.sessions.advice import STRONGEST_FIRST, Advice
from kyc_rtc.sessions.interface import ClientView, Command, CommandType, SessionView
from kyc_rtc.settings import Settings
from kyc_rtc.storage import EarlierFootage, FootageRecord
from tests.support.clock import settle
from tests.support.memory_store import a_session
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import MakeStage, Stage, while_time_passes

COMPLETE, CANCEL = Command(CommandType.COMPLETE), Command(CommandType.CANCEL)
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"
STREAM = Evidence(AnalyserName.STREAM, 0.5, 0.2, (0, 900))
TEXTURE = Evidence(AnalyserName.TEXTURE, 0.7, 0.9, (0, 900), (Sign.TEXTURE,))


def footage(seed: int) -> bytes:
    """A lively record of 20 s: no two seeds have footage in common."""
    values = np.random.default_rng(seed).integers(1, 2**63, 100, dtype=np.uint64)
    return values.astype(">u8").tobytes()


def signs_of(view: SessionView) -> list[str]:
    """The signs in the stream's statement."""
    return [
        sign for item in view.evidence if item["analyser"] == "stream" for sign in item["reasons"]
    ]


async def judged(stage: Stage, record: bytes) -> SessionView:
    """A session with this footage, brought to its verdict."""
    stage.analysis.footage = record
    session_id = await stage.join()
    await stage.show(3)
    return await stage.service.command(session_id, COMPLETE)


# The advice itself


def test_signs_join_the_streams_statement_and_no_other() -> None:
    advice = Advice()
    assert advice.joined_to([TEXTURE, STREAM]) == (TEXTURE, STREAM)
    advice.note(Sign.CAPTURE_MISMATCH)
    advice.note(Sign.SEEN_BEFORE)
    advice.note(Sign.SEEN_BEFORE)
    own = replace(STREAM, score=0.55, confidence=0.9, signs=(Sign.REPEATED_FRAMES,))
    texture, stream = advice.joined_to([TEXTURE, own])
    assert texture == TEXTURE
    assert stream.signs == (Sign.SEEN_BEFORE, Sign.CAPTURE_MISMATCH, Sign.REPEATED_FRAMES)
    assert (stream.score, stream.confidence, stream.span_ms) == (0.6, 0.9, (0, 900))


def test_signs_are_reported_where_no_frame_was_analysed() -> None:
    advice = Advice()
    advice.note(Sign.CLIENT_MISMATCH)
    (stream,) = advice.joined_to([])
    assert (stream.analyser, stream.signs) == (AnalyserName.STREAM, (Sign.CLIENT_MISMATCH,))


def statements_of(analyser: AnalyserName) -> st.SearchStrategy[Evidence]:
    signs = list(Sign)
    return st.builds(
        Evidence,
        st.just(analyser),
        st.floats(0, 1),
        st.floats(0, 1),
        st.just((0, 9_000)),
        st.lists(st.sampled_from(signs), max_size=2).map(tuple),
    )


STATEMENTS = st.lists(
    st.sampled_from(list(AnalyserName)).flatmap(statements_of),
    max_size=6,
    unique_by=lambda evidence: evidence.analyser,
)


@settings(deadline=None)
@given(
    evidence=STATEMENTS,
    signs=st.sets(st.sampled_from(STRONGEST_FIRST)),
    passed=st.integers(0, 3),
    frames=st.integers(0, 300),
    threshold=st.floats(0, 1),
)
def test_no_advice_changes_a_score_or_a_verdict(
    evidence: list[Evidence], signs: set[Sign], passed: int, frames: int, threshold: float
) -> None:
    """Even if it were to reach the decision, which it does not."""
    advice = Advice()
    for sign in signs:
        advice.note(sign)
    joined = advice.joined_to(evidence)
    assert deepfake_score(joined, threshold) == deepfake_score(evidence, threshold)
    for mode in Mode:
        findings = Findings(
            mode,
            challenges_asked=3,
            challenges_passed=passed,
            challenges_failed=3 - passed,
            response_ms=(900,) * passed,
            evidence=tuple(evidence),
            frames_analysed=frames,
            frames_judgeable=frames,
            face_frames=frames,
        )
        limits = Thresholds()
        assert decide(replace(findings, evidence=joined), limits) == decide(findings, limits)


async def test_all_of_it_leaves_the_verdict_as_it_was(make_stage: MakeStage) -> None:
    views = []
    for advised in (False, True):
        stage = await make_stage(Settings())
        stage.analysis.evidence = (TEXTURE, STREAM)
        if advised:
            await judged(stage, footage(1))
        stage.analysis.footage = footage(1)
        session_id = (await stage.service.open("customer")).session_id
        agent = CHROME if advised else ""
        await stage.service.offer(session_id, browser_like_offer(), ClientView(agent))
        stage.peer.connect()
        width = 320 if advised else 64
        stage.peer.say("capture_info", width=width, height=48, frame_rate=30)
        stage.peer.say("ready")
        await settle()
        await stage.show(100)
        views.append(await stage.service.command(session_id, COMPLETE))
    plain, marked = views
    assert signs_of(plain) == []
    assert signs_of(marked) == ["seen_before", "client_mismatch", "capture_mismatch"]
    for name in ("state", "status", "reasons", "liveness_score", "deepfake_score"):
        assert getattr(marked, name) == getattr(plain, name)
    assert marked.deepfake_score is not None


# Footage


def test_the_footage_of_these_tests_is_distinguishable() -> None:
    assert recurs(footage(1), footage(1)) >= SURE
    assert recurs(footage(1), footage(2)) < SURE


async def test_footage_that_came_before_is_reported_and_stored(stage: Stage) -> None:
    assert signs_of(await judged(stage, footage(1))) == []
    assert signs_of(await judged(stage, footage(2))) == []
    again = await judged(stage, footage(1))
    assert signs_of(again) == ["seen_before"]
    stored = await stage.store.sessions.get(SessionId(again.session_id))
    assert stored.evidence is not None
    assert stored.evidence[-1]["reasons"] == ["seen_before"]
    assert "seen_before" not in again.reasons
    assert len(await stage.store.footage.latest(10, a_session())) == 3


async def test_no_footage_is_kept_of_a_session_without_frames(stage: Stage) -> None:
    view = await stage.service.open("customer")
    await stage.service.command(view.session_id, COMPLETE)
    assert await stage.store.footage.latest(10, a_session()) == []


async def failing(*_: object) -> Any:
    raise KycError("the database failed")


async def unending(*_: object) -> Any:
    await asyncio.Event().wait()


def stored_junk(*_: object) -> Any:
    async def junk() -> list[EarlierFootage]:
        return [EarlierFootage(SessionId("another"), same_user=False, record=b"no record")]

    return junk()


@pytest.mark.parametrize(
    ("method", "failure"),
    [
        ("add", failing),
        ("latest", failing),
        ("latest", unending),
        ("latest", stored_junk),
    ],
)
async def test_the_verdict_does_not_need_the_comparison(
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    failure: Callable[..., Any],
) -> None:
    await judged(stage, footage(1))
    monkeypatch.setattr(stage.store.footage, method, failure)
    monkeypatch.setattr(footage_module, "_LIMIT_MS", 1_000)
    with structlog.testing.capture_logs() as logs:
        view = await while_time_passes(stage, judged(stage, footage(1)))
    assert view.status == "INCONCLUSIVE"
    assert view.needs_review  # what was not compared is not a pass
    assert signs_of(view) == []
    events = [entry["event"] for entry in logs]
    assert "footage_not_compared" in events
    assert stage.peer.last_sent("verdict")["status"] == "INCONCLUSIVE"


async def test_all_earlier_footage_of_the_tenant_is_compared_others_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[list[bool]] = []

    def watched(_record: bytes, earlier: list[EarlierFootage]) -> None:
        compared.append([one.same_user for one in earlier])

    for number in range(200):
        session = a_session(user_id="customer" if number % 2 else "somebody else")
        await stage.store.sessions.open(session, ())
        await stage.store.footage.add(FootageRecord(session.session_id, number, footage(number)))
    monkeypatch.setattr(footage_module, "_match_among", watched)
    await judged(stage, footage(1))
    (same_user,) = compared
    assert len(same_user) == 200
    assert same_user == sorted(same_user)


async def test_who_gives_up_while_the_verdict_is_formed_takes_it_not_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def slow(*_: object) -> list[bytes]:
        await released.wait()
        return []

    monkeypatch.setattr(stage.store.footage, "latest", slow)
    stage.analysis.footage = footage(1)
    session_id = await stage.join()
    await stage.show(3)
    completing = asyncio.create_task(stage.service.command(session_id, COMPLETE))
    await settle()
    stage.peer.say("cancel")
    cancelling = asyncio.create_task(stage.service.command(session_id, CANCEL))
    await settle()
    released.set()
    await settle()
    assert (await completing).state == (await cancelling).state == "inconclusive"
    assert "verdict" in stage.peer.types_sent()


# The client's program


@pytest.mark.parametrize(
    ("agent", "found", "reported"),
    [
        (CHROME, "chromium/other", True),
        (FIREFOX, "firefox/other", True),
        ("Python/3.11 aiohttp/3.14.0", None, False),
        ("", None, False),
    ],
)
async def test_an_offer_of_another_program_than_the_browser_named(
    stage: Stage, agent: str, found: str | None, *, reported: bool
) -> None:
    session_id = (await stage.service.open("customer")).session_id
    offer = browser_like_offer()
    with structlog.testing.capture_logs() as logs:
        await stage.service.offer(session_id, offer, ClientView(agent))
    view = await stage.service.command(session_id, COMPLETE)
    assert signs_of(view) == (["client_mismatch"] if reported else [])
    assert [e["found"] for e in logs if e["event"] == "client_mismatch"] == [found] * reported
    assert "candidate" not in json.dumps(logs)


async def test_a_mismatch_that_a_new_version_may_explain_is_logged_only(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyc_rtc.sessions.clients.mismatch", lambda *_: "safari/chromium")
    session_id = (await stage.service.open("customer")).session_id
    with structlog.testing.capture_logs() as logs:
        await stage.service.offer(session_id, browser_like_offer(), ClientView(CHROME))
    assert signs_of(await stage.service.command(session_id, COMPLETE)) == []
    assert [e["found"] for e in logs if e["event"] == "client_mismatch"] == ["safari/chromium"]


async def test_a_refused_offer_tells_nothing(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    with pytest.raises(BadSdp):
        await stage.service.offer(session_id, "v=0\r\n", ClientView(CHROME))
    assert signs_of(await stage.service.command(session_id, COMPLETE)) == []


# The capture settings, and where it is reported


@pytest.mark.parametrize(
    ("fields", "reported"),
    [
        ({"width": 64, "height": 48, "frame_rate": 25}, False),
        ({"width": 640, "height": 480, "frame_rate": 30}, False),
        ({"width": 640, "height": 360, "frame_rate": 30}, True),
        ({"width": 64, "height": 48, "frame_rate": 20}, True),
        ({"width": None, "height": None, "frame_rate": None}, False),
        ({"width": "64", "height": {}}, False),
        ({}, False),
    ],
)
async def test_pictures_that_the_reported_camera_cannot_give(
    stage: Stage, fields: dict[str, Any], *, reported: bool
) -> None:
    session_id = await stage.join()
    stage.peer.say("capture_info", **fields)
    await stage.show(120, every_ms=40)  # 25 a second, 64 by 48
    view = await stage.service.command(session_id, COMPLETE)
    assert signs_of(view) == (["capture_mismatch"] if reported else [])


@pytest.mark.parametrize("exposed", [True, False])
async def test_telemetry_tells_it_where_scores_are_exposed(
    make_stage: MakeStage, *, exposed: bool
) -> None:
    stage = await make_stage(Settings(expose_scores=exposed))
    stage.analysis.evidence = (STREAM,)
    session_id = (await stage.service.open("customer")).session_id
    await stage.service.offer(session_id, browser_like_offer(), ClientView(CHROME))
    stage.peer.connect()
    stage.peer.say("ready")
    await settle()
    await stage.show(5)
    sent = json.dumps(stage.peer.sent)
    assert ("client_mismatch" in sent) == exposed
    if exposed:
        evidence = stage.peer.last_sent("frame")["evidence"]
        assert evidence["stream"]["reasons"] == ["client_mismatch"]
    assert signs_of(await stage.service.status(session_id)) == ["client_mismatch"]
