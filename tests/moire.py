"""Moiré of bona fide recordings, and of the same ones filmed from screens: a table in docs/detection.md.

    python -m tests.moire --data FOLDER [--clips N] [--kbps K]

films every so many bona fide recordings from three kinds of screens, sends originals and films through
VP8, and prints what the moiré meter measures of them. As a control each film is made once more with a
screen whose pixels are too fine for any camera: optics, noise and compression are the same, and only
the grid is gone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from kyc_rtc.clock import SystemClock
from kyc_rtc.detection.spectrum import MoireMeter
from kyc_rtc.detection.texture import MOIRE_CLEAR, MOIRE_NEUTRAL
from kyc_rtc.evaluation.manifest import Clip, Label, Use, read_manifest
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.frames import BgrImage
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.model_store import ModelStore
from media.file_source import read_frames
from media.transcode import at_rate
from tests.support.browser_camera import Prompt
from tests.support.browser_recapture import Recaptured, Setup, laptop, monitor, phone
from tests.support.film import framed, luma_of, sent

FPS, SECONDS = 20, 7
EVERY = 5
"""Frames: four looks a second, as the analyser takes."""

FINE_PITCH = 0.05
LEVELS = (MOIRE_NEUTRAL, MOIRE_CLEAR)

SCREENS: tuple[Callable[[np.random.Generator], Setup], ...] = (monitor, phone, laptop)


@dataclass(frozen=True, slots=True)
class Job:
    """One clip, filmed with this seed and sent at this rate."""

    path: Path
    seed: int
    kbps: int
    model: Path


class Player:
    """Plays a recording in its own time, cut to the shape of a webcam's picture."""

    def __init__(self, path: Path) -> None:
        frames = at_rate(read_frames(path, SystemClock()), FPS)
        self.pictures = {
            frame.captured_at_ms: framed(frame.to_bgr()) for frame in islice(frames, FPS * SECONDS)
        }

    def sees(self, prompt: Prompt) -> None:
        """It does not read."""

    def draw(self, at_ms: float) -> BgrImage:
        return self.pictures[round(at_ms)]


def peaks(job: Job) -> dict[str, float]:
    """The meter's peak by what stood before the camera."""
    player = Player(job.path)
    found = {"the recording itself": _peak(player.pictures, job)}
    for screen in SCREENS:
        setup = screen(np.random.default_rng(job.seed))
        for name, film in {
            f"filmed {screen.__name__}": setup,
            f"filmed {screen.__name__}, grid too fine to be seen": replace(setup, pitch=FINE_PITCH),
        }.items():
            recaptured = Recaptured(player, film, seed=job.seed)
            shown = {at_ms: recaptured.draw(at_ms) for at_ms in player.pictures}
            found[name] = _peak(shown, job)
    return found


def _peak(shown: Mapping[int, BgrImage], job: Job) -> float:
    meter = MoireMeter()
    with MediaPipeObserver(job.model) as observer:
        for frame in sent(shown, job.kbps, FPS):
            if frame.sequence % EVERY:
                continue
            picture = frame.to_bgr()
            face = observer.observe(picture, frame.captured_at_ms, frame.sequence).face
            if face is not None:
                meter.update(frame.captured_at_ms, luma_of(picture), face)
    return meter.peak


def table(found: Sequence[dict[str, float]]) -> str:
    """Markdown: a row for each kind, its median, its highest, and how many reach each of `LEVELS`."""
    over = [f"from {level:.2f} on" for level in LEVELS]
    lines = [
        f"| before the camera | median | highest | {' | '.join(over)} |",
        "|---" * (3 + len(over)) + "|",
    ]
    for name in found[0]:
        values = np.array([one[name] for one in found])
        counts = [f"{int((values >= level).sum())} of {len(values)}" for level in LEVELS]
        cells = [name, f"{np.median(values):.2f}", f"{values.max():.2f}", *counts]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def chosen(clips: Sequence[Clip], count: int) -> list[Clip]:
    """So many bona fide recordings, spread over the manifest."""
    usable = [clip for clip in clips if _wanted(clip)]
    return [usable[round(at)] for at in np.linspace(0, len(usable) - 1, min(count, len(usable)))]


def _wanted(clip: Clip) -> bool:
    return clip.label is Label.BONA_FIDE and not clip.still and clip.use is Use.ANY


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.moire", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--kbps", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    clips = chosen(read_manifest(given.data / "manifest.tsv"), given.clips)
    model = ModelStore(None).path("face_landmarker")
    work = [Job(clip.path, seed, given.kbps, model) for seed, clip in enumerate(clips)]
    with workers(given.jobs) as pool:
        print(table(list(pool.map(peaks, work))))


if __name__ == "__main__":
    main()
