"""How often a recording that hears no prompt meets the challenges all the same.

People before a camera blink, smile, talk and turn their heads, so that footage of somebody which is
played at the camera, whatever is asked, meets some prompts by chance.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from statistics import median
from typing import Any

from kyc_rtc.decision.policy import MAX_UNASKED_ACTIONS
from kyc_rtc.evaluation.manifest import Clip, Label
from kyc_rtc.evaluation.metrics import wilson_interval
from kyc_rtc.evaluation.observed import observed
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.liveness.catalogue import HELD, Challenge, ChallengeType, Direction
from kyc_rtc.liveness.events import RunOutcome
from kyc_rtc.liveness.issuer import Issuer, counts, holds_ms
from kyc_rtc.liveness.run import ChallengeRun
from kyc_rtc.settings import LivenessSettings
from kyc_rtc.vision.observation import FaceObservation

PLAN = "a plan as drawn"
_FPS = 20.0
_LEAST_FRAMES = 80
"""With a face: 4 s."""

Recording = Sequence[FaceObservation]
Tally = dict[str, list[bool]]
"""By what was asked: whether each try met it."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know, whatever the clip."""

    model: Path
    settings: LivenessSettings
    tries: int


class _Same(Issuer):
    """Asks for the same again in a second attempt."""

    def __init__(
        self, challenge: Challenge, settings: LivenessSettings, chance: random.Random
    ) -> None:
        super().__init__(settings, chance)
        self._challenge = challenge

    def draw(self, kind: ChallengeType) -> Challenge:  # noqa: ARG002  # it was of this kind
        return self._challenge


def evaluate_chance(clips: Sequence[Clip], job: Job, *, processes: int = 1) -> dict[str, Any]:
    """Play every bona fide video of 4 s and more, over and over from a random frame on, at runs that are
    not meant for it: `tries` times for each challenge that the settings allow, and for plans as drawn.

    For each: how many tries `met` it, `of` how many, and Wilson's 95% interval of the share. A plan is
    met by all its challenges, without so many unasked actions as rule out a pass. That the same
    footage comes again, which gives a loop away, is not counted.

    Raises:
        ModelError: the model cannot be loaded. MediaError: a clip cannot be read.
    """
    videos = [clip for clip in clips if clip.label is Label.BONA_FIDE and not clip.still]
    tallies: Tally = {}
    played = 0
    with workers(processes) as pool:
        for found in pool.map(partial(_play_all, job=job), videos):
            played += bool(found)
            for name, met in found.items():
                tallies.setdefault(name, []).extend(met)
    return {"recordings": played, "asked": {name: _share(met) for name, met in tallies.items()}}


def challenges(settings: LivenessSettings) -> dict[str, Challenge]:
    """Everything that can be asked under these settings, by name; of holds, the shortest and the longest."""
    found = [Challenge(ChallengeType.HEAD_TURN, side) for side in Direction]
    bounds_ms = sorted({holds_ms(settings)[0], holds_ms(settings)[-1]})
    for kind in ChallengeType:
        if kind in HELD:
            found += [Challenge(kind, hold_ms=hold_ms) for hold_ms in bounds_ms]
        elif kind is not ChallengeType.HEAD_TURN:
            found += [Challenge(kind, count=n) for n in counts(kind, settings)]
    return {_name(challenge): challenge for challenge in found}


def _name(challenge: Challenge) -> str:
    hold = f"{challenge.hold_ms / 1000:g} s" if challenge.hold_ms else ""
    count = str(challenge.count) if challenge.count > 1 else ""
    return f"{challenge.type} {challenge.direction or count or hold}".strip()


def _share(met: Sequence[bool]) -> Mapping[str, Any]:
    hits = sum(met)
    return {
        "met": hits,
        "of": len(met),
        "interval_95": [round(bound, 3) for bound in wilson_interval(hits, len(met))],
    }


def _play_all(clip: Clip, job: Job) -> Tally:
    """Empty where too little of a face is seen."""
    recording = list(observed(clip.path, job.model, _FPS))
    if sum(seen.face is not None for seen in recording) < _LEAST_FRAMES:
        return {}
    chance = random.Random(zlib.crc32(clip.name.encode()))  # noqa: S311  # the same in every run
    found: Tally = {}
    for name, challenge in challenges(job.settings).items():
        same = _Same(challenge, job.settings, chance)
        outcomes = [_played(recording, (challenge,), same, chance, job) for _ in range(job.tries)]
        found[name] = [outcome.passed == 1 for outcome in outcomes]
    issuer = Issuer(job.settings, chance)
    plans = [_played(recording, issuer.plan(), issuer, chance, job) for _ in range(job.tries)]
    found[PLAN] = [_would_do(outcome) for outcome in plans]
    return found


def _would_do(outcome: RunOutcome) -> bool:
    return outcome.passed == outcome.planned and outcome.unasked_actions < MAX_UNASKED_ACTIONS


def _played(
    recording: Recording,
    plan: Sequence[Challenge],
    issuer: Issuer,
    chance: random.Random,
    job: Job,
) -> RunOutcome:
    """The outcome of a run before which the recording is played to its end."""
    ids = (str(number) for number in count())
    run = ChallengeRun(plan, job.settings, ids.__next__, issuer)
    for seen in _over_and_over(recording, chance.randrange(len(recording))):
        if run.finished:
            break
        run.update(seen, usable=True)
    return run.outcome


def _over_and_over(recording: Recording, first: int) -> Iterator[FaceObservation]:
    """Without end, from the frame of that number on, in time that goes on."""
    times_ms = [seen.captured_at_ms for seen in recording]
    steps_ms = [after - before for before, after in pairwise(times_ms)]
    steps_ms.append(round(median(steps_ms)))  # from the last frame to the first
    now_ms, at = 0, first
    while True:
        yield replace(recording[at], captured_at_ms=now_ms)
        now_ms += steps_ms[at]
        at = (at + 1) % len(recording)
