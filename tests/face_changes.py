"""Whether a change of the person is found, and nobody taken for two: a table in docs/detection.md.

    python -m tests.face_changes --data FOLDER [--fps N …] [--kinds K …] [--jobs N]

`one person`: every bona fide video of the manifest that shows a face for a second. `changed`: pairs of them,
of different repositories and persons, the second cut to the first after four seconds without a break; both
show a face for two seconds. `two recordings`: pairs of one person, cut in the same way: how often the
attempts of one applicant would be taken for two people's. Pictures as recorded, at most so many a second,
through the tracker as sessions have it, without the other analysers.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, takewhile
from pathlib import Path

from kyc_rtc.clock import SystemClock
from kyc_rtc.detection.analysers import Suite
from kyc_rtc.detection.features import Features
from kyc_rtc.errors import MediaError
from kyc_rtc.evaluation.manifest import Clip, Label, read_manifest
from kyc_rtc.evaluation.metrics import wilson_interval
from kyc_rtc.evaluation.runner import workers
from kyc_rtc.frames import Frame
from kyc_rtc.pipeline.analysis import FrameAnalysis
from kyc_rtc.vision.face_finder import MediaPipeFinder
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from kyc_rtc.vision.model_store import ModelStore
from media.file_source import read_frames
from media.transcode import at_rate
from tests.support.clock import ManualClock

ONE_PERSON, CHANGED, TWO_RECORDINGS = "one person", "changed", "two recordings"
OF_ONE_PERSON = ("mead_", "styletalk_")
"""Beginnings of the names of groups that hold several recordings of one person."""

SEVERAL_PEOPLE = ("bzz_real_141ae7",)
"""Ends of the names of recordings that show several people one after another."""

CUT_MS = 4_000
_COMMON = {
    "video",
    "face",
    "test",
    "driving",
    "example",
    "webcam",
    "source",
    "speaking",
    "left",
    "right",
}
LEAST_FACE_S = {ONE_PERSON: 1.0, CHANGED: 2.0, TWO_RECORDINGS: 1.0}
"""With a face, in each clip; else there is nobody who could be found."""


@dataclass(frozen=True, slots=True)
class Job:
    """One clip, or one cut to another."""

    clips: tuple[Path, ...]
    model: Path
    fps: float


@dataclass(frozen=True, slots=True)
class Found:
    """What the tracker said. `faces`: frames with a face in each of the clips; `compared`: frames of
    the last one in windows."""

    changed: bool
    doubted: bool
    faces: tuple[int, ...]
    compared: int

    @property
    def outcome(self) -> str:
        """In a word. Whoever is not compared while a challenge is answered does not pass a check."""
        if self.changed or self.doubted:
            return "changed" if self.changed else "doubted"
        return "same" if self.compared else "not compared"


def follow(job: Job) -> Found | None:
    """What the tracker says at the end; None where a clip cannot be decoded."""
    suite = Suite(Features(None, None), ())
    finder = MediaPipeFinder(job.model)
    analysis = FrameAnalysis(MediaPipeObserver(job.model), suite, ManualClock(), finder)
    faces, compared, track = [0] * len(job.clips), [0] * len(job.clips), None
    try:
        for number, frame in _spliced(job):
            result = analysis.analyse(frame)
            faces[number] += result.observation.face is not None
            track = result.track
            compared[number] = track.compared
    except MediaError:
        return None
    finally:
        analysis.close()
    if track is None:
        return None
    last = compared[-1] - (compared[-2] if len(compared) > 1 else 0)
    return Found(track.changed, track.doubted, tuple(faces), last)


def _spliced(job: Job) -> Iterator[tuple[int, Frame]]:
    begins_ms, sequence = 0, 0
    for number, path in enumerate(job.clips):
        frames = at_rate(read_frames(path, SystemClock()), job.fps)
        if len(job.clips) > 1:
            frames = takewhile(lambda frame: frame.captured_at_ms < CUT_MS, frames)
        last_ms = 0
        for frame in frames:
            last_ms = frame.captured_at_ms
            yield number, replace(frame, captured_at_ms=begins_ms + last_ms, sequence=sequence)
            sequence += 1
        begins_ms += last_ms + round(1_000 / job.fps)


def _marks(clip: Clip) -> set[str]:
    """The repository, and the words of the file's name: persons are named there."""
    words = re.split(r"[^a-z]+", clip.path.stem.lower())
    return {clip.source.split(":")[0], *(word for word in words if len(word) > 3)} - _COMMON


def pairs_of(clips: Sequence[Clip]) -> list[tuple[Clip, Clip]]:
    """Each clip with the next one of another group that shares neither repository nor names with it."""
    found = []
    for at, first in enumerate(clips):
        others = (*clips[at + 1 :], *clips[:at])
        kept = (c for c in others if c.group != first.group and not _marks(first) & _marks(c))
        found += [(first, second) for second in (*kept,)[:1]]
    return found


def recordings_of_one(clips: Sequence[Clip]) -> list[tuple[Clip, Clip]]:
    """All pairs within a group that holds several recordings of one person."""
    return [
        (first, second)
        for first, second in combinations(clips, 2)
        if first.group == second.group and first.group.startswith(OF_ONE_PERSON)
    ]


def row(fps: float, kind: str, found: Sequence[Found]) -> str:
    """One line of the table, with Wilson's interval of the changes."""
    count = Counter(one.outcome for one in found)
    low, high = wilson_interval(count["changed"], len(found))
    cells = f"{count['changed']} ({low:.3f}–{high:.3f}) | "
    cells += " | ".join(str(count[outcome]) for outcome in ("doubted", "not compared", "same"))
    return f"| {kind} | {fps:g} | {len(found)} | {cells} |"


def measured(
    kind: str, paths: Sequence[tuple[Path, ...]], options: argparse.Namespace
) -> Iterator[str]:
    """The lines of one kind; on stderr the clips that the tracker got wrong."""
    model = ModelStore(None).fetch("face_landmarker")
    one_person = kind != CHANGED
    with workers(options.jobs) as pool:
        for fps in options.fps:
            jobs = [Job(some, model, fps) for some in paths]
            known: list[Found] = []
            for job, one in zip(jobs, pool.map(follow, jobs), strict=True):
                if one is None or min(one.faces) < LEAST_FACE_S[kind] * fps:
                    continue
                known.append(one)
                if one.changed is one_person:
                    sys.stderr.write(f"{fps:g} {' '.join(path.name for path in job.clips)}\n")
            yield row(fps, kind, known)


def main() -> None:
    options = _options()
    everything = read_manifest(options.data / "manifest.tsv")
    clips = [
        c
        for c in everything
        if c.label is Label.BONA_FIDE and not c.still and not c.path.stem.endswith(SEVERAL_PEOPLE)
    ]
    sys.stdout.write(
        "| recording | fps | n | `changed` at the end (95%) | only doubted | not compared | the same |\n"
    )
    sys.stdout.write("|---" * 7 + "|\n")
    everything_of: dict[str, Sequence[tuple[Clip, ...]]] = {
        ONE_PERSON: [(clip,) for clip in clips],
        CHANGED: pairs_of(clips),
        TWO_RECORDINGS: recordings_of_one(clips),
    }
    for kind in options.kinds:
        paths = [tuple(clip.path for clip in some) for some in everything_of[kind]]
        for line in measured(kind, paths, options):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.face_changes", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv")
    parser.add_argument("--fps", type=float, nargs="+", default=[10.0, 15.0, 20.0, 30.0])
    kinds = (ONE_PERSON, CHANGED, TWO_RECORDINGS)
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
