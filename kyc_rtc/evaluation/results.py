"""What an evaluation found for each clip, and under which conditions: values, ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from kyc_rtc.decision.findings import Findings
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.detection.evidence import Evidence
from kyc_rtc.errors import BadRequest
from kyc_rtc.evaluation.manifest import Clip, Label, Use

UNREADABLE = "unreadable"
"""The reason of a clip that could not be decoded: a non-response, counted apart in the report."""


class Entrance(StrEnum):
    """By which of the server's entrances the frames come."""

    WEBRTC = "webrtc"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What lies between the recording and the analysis.

    `path`: WEBRTC, a video stream; REST, single pictures as a browser's canvas makes them. `codec` None:
    the frames as recorded. `fps`: the highest rate. `loss`: chance, 0 to 1, that an RTP packet is lost.
    `seed` is that of the loss. `quality`: of the pictures' JPEG, 1 to 100; None: PNG. The thresholds are
    those of the settings.

    Raises:
        BadRequest: a number is out of range, a rate or loss is given without a codec, a codec with single
            pictures, or a quality without them.
    """

    codec: str | None = None
    kbps: int | None = None
    fps: float = 30.0
    loss: float = 0.0
    seed: int = 0
    confidence_threshold: float = 0.3
    deepfake_threshold: float = 0.65
    path: Entrance = Entrance.WEBRTC
    quality: int | None = None

    def __post_init__(self) -> None:
        if self.path is Entrance.REST and self.codec is not None:
            raise BadRequest("single pictures pass through no video codec")
        if self.quality is not None and not (
            self.path is Entrance.REST and 1 <= self.quality <= 100
        ):
            raise BadRequest("a quality is that of single pictures' JPEG: 1 to 100")
        if self.codec is None and (self.kbps is not None or self.loss > 0):
            raise BadRequest("a bit rate or a loss needs a codec")
        if self.codec is not None and not (self.kbps and 10 <= self.kbps <= 100_000):
            raise BadRequest(f"a codec needs a rate of 10 to 100000 kbit/s, not {self.kbps}")
        if not (0 < self.fps <= 240 and 0 <= self.loss < 1):
            raise BadRequest(f"{self.fps} frames a second with loss {self.loss}: out of range")


@dataclass(frozen=True, slots=True)
class Statement:
    """The last evidence of one analyser."""

    score: float
    confidence: float
    signs: tuple[str, ...] = ()

    @classmethod
    def of(cls, evidence: Evidence) -> Statement:
        return cls(evidence.score, evidence.confidence, tuple(s.value for s in evidence.signs))


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Frames analysed, those on which detection could judge, those with a face, and of the latter those on
    which it is called covered (`QualityIssue.OCCLUDED`); None where that was not counted, as in results of
    earlier versions."""

    analysed: int = 0
    judgeable: int = 0
    with_face: int = 0
    occluded: int | None = None


@dataclass(frozen=True, slots=True)
class FaceMeasures:
    """Medians over the frames, for results by group; None where nothing could be measured.

    `ita_deg`: individual typology angle of the cheeks, on judgeable frames; where there are none, on all.
    `width_px`: width of the face in the analysed picture. `luma`: mean luma of the face, 0 to 255.
    """

    ita_deg: float | None = None
    width_px: float | None = None
    luma: float | None = None


@dataclass(frozen=True, slots=True)
class ClipResult:
    """One clip after the pipeline.

    `deepfake_score` is the clip's score; None is a non-response of the scores. `evidence` maps the
    analyser's name to its statement, `cpu_ms` each stage to its mean CPU milliseconds per frame,
    `features` the names of what detectors judge by to their values, None where too little was seen.
    `weights` has that of each of `reasons`, 0 to 1; None where there was no verdict, or one without.
    `findings` is what the verdict rests on; it is not written.
    """

    name: str
    label: Label
    species: str
    group: str
    model: str
    use: Use
    source: str
    still: bool
    status: VerdictStatus
    reasons: tuple[str, ...]
    deepfake_score: float | None
    liveness_score: float | None
    evidence: dict[str, Statement] = field(default_factory=dict)
    frames: FrameCounts = FrameCounts()
    face: FaceMeasures = FaceMeasures()
    cpu_ms: dict[str, float] = field(default_factory=dict)
    features: dict[str, float | None] = field(default_factory=dict)
    weights: tuple[float, ...] | None = None
    findings: Findings | None = None

    @property
    def bona_fide(self) -> bool:
        return self.label is Label.BONA_FIDE

    def fields(self) -> dict[str, Any]:
        """Plain values for JSON; `name` stands under `path`, as in the manifest.

        Raises:
            ValueError: a number is not finite.
        """
        plain: dict[str, Any] = _plain(asdict(replace(self, findings=None)))
        del plain["findings"]
        return {"path": plain.pop("name")} | plain

    @classmethod
    def of_fields(cls, plain: Mapping[str, Any]) -> ClipResult:
        """What `fields` made, without `findings`.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        weights = plain["weights"]
        return cls(
            name=plain["path"],
            label=Label(plain["label"]),
            use=Use(plain["use"]),
            status=VerdictStatus(plain["status"]),
            reasons=tuple(plain["reasons"]),
            evidence={
                name: Statement(one["score"], one["confidence"], tuple(one["signs"]))
                for name, one in plain["evidence"].items()
            },
            frames=FrameCounts(**plain["frames"]),
            face=FaceMeasures(**plain["face"]),
            weights=None if weights is None else tuple(weights),
            **{name: plain[name] for name in _AS_THEY_ARE},
        )


def said_of(clip: Clip) -> dict[str, Any]:
    """The fields of a result that the manifest gives."""
    return {
        "name": clip.name,
        "label": clip.label,
        "species": clip.species,
        "group": clip.group,
        "model": clip.model,
        "use": clip.use,
        "source": clip.source,
        "still": clip.still,
    }


_AS_THEY_ARE = (
    "species", "group", "model", "source", "still", "deepfake_score", "liveness_score", "cpu_ms", "features",
)  # fmt: skip


def scores_of(results: Iterable[ClipResult]) -> list[float]:
    """The scores of those that have one."""
    return [r.deepfake_score for r in results if r.deepfake_score is not None]


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case str():
            return str(value)
        case float():
            if not math.isfinite(value):
                raise ValueError("a result that is not a finite number")
            return round(value, 6)
        case _:
            return value
