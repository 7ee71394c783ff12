"""The policy: findings become a verdict. It fails closed, and gives a reason for everything.

FAILED         an attack was seen, another person took over, or challenges were not met although
               the picture was good, and the applicant neither began them as asked nor said that
               they cannot do one
INCONCLUSIVE   nothing of that, but something is missing: light, frames, link, time, evidence; or
               suspicion is too great for a pass and too small for more; or a person has to look,
               for pictures were uploaded, the footage came before, or the picture stood still for a
               while in a check that was answered throughout
PASSED         nothing is missing

Each reason has a weight of 0..1, how much of the verdict rests on it. What is a matter of yes or no
decides alone, or stands alone in the way of a pass: 1. What is a matter of degree weighs as much as
was measured: the high deepfake score itself, an alarm what it adds to that score, passed challenges
the liveness score. What stands there for context weighs 0: that a recording was asked nothing, and, of a
FAILED verdict, that the footage came before, and what hindered the check. So worse evidence never makes its
reason lighter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from kyc_rtc.decision.findings import Findings, Mode, Thresholds
from kyc_rtc.decision.fusion import deepfake_score, liveness_score, suspicion
from kyc_rtc.decision.verdict import ReasonCode, Verdict, VerdictStatus
from kyc_rtc.detection.calibration import CLEAR
from kyc_rtc.detection.evidence import ADVISORY, DETECTORS, AnalyserName, Evidence, Sign
from kyc_rtc.vision.quality import QualityIssue

HARD_SIGNS = frozenset(
    {Sign.FROZEN_FRAMES, Sign.VIDEO_LOOP, Sign.NO_MOTION, Sign.PLANAR_MOTION},
)
"""Signs that no bona fide presentation shows: one of them, with confidence, decides alone; but see
`_excused`."""

_STANDSTILL = frozenset({ReasonCode.FROZEN_FRAMES, ReasonCode.NO_MOTION})
"""What the encoder of a phone makes of a calm person when it stalls, repeating a picture for a second."""

HINDRANCES = frozenset(
    {
        ReasonCode.LINK_LOST,
        ReasonCode.POOR_QUALITY,
        ReasonCode.NO_FACE,
        ReasonCode.SEVERAL_FACES,
        ReasonCode.TIME_LIMIT,
        ReasonCode.TOO_FEW_FRAMES,
        ReasonCode.CHALLENGE_FAILED,
        ReasonCode.CHALLENGE_TIMEOUT,
        ReasonCode.MOVEMENT_TOO_SMALL,
        ReasonCode.MIRROR_UNSETTLED,
        ReasonCode.CHALLENGES_EXCLUDED,
        ReasonCode.HEAD_LEFT_OUT,
    }
)
"""What an applicant can mend, or knows already. It stands in every verdict that is not PASSED, so that who
breaks a check off cannot read from it whether a detector alarmed."""

MAX_UNASKED_ACTIONS = 2
"""So many clear actions that nobody asked for, and no pass: a recording that shows them all will now
and then meet the prompts by chance, and this is what gives it away."""

_NAMED = 0.5
"""From this probability of a detector on, its sign is a reason; other analysers add nothing up to `CLEAR`."""

_WEIGHT_DIGITS = 3
"""More would be noise."""


def decide(findings: Findings, thresholds: Thresholds) -> Verdict:
    """The verdict on a verification. Total: every combination of findings has one."""
    excused = _excused(findings, thresholds)
    score = deepfake_score(_scored(findings.evidence, excused), thresholds.confidence_threshold)
    liveness = liveness_score(findings)
    hindered: list[ReasonCode] = []
    failing = _failing(findings, thresholds, score, excused)
    lacking = _lacking(findings, thresholds, score, liveness, excused)
    if failing:
        status, reasons = VerdictStatus.FAILED, [*failing, *_context(findings)]
        if findings.seen_elsewhere:
            reasons.append(ReasonCode.SEEN_BEFORE)
        hindered = [reason for reason in lacking if reason in HINDRANCES and reason not in failing]
        reasons += hindered
    elif lacking:
        status, reasons = VerdictStatus.INCONCLUSIVE, [*lacking, *_context(findings)]
    else:
        status, reasons = VerdictStatus.PASSED, [_passed(findings)]
    measured = _measured(findings, thresholds, score, liveness)
    if failing:
        measured |= dict.fromkeys((ReasonCode.SEEN_BEFORE, *hindered), 0.0)
    weights = {reason: round(measured.get(reason, 1.0), _WEIGHT_DIGITS) for reason in reasons}
    # Stable: among equals, the order in which the policy gives them stays.
    heaviest_first = sorted(weights.items(), key=lambda weighed: weighed[1], reverse=True)
    codes, figures = zip(*heaviest_first, strict=True)
    return Verdict(status, codes, liveness, score, figures)


def reason_for_sign(sign: Sign) -> ReasonCode:
    """The reason code that tells of a sign: the one of the same name, of which there is always one."""
    return ReasonCode(sign.value)


def _measured(
    findings: Findings, thresholds: Thresholds, score: float | None, liveness: float | None
) -> dict[ReasonCode, float]:
    """The weights, 0..1, of the reasons that are a matter of degree. All others weigh 1."""
    weights = {
        ReasonCode.DEEPFAKE_SCORE_HIGH: score or 0.0,
        ReasonCode.DEEPFAKE_SUSPECTED: score or 0.0,
        ReasonCode.CHALLENGES_PASSED: liveness or 0.0,
    }
    if findings.mode is Mode.PASSIVE:
        weights[ReasonCode.NOT_ASKED] = 0.0
    for item in _alarms(findings.evidence, thresholds):
        for sign in item.signs:
            if sign not in HARD_SIGNS:
                reason = reason_for_sign(sign)
                weights[reason] = max(weights.get(reason, 0.0), suspicion(item))
    return weights


def _failing(
    findings: Findings, thresholds: Thresholds, score: float | None, excused: frozenset[ReasonCode]
) -> list[ReasonCode]:
    """What makes the verdict FAILED. Empty after an internal error."""
    if findings.internal_error:
        return []
    hard = _hard(findings.evidence, thresholds.confidence_threshold)
    reasons = [reason for reason in hard if reason not in excused]
    if findings.face_changed:
        reasons.append(ReasonCode.FACE_CHANGED)
    unmet: list[ReasonCode] = []
    if _conditions_are_good(findings, thresholds) and not findings.cannot:
        unmet = _unmet(findings)
    # The detectors learnt on frames out of a video codec; on uploaded pictures they have accused an honest
    # person (docs/detection.md), so that there a score does not decide alone.
    decides = not findings.uploaded or reasons or unmet
    if decides and not _poor(findings) and _high(score, thresholds):
        reasons += [ReasonCode.DEEPFAKE_SCORE_HIGH, *_alarming(findings.evidence, thresholds)]
    return reasons + unmet


def _excused(findings: Findings, thresholds: Thresholds) -> frozenset[ReasonCode]:
    """The hard signs where they do not decide: a person has to look instead.

    A standstill alone, where every challenge was passed although the picture stood still, or some were before
    the link broke or the time was up: a photograph, or a stopped video, passes none. A face without motion
    alone, where no challenge failed or timed out: people sit still as long as nobody asks them for anything.
    """
    hard = frozenset(_hard(findings.evidence, thresholds.confidence_threshold))
    asked = findings.mode is Mode.LIVE
    missed = asked and findings.challenges_failed + findings.challenges_timed_out > 0
    answered = findings.all_met or (findings.challenges_passed > 0 and not missed)
    if asked and answered and hard <= _STANDSTILL:
        return hard
    return hard if hard == {ReasonCode.NO_MOTION} and not missed else frozenset()


def _scored(evidence: Sequence[Evidence], excused: frozenset[ReasonCode]) -> Sequence[Evidence]:
    """What the deepfake score is made of: it leaves out statements whose signs are all excused."""
    return [
        item
        for item in evidence
        if not item.signs or not excused.issuperset(map(reason_for_sign, item.signs))
    ]


def _lacking(
    findings: Findings,
    thresholds: Thresholds,
    score: float | None,
    liveness: float | None,
    excused: frozenset[ReasonCode],
) -> list[ReasonCode]:
    """What stands between these findings and PASSED."""
    reasons = _hard(findings.evidence, 0.0)
    if findings.internal_error:
        reasons.insert(0, ReasonCode.INTERNAL_ERROR)
    if findings.link_lost:
        reasons.append(ReasonCode.LINK_LOST)
    if findings.picture_lost or findings.answers_unseen > 0:
        reasons.append(ReasonCode.POOR_QUALITY)
    unsure = bool(excused) or (findings.uploaded and _high(score, thresholds))
    reasons += _for_review(findings, unsure=unsure)
    reasons += [*_another_face(findings), *_quality(findings)]
    if findings.completed_early:
        reasons.append(ReasonCode.COMPLETED_EARLY)
    if findings.time_limit_reached:
        reasons.append(ReasonCode.TIME_LIMIT)
    reasons += _too_little_to_tell(findings, thresholds)
    if _high(score, thresholds):
        reasons += [ReasonCode.DEEPFAKE_SCORE_HIGH, *_alarming(findings.evidence, thresholds)]
    elif score is not None and score >= thresholds.review_threshold:
        reasons += [ReasonCode.DEEPFAKE_SUSPECTED, *_alarming(findings.evidence, thresholds)]
    if findings.mode is Mode.LIVE:
        reasons += _unanswered(findings, thresholds, liveness)
    return reasons


def _another_face(findings: Findings) -> list[ReasonCode]:
    if findings.face_changed:
        return [ReasonCode.FACE_CHANGED]
    return [ReasonCode.FACE_DOUBTED] if findings.face_doubted else []


def _for_review(findings: Findings, *, unsure: bool) -> list[ReasonCode]:
    """What only a person can clear. Who says that they cannot do something could choose what is left to
    answer, so that it is never a pass (docs/detection.md), and never held against anybody. A head that is
    never asked to move hides most of what betrays an animated photograph."""
    reasons = []
    if findings.uploads_need_review:
        reasons.append(ReasonCode.UPLOADED_PICTURES)
    if findings.seen_elsewhere:
        reasons.append(ReasonCode.SEEN_BEFORE)
    if findings.cannot:
        reasons.append(ReasonCode.CHALLENGES_EXCLUDED)
    if findings.head_left_out and findings.frames_analysed > 0:
        reasons.append(ReasonCode.HEAD_LEFT_OUT)
    unclear = reasons or unsure or findings.footage_unknown
    return [*reasons, ReasonCode.NEEDS_REVIEW] if unclear else []


def _hard(evidence: Iterable[Evidence], confidence_threshold: float) -> list[ReasonCode]:
    return [
        reason_for_sign(sign)
        for item in _confident(evidence, confidence_threshold)
        for sign in item.signs
        if sign in HARD_SIGNS
    ]


def _alarming(evidence: Iterable[Evidence], thresholds: Thresholds) -> list[ReasonCode]:
    return [reason_for_sign(sign) for item in _alarms(evidence, thresholds) for sign in item.signs]


def _alarms(evidence: Iterable[Evidence], thresholds: Thresholds) -> list[Evidence]:
    """The statements that add to the score enough to be named."""
    return [
        e
        for e in _confident(evidence, thresholds.confidence_threshold)
        if e.score > (_NAMED if e.analyser in DETECTORS else CLEAR)
    ]


def _confident(evidence: Iterable[Evidence], confidence_threshold: float) -> list[Evidence]:
    """The statements that count: no advice, and none of an analyser that could not judge."""
    return [
        e
        for e in evidence
        if e.confidence > 0 and e.confidence >= confidence_threshold and e.analyser not in ADVISORY
    ]


def _high(score: float | None, thresholds: Thresholds) -> bool:
    return score is not None and score >= thresholds.deepfake_threshold


def enough_was_judged(findings: Findings, thresholds: Thresholds) -> bool:
    """Frames are not enough: life must have been looked for."""
    return not _too_little(findings, thresholds)


def _too_little(findings: Findings, thresholds: Thresholds) -> list[ReasonCode]:
    """Too few frames, for the detectors or at all; or else no word on life: a still photo gives the other
    analysers nothing to object to, so that only the one that judges motion can clear it."""
    judged = {e.analyser for e in _confident(findings.evidence, thresholds.confidence_threshold)}
    silent = {e.analyser for e in findings.evidence if e.analyser in DETECTORS} - judged
    few = findings.frames_judgeable < thresholds.min_judgeable_frames
    if few or silent or findings.answers_too_few > 0:
        return [ReasonCode.TOO_FEW_FRAMES]
    return [] if AnalyserName.TEMPORAL in judged else [ReasonCode.LIFE_NOT_SEEN]


def _too_little_to_tell(findings: Findings, thresholds: Thresholds) -> list[ReasonCode]:
    """Where most pictures show the face too small, that is the reason, and not a lack of life that could not
    be seen."""
    reasons = _too_little(findings, thresholds)
    unseen = findings.persistent_issue is QualityIssue.FACE_TOO_SMALL
    return [r for r in reasons if not (unseen and r is ReasonCode.LIFE_NOT_SEEN)]


def _unmet(findings: Findings) -> list[ReasonCode]:
    reasons = []
    if findings.challenges_failed > 0:
        reasons.append(ReasonCode.CHALLENGE_FAILED)
    if findings.challenges_timed_out > 0:
        reasons.append(ReasonCode.CHALLENGE_TIMEOUT)
    return reasons


def _unanswered(
    findings: Findings, thresholds: Thresholds, liveness: float | None
) -> list[ReasonCode]:
    """What was not answered. Where the link or the picture was lost, that is the reason, and neither an
    open challenge nor the low score that comes of it is held against anybody."""
    reasons = _unmet(findings)
    if findings.challenges_too_small > 0:
        reasons.append(ReasonCode.MOVEMENT_TOO_SMALL)
    if findings.challenges_unsettled > 0:
        reasons.append(ReasonCode.MIRROR_UNSETTLED)
    if findings.challenges_asked <= 0:
        return [*reasons, ReasonCode.NOT_ASKED]
    broken_off = _broken_off(findings)
    if findings.challenges_passed < findings.challenges_needed and not (
        reasons or broken_off or findings.cannot
    ):
        reasons.append(ReasonCode.COMPLETED_EARLY)
    if findings.unasked_actions >= MAX_UNASKED_ACTIONS:
        reasons.append(ReasonCode.UNASKED_ACTIONS)
    if not broken_off and (liveness is None or liveness < thresholds.liveness_threshold):
        reasons.append(ReasonCode.LIVENESS_SCORE_LOW)
    return reasons


def _broken_off(findings: Findings) -> bool:
    return findings.link_lost or findings.picture_lost


def _conditions_are_good(findings: Findings, thresholds: Thresholds) -> bool:
    """Whether an unmet challenge is the applicant's doing, and not the light's or the link's."""
    enough = findings.frames_judgeable >= thresholds.min_judgeable_frames
    return enough and not _broken_off(findings) and not _poor(findings)


def _poor(findings: Findings) -> bool:
    return bool(_quality(findings))


def _quality(findings: Findings) -> list[ReasonCode]:
    reasons = [_reason_for_issue(findings.persistent_issue)]
    if findings.several_faces:
        reasons.append(ReasonCode.SEVERAL_FACES)
    return [reason for reason in reasons if reason is not None]


def _reason_for_issue(issue: QualityIssue | None) -> ReasonCode | None:
    """None for what detection can live with: a face that is large or off the centre."""
    match issue:
        case None | QualityIssue.OFF_CENTRE | QualityIssue.FACE_TOO_LARGE:
            return None
        case (
            QualityIssue.NO_FACE
            | QualityIssue.NOT_UPRIGHT
            | QualityIssue.CUT_OFF
            | QualityIssue.FACE_TOO_SMALL
        ):
            return ReasonCode.NO_FACE
        case QualityIssue.SEVERAL_FACES:
            return ReasonCode.SEVERAL_FACES
        case (
            QualityIssue.TOO_DARK
            | QualityIssue.TOO_BRIGHT
            | QualityIssue.OCCLUDED
            | QualityIssue.BLURRED
        ):
            return ReasonCode.POOR_QUALITY
        case _ as never:
            assert_never(never)


def _passed(findings: Findings) -> ReasonCode:
    match findings.mode:
        case Mode.LIVE:
            return ReasonCode.CHALLENGES_PASSED
        case Mode.PASSIVE:
            return ReasonCode.NOT_ASKED
        case _ as never:
            assert_never(never)


def _context(findings: Findings) -> list[ReasonCode]:
    """What qualifies a verdict that is not PASSED: nothing could be asked of a recording."""
    return [ReasonCode.NOT_ASKED] if findings.mode is Mode.PASSIVE else []
