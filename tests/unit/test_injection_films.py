"""What the injection laboratory shows and hears: looped files, stamps, the live file, prompts."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import Challenge, ChallengeType, Direction
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.settings import LivenessSettings
from media.fingerprint import Stack, stack_of
from tests.injection.browser_methods import LiveFile, y4m
from tests.injection.clients import with_a_browsers_origin
from tests.injection.heard import Heard, ends, prompt_of
from tests.injection.instruments import Scene, chance_of
from tests.injection.looped import ANSWER_MS, CALM_MS, STEP_MS, Looped, possible, stamp
from tests.injection.plan import Instrument, Method
from tests.injection.swaps import SWAPS, spans
from tests.support.browser_camera import Prompt

TURN = Challenge(ChallengeType.HEAD_TURN, Direction.LEFT)
CALM_GREY, TURN_GREY = 60, 200


class Greys:
    """Grey while nothing is asked, and brighter while a head turn is."""

    def __init__(self) -> None:
        self._level = CALM_GREY

    def sees(self, prompt: Prompt) -> None:
        self._level = TURN_GREY if prompt.challenge == TURN else CALM_GREY

    def draw(self, at_ms: float) -> BgrImage:
        return np.full((48, 64, 3), self._level + (at_ms < STEP_MS / 2), np.uint8)


def level(picture: BgrImage) -> int:
    return round(float(picture.mean()))


def test_a_looped_file_comes_again() -> None:
    film = Looped(Greys(), [])
    shown = [
        level(film.draw(number * STEP_MS)) for number in range(1 + 2 * round(CALM_MS / STEP_MS))
    ]
    begins = [number for number, grey in enumerate(shown) if grey == CALM_GREY + 1]
    assert np.diff(begins).tolist() == [round(CALM_MS / STEP_MS)] * 2


def test_a_looped_file_answers_with_the_film_of_what_is_asked_once() -> None:
    film = Looped(Greys(), [TURN])
    assert level(film.draw(1_000)) == CALM_GREY
    film.sees(Prompt("challenge", "", TURN))
    length = round(ANSWER_MS / STEP_MS)
    shown = [level(film.draw(1_000 + number * STEP_MS)) for number in range(2 * length)]
    assert shown[:length] == [TURN_GREY] * length
    assert set(shown[length:]) <= {CALM_GREY, CALM_GREY + 1}


def test_a_looped_file_goes_on_where_it_has_no_answer() -> None:
    film = Looped(Greys(), [])
    film.sees(Prompt("challenge", "", TURN))
    assert level(film.draw(500)) == CALM_GREY


@given(st.randoms(use_true_random=False))
def test_every_challenge_that_is_drawn_is_filmed(chance: Any) -> None:
    settings = LivenessSettings()
    filmed = {(one.type, one.direction, one.count): one.hold_ms for one in possible(settings)}
    for drawn in Issuer(settings, chance).plan():
        assert filmed[(drawn.type, drawn.direction, drawn.count)] >= drawn.hold_ms


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30))
def test_stamps_keep_their_order_and_their_rate(jitters_ms: list[float]) -> None:
    stamps = [stamp(number, jitter_ms) for number, jitter_ms in enumerate(jitters_ms)]
    assert all(later > earlier for earlier, later in pairwise(stamps))
    assert abs(stamps[-1] / 90 - len(stamps) * STEP_MS) < STEP_MS


def test_a_scene_loops_for_an_attack_only() -> None:
    attack = Scene("somebody", Greys)
    person = Scene("somebody", Greys, is_attack=False)
    assert isinstance(attack.shown_by(Method.LOOPED_FILE), Looped)
    assert isinstance(person.shown_by(Method.LOOPED_FILE), Greys)
    assert isinstance(attack.shown_by(Method.WHIP), Greys)


def test_the_server_of_a_scene_has_its_settings() -> None:
    settings = {"LIVENESS__MAX_BLINKS": "2", "LIVENESS__MIN_BLINKS": "2"}
    assert Scene("somebody", Greys, settings).liveness().max_blinks == 2


def test_chance_depends_on_the_run_and_the_seed_alone() -> None:
    def draw(instrument: Instrument, run: int, seed: int) -> float:
        return chance_of(instrument, run, seed).random()

    drawn = {draw(one, run, seed) for one in Instrument for run in (1, 2) for seed in (0, 1)}
    assert len(drawn) == 4 * len(Instrument)
    assert draw(Instrument.REPLAY, 1, 0) == draw(Instrument.REPLAY, 1, 0)


@pytest.mark.parametrize("takes", SWAPS, ids=[takes.clip for takes in SWAPS])
def test_a_recorded_swap_has_spans_to_play(takes: Any) -> None:
    assert takes.answers
    assert all(start_ms < end_ms for start_ms, end_ms in spans(takes))


def challenge(**more: Any) -> dict[str, Any]:
    turn = {"challenge_type": "head_turn", "direction": "left"}
    fields: dict[str, Any] = {"type": "challenge", "count": 1, "hold_ms": 0, **turn}
    return fields | more


@pytest.mark.parametrize(
    ("message", "prompt"),
    [
        (challenge(), Prompt("challenge", "", TURN)),
        ({"type": "challenge_result", "will_retry": True}, Prompt("again", "", None)),
        ({"type": "challenge_result", "passed": True}, Prompt("passed", "", None)),
        ({"type": "challenge_result", "passed": False}, None),
        ({"type": "quality"}, None),
    ],
)
def test_a_message_is_a_prompt(message: dict[str, Any], prompt: Prompt | None) -> None:
    assert prompt_of(message) == prompt


@pytest.mark.parametrize(
    ("message", "is_over"),
    [
        ({"type": "verdict"}, True),
        ({"type": "state", "state": "interrupted"}, True),
        ({"type": "state", "state": "deciding"}, False),
        (challenge(), False),
    ],
)
def test_an_attempt_is_over_with_its_last_message(message: dict[str, Any], is_over: bool) -> None:
    assert ends(message) is is_over


async def test_what_is_heard_is_passed_on_until_the_verdict() -> None:
    person = Greys()
    heard = Heard(person)
    heard.take(challenge())
    assert level(person.draw(STEP_MS)) == TURN_GREY
    assert not heard.done.is_set()
    heard.take({"type": "verdict"})
    await heard.over(within_s=5)
    heard.take(challenge(direction="right"))
    assert level(person.draw(STEP_MS)) == TURN_GREY


async def test_without_a_verdict_an_attempt_is_left_in_time() -> None:
    async with asyncio.timeout(5):
        await Heard(Greys()).over(within_s=0.01)


@given(st.integers(1, 24), st.integers(1, 24))
def test_a_live_file_has_one_picture(half_width: int, half_height: int) -> None:
    width, height = 2 * half_width, 2 * half_height
    data = y4m(np.full((height, width, 3), 128, np.uint8))
    header, _, planes = data.partition(b"FRAME\n")
    assert header.startswith(f"YUV4MPEG2 W{width} H{height} ".encode())
    assert len(planes) == width * height * 3 // 2


def test_a_live_file_follows_what_is_drawn_until_it_is_stopped(tmp_path: Path) -> None:
    drawn = threading.Event()

    def draw(at_ms: float) -> BgrImage:
        if at_ms > 0:
            drawn.set()
        return np.full((48, 64, 3), 200 if at_ms > 0 else 60, np.uint8)

    file = LiveFile(tmp_path / "camera.y4m", draw)
    before = file.path.read_bytes()
    thread = threading.Thread(target=file.run)
    thread.start()
    assert drawn.wait(10)
    file.stop()
    thread.join(10)
    assert not thread.is_alive()
    after = file.path.read_bytes()
    assert len(after) == len(before)
    planes = np.frombuffer(after.partition(b"FRAME\n")[2], np.uint8).reshape(72, 64)
    picture = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    assert abs(level(np.asarray(picture, np.uint8)) - 200) < 3


def test_the_origin_tells_nothing() -> None:
    sdp = "v=0\r\no=- 3973 3973 IN IP4 192.0.2.7\r\nm=video 9 UDP/TLS/RTP/SAVPF 97\r\n"
    assert stack_of(sdp) is Stack.OTHER
    assert stack_of(with_a_browsers_origin(sdp)) is None
