"""A video file through the pipeline that serves, in media time: verdict, evidence, timings."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from kyc_rtc import __version__
from kyc_rtc.clock import Clock, SystemClock
from kyc_rtc.decision.findings import Mode
from kyc_rtc.decision.verdict import Verdict
from kyc_rtc.ids import new_challenge_id
from kyc_rtc.liveness.run import ChallengeRun
from kyc_rtc.pipeline.analysis import FrameResult, Stage
from kyc_rtc.pipeline.factory import new_analysis
from kyc_rtc.pipeline.nets import SHIPPED
from kyc_rtc.pipeline.verification import Ending, Verification
from kyc_rtc.sessions.messages import evidence_fields, rounded, weighed_reasons_of
from kyc_rtc.settings import Settings, load_settings
from media.file_source import read_frames


def analyze_file(
    video: Path, model: Path, settings: Settings | None = None, clock: Clock | None = None
) -> dict[str, Any]:
    """Analyse a recording. Nobody can be asked for anything in it, so the mode is passive: PASSED
    says that enough was seen and nothing speaks for an attack, not that a person was there live.

    Raises:
        MediaError: the file cannot be read. ModelError: the model cannot be loaded.
    """
    clock = clock or SystemClock(process_cpu=True)
    settings = settings or load_settings()
    nothing_asked = ChallengeRun((), settings.liveness, new_challenge_id)
    verification = Verification(nothing_asked, settings, Mode.PASSIVE)
    analysis = new_analysis(model, clock, settings.detection.weights_dir or SHIPPED)
    tally = _Tally()
    started_ms = clock.monotonic_ms()
    try:
        for frame in read_frames(video, clock):
            result = analysis.analyse(frame)
            verification.update(result)
            tally.add(result)
    finally:
        analysis.close()
    verification.conclude(Ending.COMPLETED)
    if verification.verdict is None:
        raise RuntimeError("a concluded verification has a verdict")
    return _report(
        video, verification, verification.verdict, tally, clock.monotonic_ms() - started_ms
    )


class _Tally:
    """What is counted over the frames."""

    def __init__(self) -> None:
        self.frames = self.with_face = self.judgeable = self.enhanced = 0
        self.last_ms = 0
        self.issue_frames: dict[str, int] = defaultdict(int)
        self.cpu_ms: dict[Stage, list[float]] = defaultdict(list)

    def add(self, result: FrameResult) -> None:
        self.frames += 1
        self.with_face += result.observation.face is not None
        self.judgeable += result.quality.judgeable
        self.enhanced += result.enhanced
        self.last_ms = result.captured_at_ms
        for issue in result.issues:
            self.issue_frames[issue.value] += 1
        for stage, spent_ms in result.cpu_ms.items():
            self.cpu_ms[stage].append(spent_ms)


def _report(
    video: Path, verification: Verification, verdict: Verdict, tally: _Tally, wall_ms: float
) -> dict[str, Any]:
    return {
        "file": video.name,
        "version": __version__,
        "mode": Mode.PASSIVE.value,
        "status": verdict.status.value,
        "verified": verdict.verified,
        "reasons": list(weighed_reasons_of(verdict)),
        "liveness_score": rounded(verdict.liveness_score),
        "deepfake_score": rounded(verdict.deepfake_score),
        "evidence": {e.analyser.value: evidence_fields(e) for e in verification.evidence},
        "frames": {
            "analysed": tally.frames,
            "with_face": tally.with_face,
            "judgeable": tally.judgeable,
            "enhanced": tally.enhanced,
            "issues": dict(tally.issue_frames),
            "duration_ms": tally.last_ms,
        },
        "timings": {
            "wall_ms": round(wall_ms, 1),
            "cpu_ms_per_frame": stage_figures(tally.cpu_ms),
        },
    }


def stage_figures(cpu_ms: dict[Stage, list[float]]) -> dict[str, dict[str, float]]:
    """Mean, median and 95th percentile of the CPU milliseconds of each stage, and of their sum."""
    if not cpu_ms:
        return {}
    columns = {stage.value: np.asarray(values) for stage, values in cpu_ms.items()}
    columns["total"] = np.sum(list(columns.values()), axis=0)
    return {
        name: {
            "mean": round(float(values.mean()), 3),
            "p50": round(float(np.percentile(values, 50)), 3),
            "p95": round(float(np.percentile(values, 95)), 3),
        }
        for name, values in columns.items()
    }


def summary(report: dict[str, Any]) -> str:
    """The report in a few lines."""
    reasons = ", ".join(reason["code"] for reason in report["reasons"])
    lines = [
        f"{report['file']}: {report['status']} ({reasons})",
        f"liveness {report['liveness_score']}  deepfake {report['deepfake_score']}",
    ]
    for name, evidence in report["evidence"].items():
        signs = ", ".join(evidence["reasons"])
        lines.append(
            f"  {name:10} {evidence['score']:.2f}  confidence {evidence['confidence']:.2f}  {signs}"
        )
    frames = report["frames"]
    lines.append(f"{frames['judgeable']} of {frames['analysed']} frames could be judged")
    return "\n".join(lines)
