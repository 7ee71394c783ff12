"""What an analysed frame costs, by stage, and MediaPipe alone on the same frames in the same run."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from kyc_rtc.clock import Clock, SystemClock
from kyc_rtc.errors import MediaError
from kyc_rtc.evaluation.analyze import stage_figures
from kyc_rtc.frames import BgrImage, Frame
from kyc_rtc.frames.scaling import letterbox
from kyc_rtc.pipeline.analysis import Stage
from kyc_rtc.pipeline.factory import new_analysis
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from media.file_source import read_frames

SIZE = (640, 480)


def measure(video: Path, model: Path, *, frames: int, runs: int) -> dict[str, Any]:
    """Analyse the first `frames` frames of `video`, at 640×480, `runs` times.

    MediaPipe alone and the pipeline take turns in each run, so that the machine's mood falls on
    both; the ratio is taken run by run. CPU time is the process's: MediaPipe's own threads count.

    Raises:
        MediaError: the video cannot be read, or is empty.
    """
    clock = SystemClock(process_cpu=True)
    pictures = [
        (frame.captured_at_ms, letterbox(frame.to_bgr(), SIZE))
        for frame, _ in zip(read_frames(video, clock), range(frames), strict=False)
    ]
    if not pictures:
        raise MediaError(f"{video} has no frames")
    stages: dict[Stage, list[float]] = defaultdict(list)
    turns = [
        {
            "mediapipe": _mediapipe_alone(pictures, model),
            "pipeline": _whole_pipeline(pictures, model, clock, stages),
        }
        for _ in range(runs)
    ]
    ratios = [turn["pipeline"]["cpu_ms"] / turn["mediapipe"]["cpu_ms"] for turn in turns]
    return {
        "machine": machine(),
        "frames": len(pictures),
        "runs": runs,
        "mediapipe_alone": _spread([turn["mediapipe"] for turn in turns]),
        "pipeline": _spread([turn["pipeline"] for turn in turns]),
        "cpu_ratio_to_mediapipe": spread(ratios),
        "cpu_ms_by_stage": stage_figures(stages),
    }


def _mediapipe_alone(pictures: list[tuple[int, BgrImage]], model: Path) -> dict[str, float]:
    with MediaPipeObserver(model, max_faces=1) as observer:
        observer.observe(pictures[0][1], 0, 0)
        with _Stopwatch() as watch:
            for number, (captured_at_ms, image) in enumerate(pictures):
                observer.observe(image, captured_at_ms + 1, number)
    return watch.per(len(pictures))


def _whole_pipeline(
    pictures: list[tuple[int, BgrImage]],
    model: Path,
    clock: Clock,
    stages: dict[Stage, list[float]],
) -> dict[str, float]:
    analysis = new_analysis(model, clock)
    try:
        with _Stopwatch() as watch:
            for number, (captured_at_ms, image) in enumerate(pictures):
                result = analysis.analyse(
                    Frame(captured_at_ms, clock.monotonic_ms(), number, image.copy)
                )
                for stage, cpu_ms in result.cpu_ms.items():
                    stages[stage].append(cpu_ms)
    finally:
        analysis.close()
    return watch.per(len(pictures))


class _Stopwatch:
    """CPU time of the process and wall time of a block, in milliseconds."""

    def __enter__(self) -> _Stopwatch:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._cpu, self._wall = time.process_time() - self._cpu, time.perf_counter() - self._wall

    def per(self, count: int) -> dict[str, float]:
        return {"cpu_ms": self._cpu * 1000 / count, "wall_ms": self._wall * 1000 / count}


def _spread(turns: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {key: spread([turn[key] for turn in turns]) for key in turns[0]}


def spread(values: list[float]) -> dict[str, float]:
    """Least, middle and greatest of the values."""
    return {
        "min": round(min(values), 2),
        "median": round(float(np.median(values)), 2),
        "max": round(max(values), 2),
    }


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def table(figures: dict[str, Any]) -> str:
    """The figures in a few lines."""
    ratio = figures["cpu_ratio_to_mediapipe"]
    lines = [
        f"{figures['frames']} frames, {figures['runs']} runs, {figures['machine']}",
        f"MediaPipe alone   {figures['mediapipe_alone']['cpu_ms']} ms CPU a frame",
        f"whole pipeline    {figures['pipeline']['cpu_ms']} ms CPU a frame",
        f"ratio             {ratio['median']} ({ratio['min']} to {ratio['max']})",
    ]
    for stage, values in figures["cpu_ms_by_stage"].items():
        lines.append(f"  {stage:10} mean {values['mean']:7.2f}  p95 {values['p95']:7.2f} ms")
    return "\n".join(lines)
