"""Clips through the pipeline that serves, after a codec and a rate, in several processes."""

from __future__ import annotations

import math
import multiprocessing
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from kyc_rtc.clock import Clock, SystemClock
from kyc_rtc.decision.findings import Mode
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.errors import BadImage, MediaError, PayloadTooLarge
from kyc_rtc.evaluation.groups import typology_angle_deg
from kyc_rtc.evaluation.manifest import Clip
from kyc_rtc.evaluation.results import (
    UNREADABLE,
    ClipResult,
    Conditions,
    Entrance,
    FaceMeasures,
    FrameCounts,
    Statement,
    said_of,
)
from kyc_rtc.evaluation.uploads import as_uploaded
from kyc_rtc.frames import BgrImage, Frame
from kyc_rtc.frames.orientation import turn_quarters
from kyc_rtc.frames.pictures import decode_picture
from kyc_rtc.ids import new_challenge_id
from kyc_rtc.liveness.run import ChallengeRun
from kyc_rtc.pipeline.analysis import FrameAnalysis, FrameResult
from kyc_rtc.pipeline.factory import new_analysis
from kyc_rtc.pipeline.nets import SHIPPED
from kyc_rtc.pipeline.verification import Ending, Verification
from kyc_rtc.settings import Settings
from kyc_rtc.vision.quality import QualityIssue
from media.file_source import read_frames
from media.transcode import Codec, at_rate, through_codec

STILL_MS = 1_500
"""A picture is shown as a video of so long."""

_SKIN_EVERY_MS = 300
"""Skin changes slowly; its colour is not looked at more often."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know, whatever the clip. `learned`: folder of the net and the detectors."""

    model: Path
    settings: Settings
    conditions: Conditions
    learned: Path = SHIPPED


def run_clips(
    clips: Sequence[Clip],
    job: Job,
    *,
    processes: int = 1,
    done: Callable[[ClipResult], None] = lambda _result: None,
) -> list[ClipResult]:
    """Each clip through its own analysis; results in the order of the clips, `done` called with each as
    soon as it is there.

    Raises:
        ModelError: the model cannot be loaded.
    """
    results: dict[int, ClipResult] = {}
    for index, result in _each(clips, job, processes):
        done(result)
        results[index] = result
    return [results[index] for index in range(len(clips))]


def _each(clips: Sequence[Clip], job: Job, processes: int) -> Iterator[tuple[int, ClipResult]]:
    if processes <= 1:
        _begin_worker()
        yield from ((index, run_clip(clip, job)) for index, clip in enumerate(clips))
        return
    with workers(processes) as pool:
        running = {pool.submit(run_clip, clip, job): index for index, clip in enumerate(clips)}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def workers(count: int) -> ProcessPoolExecutor:
    """Processes that begin afresh: forked copies of the threads of nets would hang."""
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin_worker)


def _begin_worker() -> None:
    cv2.setNumThreads(1)  # processes share the cores; OpenCV's threads would fight over them


def run_clip(clip: Clip, job: Job, clock: Clock | None = None) -> ClipResult:
    """One clip through a fresh analysis, passively. A file that cannot be decoded is INCONCLUSIVE.

    Raises:
        ModelError: the model cannot be loaded.
    """
    clock = clock or SystemClock(process_cpu=True)
    nothing_asked = ChallengeRun((), job.settings.liveness, new_challenge_id)
    verification = Verification(nothing_asked, job.settings, Mode.PASSIVE)
    tally = _Tally()
    analysis = new_analysis(job.model, clock, job.learned)
    try:
        _watch(_frames(clip, job, clock), analysis, verification, tally)
        features = _finite(analysis.features())
    except (MediaError, BadImage, PayloadTooLarge, OSError):
        return _result(clip, tally, VerdictStatus.INCONCLUSIVE, (UNREADABLE,))
    finally:
        analysis.close()
    verification.conclude(Ending.COMPLETED)
    return replace(_judged(clip, tally, verification), features=features)


def _finite(features: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in features.items()}


def _watch(
    frames: Iterator[Frame], analysis: FrameAnalysis, verification: Verification, tally: _Tally
) -> None:
    for frame in frames:
        result = analysis.analyse(frame)
        verification.update(result)
        tally.add(result, frame)


def _frames(clip: Clip, job: Job, clock: Clock) -> Iterator[Frame]:
    conditions = job.conditions
    if clip.still:
        pixels = decode_picture(clip.path.read_bytes())
        recorded = _still_frames(pixels, conditions.fps)
    else:
        recorded = read_frames(clip.path, clock)
    if conditions.path is Entrance.REST:
        return as_uploaded(at_rate(recorded, conditions.fps), conditions.quality)
    if conditions.codec is None or conditions.kbps is None:
        return at_rate(recorded, conditions.fps)
    return through_codec(
        recorded,
        Codec(conditions.codec),
        conditions.kbps,
        conditions.fps,
        conditions.loss,
        conditions.seed,
    )


def _still_frames(pixels: BgrImage, fps: float) -> Iterator[Frame]:
    def same() -> BgrImage:
        return pixels

    for number in range(round(STILL_MS * fps / 1_000)):
        now_ms = round(number * 1_000 / fps)
        yield Frame(now_ms, float(now_ms), number, same)


class _Tally:
    """What is counted and measured over the frames of a clip."""

    def __init__(self) -> None:
        self._analysed = self._judgeable = self._with_face = self._occluded = 0
        self._cpu_ms: dict[str, float] = defaultdict(float)
        self._widths_px: list[float] = []
        self._lumas: list[float] = []
        self._angles_deg: dict[bool, list[float]] = {True: [], False: []}  # by judgeable
        self._next_skin_ms = 0

    def add(self, result: FrameResult, frame: Frame) -> None:
        self._analysed += 1
        self._judgeable += result.quality.judgeable
        for stage, spent_ms in result.cpu_ms.items():
            self._cpu_ms[stage.value] += spent_ms
        face = result.observation.face
        if face is None:
            return
        self._with_face += 1
        self._occluded += QualityIssue.OCCLUDED in result.quality.issues
        self._widths_px.append(face.width_px)
        if result.quality.image is not None:
            self._lumas.append(result.quality.image.mean_luma)
        if result.captured_at_ms >= self._next_skin_ms:
            self._next_skin_ms = result.captured_at_ms + _SKIN_EVERY_MS
            image = _as_analysed(frame.to_bgr(), result)
            angle_deg = typology_angle_deg(image, face)
            if angle_deg is not None:
                self._angles_deg[result.quality.judgeable].append(angle_deg)

    def counts(self) -> FrameCounts:
        return FrameCounts(self._analysed, self._judgeable, self._with_face, self._occluded)

    def face(self) -> FaceMeasures:
        return FaceMeasures(
            ita_deg=_median(self._angles_deg[True] or self._angles_deg[False]),
            width_px=_median(self._widths_px),
            luma=_median(self._lumas),
        )

    def cpu_ms(self) -> dict[str, float]:
        return {stage: total / self._analysed for stage, total in self._cpu_ms.items()}


def _as_analysed(image: BgrImage, result: FrameResult) -> BgrImage:
    """The analysis turns pictures, and reduces large ones; landmarks are in pixels of what it made."""
    image, size = turn_quarters(image, result.quarter_turns), result.observation.image_size
    if image.shape[1::-1] == size:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _judged(clip: Clip, tally: _Tally, verification: Verification) -> ClipResult:
    verdict = verification.verdict
    if verdict is None:
        raise RuntimeError("a concluded verification has a verdict")
    evidence = {e.analyser.value: Statement.of(e) for e in verification.evidence}
    reasons = tuple(reason.value for reason in verdict.reasons)
    scores = (verdict.deepfake_score, verdict.liveness_score)
    result = _result(clip, tally, verdict.status, reasons, scores, evidence)
    return replace(result, weights=verdict.weights, findings=verification.findings)


def _result(
    clip: Clip,
    tally: _Tally,
    status: VerdictStatus,
    reasons: tuple[str, ...],
    scores: tuple[float | None, float | None] = (None, None),
    evidence: dict[str, Statement] | None = None,
) -> ClipResult:
    return ClipResult(
        **said_of(clip),
        status=status,
        reasons=reasons,
        deepfake_score=scores[0],
        liveness_score=scores[1],
        evidence=evidence or {},
        frames=tally.counts(),
        face=tally.face(),
        cpu_ms=tally.cpu_ms(),
    )
