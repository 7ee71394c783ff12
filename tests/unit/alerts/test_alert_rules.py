"""`alerts.toml`: complete, the same in both places, and refused by name where it is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kyc_rtc.alerts import AlertType, Severity, load_rules, shipped_rules
from kyc_rtc.alerts.rules import FILE_NAME, SHIPPED
from kyc_rtc.decision.policy import HARD_SIGNS
from kyc_rtc.decision.verdict import ReasonCode
from kyc_rtc.detection.detectors import SIGNS
from kyc_rtc.errors import SettingsError

REPOSITORY = Path(__file__).parent.parent.parent.parent
TEXT = SHIPPED.read_text("utf-8")
ORIGINAL_NAMES = {
    "deepfake_detected",
    "liveness_failed",
    "unusual_geometry",
    "texture_anomaly",
    "blink_pattern_anomaly",
    "temporal_inconsistency",
    "face_not_detected",
    "multiple_faces",
}
NO_REASON = {
    AlertType.ATTACK_SUSPECTED,
    AlertType.VERIFICATION_FAILED,
    AlertType.CHANNEL_FAILING,
}
"""Follow from the verdict as a whole, or from none."""


def written(tmp_path: Path, old: str, new: str) -> Path:
    assert old in TEXT
    (tmp_path / FILE_NAME).write_text(TEXT.replace(old, new, 1))
    return tmp_path


def test_the_installations_file_and_the_shipped_one_are_the_same() -> None:
    assert (REPOSITORY / "config" / FILE_NAME).read_bytes() == SHIPPED.read_bytes()
    assert load_rules(REPOSITORY / "config") == load_rules() == load_rules(Path("/nowhere"))


def test_every_reason_and_every_type_has_a_row() -> None:
    rules = shipped_rules()
    assert set(tomllib.loads(TEXT)["reasons"]) == {code.value for code in ReasonCode}
    ruled = {rule.type for code in ReasonCode if (rule := rules.rule_of(code)) is not None}
    assert ruled == set(AlertType) - NO_REASON


def test_the_hard_signs_and_the_detectors_are_those_of_the_verdicts() -> None:
    critical = shipped_rules().critical
    assert {code.value for code in critical.hard_signs} == {sign.value for sign in HARD_SIGNS}
    learned = {sign.value for sign in SIGNS.values()}
    assert {code.value for code in critical.detectors} == learned - {"recapture"}


def test_severities_are_those_of_the_table() -> None:
    rules = shipped_rules()
    of = {code: rule.severity for code in ReasonCode if (rule := rules.rule_of(code)) is not None}
    assert of[ReasonCode.FACE_CHANGED] is of[ReasonCode.SEEN_BEFORE] is Severity.HIGH
    assert of[ReasonCode.CHALLENGE_FAILED] is of[ReasonCode.SEVERAL_FACES] is Severity.MEDIUM
    for code in (ReasonCode.CHALLENGE_TIMEOUT, ReasonCode.POOR_QUALITY, ReasonCode.LINK_LOST):
        assert of[code] is Severity.LOW


def test_the_originals_names_lead_to_ours() -> None:
    rules = shipped_rules()
    assert set(rules.original_names) == ORIGINAL_NAMES
    assert rules.original_names_of(frozenset({"geometry", "no_face"})) == (
        "unusual_geometry",
        "face_not_detected",
    )
    assert rules.original_names_of(frozenset()) == ()


def test_routes_are_those_of_the_issue() -> None:
    routes = shipped_rules().routes
    assert set(routes[Severity.CRITICAL].channels) == {"slack", "email", "sms", "executives"}
    assert (routes[Severity.HIGH].channels, routes[Severity.HIGH].escalate_after_s) == (
        ("security",),
        300,
    )
    assert (routes[Severity.MEDIUM].channels, routes[Severity.MEDIUM].escalate_after_s) == (
        ("compliance",),
        1_800,
    )
    assert (routes[Severity.LOW].channels, routes[Severity.LOW].digest) == ((), ("compliance",))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("fallback", "fall_back", "fall_back"),
        ("escalate_to =", "escalate_too =", "escalate_too"),
        ('texture = { type = "deepfake_detected", severity = "high" }', "", "texture"),
        ("[routes.low]", "[routes.lowest]", "routes.lowest"),
        ("no_face =", "no_nose =", "no_nose"),
        ('severity = "high"', 'severity = "urgent"', "severity"),
        ('type = "quality_poor"', 'type = "poor"', "type"),
        ("deepfake_score_above = 0.85", "deepfake_score_above = 85", "deepfake_score_above"),
        ("escalate_after_s = 300", "", "escalate_after_s"),
        ('digest = ["compliance"]', "", "routes.low"),
        ('["compliance"]', '["Compliance Team"]', "routes"),
        ("digest_hour_utc = 7", "digest_hour_utc = 24", "digest_hour_utc"),
        ("fallback = [", "fallback = ", "alerts.toml"),
        ('challenges_passed = "silent"', 'challenges_passed = "loud"', "reasons"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load_rules(written(tmp_path, old, new))


def test_an_installation_has_rules_of_its_own(tmp_path: Path) -> None:
    rules = load_rules(written(tmp_path, "escalate_after_s = 300", "escalate_after_s = 60"))
    assert rules.routes[Severity.HIGH].escalate_after_s == 60
