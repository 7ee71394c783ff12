"""Run every clip through the serving pipeline, with a net that was not trained on it, for its features."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kyc_rtc.evaluation.manifest import Clip, read_manifest
from kyc_rtc.evaluation.results import ClipResult, Conditions
from kyc_rtc.evaluation.runner import Job, run_clips
from kyc_rtc.settings import Settings

FPS, LIVE_FPS = 15.0, 20.0
CONDITIONS = {
    "vp8_600": Conditions("vp8", 600, FPS),
    "clean": Conditions(fps=FPS),
    "vp8_250": Conditions("vp8", 250, FPS),
    "vp8_1000": Conditions("vp8", 1000, LIVE_FPS),
}
"""How phones on good and on weak links reach a server, and a browser on a good one. The rates differ so
that the frames of a pair lie 67 to 100 ms apart, as they do in life."""

DRAWN_CONDITIONS = ("vp8_600", "vp8_1000")
DRAWN = "drawn.pickle"


@dataclass(frozen=True, slots=True)
class Measured:
    """The clips' results under each of `CONDITIONS`, and the fold of each clip."""

    results: dict[str, list[ClipResult]]
    fold: list[int]


def measure(
    manifest: Path, fold: dict[str, int], nets: Path, model: Path, out: Path, jobs: int
) -> None:
    """Run the videos of the manifest under each condition, each with the net of its fold.

    `fold` maps a path of the manifest to its number, `nets` holds a folder `fold<number>` for each.
    """
    clips = [clip for clip in read_manifest(manifest) if not clip.still]
    out.mkdir(parents=True, exist_ok=True)
    for name, conditions in CONDITIONS.items():
        target = out / f"{name}.pickle"
        if target.exists():
            continue
        found = _measured(clips, fold, nets, model, conditions, jobs)
        target.write_bytes(pickle.dumps([found[clip.name] for clip in clips]))
        print(f"{name}: {len(found)} clips", flush=True)


def _measured(
    clips: Sequence[Clip],
    fold: dict[str, int],
    nets: Path,
    model: Path,
    conditions: Conditions,
    jobs: int,
) -> dict[str, ClipResult]:
    """The result of each clip by its name, each with the net of its fold."""
    found: dict[str, ClipResult] = {}
    for number in sorted(set(fold.values())):
        chosen = [clip for clip in clips if fold[clip.name] == number]
        job = Job(model, Settings(), conditions, nets / f"fold{number}")
        for result in run_clips(chosen, job, processes=jobs):
            found[result.name] = result
    return found


def measure_drawn(
    clips: Sequence[Clip], fold: dict[str, int], nets: Path, model: Path, out: Path, jobs: int
) -> None:
    """Run drawn clips under each of `DRAWN_CONDITIONS`; see `measure`."""
    target = out / DRAWN
    if not target.exists():
        results = []
        for name in DRAWN_CONDITIONS:
            found = _measured(clips, fold, nets, model, CONDITIONS[name], jobs)
            results += [found[clip.name] for clip in clips]
        target.write_bytes(pickle.dumps(results))


def load_drawn(out: Path) -> list[ClipResult]:
    """What `measure_drawn` wrote: every clip under the first condition, then under the next."""
    results: list[ClipResult] = pickle.loads((out / DRAWN).read_bytes())  # noqa: S301 - our own file
    return results


def load(out: Path, fold: dict[str, int]) -> Measured:
    """What `measure` wrote."""
    results = {
        name: pickle.loads((out / f"{name}.pickle").read_bytes())  # noqa: S301 - our own file
        for name in CONDITIONS
    }
    first: Sequence[ClipResult] = next(iter(results.values()))
    return Measured(results, [fold[result.name] for result in first])


def fold_of_names(clips: Sequence[Clip], fold: dict[Path, int]) -> dict[str, int]:
    """The fold of each clip by the name that the manifest has for it."""
    return {clip.name: fold[clip.path] for clip in clips}
