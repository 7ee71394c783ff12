"""The label endpoints over fake sessions: contracts, credentials, and hostile bodies."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from kyc_rtc.errors import Conflict, KycError, NotFound
from kyc_rtc.keys import api_key_hash, new_api_key
from kyc_rtc.settings import Settings
from tests.support.fake_labels import FakeLabels
from tests.unit.signaling.conftest import MakeClient

Client = TestClient[Any, Any]
SESSION = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
LABEL = f"/api/v1/kyc/sessions/{SESSION}/label"
STATISTICS = "/api/v1/kyc/labels/statistics"
BONA_FIDE = {"label": "bona_fide", "source": "agent", "labelled_by": "agent-3"}
ATTACK = BONA_FIDE | {"label": "attack"}


@pytest.mark.parametrize(
    ("body", "species", "note"),
    [
        (BONA_FIDE, None, None),
        (ATTACK, None, None),
        (ATTACK | {"species": "face_swap", "source": "chargeback"}, "face_swap", None),
        (
            ATTACK | {"species": "replay", "source": "other", "note": "ü" * 2_000},
            "replay",
            "ü" * 2_000,
        ),
        (BONA_FIDE | {"species": None, "note": ""}, None, ""),
    ],
)
async def test_a_label_is_answered_as_it_was_stored(
    client: Client, labels: FakeLabels, body: dict[str, Any], species: str | None, note: str | None
) -> None:
    response = await client.post(LABEL, json=body)
    assert response.status == 201
    assert await response.json() == {
        "session_id": SESSION,
        "label": body["label"],
        "species": species,
        "source": body["source"],
        "labelled_by": "development",
        "labelled_note": "agent-3",
        "note": note,
        "labelled_at": "2023-11-14T22:13:20.000+00:00",
    }
    assert [(view.label, view.species) for view in labels.labels] == [(body["label"], species)]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        json.dumps(BONA_FIDE | {"species": "face_swap"}).encode(),
        json.dumps(ATTACK | {"species": "bona_fide"}).encode(),
        json.dumps(ATTACK | {"species": 3}).encode(),
        json.dumps(ATTACK | {"label": "spoof"}).encode(),
        json.dumps(ATTACK | {"label": ["attack"]}).encode(),
        json.dumps(ATTACK | {"source": "rumour"}).encode(),
        json.dumps(ATTACK | {"labelled_by": ""}).encode(),
        json.dumps(ATTACK | {"labelled_by": "x" * 257}).encode(),
        json.dumps(ATTACK | {"labelled_by": 7}).encode(),
        json.dumps(ATTACK | {"note": "x" * 2_001}).encode(),
        json.dumps(ATTACK | {"note": {"$ne": None}}).encode(),
        b'{"label": "attack", "source": "agent", "labelled_by": "\\ud800"}',
        json.dumps({"label": "attack"}).encode(),
    ],
)
async def test_hostile_labels_get_a_clear_error(
    client: Client, labels: FakeLabels, raw: bytes
) -> None:
    response = await client.post(LABEL, data=raw, headers={"Content-Type": "application/json"})
    assert response.status == 400
    error = (await response.json())["error"]
    assert error["code"] == "bad_request"
    assert error["message"]
    assert labels.labels == []


async def test_a_label_over_the_limit_is_413_and_of_another_type_415(
    client: Client, development: Settings
) -> None:
    huge = b'{"note": "' + b"x" * development.limits.max_body_bytes + b'"}'
    headers = {"Content-Type": "application/json"}
    assert (await client.post(LABEL, data=io.BytesIO(huge), headers=headers)).status == 413
    assert (await client.post(LABEL, data=b"label=attack")).status == 415


@pytest.mark.parametrize(
    ("refusal", "status"), [(NotFound("no such session"), 404), (Conflict("no verdict"), 409)]
)
async def test_what_is_refused_is_answered(
    client: Client, labels: FakeLabels, refusal: KycError, status: int
) -> None:
    labels.refusal = refusal
    response = await client.post(LABEL, json=ATTACK)
    assert (response.status, (await response.json())["error"]["code"]) == (status, refusal.code)


async def test_the_statistics_have_their_fields(client: Client) -> None:
    found = await (await client.get(STATISTICS)).json()
    counts = {
        "labelled": 5,
        "bona_fide": 2,
        "attacks": 3,
        "false_positives": 1,
        "false_negatives": 2,
    }
    week = {"week": "2023-W46", "scored": 60, "psi": 0.25, "psi_by_chance": 0.3}
    assert found == counts | {
        "by_source": {"agent": counts},
        "by_species": {"face_swap": counts | {"labelled": 3, "bona_fide": 0, "false_positives": 0}},
        "weeks": [counts | week],
        "has_reference": True,
    }


async def test_metrics_are_brought_up_to_date_first(client: Client, labels: FakeLabels) -> None:
    response = await client.get("/metrics")
    assert labels.measured == 1
    assert "kyc_false_negatives" in await response.text()


@pytest.mark.parametrize(("method", "path"), [("POST", LABEL), ("GET", STATISTICS)])
async def test_labels_are_the_institutions_alone(
    make_client: MakeClient, tmp_path: Path, labels: FakeLabels, method: str, path: str
) -> None:
    key = new_api_key()
    settings = Settings(data_dir=tmp_path, api_key_hashes=(api_key_hash(key),))
    client: Client = await make_client(settings)
    body = ATTACK if method == "POST" else None
    started = await client.post(
        "/api/v1/kyc/start-session", json={"user_id": "x"}, headers={"X-API-Key": key}
    )
    token = (await started.json())["client_token"]
    for headers in ({}, {"X-API-Key": key + "x"}, {"Authorization": f"Bearer {token}"}):
        assert (await client.request(method, path, json=body, headers=headers)).status == 401
    assert labels.labels == []
    allowed = await client.request(method, path, json=body, headers={"X-API-Key": key})
    assert allowed.status in (200, 201)
