"""The text that an applicant agrees to, and what is stored of the consent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kyc_rtc.settings import ConsentSettings, DetectionSettings, Settings
from signaling.answers import iso
from signaling.app import STATIC
from signaling.consent import consent_text
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import Client
from tests.unit.signaling.test_api import bearer, start

WORDS = json.loads((STATIC / "i18n" / "en.json").read_text("utf-8"))


def text(tmp_path: Path, *, keep_features: bool = True, **consent: Any) -> dict[str, Any]:
    settings = Settings(
        data_dir=tmp_path,
        consent=ConsentSettings(**consent),
        detection=DetectionSettings(keep_features=keep_features),
    )
    return consent_text(settings, WORDS).model_dump()


def points(found: dict[str, Any]) -> dict[str, str]:
    return {point["topic"]: point["text"] for point in found["points"]}


def test_without_settings_the_text_is_whole_and_names_your_institution(tmp_path: Path) -> None:
    found = text(tmp_path)
    assert list(points(found)) == [
        "purpose", "actions", "biometric", "kept", "kept_for", "refusal", "other_way",
    ]  # fmt: skip
    assert (found["institution"], found["privacy_url"]) == (None, None)
    assert points(found)["other_way"] == "Then ask your institution for another way."
    assert "{" not in "".join(points(found).values())


def test_the_settings_stand_in_the_text(tmp_path: Path) -> None:
    own: dict[str, Any] = {
        "purpose": "To open an account.",
        "kept_for": "For 5 years.",
        "other_way": "Visit us.",
    }
    found = text(
        tmp_path, institution="Rheinbank", privacy_url="https://rheinbank.example/p", **own
    )
    assert {topic: points(found)[topic] for topic in own} == own
    assert found["institution"] == "Rheinbank"
    assert found["privacy_url"] == "https://rheinbank.example/p"


def test_what_is_kept_follows_from_the_settings(tmp_path: Path) -> None:
    assert "numbers" in points(text(tmp_path))["kept"]
    assert "numbers" not in points(text(tmp_path, keep_features=False))["kept"]


def test_a_person_who_watches_is_promised_only_where_one_can(tmp_path: Path) -> None:
    assert "watched" not in points(text(tmp_path))
    assert (
        "Rheinbank"
        in points(text(tmp_path, institution="Rheinbank", agent_may_watch=True))["watched"]
    )


@pytest.mark.parametrize(
    "change",
    [
        {"institution": "A"},
        {"purpose": "A."},
        {"kept_for": "A."},
        {"privacy_url": "https://a"},
        {"other_way": "A."},
        {"agent_may_watch": True},
        {"keep_features": False},
    ],
)
def test_every_fact_changes_the_version(tmp_path: Path, change: dict[str, Any]) -> None:
    assert text(tmp_path)["version"] == text(tmp_path)["version"]
    assert text(tmp_path, **change)["version"] != text(tmp_path)["version"]


def test_another_sentence_changes_the_version(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    other = WORDS | {"consent.biometric": "Another sentence."}
    assert consent_text(settings, other).version != consent_text(settings, WORDS).version


@pytest.mark.parametrize("url", ["http://a", "javascript:alert(1)", "https://", "https://a b"])
def test_a_privacy_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        ConsentSettings(privacy_url=url)


async def test_the_applicant_agrees_and_the_institution_reads_it(
    client: Client, sessions: FakeSessions
) -> None:
    started = await start(client)
    path = f"/api/v1/kyc/sessions/{started['session_id']}/consent"
    headers = bearer(started["client_token"])
    shown = await (await client.get(path, headers=headers)).json()
    agreement = {"version": shown["version"], "locale": shown["locale"]}
    params = {"session_id": started["session_id"]}
    before = await (await client.get("/api/v1/kyc/get-session-status", params=params)).json()
    assert before["consent"] is None
    response = await client.post(path, headers=headers, json=agreement)
    assert response.status == 200
    record = await response.json()
    assert record == {**agreement, "agreed_at": iso(1_700_000_000_000)}
    after = await (await client.get("/api/v1/kyc/get-session-status", params=params)).json()
    assert after["consent"] == record
    assert sessions.calls[-1] == ("agree", (started["session_id"], *agreement.values()))


@pytest.mark.parametrize("change", [{"version": "of-yesterday"}, {"locale": "de"}])
async def test_another_text_than_the_present_one_is_not_agreed_to(
    client: Client, change: dict[str, str]
) -> None:
    started = await start(client)
    path = f"/api/v1/kyc/sessions/{started['session_id']}/consent"
    headers = bearer(started["client_token"])
    shown = await (await client.get(path, headers=headers)).json()
    agreement = {"version": shown["version"], "locale": shown["locale"]} | change
    response = await client.post(path, headers=headers, json=agreement)
    assert response.status == 409
    assert (await response.json())["error"]["code"] == "consent_changed"
