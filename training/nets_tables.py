"""The tables on the nets as Markdown: moments, sources left out in turn, learning curve."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from kyc_rtc.detection.features import net_name
from kyc_rtc.detection.net_views import VIEWS

LEAST_CLIPS = 2
"""Of a source with one clip an area says nothing at all."""

UNSEEN = "unseen "
"""What the names of figures on unseen sources begin with."""

_STEPS = ("nets.json", "sources.json", "learning_curve.json")


def write_nets_tables(work: Path) -> None:
    """Write `reports/nets.md` in the work folder, of those steps that have been taken."""
    nets, sources, curve = (_read(work / name) for name in _STEPS)
    parts = [
        by_moment(nets["matched by moment"]) if nets else "",
        by_source(sources) if sources else "",
        by_share(curve) if curve else "",
        by_share_unseen(curve) if curve else "",
    ]
    (work / "reports").mkdir(parents=True, exist_ok=True)
    (work / "reports" / "nets.md").write_text("\n".join(filter(None, parts)), "utf-8")


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def by_moment(matched: Mapping[str, Mapping[str, float]]) -> str:
    """AUC by pair of pictures of face swaps against the same footage, at each moment."""
    lines = _head("moment", "pairs, swapped/bona fide", *VIEWS)
    for moment, found in matched.items():
        pairs = f"{found['swapped pairs']:.0f}/{found['bona fide pairs']:.0f}"
        lines.append(_row(moment, pairs, *(_area(found, net_name(v, "swap")) for v in VIEWS)))
    return "\n".join(lines) + "\n"


def by_source(rows: Sequence[Mapping[str, Any]]) -> str:
    """AUC of each source's attacks by what saw none of them; sources with one clip are left out."""
    lines = _head("source of the attacks", "what", "n", "net", "colour texture")
    wanted = [row for row in rows if row["n"] >= LEAST_CLIPS]
    for row in sorted(wanted, key=lambda r: (r["attacks"], not r["video"], -r["n"], r["source"])):
        what = f"{row['attacks']}, {'videos' if row['video'] else 'pictures'}"
        areas = (_area(row, name) for name in ("auc", "auc_colours"))
        lines.append(_row(row["source"], what, str(row["n"]), *areas))
    return "\n".join(lines) + "\n"


def means_by_task(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The mean AUC of all sources that count, for each of "unseen swap, videos" and so on; what colour
    texture tells of single pictures goes by "unseen recapture, pictures, colours"."""
    areas: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["n"] < LEAST_CLIPS:
            continue
        name = f"{UNSEEN}{row['attacks']}, {'videos' if row['video'] else 'pictures'}"
        areas[name].append(row["auc"])
        if "auc_colours" in row:
            areas[f"{name}, colours"].append(row["auc_colours"])
    return {name: round(fmean(found), 3) for name, found in areas.items()}


def by_share(rows: Sequence[Mapping[str, Any]]) -> str:
    """The learning curve: AUC on unseen people, a figure for each draw."""
    return _curve(rows, [*(f"swap {view}" for view in VIEWS), "blended motion"])


def by_share_unseen(rows: Sequence[Mapping[str, Any]]) -> str:
    """The same on unseen sources, the mean of all of them, as far as the rows tell."""
    names = sorted({name for row in rows for name in row if name.startswith(UNSEEN)})
    return _curve(rows, names) if names else ""


def _curve(rows: Sequence[Mapping[str, Any]], answers: Sequence[str]) -> str:
    lines = _head("share", "of", *(name.removeprefix(UNSEEN) for name in answers))
    for row in rows:
        draws = (" and ".join(f"{area:.2f}" for area in row.get(name, ())) for name in answers)
        lines.append(_row(f"{row['share']:.0%}", row["of"], *draws))
    return "\n".join(lines) + "\n"


def _area(found: Mapping[str, float], name: str) -> str:
    return f"{found[name]:.2f}" if name in found else ""


def _head(*names: str) -> list[str]:
    return [_row(*names), "|---" * len(names) + "|"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
