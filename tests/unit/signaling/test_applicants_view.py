"""All that an applicant can read in production: no score, no weight, no detector, no reason code."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from kyc_rtc.decision.verdict import ReasonCode
from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.sessions.creations import CreationService
from kyc_rtc.sessions.reason_classes import CLASS_OF, ReasonClass
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import Metrics
from signaling.app import create_app
from signaling.tokens import Tokens
from tests.support.interfaces import interfaces
from tests.support.offers import browser_like_offer
from tests.unit.liveness.fakes.actor import Actor, pulses_for
from tests.unit.sessions.conftest import MakeStage, Stage, challenge_of, make_stage
from tests.unit.sessions.test_service import picture

__all__ = ["make_stage"]

KYC = "/api/v1/kyc"
SECRET = "s" * 40
PRODUCTION = {
    "public_url": "https://kyc.example",
    "environment": "production",
    "secret_key": SecretStr(SECRET),
    "api_key_hashes": ("a" * 64,),
}
FRAME = "data:image/jpeg;base64," + base64.b64encode(picture()).decode()
ALARMS = frozenset(code.value for code in Sign) | frozenset(
    code.value for code, kind in CLASS_OF.items() if kind is ReasonClass.NOT_VERIFIED
)
ANALYSERS = frozenset(name.value for name in AnalyserName)
FIELDS = frozenset({"needs_review"})
"""For the applicant: nothing is decided, and there is nothing to mend. It does not say why."""
MEASURED = frozenset({"score", "liveness_score", "deepfake_score", "confidence", "weight"})
MEASURED_TEXTS = frozenset({"weight_text", "evidence", "connection", "recommendations", "alerts"})


def leaks(value: Any, path: str = "") -> Iterator[str]:
    """Where a JSON value holds what no applicant may know."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            measured = key in MEASURED and item is not None
            if measured or key in MEASURED_TEXTS | ANALYSERS | ALARMS - FIELDS:
                yield f"{path}.{key}"
            if key == "reasons":
                codes = [r["code"] if isinstance(r, Mapping) else r for r in item]
                yield from (f"{path}.reasons: {c}" for c in codes if c not in set(ReasonClass))
            if key != "sdp":
                yield from leaks(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from leaks(item, f"{path}[{number}]")
    elif isinstance(value, str) and value.removeprefix("reason.") in ALARMS - set(ReasonClass):
        yield f"{path}: {value}"


class Applicant:
    """The calls of an applicant, and everything that came back."""

    def __init__(self, stage: Stage, http: TestClient[Any, Any]) -> None:
        self.stage = stage
        self.read: dict[str, list[Any]] = {}
        self._http = http
        self._tokens = Tokens(SECRET, 3_600, stage.clock)

    async def call(self, method: str, path: str, session_id: str, **kwargs: Any) -> ClientResponse:
        token = self._tokens.issue(session_id, 1)
        headers = {"Authorization": f"Bearer {token}"} | kwargs.pop("headers", {})
        response = await self._http.request(method, path, headers=headers, **kwargs)
        text = await response.text()
        is_json = response.content_type == "application/json"
        self.read.setdefault(f"{method} {path.replace(session_id, '{id}')}", []).append(
            json.loads(text) if is_json else dict(response.headers)
        )
        return response

    def hear(self) -> None:
        """Note what the data channels said."""
        for peer in self.stage.peers:
            for message in peer.sent:
                self.read.setdefault(f"message {message['type']}", []).append(message)

    def found(self) -> list[str]:
        return [f"{where}{leak}" for where, all_ in self.read.items() for leak in leaks(all_)]


MakeApplicant = Callable[[Settings], Any]


@pytest.fixture
async def make_applicant(make_stage: MakeStage) -> AsyncIterator[MakeApplicant]:
    async with contextlib.AsyncExitStack() as stack:

        async def make(settings: Settings) -> Applicant:
            stage = await make_stage(settings)
            life = contextlib.nullcontext()
            creations = CreationService(stage.store.idempotency, stage.clock)
            app = create_app(
                settings,
                stage.clock,
                Metrics(),
                interfaces(stage.service, stage.clock, creations=creations),
                life,
            )
            http = await stack.enter_async_context(TestClient(TestServer(app)))
            return Applicant(stage, http)

        yield make


def suspicious() -> tuple[Evidence, ...]:
    """Every analyser is sure of an attack, and has seen every sign."""
    return tuple(Evidence(name, 0.97, 0.9, (0, 4_000), tuple(Sign)) for name in AnalyserName)


async def attack_over_webrtc(applicant: Applicant) -> str:
    """An attacker does all that is asked, over an offer by REST, until the verdict."""
    stage = applicant.stage
    session_id = (await stage.service.open("customer")).session_id
    path = f"{KYC}/sessions/{session_id}"
    offer = {"type": "offer", "sdp": browser_like_offer()}
    assert (await applicant.call("POST", f"{path}/offer", session_id, json=offer)).status == 200
    stage.peer.connect()
    stage.peer.say("ready")
    stage.peer.deliver("no JSON")
    await stage.show(3)  # of nobody
    stage.seat()
    stage.analysis.evidence = suspicious()
    await stage.perform(lambda: stage.has_sent("verdict"))
    applicant.hear()
    await applicant.call("GET", path, session_id)
    await applicant.call("POST", f"{path}/offer", session_id, json=offer)  # it is over
    return session_id


async def attack_by_uploads(applicant: Applicant) -> str:
    stage = applicant.stage
    session_id = (await stage.service.open("another")).session_id
    actor = stage.analysis.applicant = Actor()
    stage.analysis.evidence = suspicious()
    body = {"session_id": session_id, "frame": FRAME}
    while stage.row(session_id).verdict_status is None:
        stage.clock.tick(40)
        answer = await applicant.call("POST", f"{KYC}/upload-video-frame", session_id, json=body)
        for message in (await answer.json())["messages"]:
            if message["type"] == "challenge":
                start_ms = stage.analysis.analysed[-1].captured_at_ms + 450
                actor.pulses += pulses_for(challenge_of(message), start_ms)
        await stage.clock.advance(0)
        assert len(stage.analysis.analysed) < 2_000, "no verdict"
    return session_id


async def attack_over_whip(applicant: Applicant) -> str:
    session_id = (await applicant.stage.service.open("a third")).session_id
    sdp = {"Content-Type": "application/sdp"}
    whip, offer = f"/whip/{session_id}", browser_like_offer()
    made = await applicant.call("POST", whip, session_id, data=offer, headers=sdp)
    assert made.status == 201
    stage = applicant.stage
    stage.peer.connect()
    stage.peer.say("ready")
    stage.seat()
    stage.analysis.evidence = suspicious()
    for _ in range(200):  # until a challenge is open
        await stage.show(1)
    await applicant.call("GET", f"{KYC}/sessions/{session_id}", session_id)
    async with stage.service.following(session_id, 0) as messages:
        await applicant.call("DELETE", made.headers["Location"], session_id)
        await stage.clock.advance(10_000)
        applicant.read["event stream"] = [message async for message in messages]
    await applicant.call("POST", whip, session_id, data="no SDP", headers=sdp)
    return session_id


async def test_in_production_an_attacker_learns_nothing(make_applicant: MakeApplicant) -> None:
    applicant: Applicant = await make_applicant(Settings.model_validate(PRODUCTION))
    sessions = [
        await attack_over_webrtc(applicant),
        await attack_by_uploads(applicant),
        await attack_over_whip(applicant),
    ]
    for session_id in sessions:
        path = f"{KYC}/sessions/{session_id}"
        await applicant.call("GET", path, session_id)
        await applicant.call("GET", f"{KYC}/client-config", session_id)
        await applicant.call("POST", f"{path}/retry", session_id)
    stored = [set(applicant.stage.row(session_id).reasons) for session_id in sessions]
    assert stored[0] & {sign.value for sign in Sign}, "the attack was not noticed at all"
    heard = {name.removeprefix("message ") for name in applicant.read if name.startswith("message")}
    assert heard >= {"hello", "state", "challenge", "challenge_progress", "challenge_result"}
    assert heard >= {"quality", "verdict", "error"}
    assert "frame" not in heard
    streamed = {message["type"] for message in applicant.read["event stream"]}
    assert streamed >= {"state", "challenge", "verdict"}
    shown = [one["challenge"] for one in applicant.read[f"GET {KYC}/sessions/{{id}}"]]
    assert any(shown), "no challenge was ever shown"
    assert applicant.found() == []


async def test_where_scores_are_exposed_the_walk_finds_them(make_applicant: MakeApplicant) -> None:
    """The walk itself can fail: in production with `expose_scores`, all of it is there to be found."""
    settings = Settings.model_validate({**PRODUCTION, "expose_scores": True})
    applicant: Applicant = await make_applicant(settings)
    await attack_over_webrtc(applicant)
    await attack_by_uploads(applicant)
    found = "\n".join(applicant.found())
    for place in ("message frame", "message verdict", "GET", "POST /api/v1/kyc/upload-video-frame"):
        assert place in found


async def test_the_applicants_answer_has_classes_only(
    make_applicant: MakeApplicant, tmp_path: Path
) -> None:
    applicant: Applicant = await make_applicant(Settings.model_validate(PRODUCTION))
    session_id = await attack_over_webrtc(applicant)
    path = f"{KYC}/sessions/{session_id}"
    body = await (await applicant.call("GET", path, session_id)).json()
    reasons = [{"code": "not_verified", "text": "reason.not_verified"}]
    assert (body["status"], body["reasons"]) == ("INCONCLUSIVE", reasons)
    assert applicant.stage.peer.last_sent("verdict")["reasons"] == reasons
    view = await applicant.stage.service.attempt(session_id)
    assert (view.liveness_score, view.deepfake_score, view.evidence) == (None, None, ())
    institution = await applicant.stage.service.status(session_id)
    assert set(institution.reasons) <= {code.value for code in ReasonCode}
    assert institution.deepfake_score is not None
    assert dataclasses.replace(view, reasons=()) != institution
