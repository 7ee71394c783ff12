"""The evaluation as a command: a manifest's clips through the pipeline, and what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kyc_rtc.errors import BadRequest
from kyc_rtc.evaluation.manifest import Clip, read_manifest, spread
from kyc_rtc.evaluation.markdown import plot_names, to_markdown
from kyc_rtc.evaluation.plots import draw_det, draw_scores
from kyc_rtc.evaluation.report import build_report, sections
from kyc_rtc.evaluation.results import UNREADABLE, ClipResult, Conditions, Entrance
from kyc_rtc.evaluation.runner import Job, run_clips
from kyc_rtc.evaluation.shards import Records, Shard, records_key
from kyc_rtc.pipeline.nets import SHIPPED
from kyc_rtc.settings import load_settings

_KBPS, _FPS = 600, 15.0
"""As in the tables of docs/detection.md."""


def evaluate(
    clips: Sequence[Clip], job: Job, out: Path, *, processes: int = 1, shard: Shard | None = None
) -> dict[str, Any] | None:
    """Run the clips of the shard that were not run before, and print each on stderr. Once all clips are
    there, write the report into the folder `out`, and return it; until then, None.

    Raises:
        BadRequest: `out` cannot be written. ModelError: the model cannot be loaded.
    """
    records = _records(out / "clips" / records_key(job))  # before the hours of work
    mine = (shard or Shard()).of(clips)
    found = {
        clip.name: result
        for clip in mine
        if (result := records.load(clip)) is not None
        and result.reasons != (UNREADABLE,)  # that may be the disk's fault, and is tried again
    }
    missing = {clip.name: clip for clip in mine if clip.name not in found}
    print(f"{len(found)} of {len(mine)} clips were run before", file=sys.stderr)

    def keep(result: ClipResult) -> None:
        found[result.name] = result
        _save(records, missing[result.name], result)
        print(f"{len(found)}/{len(mine)} {result.status.value} {result.name}", file=sys.stderr)

    run_clips(list(missing.values()), job, processes=processes, done=keep)
    results = [found.get(clip.name) or records.load(clip) for clip in clips]
    known = [result for result in results if result is not None]
    return write_report(known, job.conditions, out) if len(known) == len(clips) else None


def _records(folder: Path) -> Records:
    try:
        return Records(folder)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _save(records: Records, clip: Clip, result: ClipResult) -> None:
    try:
        records.save(clip, result)
    except OSError as error:
        raise BadRequest(f"the result of {clip.name} cannot be kept: {error.strerror}") from None


def choose_clips(manifest: Path, *, images: bool, limit: int | None) -> list[Clip]:
    """The manifest's videos, and with `images` its pictures; at most `limit`, spread over species.

    Raises:
        BadRequest: the manifest is wrong, or nothing is left.
    """
    if limit is not None and limit < 1:
        raise BadRequest(f"at least one clip, not {limit}")
    clips = [clip for clip in read_manifest(manifest) if images or not clip.still]
    chosen = clips if limit is None else spread(clips, limit)
    if not chosen:
        raise BadRequest(f"{manifest} has no clip to evaluate")
    return chosen


def new_job(
    model: Path,
    *,
    codec: str | None = None,
    kbps: int | None = None,
    fps: float | None = None,
    loss: float = 0.0,
    path: str = Entrance.WEBRTC,
    quality: int | None = None,
) -> Job:
    """The job under the settings of this machine. A codec's rate is 600 kbit/s unless asked for, and
    there are at most 15 frames a second; `quality` None: single pictures are PNG.

    Raises:
        SettingsError: the settings are wrong. BadRequest: the conditions are.
    """
    settings = load_settings()
    conditions = Conditions(
        codec=codec,
        kbps=_KBPS if codec and kbps is None else kbps,
        fps=_FPS if fps is None else fps,
        loss=loss,
        confidence_threshold=settings.confidence_threshold,
        deepfake_threshold=settings.failing_deepfake_score,
        path=Entrance(path),
        quality=quality,
    )
    return Job(model, settings, conditions, settings.detection.weights_dir or SHIPPED)


def write_report(
    results: Sequence[ClipResult], conditions: Conditions, out: Path
) -> dict[str, Any]:
    """Write `report.json`, `report.md` and each section's plots into the folder `out`.

    Raises:
        BadRequest: it cannot be written.
    """
    report = build_report(results, conditions)
    _make_folder(out)
    try:
        text = json.dumps(report, indent=1, allow_nan=False)
        (out / "report.json").write_text(text + "\n", encoding="utf-8")
        (out / "report.md").write_text(to_markdown(report), encoding="utf-8")
        for name, clips in sections(results).items():
            det_name, scores_name = plot_names(name)
            title = _title(conditions)
            draw_det(clips, out / det_name, title)
            draw_scores(clips, out / scores_name, title, conditions.deepfake_threshold)
    except OSError as error:
        raise _unwritable(out, error) from None
    return report


def _title(conditions: Conditions) -> str:
    if conditions.path is Entrance.REST:
        kind = "PNG" if conditions.quality is None else f"JPEG, quality {conditions.quality}"
        return f"single pictures ({kind}), {conditions.fps:g} a second"
    if conditions.codec is None:
        return "as recorded"
    title = f"{conditions.codec.upper()} at {conditions.kbps} kbit/s"
    return title + (f", {conditions.loss:.1%} packet loss" if conditions.loss else "")


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: OSError) -> BadRequest:
    return BadRequest(f"{out} cannot be written: {error.strerror or 'unknown reason'}")
