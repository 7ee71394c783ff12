"""The OpenAPI description: everything that is routed is in it, and says enough to generate a client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kyc_rtc.scopes import Scope
from kyc_rtc.sessions.journal import APPLICANT, INSTITUTION, SERVER, SYSTEM, EntryType
from kyc_rtc.sessions.readiness import Cause
from kyc_rtc.settings import Settings
from signaling.endpoints import Endpoint
from signaling.idempotency import HEADER
from signaling.openapi import describe
from signaling.openapi_texts import PROBLEMS, TAGS, WHO
from signaling.principals import Access
from signaling.schemas import ErrorAnswer
from signaling.schemas.described import Actor, Outcome
from tests.support.clock import ManualClock
from tests.support.credentials import Credentials
from tests.unit.signaling.conftest import Client, MakeClient

KYC = "/api/v1/kyc"
API = Path(__file__).parent.parent.parent.parent / "docs" / "api.md"
PAGES = {"/apply", "/apply/{session_id}", "/apply/{rest}", "/ops/"}
UNDESCRIBED = {"/api/v1", "/", "/favicon.ico"} | PAGES
ENUMS = {
    "status": {"Outcome", "VerdictStatus"},
    "state": {"SessionState", "DeliveryState"},
    "severity": {"Severity"},
    "transport": {"Transport"},
    "label": {"SessionLabel"},
    "source": {"LabelSource"},
    "species": {"AttackSpecies"},
    "actor": {"Actor"},
    "challenge_type": {"ChallengeType"},
}


@pytest.fixture
async def document(client: Client) -> dict[str, Any]:
    read: dict[str, Any] = await (await client.get("/api/v1")).json()
    return read


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def properties(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for component, schema in document["components"]["schemas"].items():
        for name, field in schema.get("properties", {}).items():
            yield component, name, field


async def test_every_route_is_described(client: Client, document: dict[str, Any]) -> None:
    assert client.app is not None
    described = {name for name, _ in operations(document)}
    routed = {
        f"{route.method} {route.resource.canonical}"
        for route in client.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert described <= routed
    others = {name.split(" ")[1] for name in routed - described}
    assert {path for path in others if not path.startswith("/static/")} == UNDESCRIBED


async def test_every_reference_has_a_target(document: dict[str, Any]) -> None:
    for kind in ("schemas", "headers"):
        found = json.dumps(document).split(f"#/components/{kind}/")[1:]
        assert {reference.split('"')[0] for reference in found} <= set(document["components"][kind])


async def test_everything_has_a_description(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    bare = [
        f"{where}.{name}" for where, name, f in properties(document) if not f.get("description")
    ]
    for name, operation in operations(document):
        parts = [operation, *operation.get("parameters", ()), *operation["responses"].values()]
        bare += [name for part in parts if not part.get("description")]
        assert operation["tags"][0] in TAGS
    bare += [n for n, s in document["components"]["schemas"].items() if not s.get("description")]
    assert bare == []


async def test_every_operation_has_an_id_of_its_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)


async def test_times_and_closed_sets_have_their_types(document: dict[str, Any]) -> None:
    wrong = []
    for where, name, field in properties(document):
        text = json.dumps(field)
        if name == "at" or name.endswith("_at"):
            ok = '"format": "date-time"' in text
        elif name in ENUMS and where not in ("Health", "StartedSession"):
            ok = any(f'/schemas/{enum}"' in text for enum in ENUMS[name])
        else:
            ok = '"type": "object"' not in text or "additionalProperties" in text
        if not ok:
            wrong.append(f"{where}.{name}")
    assert wrong == []


async def test_the_facts_of_a_session_have_shapes(document: dict[str, Any]) -> None:
    fields = document["components"]["schemas"]["SessionStatus"]["properties"]
    shapes = {name: json.dumps(fields[name]) for name in ("challenges", "evidence", "connection")}
    assert "AskedChallenge" in shapes["challenges"]
    assert "AnalyserEvidence" in shapes["evidence"]
    assert "ConnectionEvidence" in shapes["evidence"]
    assert "ConnectionFacts" in shapes["connection"]


async def test_answers_have_all_of_their_fields(document: dict[str, Any]) -> None:
    for name in ("ErrorBody", "StartedSession", "SessionStatus", "AlertBody"):
        schema = document["components"]["schemas"][name]
        assert set(schema["required"]) == set(schema["properties"])
    assert document["components"]["schemas"]["StartSession"]["required"] == ["user_id"]


async def test_a_scope_is_named_wherever_a_key_is_admitted(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        schemes = {scheme for way in operation["security"] for scheme in way}
        assert ("apiKey" in schemes) is ("apiKeyAsBearer" in schemes)
        assert ("x-required-scope" in operation) is ("apiKey" in schemes), name
        if "apiKey" in schemes:
            scope = Scope(operation["x-required-scope"])
            assert f"`{scope.value}`" in operation["description"]
            assert "lacks the scope" in operation["responses"]["403"]["description"]


async def test_the_documented_table_has_every_call_and_its_scope(document: dict[str, Any]) -> None:
    text = re.sub(r"\{\w+\}", "{id}", API.read_text("utf-8"))
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    for name, operation in operations(document):
        if "/whip/" in name:
            continue
        row = rows[re.sub(r"\{\w+\}", "{id}", name)]
        scope = operation.get("x-required-scope")
        assert scope is None or f"institution: `{scope}`" in row, row


async def test_whoever_is_asked_to_wait_learns_how_long(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status in {"421", "429", "503"} & set(operation["responses"]):
            headers = operation["responses"][status].get("headers", {})
            assert ("Retry-After" in headers) is (name != "GET /health/ready"), name


async def test_whip_and_metrics_have_their_content_types(document: dict[str, Any]) -> None:
    paths = document["paths"]
    post = paths["/whip/{session_id}"]["post"]
    assert set(post["requestBody"]["content"]) == {"application/sdp"}
    assert set(post["responses"]["201"]["content"]) == {"application/sdp"}
    assert {"Location", "Link"} <= set(post["responses"]["201"]["headers"])
    patch = paths["/whip/{session_id}/{peer_id}"]["patch"]
    assert set(patch["requestBody"]["content"]) == {"application/trickle-ice-sdpfrag"}
    assert "content" not in patch["responses"]["204"]
    assert "ICE" in patch["responses"]["422"]["description"]
    assert set(paths["/metrics"]["get"]["responses"]["200"]["content"]) == {"text/plain"}


async def test_the_idempotency_key_has_its_limits(document: dict[str, Any]) -> None:
    parameters = document["paths"][f"{KYC}/start-session"]["post"]["parameters"]
    (key,) = (one for one in parameters if one["name"] == HEADER)
    assert key["schema"] == {
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("public_url", "url"), [("", "/"), ("https://kyc.example/x/", "https://kyc.example/x")]
)
async def test_the_server_is_named(
    make_client: MakeClient, tmp_path: Path, public_url: str, url: str
) -> None:
    client: Client = await make_client(Settings(data_dir=tmp_path, public_url=public_url))
    assert (await (await client.get("/api/v1")).json())["servers"] == [{"url": url}]


async def test_a_missing_scope_comes_with_a_hint(
    make_client: MakeClient, clock: ManualClock, tmp_path: Path
) -> None:
    credentials = Credentials(clock)
    client: Client = await make_client(credentials.production(tmp_path))
    headers = credentials.of("x", "y")["key_alerts"]
    response = await client.get(f"{KYC}/sessions", headers=headers)
    error = (await response.json())["error"]
    assert (response.status, "verifications" in error["message"]) == (403, True)
    assert "scope" in error["hint"]


def test_texts_are_those_of_the_code() -> None:
    assert set(WHO) == set(Access)
    assert set(Outcome) == {"active", "PASSED", "FAILED", "INCONCLUSIVE"}
    assert set(Actor) == {SERVER, INSTITUTION, APPLICANT, SYSTEM}
    assert all(PROBLEMS.values())


async def test_words_that_are_listed_twice_are_the_same(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["JournalEntry"]["properties"]["type"]["enum"]) == set(EntryType)
    causes = schemas["Readiness"]["properties"]["causes"]["description"]
    assert all(cause.value in causes for cause in Cause)


def test_an_endpoint_without_a_body_describes_none() -> None:
    endpoint = Endpoint("GET", "/x", lambda *_: None, "X", Access.ANYONE, ErrorAnswer)  # type: ignore[arg-type]
    operation = describe((endpoint,))["paths"]["/x"]["get"]
    assert "requestBody" not in operation
    assert set(operation["responses"]) == {"200"}
