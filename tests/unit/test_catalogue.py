"""Whatever key the server can send, the catalogue has a sentence for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kyc_rtc.alerts.catalogue import AlertType
from kyc_rtc.decision.verdict import ReasonCode, WeightWord
from kyc_rtc.detection.evidence import Sign
from kyc_rtc.liveness.catalogue import HELD, Challenge, ChallengeType, Direction
from kyc_rtc.liveness.hints import Hint
from kyc_rtc.sessions import messages
from kyc_rtc.sessions.reason_classes import ReasonClass
from kyc_rtc.sessions.states import WITHOUT_VERDICT
from kyc_rtc.vision.quality import QualityIssue

REPOSITORY = Path(__file__).parent.parent.parent
PROTOCOL = REPOSITORY / "docs" / "protocol.md"
CATALOGUE: dict[str, str] = json.loads(
    (REPOSITORY / "static" / "i18n" / "en.json").read_text("utf-8")
)
COUNTED = (ChallengeType.NOD, ChallengeType.BLINK)
UNTURNED = [kind for kind in ChallengeType if kind is not ChallengeType.HEAD_TURN]
CHALLENGES = [
    *(Challenge(ChallengeType.HEAD_TURN, side) for side in Direction),
    *(Challenge(kind) for kind in UNTURNED),
    *(Challenge(kind, hold_ms=1_000) for kind in HELD),
]
KEYS = {
    "hints of challenges": [hint.value for hint in Hint],
    "hints of quality": [issue.hint for issue in QualityIssue],
    "instructions": [challenge.instruction for challenge in CHALLENGES],
    "reasons": [f"reason.{code.value}" for code in ReasonCode],
    "classes of reasons": [f"reason.{c.value}" for c in ReasonClass],
    "reasons of signs": [f"reason.{sign.value}" for sign in Sign],
    "recommendations": [f"recommendation.{code.value}" for code in ReasonCode],
    "ends without a verdict": [
        f"{kind}.{state.value}"
        for kind in ("reason", "recommendation")
        for state in WITHOUT_VERDICT
    ],
    "weights": [word.text for word in WeightWord],
    "alerts": [alert.message_key for alert in AlertType],
    "messages": [
        messages.replaced(can_take_over=True).fields["hint"],
        messages.notice(messages.STORAGE_WAITING).fields["hint"],
    ],
}


@pytest.mark.parametrize("group", KEYS)
def test_every_key_has_a_sentence(group: str) -> None:
    missing = [key for key in KEYS[group] if not CATALOGUE.get(key, "").strip()]
    assert missing == []


@pytest.mark.parametrize("kind", COUNTED)
def test_what_is_counted_is_said_in_the_singular_and_in_the_plural(kind: ChallengeType) -> None:
    key = Challenge(kind).instruction
    assert "{count}" in CATALOGUE[key]
    assert "{" not in CATALOGUE[f"{key}.one"]


@pytest.mark.parametrize("group", KEYS)
def test_the_protocols_document_names_every_key(group: str) -> None:
    text = PROTOCOL.read_text("utf-8").split("## Keys")[1]
    assert [key for key in KEYS[group] if f"`{key.partition('.')[2]}`" not in text] == []


def test_sentences_are_short_enough_for_a_phone() -> None:
    shown_live = [*KEYS["hints of challenges"], *KEYS["hints of quality"], *KEYS["instructions"]]
    assert [key for key in shown_live if len(CATALOGUE[key]) > 70] == []
