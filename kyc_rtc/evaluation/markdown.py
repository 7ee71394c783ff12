"""The report as short Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kyc_rtc.evaluation.results import Entrance

_TITLES = {
    "video": "Videos",
    "still": "Pictures, shown as a video",
    "test_only": "Clips that may only be tested on",
}
_GROUPS = {"skin_tone": "Skin tone as seen", "face_width": "Width of the face", "light": "Light"}
_NONE = "–"


def to_markdown(report: Mapping[str, Any]) -> str:
    """The tables of a report that `build_report` made."""
    parts = [f"# Evaluation: {_conditions(report)}", f"Version {report['version']}.", _WORDS]
    for name, section in report["sections"].items():
        parts += [f"## {_TITLES[name]}", *_section(name, section)]
    return "\n\n".join(part for part in parts if part) + "\n"


def plot_names(section: str) -> tuple[str, str]:
    """File names of a section's DET curves and score histograms; the main section's are short."""
    prefix = "" if section == "video" else f"{section}_"
    return f"{prefix}det.png", f"{prefix}scores.png"


_WORDS = """APCER: attacks PASSED, of those answered. BPCER: bona fide FAILED, of those answered.
Non-response: INCONCLUSIVE, of all. Rates in %; 95% intervals in brackets: Wilson's for proportions,
DeLong's for AUC, and "by group" a bootstrap over groups of clips that share footage. AUC, EER and
APCER at a BPCER are of the score, over clips that have one; its threshold is found on the same clips."""

_TONES = """By skin tone: the individual typology angle of the cheeks (Chardon 1991), an approximation, for
the camera's light and white balance are in it. FAILED and INCONCLUSIVE of all; an analyser's column: clips
with a score above 0.5, of those that it could judge; frames occluded: mean of the clips' shares, and since
the frames of a clip are alike, its interval counts clips."""


def _conditions(report: Mapping[str, Any]) -> str:
    conditions = report["conditions"]
    coded = "as recorded"
    if conditions["path"] == Entrance.REST:
        kind = "PNG" if conditions["quality"] is None else f"JPEG, quality {conditions['quality']}"
        coded = f"single pictures ({kind})"
    elif conditions["codec"]:
        rate, loss = f"{conditions['kbps']} kbit/s", f"{conditions['loss']:.1%} packet loss"
        coded = f"{conditions['codec'].upper()} at {rate}, {loss}"
    return f"{coded}, at most {conditions['fps']:g} frames a second"


def _section(name: str, section: Mapping[str, Any]) -> list[str]:
    det_name, scores_name = plot_names(name)
    parts = [
        _bona_fide(section),
        _verdicts(section),
        _scores(section),
        _matched(section["matched"]),
        f"![DET curves]({det_name})\n\n![Scores]({scores_name})",
        _by_analyser(section),
        _cpu(section["cpu_ms_per_frame"]),
    ]
    if name != "test_only":  # its bona fide clips are those of the main section
        parts += [_group(title, section["by_group"][key]) for key, title in _GROUPS.items()]
        parts.append(_tones(section["by_tone"]))
        parts.append(_worst("Bona fide with the highest scores", section["worst"]["bona_fide"]))
    parts.append(_worst("Attacks with the lowest scores", section["worst"]["attack"]))
    if section["unreadable"]:
        parts.append("Could not be decoded: " + ", ".join(map(_cell, section["unreadable"])))
    return parts


def _bona_fide(section: Mapping[str, Any]) -> str:
    bona_fide = section["bona_fide"]
    return (
        f"{section['clips']} clips. Bona fide: n = {bona_fide['n']}, BPCER {_rate(bona_fide['bpcer'])}, "
        f"non-response {_rate(bona_fide['bpnrr'])}, PASSED of all {_rate(bona_fide['passed_of_all'])}. "
        f"Worst APCER {_percent(section['worst_apcer'])}, ACER with it {_percent(section['acer'])}."
    )


def _attacks(section: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {**section["species"], "all attacks": section["all_attacks"]}


def _verdicts(section: Mapping[str, Any]) -> str:
    rows = [
        [
            name,
            row["n"],
            _rate(row["apcer"]),
            _rate(row["apnrr"]),
            _rate(row["passed_of_all"]),
            _percent(row["acer"]),
        ]
        for name, row in _attacks(section).items()
    ]
    head = ["verdicts on", "n", "APCER", "non-response", "PASSED of all", "ACER"]
    return _table(head, rows)


def _scores(section: Mapping[str, Any]) -> str:
    rows = [
        [
            name,
            f"{row['scored']['attack']} / {row['scored']['bona_fide']}",
            f"{_number(row['auc'])} {_span(row['auc_interval_95'])}",
            _span(row["auc_interval_95_by_group"]),
            f"{_percent(row['eer'])} {_span(row['eer_interval_95_by_group'], percent=True)}",
            _point(row["apcer_at_bpcer_5%"]),
            _point(row["apcer_at_bpcer_2%"]),
        ]
        for name, row in _attacks(section).items()
    ]
    head = [
        "scores of",
        "attacks / bona fide",
        "AUC",
        "AUC by group",
        "EER by group",
        "APCER at BPCER 5%",
        "APCER at BPCER 2%",
    ]
    return _table(head, rows)


def _matched(matched: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [
            name,
            row["pairs"],
            f"{_number(row['auc'])} {_span(row['auc_interval_95'])}",
            f"{_percent(row['right_way_round'])}",
        ]
        for name, row in matched.items()
        if row["pairs"]
    ]
    head = ["against the same footage", "pairs", "AUC", "attack scores higher, %"]
    return _table(head, rows) if rows else ""


def _by_analyser(section: Mapping[str, Any]) -> str:
    kinds = list(section["species"])
    rows = []
    for name, row in section["analysers"].items():
        cells = [name]
        for kind in kinds:
            alone, fused = row[kind], section["fusion_without"][name][kind]
            counts = f"n {alone['attack']} / {alone['bona_fide']}"
            cells.append(f"{_number(alone['auc'])} ({counts}); {_signed(fused['adds'])}")
        rows.append(cells)
    head = ["AUC alone; what it adds to the fused AUC", *kinds]
    return _table(head, rows) if kinds else ""


def _group(title: str, bands: Mapping[str, Any]) -> str:
    rows = [
        [name, row["n"], _rate(row["bpcer"]), _rate(row["non_response"])]
        for name, row in bands.items()
    ]
    return _table([title, "bona fide", "BPCER", "non-response"], rows)


def _tones(groups: Mapping[str, Any]) -> str:
    names = sorted({name for row in groups.values() for name in row["alarms"]})
    rows = [
        [
            group,
            row["n"],
            *(_rate(row[key]) for key in ("failed", "inconclusive", "occluded")),
            *(_alarms(row["alarms"].get(name)) for name in names),
        ]
        for group, row in groups.items()
    ]
    head = ["skin tone as seen, merged", "bona fide", "FAILED", "INCONCLUSIVE", "frames occluded"]
    return f"{_TONES}\n\n{_table([*head, *names], rows)}"


def _alarms(rate: Mapping[str, Any] | None) -> str:
    return f"{_rate(rate)}, n {rate['n']}" if rate and rate["n"] else _NONE


def _cpu(means: Mapping[str, float]) -> str:
    if not means:
        return ""
    return _table(["CPU ms per frame", *means], [["mean", *(f"{ms:.2f}" for ms in means.values())]])


def _worst(title: str, clips: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [c["path"], c["species"], _number(c["score"]), c["status"], ", ".join(c["reasons"])]
        for c in clips
    ]
    return _table([title, "species", "score", "verdict", "reasons"], rows) if rows else ""


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    names = [_cell(cell) for cell in head]
    lines = [names, ["---"] * len(names), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    """Whatever a manifest holds, it stays in its cell and is not markup."""
    text = str(value).translate({ord(c): f"\\{c}" for c in "\\|`*<>[]!"})
    return " ".join(text.split())


def _rate(rate: Mapping[str, Any]) -> str:
    return f"{_percent(rate['value'])} {_span(rate['interval_95'], percent=True)}".rstrip()


def _point(point: Mapping[str, Any] | None) -> str:
    return _rate(point["apcer"]) if point else _NONE


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return _NONE if value is None else f"{value:+.3f}"


def _span(interval: Sequence[float] | None, *, percent: bool = False) -> str:
    if interval is None:
        return ""
    low, high = interval
    return f"({100 * low:.1f} to {100 * high:.1f})" if percent else f"({low:.2f} to {high:.2f})"
