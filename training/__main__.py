"""`python -m training --data FOLDER --work FOLDER`: from recordings to the files in kyc_rtc/weights."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.errors import KycError
from kyc_rtc.evaluation.manifest import read_manifest
from kyc_rtc.pipeline.nets import SHIPPED
from kyc_rtc.vision.model_store import ModelStore
from training.crops import gather
from training.crossfit import table_of_drawn, table_of_pictures
from training.curve import learning_curve
from training.drawn import draw_animated_photos, drawn_from
from training.fit_nets import run
from training.labelled import LabelledSamples, read_samples
from training.measure import fold_of_names, load, load_drawn, measure, measure_drawn
from training.nets_tables import write_nets_tables
from training.people import Item, folds, read_items, source_folds
from training.release import release
from training.samples import Additional
from training.sources import leave_one_source_out

NET_FOLDS, DETECTOR_FOLDS = 3, 10
_SHARES, _SEEDS = (0.25, 0.5, 1.0), 2


@dataclass(frozen=True, slots=True)
class _Folded:
    """The fold of each item, and that of each clip by its name."""

    fold: list[int]
    names: dict[str, int]


def main() -> None:
    """Run every step, or the named ones. A step reads the results of earlier steps from the work folder."""
    options = _options()
    manifest, work = options.data / "manifest.tsv", options.work
    items = read_items(manifest)
    fold = folds(items, NET_FOLDS)
    model = ModelStore(None).fetch("face_landmarker")
    steps = options.steps or ("crops", "nets", "curve", "sources", "measure", "detectors")
    samples = _samples(options.labelled)
    if "crops" in steps:
        gather(items, fold, model, work / "crops", options.jobs)
    if "nets" in steps:
        _write(work / "nets.json", run(work / "crops", items, fold, work / "nets"))
    if "curve" in steps:
        found = learning_curve(work / "crops", items, fold, _SHARES, _SEEDS)
        _write(work / "learning_curve.json", found)
    if "sources" in steps:
        _write(work / "sources.json", leave_one_source_out(work / "crops", items, fold))
    names = _names(manifest, items, fold)
    if "measure" in steps:
        measure(manifest, names, work / "nets", model, work / "measured", options.jobs)
        drawn = draw_animated_photos(read_manifest(manifest), model, work / "drawn", options.jobs)
        source = {clip.name: names[drawn_from(clip.name)] for clip in drawn}
        measure_drawn(drawn, source, work / "nets", model, work / "measured", options.jobs)
    if "detectors" in steps:
        results = load_drawn(work / "measured")
        of_groups, of_sources = (
            _Folded(fold, _names(manifest, items, fold))
            for fold in (folds(items, DETECTOR_FOLDS), source_folds(items, DETECTOR_FOLDS))
        )
        pictures = Additional(
            *(
                table_of_pictures(items, one.fold, work / "crops", work / "nets")
                for one in (of_groups, of_sources)
            )
        )
        animated = Additional(
            *(
                table_of_drawn(results, [one.names[drawn_from(r.name)] for r in results])
                for one in (of_groups, of_sources)
            )
        )
        more = {AnalyserName.RECAPTURE: pictures, AnalyserName.ANIMATED: animated}
        measured, apart = (load(work / "measured", one.names) for one in (of_groups, of_sources))
        release(measured, apart, more, samples, work, options.out)
    write_nets_tables(work)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.tsv")
    parser.add_argument(
        "--work", type=Path, required=True, help="for what is made on the way, 4 GB"
    )
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where the weights go")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--labelled",
        metavar="DATABASE_URL",
        help="a server's, on whose labelled sessions detectors are trained as well",
    )
    parser.add_argument(
        "steps", nargs="*", metavar="STEP", help="crops nets curve sources measure detectors"
    )
    options = parser.parse_args()
    if options.labelled and options.steps and "detectors" not in options.steps:
        parser.error("--labelled is for the step detectors")
    return options


def _samples(url: str | None) -> LabelledSamples:
    """Those of a server's database. Read first: an error is reported before the hours of work."""
    if url is None:
        return LabelledSamples()
    try:
        samples = read_samples(url, DETECTOR_FOLDS)
    except KycError as error:
        sys.exit(f"--labelled: {error.message}" + (f" ({error.hint})" if error.hint else ""))
    print(samples.report(), flush=True)
    return samples


def _names(manifest: Path, items: list[Item], fold: list[int]) -> dict[str, int]:
    by_path = {item.path: number for item, number in zip(items, fold, strict=True)}
    return fold_of_names([clip for clip in read_manifest(manifest) if not clip.still], by_path)


def _write(path: Path, found: object) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
