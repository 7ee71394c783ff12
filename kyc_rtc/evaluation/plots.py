"""Pictures of an evaluation: error tradeoff and score histograms, by species."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from kyc_rtc.evaluation.metrics import auc, det
from kyc_rtc.evaluation.report import attacks_by_species
from kyc_rtc.evaluation.results import ClipResult, scores_of

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which the colour-blind can tell apart."""

_BONA_FIDE_COLOUR = "#666666"
_TICKS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.995)
_EDGE = 0.004
"""Rates are drawn no nearer to 0 and 1 than this: there the normal deviate has no end."""

_BINS = np.linspace(0.0, 1.0, 26)


def draw_det(clips: Sequence[ClipResult], path: Path, title: str) -> None:
    """APCER over BPCER by species, on normal-deviate axes (Martin et al., "The DET curve in
    assessment of detection task performance", Eurospeech 1997), as a PNG file.
    """
    figure = Figure(figsize=(7.0, 6.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    low = scores_of(r for r in clips if r.bona_fide)
    ends = _deviate([0.0, 1.0])
    axes.plot(ends, ends, color="#BBBBBB", linewidth=0.8, linestyle=":")
    axes.plot(ends, ends[::-1], color="#BBBBBB", linewidth=0.8, linestyle="--")
    at_half, at_one = _deviate([0.45, 0.012])
    axes.text(at_half, -at_half, "chance", color="#888888", fontsize=8)
    axes.text(at_one, at_one, "equal error rate", color="#888888", fontsize=8, rotation=45)
    drawn = False
    for place, (species, attacks) in enumerate(attacks_by_species(clips).items()):
        high = scores_of(attacks)
        curve, area = det(low, high), auc(low, high)
        if curve is None or area is None:
            continue
        label = f"{_words(species)} (n = {len(high)}, AUC {area:.2f})"
        colour = _COLOURS[place % len(_COLOURS)]
        axes.plot(
            _deviate(curve.bpcer),
            _deviate(curve.apcer),
            color=colour,
            linewidth=1.8,
            clip_on=False,
            label=label,
        )
        drawn = True
    _name_det_axes(axes, len(low), title)
    if drawn:
        axes.legend(loc="upper right", fontsize=8.5, framealpha=0.95)
    else:
        _say_nothing(axes)
    figure.savefig(path)


def _name_det_axes(axes: Axes, bona_fide: int, title: str) -> None:
    places, names = list(_deviate(_TICKS)), [f"{100 * tick:g}" for tick in _TICKS]
    axes.set_xticks(places, names)
    axes.set_yticks(places, names)
    low, high = _deviate([0.0, 1.0])
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    axes.grid(color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"BPCER in % (bona fide: n = {bona_fide})")
    axes.set_ylabel("APCER in %")
    axes.set_title(title, fontsize=10)


def draw_scores(
    clips: Sequence[ClipResult], path: Path, title: str, threshold: float | None = None
) -> None:
    """How the scores of each species lie, one row each on one axis, as a PNG file."""
    groups = {"bona_fide": [r for r in clips if r.bona_fide], **attacks_by_species(clips)}
    height = 1.1 + 1.15 * len(groups)
    figure = Figure(figsize=(7.0, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    for place, (axes, (species, some)) in enumerate(zip(rows, groups.items(), strict=True)):
        colour = _COLOURS[(place - 1) % len(_COLOURS)] if place else _BONA_FIDE_COLOUR
        _draw_row(axes, some, _words(species), colour)
        if threshold is not None:
            axes.axvline(threshold, color="#333333", linewidth=0.9, linestyle="--")
    if threshold is not None:
        rows[0].annotate(
            f"threshold {threshold:g}",
            (threshold, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4, -4),
            textcoords="offset points",
            fontsize=8,
            va="top",
        )
    rows[-1].set_xlabel("deepfake score (higher: more surely an attack; triangle: the median)")
    figure.supylabel("share of the clips, in %", fontsize=9)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path)


def _draw_row(axes: Axes, clips: Sequence[ClipResult], name: str, colour: str) -> None:
    scores = scores_of(clips)
    if scores:
        weights = np.full(len(scores), 100 / len(scores))
        axes.hist(scores, bins=list(_BINS), weights=weights, color=colour, edgecolor="white")
        median = float(np.median(scores))
        axes.plot(median, 0.0, "^", color="black", markersize=6, clip_on=False, zorder=5)
    silent = len(clips) - len(scores)
    caption = f"{name}\nn = {len(clips)}" + (f", {silent} without a score" if silent else "")
    axes.text(0.012, 0.94, caption, transform=axes.transAxes, fontsize=8.5, va="top")
    axes.set_xlim(0.0, 1.0)
    top = max(axes.get_ylim()[1], 1.0)
    axes.set_yticks([tick for tick in MaxNLocator(3).tick_values(0, top) if tick <= 100])
    axes.set_ylim(0.0, 1.5 * top)  # room for the words
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _deviate(rates: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(norm.ppf(np.clip(rates, _EDGE, 1 - _EDGE)), np.float64)


def _words(species: str) -> str:
    return species.replace("_", " ")


def _say_nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "one class has no scores", transform=axes.transAxes, ha="center")
