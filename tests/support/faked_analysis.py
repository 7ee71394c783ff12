"""An analysis without nets: it believes what a `face_picture` says."""

from __future__ import annotations

from kyc_rtc.detection.evidence import AnalyserName, Evidence, Sign
from kyc_rtc.frames import Frame
from kyc_rtc.pipeline.analysis import FrameResult, Stage
from kyc_rtc.vision.quality import FaceQuality, QualityIssue
from kyc_rtc.vision.tracking import TrackState
from tests.support.face_picture import Shown, read
from tests.unit.liveness.fakes.faces import make_face, make_observation

_NOTHING = Shown(face=False)
_FACE_FRACTION = 0.4


class FakedAnalysis:
    """An `AnalysisPort` whose evidence lets a verdict pass, unless the picture says otherwise."""

    def __init__(self) -> None:
        self._first_ms: int | None = None

    def analyse(self, frame: Frame) -> FrameResult:
        now_ms = frame.captured_at_ms
        first_ms = self._first_ms = now_ms if self._first_ms is None else self._first_ms
        shown = read(frame.to_bgr()) or _NOTHING
        issues = _issues(shown)
        return FrameResult(
            observation=make_observation(make_face(shown.look) if shown.face else None, now_ms),
            received_at_ms=frame.received_at_ms,
            quality=FaceQuality(issues, None, _FACE_FRACTION if shown.face else 0.0),
            issues=issues,
            track=TrackState(
                present=shown.face,
                lost_for_ms=0,
                changed=False,
                doubted=False,
                similarity=1.0,
                judged=now_ms // 100,
                compared=now_ms // 100,
            ),
            evidence=_evidence(shown, (first_ms, now_ms)),
            enhanced=False,
            cpu_ms={Stage.OBSERVE: 0.1},
        )

    def begin_challenges(self) -> None:
        """Each frame is judged alone."""

    def record(self) -> bytes:
        """No footage: every session draws the same pictures, and none is a replay."""
        return b""

    def features(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        """Nothing is held."""


def _issues(shown: Shown) -> tuple[QualityIssue, ...]:
    if not shown.face:
        return (QualityIssue.NO_FACE,)
    return () if shown.good else (QualityIssue.TOO_DARK,)


def _evidence(shown: Shown, span_ms: tuple[int, int]) -> tuple[Evidence, ...]:
    """Motion was judged, and lives; an attack shows two signs, whose alerts are of two types."""
    if not shown.attack:
        return (Evidence(AnalyserName.TEMPORAL, 0.1, 0.9, span_ms),)
    return (
        Evidence(AnalyserName.TEMPORAL, 0.9, 0.9, span_ms, (Sign.VIDEO_LOOP,)),
        Evidence(AnalyserName.TEXTURE, 0.95, 0.9, span_ms, (Sign.TEXTURE,)),
    )
