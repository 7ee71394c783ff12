"""The features of a stream as one vector: the input of the detectors."""

from __future__ import annotations

import itertools
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kyc_rtc.detection.appearance import APPEARANCE_NAMES, AppearanceMeter
from kyc_rtc.detection.colour_texture import ColourHead, colour_texture
from kyc_rtc.detection.constancy import CONSTANCY_NAMES, ConstancyMeter
from kyc_rtc.detection.control import CONTROL_NAMES, ControlMeter
from kyc_rtc.detection.evidence import Sample
from kyc_rtc.detection.flow import FLOW_NAMES, FlowMeter
from kyc_rtc.detection.moments import Ledger, Moment, moments_of
from kyc_rtc.detection.movement import MOVEMENT_NAMES, MovementMeter
from kyc_rtc.detection.net_views import VIEWS, Views, views
from kyc_rtc.detection.pairs import Pair, PairCutter
from kyc_rtc.vision.observation import Face

QUESTIONS = ("swap", "blended", "generated", "animated", "recapture", "screen")
"""What the net is asked, in the order of its outputs. The first of each pair was trained on recorded
attacks, which have the look of a few tools; the second on drawn ones, which have only what every such
attack has. Detectors weigh the two."""

_NET_MOMENTS = (Moment.TURNED, Moment.MOVING, Moment.MOUTH_OPEN)
_BY_MOMENT = frozenset({"swap", "blended"})
"""Questions with a feature for each moment: live swaps break at some moments more than at others."""


def net_name(view: str, question: str) -> str:
    """The feature that one answer of the net gives."""
    return f"net_{view}_{question}"


NET_NAMES = tuple(
    name
    for view in VIEWS
    for question in QUESTIONS
    for answer in (net_name(view, question),)
    for name in (
        answer,
        f"{answer}.high",
        f"{answer}.spread",
        *(f"{answer}.{moment.value}" for moment in _NET_MOMENTS if question in _BY_MOMENT),
    )
)
COLOURS = "colours_recapture"
"""The feature that the head on colour texture gives."""

COLOUR_NAMES = (COLOURS, f"{COLOURS}.high")
LEARNED_NAMES = (*NET_NAMES, *COLOUR_NAMES)
"""Features that come from trained heads; NaN where those are not loaded."""

FEATURE_NAMES = (
    *MOVEMENT_NAMES,
    *APPEARANCE_NAMES,
    *FLOW_NAMES,
    *CONSTANCY_NAMES,
    *CONTROL_NAMES,
    *LEARNED_NAMES,
)


class FaceNet(Protocol):
    """A net that looks at one face in all its views."""

    def logits(self, views: Views) -> NDArray[np.float32]:
        """Log-odds (3, 6) for each of `VIEWS` and of `QUESTIONS`."""


class Features:
    """Gathers the features of one stream. Only judgeable frames count. Memory is bounded."""

    def __init__(self, net: FaceNet | None, colours: ColourHead | None = None) -> None:
        self._net = net
        self._colours = colours
        self._movement = MovementMeter()
        self._appearance = AppearanceMeter()
        self._pairs = PairCutter()
        self._flow = FlowMeter()
        self._constancy = ConstancyMeter()
        self._control = ControlMeter()
        self._answers = Ledger()
        self.has_pictures = False
        self._before: tuple[int, Face] | None = None
        self._first_ms: int | None = None
        self._last_ms = 0
        self._values: dict[str, float] | None = None

    @property
    def span_ms(self) -> tuple[int, int]:
        """Media time of the first and the last frame that counted."""
        return (self._first_ms or 0, self._last_ms)

    @property
    def net_answers(self) -> int | None:
        """How many pairs the net has seen; None without a net."""
        if self._net is None:
            return None
        return self._answers.count(net_name(VIEWS[0], QUESTIONS[0]))

    def update(self, sample: Sample) -> None:
        """Take one analysed frame into account; about 2 ms on average at 10 frames a second."""
        face = sample.observation.face
        if face is None or not sample.quality.judgeable:
            self._before = None
            self._pairs.reset()
            return
        now_ms = sample.observation.captured_at_ms
        self.has_pictures |= sample.is_picture
        self._values = None
        self._first_ms = now_ms if self._first_ms is None else self._first_ms
        self._last_ms = now_ms
        before = self._before
        moments = moments_of(
            face, before[1] if before else None, now_ms - before[0] if before else 0
        )
        if before is None or now_ms - before[0] >= 60:
            self._before = (now_ms, face)
        self._movement.update(now_ms, face, moments)
        self._appearance.update(now_ms, sample.image_bgr, face, moments)
        pair = self._pairs.update(now_ms, sample.image_bgr, sample.luma, face)
        if pair is not None:
            self._flow.update(pair)
            self._constancy.update(now_ms, pair)
            self._control.update(pair)
            self._ask(pair, moments)

    def _ask(self, pair: Pair, moments: tuple[Moment, ...]) -> None:
        if self._net is None:
            return
        shown = views(pair.first_bgr, pair.second, pair.flow)
        answers = self._net.logits(shown)
        for view, row in zip(VIEWS, answers, strict=True):
            for question, logit in zip(QUESTIONS, row, strict=True):
                self._answers.add(net_name(view, question), float(logit), moments)
        if self._colours is not None:
            log_odds = self._colours.log_odds(colour_texture(shown[0]))
            self._answers.add(COLOURS, float(log_odds), (Moment.ALWAYS,))

    def values(self) -> dict[str, float]:
        """The features of `FEATURE_NAMES`; NaN where too little was seen. About 5 ms after a frame."""
        if self._values is None:
            self._values = self._summed_up()
        return self._values

    def _summed_up(self) -> dict[str, float]:
        meters = (self._movement, self._appearance, self._flow, self._constancy, self._control)
        found = {name: value for meter in meters for name, value in meter.values().items()}
        for view, question in itertools.product(VIEWS, QUESTIONS):
            name = net_name(view, question)
            found[name] = self._answers.mean(name)
            found[f"{name}.high"] = self._answers.quantile(name, 0.8)
            found[f"{name}.spread"] = self._answers.deviation(name)
            for moment in _NET_MOMENTS:
                found[f"{name}.{moment.value}"] = self._answers.mean(name, moment, least=2)
        found[COLOURS] = self._answers.mean(COLOURS)
        found[f"{COLOURS}.high"] = self._answers.quantile(COLOURS, 0.8)
        return {name: found[name] for name in FEATURE_NAMES}
