"""Every challenge through a real aiortc loopback, by the animated portrait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from aiohttp import ClientSession

from kyc_rtc.settings import DetectionSettings, LivenessSettings, Settings
from tests.integration.conftest import Serve
from tests.support.applicant import Call, PortraitApplicant, obey

ALL_FIVE = LivenessSettings(challenges=5)
IMPATIENT = LivenessSettings(challenges=2, attempts=1, time_limit_ms=6_000)


async def test_the_portrait_answers_all_five_challenges_and_passes(
    serve: Serve, http: ClientSession, face_model: Path, tmp_path: Path
) -> None:
    # The portrait is an animated photograph: what the detectors are there to find. Without them.
    detection = DetectionSettings(weights_dir=tmp_path)
    base_url = await serve(Settings(data_dir=tmp_path, liveness=ALL_FIVE, detection=detection))
    applicant = PortraitApplicant(face_model)
    call = Call(http, base_url, applicant.draw)
    call.on_challenge = lambda challenge: applicant.act(obey(challenge))
    try:
        await call.start()
        verdict = await call.verdict(within_s=90)
    finally:
        await call.aclose()
    assert verdict["status"] == "PASSED", call.account()
    passed = {m["challenge_type"] for m in call.of_type("challenge_result") if m["passed"]}
    assert passed == set(ALL_FIVE.challenge_types)
    states = [message["state"] for message in call.of_type("state")]
    assert states == ["checking_quality", "challenging", "deciding", "passed"]
    numbers = [message["event"] for message in call.messages if "event" in message]
    assert numbers == sorted(set(numbers))
    stored = await call.status()
    assert (stored["status"], stored["verified"]) == ("PASSED", True)


async def test_a_camera_that_mirrors_its_picture_fails_nobody(
    serve: Serve, http: ClientSession, face_model: Path, tmp_path: Path
) -> None:
    detection = DetectionSettings(weights_dir=tmp_path)
    base_url = await serve(Settings(data_dir=tmp_path, liveness=ALL_FIVE, detection=detection))
    applicant = PortraitApplicant(face_model)
    call = Call(http, base_url, lambda ms: np.ascontiguousarray(applicant.draw(ms)[:, ::-1]))
    call.on_challenge = lambda challenge: applicant.act(obey(challenge))
    try:
        await call.start()
        verdict = await call.verdict(within_s=90)
    finally:
        await call.aclose()
    assert verdict["status"] != "FAILED", call.account()
    assert [m["reason"] for m in call.of_type("challenge_voided")] == ["calibration"]


async def test_a_portrait_that_only_sits_there_does_not_pass(
    serve: Serve, http: ClientSession, face_model: Path, tmp_path: Path
) -> None:
    base_url = await serve(Settings(data_dir=tmp_path, liveness=IMPATIENT))
    call = Call(http, base_url, PortraitApplicant(face_model).draw)
    try:
        await call.start()
        verdict = await call.verdict(within_s=60)
    finally:
        await call.aclose()
    assert verdict["status"] != "PASSED"
    assert not any(m["passed"] for m in call.of_type("challenge_result"))


async def test_a_still_photo_does_not_pass(
    serve: Serve, http: ClientSession, face_model: Path, tmp_path: Path
) -> None:
    base_url = await serve(Settings(data_dir=tmp_path, liveness=IMPATIENT))
    photo = PortraitApplicant(face_model).draw(0.0)
    call = Call(http, base_url, lambda _at_ms: photo)
    try:
        await call.start()
        verdict = await call.verdict(within_s=60)
    finally:
        await call.aclose()
    assert verdict["status"] == "FAILED"


async def test_two_people_at_once_do_not_disturb_each_other(
    serve: Serve, http: ClientSession, face_model: Path, tmp_path: Path
) -> None:
    base_url = await serve(Settings(data_dir=tmp_path, liveness=IMPATIENT))
    obedient, idle = PortraitApplicant(face_model), PortraitApplicant(face_model)
    calls = [Call(http, base_url, person.draw) for person in (obedient, idle)]
    calls[0].on_challenge = lambda challenge: obedient.act(obey(challenge))
    try:
        for call in calls:
            await call.start()
        verdicts = await asyncio.gather(*(call.verdict(within_s=90) for call in calls))
    finally:
        for call in calls:
            await call.aclose()
    assert calls[0].session_id != calls[1].session_id
    answers = [m["passed"] for m in calls[0].of_type("challenge_result")]
    assert answers == [True, True], calls[0].account()
    assert verdicts[1]["status"] != "PASSED"
