"""The command line: `python -m kyc_rtc COMMAND`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kyc_rtc.errors import BadRequest, KycError
from kyc_rtc.evaluation.settings_table import settings_table
from kyc_rtc.keys_command import add_keys
from kyc_rtc.settings import load_settings
from kyc_rtc.vision.model_store import ModelStore

FACE_MODEL = "face_landmarker"
_OF_CLIPS = ("codec", "kbps", "fps", "loss", "path", "quality", "limit", "images", "shard")
"""Options of `evaluate` that say how clips are shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit status 2 where something is wrong, with a sentence on stderr."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except KycError as error:
        print(f"kyc-rtc: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kyc_rtc", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_analyze(commands)
    _add_evaluate(commands)
    _add_evaluate_challenges(commands)
    _add_evaluate_chance(commands)
    _add_bench(commands)
    _add_models(commands)
    add_keys(commands)
    settings = commands.add_parser("settings", help="print every setting, its default and meaning")
    settings.set_defaults(command=_settings)
    return parser


def _add_analyze(commands: Any) -> None:
    analyze = commands.add_parser("analyze", help="the pipeline on a video file, in media time")
    analyze.add_argument("video", type=Path)
    analyze.add_argument("--json", action="store_true", help="print JSON instead of a summary")
    analyze.set_defaults(command=_analyze)


def _add_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate", help="error rates on the clips of a manifest, or on labelled sessions"
    )
    what = evaluate.add_mutually_exclusive_group(required=True)
    what.add_argument("--manifest", type=Path, help="tab-separated list")
    what.add_argument("--from-db", action="store_true", help="labelled sessions, as they went")
    evaluate.add_argument("--database-url", help="of --from-db; without it that of the settings")
    evaluate.add_argument("--out", type=Path, required=True, help="folder for report and plots")
    evaluate.add_argument("--codec", choices=("vp8", "h264"), help="without it: as recorded")
    evaluate.add_argument("--kbps", type=int, help="kbit/s of the codec (600)")
    evaluate.add_argument("--fps", type=float, help="at most so many frames a second (15)")
    evaluate.add_argument("--loss", type=float, default=0.0, help="share of packets lost, 0 to 1")
    evaluate.add_argument(
        "--path", choices=("webrtc", "rest"), help="rest: as single pictures (webrtc)"
    )
    evaluate.add_argument("--quality", type=int, help="of their JPEG, 1 to 100; without it: PNG")
    evaluate.add_argument("--jobs", type=int, default=1, help="processes")
    evaluate.add_argument(
        "--shard",
        metavar="K/N",
        help="the K-th of N pieces; results are kept in the folder of --out",
    )
    evaluate.add_argument("--limit", type=int, help="so many clips, spread over the species")
    evaluate.add_argument("--images", action="store_true", help="pictures too, as still videos")
    evaluate.set_defaults(command=_evaluate)


def _add_evaluate_challenges(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate-challenges", help="judges against hand-labelled actions"
    )
    evaluate.add_argument("--labels", type=Path, required=True)
    evaluate.add_argument(
        "--data", type=Path, required=True, help="folder with the labelled videos"
    )
    evaluate.set_defaults(command=_evaluate_challenges)


def _add_evaluate_chance(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate-chance", help="how often recordings that hear no prompt meet the challenges"
    )
    evaluate.add_argument("--manifest", type=Path, required=True, help="tab-separated list")
    evaluate.add_argument(
        "--tries", type=int, default=4, help="of each recording at each challenge"
    )
    evaluate.add_argument(
        "--voids",
        type=int,
        nargs="+",
        choices=range(5),
        default=(),
        metavar="N",
        help="0..4, one or several: play plans only, at which so many prompts that will be missed are voided",
    )
    evaluate.add_argument(
        "--exclusions",
        action="store_true",
        help="play plans only, with each type of challenge left out, and with each pair of them",
    )
    evaluate.add_argument("--jobs", type=int, default=1, help="processes")
    evaluate.set_defaults(command=_evaluate_chance)


def _add_bench(commands: Any) -> None:
    bench = commands.add_parser("bench", help="measure speed and memory on this machine")
    subjects = bench.add_subparsers(required=True, metavar="SUBJECT")
    pipeline = subjects.add_parser(
        "pipeline", help="cost of a frame by stage, compared with MediaPipe's own"
    )
    pipeline.add_argument("--video", type=Path, required=True)
    pipeline.add_argument("--frames", type=int, default=300)
    pipeline.add_argument("--runs", type=int, default=3)
    pipeline.add_argument("--json", action="store_true")
    pipeline.set_defaults(command=_bench_pipeline)
    live = subjects.add_parser(
        "live", help="sessions over real WebRTC: rate, latency, memory, leaks"
    )
    live.add_argument("--video", type=Path, required=True)
    live.add_argument("--seconds", type=float, default=10.0)
    live.add_argument("--sequential", type=int, default=0, help="sessions one after another")
    live.add_argument("--parallel", type=int, default=1, help="sessions at once")
    live.add_argument("--json", action="store_true")
    live.set_defaults(command=_bench_live)
    enhance = subjects.add_parser(
        "enhance", help="what preprocessing costs and brings in poor light"
    )
    enhance.add_argument("videos", type=Path, nargs="+")
    enhance.set_defaults(command=_bench_enhance)


def _add_models(commands: Any) -> None:
    models = commands.add_parser("models", help="fetch or verify the model files")
    models.add_argument("action", choices=("fetch", "verify"))
    models.add_argument("--cache-dir", type=Path, help="where models are kept")
    models.set_defaults(command=_models)


def _analyze(options: argparse.Namespace) -> int:
    from kyc_rtc.evaluation.analyze import analyze_file, summary  # noqa: PLC0415 - loads the nets

    report = analyze_file(options.video, ModelStore(None).fetch(FACE_MODEL))
    print(json.dumps(report, indent=2) if options.json else summary(report))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from kyc_rtc.evaluation import evaluate as command  # noqa: PLC0415 - loads the nets
    from kyc_rtc.evaluation.shards import Shard  # noqa: PLC0415

    if options.from_db:
        return _evaluate_stored(options)
    if options.database_url is not None:
        raise BadRequest("--database-url goes with --from-db")
    clips = command.choose_clips(options.manifest, images=options.images, limit=options.limit)
    job = command.new_job(
        ModelStore(None).fetch(FACE_MODEL),
        codec=options.codec,
        kbps=options.kbps,
        fps=options.fps,
        loss=options.loss,
        path=options.path or "webrtc",
        quality=options.quality,
    )
    shard = None if options.shard is None else Shard.parse(options.shard)
    report = command.evaluate(clips, job, options.out, processes=options.jobs, shard=shard)
    if report is None:
        print("the shard is done; the last shard writes the report")
    else:
        print(options.out / "report.md")
    return 0


def _evaluate_stored(options: argparse.Namespace) -> int:
    from kyc_rtc.evaluation import evaluate as command  # noqa: PLC0415 - loads the nets
    from kyc_rtc.evaluation import from_db  # noqa: PLC0415 - needs the database's drivers

    given = [name for name in _OF_CLIPS if getattr(options, name)]
    if given:
        raise BadRequest(f"--from-db analyses no clip again: leave out --{', --'.join(given)}")
    settings = load_settings()
    results = from_db.read_results(options.database_url or settings.store_url)
    command.write_report(results, from_db.served_under(settings), options.out)
    print(options.out / "report.md")
    return 0


def _evaluate_challenges(options: argparse.Namespace) -> int:
    from kyc_rtc.evaluation.challenges import evaluate_challenges  # noqa: PLC0415 - loads the nets

    model = ModelStore(None).fetch(FACE_MODEL)
    _print_json(evaluate_challenges(options.labels, options.data, model))
    return 0


def _evaluate_chance(options: argparse.Namespace) -> int:
    from kyc_rtc.evaluation.chance import Job, evaluate_chance  # noqa: PLC0415 - loads the nets
    from kyc_rtc.evaluation.manifest import read_manifest  # noqa: PLC0415

    model, liveness = ModelStore(None).fetch(FACE_MODEL), load_settings().liveness
    job = Job(model, liveness, options.tries, tuple(options.voids), options.exclusions)
    clips = read_manifest(options.manifest)
    _print_json(evaluate_chance(clips, job, processes=options.jobs))
    return 0


def _bench_pipeline(options: argparse.Namespace) -> int:
    from kyc_rtc.bench.pipeline import measure, table  # noqa: PLC0415 - loads the nets

    model = ModelStore(None).fetch(FACE_MODEL)
    figures = measure(options.video, model, frames=options.frames, runs=options.runs)
    print(json.dumps(figures, indent=2) if options.json else table(figures))
    return 0


def _bench_live(options: argparse.Namespace) -> int:
    from kyc_rtc.bench.live import measure, table  # noqa: PLC0415 - loads the nets and aiortc

    figures = measure(
        options.video,
        seconds=options.seconds,
        sequential=options.sequential,
        parallel=options.parallel,
    )
    print(json.dumps(figures, indent=2) if options.json else table(figures))
    return 0


def _bench_enhance(options: argparse.Namespace) -> int:
    from kyc_rtc.bench.enhance import measure  # noqa: PLC0415 - loads the nets

    _print_json(measure(options.videos, ModelStore(None).fetch(FACE_MODEL)))
    return 0


def _models(options: argparse.Namespace) -> int:
    store = ModelStore(options.cache_dir)
    path = store.fetch(FACE_MODEL) if options.action == "fetch" else store.path(FACE_MODEL)
    print(f"{FACE_MODEL}: {path} (SHA-256 verified)")
    return 0


def _settings(_options: argparse.Namespace) -> int:
    print(settings_table())
    return 0


def _print_json(figures: object) -> None:
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    sys.exit(main())
