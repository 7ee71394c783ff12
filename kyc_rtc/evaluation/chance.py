"""How often a recording that hears no prompt meets the challenges all the same.

People before a camera blink, smile, talk and turn their heads, so that footage of somebody which is
played at the camera, whatever is asked, meets some prompts by chance. Who sees the prompts, too, may
void those that the footage will not meet, in the hope of a draw that suits it.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, count, pairwise, product
from pathlib import Path
from statistics import median
from typing import Any

from kyc_rtc.decision.policy import MAX_UNASKED_ACTIONS
from kyc_rtc.evaluation.manifest import Clip, Label
from kyc_rtc.evaluation.metrics import wilson_interval
from kyc_rtc.evaluation.observed import observed
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.liveness.catalogue import HELD, MAX_EXCLUDED, Challenge, ChallengeType, Direction
from kyc_rtc.liveness.events import ChallengeEnded, ChallengeIssued, RunOutcome, VoidReason
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.liveness.issuer import Issuer, counts, holds_ms
from kyc_rtc.liveness.run import ChallengeRun
from kyc_rtc.settings import LivenessSettings
from kyc_rtc.vision.observation import FaceObservation

PLAN = "a plan as drawn"
NO_CALIBRATION = f"{PLAN}, no calibrating turn"
_FPS = 20.0
_LEAST_FRAMES = 80
"""With a face: 4 s."""

Recording = Sequence[FaceObservation]


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether a recording met what was asked, and how many challenges were voided on the way."""

    met: bool
    voids: int


Tally = dict[str, list[Trial]]
"""By what was asked."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know, whatever the clip. `voids`: so many challenges may be voided; where
    there is any number, plans alone are played, with each of these numbers."""

    model: Path
    settings: LivenessSettings
    tries: int
    voids: tuple[int, ...] = ()
    exclusions: bool = False


@dataclass(frozen=True, slots=True)
class _Voids:
    """How an attacker who knows what will be missed voids: at `most` so often, at the first miss; or, to
    `spare` voids, where no second try is left or an action that nobody asked for would be counted."""

    most: int = 0
    spare: bool = False

    def suits(self, ended: ChallengeEnded) -> bool:
        """Whether a try that would end so is voided."""
        counts = not ended.will_retry or ended.hint is Hint.WRONG_ACTION
        return not ended.passed and (counts or not self.spare)


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
    footage comes again, which gives a loop away, is not counted. One row has no calibrating turn, so that
    the difference is what an attacker gains by it.

    With `job.voids`, for plans as drawn only: the attacker knows at each prompt whether the footage
    that plays will meet it, and voids it where it will not, as long as voids are left; or spares them
    for misses that count. `voids_used` says in how many tries so many challenges were voided.

    Raises:
        ModelError: the model cannot be loaded. MediaError: a clip cannot be read.
    """
    videos = [clip for clip in clips if clip.label is Label.BONA_FIDE and not clip.still]
    tallies: Tally = {}
    played = 0
    with workers(processes) as pool:
        for found in pool.map(partial(_play_all, job=job), videos):
            played += bool(found)
            for name, trials in found.items():
                tallies.setdefault(name, []).extend(trials)
    report = _voided if job.voids else _share
    return {"recordings": played, "asked": {name: report(found) for name, found in tallies.items()}}


def challenges(settings: LivenessSettings) -> dict[str, Challenge]:
    """Everything that can be asked under these settings, by name; of holds, the shortest and the longest."""
    found = [Challenge(ChallengeType.HEAD_TURN, side) for side in Direction]
    bounds_ms = sorted({holds_ms(settings)[0], holds_ms(settings)[-1]})
    for kind in map(ChallengeType, settings.challenge_types):
        if kind in HELD:
            found += [Challenge(kind, hold_ms=hold_ms) for hold_ms in bounds_ms]
        elif kind is not ChallengeType.HEAD_TURN:
            found += [Challenge(kind, count=n) for n in counts(kind, settings)]
    return {_name(challenge): challenge for challenge in found}


def _name(challenge: Challenge) -> str:
    hold = f"{challenge.hold_ms / 1000:g} s" if challenge.hold_ms else ""
    count = str(challenge.count) if challenge.count > 1 else ""
    return f"{challenge.type} {challenge.direction or count or hold}".strip()


def _share(trials: Sequence[Trial]) -> dict[str, Any]:
    hits = sum(trial.met for trial in trials)
    return {
        "met": hits,
        "of": len(trials),
        "interval_95": [round(bound, 3) for bound in wilson_interval(hits, len(trials))],
    }


def _voided(trials: Sequence[Trial]) -> dict[str, Any]:
    used = Counter(trial.voids for trial in trials)
    return _share(trials) | {"voids_used": {str(number): used[number] for number in sorted(used)}}


def _play_all(clip: Clip, job: Job) -> Tally:
    """Empty where too little of a face is seen."""
    recording = list(observed(clip.path, job.model, _FPS))
    if sum(seen.face is not None for seen in recording) < _LEAST_FRAMES:
        return {}
    chance = random.Random(zlib.crc32(clip.name.encode()))  # noqa: S311  # the same in every run
    found: Tally = {}
    for most, spare in product(job.voids, (False, True)):
        if most or not spare:
            name = f"{PLAN}, {most} voids{', spared for misses that count' * spare}"
            voids = _Voids(most, spare)
            found[name] = [_at_plan(recording, chance, job, voids) for _ in range(job.tries)]
    if job.voids:
        return found
    if job.exclusions:
        for kinds in exclusions(job.settings):
            name = f"{PLAN}, without {' and '.join(kinds)}" if kinds else PLAN
            tries = (_at_plan(recording, chance, job, excluded=kinds) for _ in range(job.tries))
            found[name] = list(tries)
        return found
    for name, challenge in challenges(job.settings).items():
        same = _Same(challenge, job.settings, chance)
        outcomes = [_played(recording, (challenge,), same, chance) for _ in range(job.tries)]
        found[name] = [Trial(outcome.passed > 0, outcome.voids) for outcome in outcomes]
    uncalibrated = job.settings.model_copy(update={"calibrating_turn": False})
    for name, settings in ((PLAN, job.settings), (NO_CALIBRATION, uncalibrated)):
        one = replace(job, settings=settings)
        found[name] = [_at_plan(recording, chance, one) for _ in range(job.tries)]
    return found


def exclusions(settings: LivenessSettings) -> list[tuple[ChallengeType, ...]]:
    """What may be left out: nothing, each type, each pair; always something is left to ask for."""
    kinds = sorted(map(ChallengeType, settings.challenge_types))
    most = min(MAX_EXCLUDED, len(kinds) - 1)
    return [left_out for size in range(most + 1) for left_out in combinations(kinds, size)]


def _at_plan(
    recording: Recording,
    chance: random.Random,
    job: Job,
    voids: _Voids | None = None,
    excluded: Sequence[ChallengeType] = (),
) -> Trial:
    settings = job.settings
    if voids is not None:
        settings = settings.model_copy(update={"voids": voids.most})
    issuer = Issuer(settings, chance, excluded)
    outcome = _played(recording, issuer.plan(), issuer, chance, voids or _Voids())
    return Trial(_would_do(outcome), outcome.voids)


def _would_do(outcome: RunOutcome) -> bool:
    return outcome.all_passed and outcome.unasked_actions < MAX_UNASKED_ACTIONS


def _played(
    recording: Recording,
    plan: Sequence[Challenge],
    issuer: Issuer,
    chance: random.Random,
    voids: _Voids = _Voids(),
) -> RunOutcome:
    """The outcome of a run before which the recording is played to its end.

    Prompts are sent at once, and a frame is received as it is captured. A try is played on; where it
    should have been voided, time goes back to its prompt.
    """
    ids = count()
    run = ChallengeRun(plan, issuer.settings, lambda: str(next(ids)), issuer)
    film = _Film(recording, chance.randrange(len(recording)))
    at_prompt = deepcopy(run), copy(film)
    while not run.finished:
        seen = next(film)
        now_ms, left = seen.captured_at_ms, run.outcome.voids < voids.most
        for event in run.update(seen, usable=True, received_at_ms=now_ms):
            if isinstance(event, ChallengeIssued):
                run.sent(now_ms, now_ms)
                at_prompt = (deepcopy(run), copy(film)) if left else at_prompt
            elif isinstance(event, ChallengeEnded) and left and voids.suits(event):
                run, film = at_prompt
                run.void(VoidReason.GAP)
                film.now_ms += round(run.gap_limit_ms)
                break
    return run.outcome


class _Film(Iterator[FaceObservation]):
    """A recording without end, from the frame of number `first` on, in time that goes on."""

    def __init__(self, recording: Recording, first: int) -> None:
        times_ms = [seen.captured_at_ms for seen in recording]
        self._recording = recording
        self._steps_ms = [after - before for before, after in pairwise(times_ms)]
        self._steps_ms.append(round(median(self._steps_ms)))  # from the last frame to the first
        self._at = first
        self.now_ms = 0

    def __next__(self) -> FaceObservation:
        seen = replace(self._recording[self._at], captured_at_ms=self.now_ms)
        self.now_ms += self._steps_ms[self._at]
        self._at = (self._at + 1) % len(self._recording)
        return seen
