"""Creating calls: Idempotency-Key, what start-session takes, and unknown keys."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, make_mocked_request

from kyc_rtc.errors import Conflict, StorageUnavailable
from kyc_rtc.scopes import Scope
from kyc_rtc.sessions.interface import Order
from kyc_rtc.storage.idempotency import Creation, StoredAnswer
from signaling.idempotency import Creations
from signaling.principals import Kind, Principal
from signaling.schemas import ClientToken
from tests.support.clock import ManualClock
from tests.support.credentials import Credentials
from tests.support.fake_labels import FakeLabels
from tests.support.fake_sessions import FakeSessions
from tests.unit.signaling.conftest import MakeClient
from tests.unit.signaling.test_api import PIXEL, START, bearer, start
from tests.unit.signaling.test_labels_api import BONA_FIDE, LABEL

Client = TestClient[Any, Any]
KYC = "/api/v1/kyc"
KEY = {"Idempotency-Key": "order-4711"}
DAY_MS = 86_400_000


def opened(sessions: FakeSessions) -> list[str]:
    return list(sessions.sessions)


async def created(client: Client, headers: dict[str, str], **body: Any) -> tuple[int, str]:
    response = await client.post(START, json={"user_id": "x"} | body, headers=headers)
    return response.status, await response.text()


async def test_twenty_at_once_get_the_same_answer(client: Client, sessions: FakeSessions) -> None:
    answers = await asyncio.gather(*(created(client, KEY) for _ in range(20)))
    assert len(set(answers)) == 1
    status, text = answers[0]
    assert (status, json.loads(text)["session_id"]) == (201, opened(sessions)[0])
    assert len(opened(sessions)) == 1


async def test_the_answer_stays_the_same_when_time_passes(
    client: Client, sessions: FakeSessions, clock: ManualClock
) -> None:
    first = await created(client, KEY)
    clock.tick(DAY_MS - 1_000)
    assert await created(client, KEY) == first
    clock.tick(2_000)
    assert await created(client, KEY) != first
    assert len(opened(sessions)) == 2


async def test_without_a_key_or_with_another_one_each_call_creates(
    client: Client, sessions: FakeSessions
) -> None:
    for headers in ({}, {}, KEY, {"Idempotency-Key": "another"}):
        assert (await created(client, headers))[0] == 201
    assert len(opened(sessions)) == 4


@pytest.mark.parametrize("change", [{"user_id": "y"}, {"locale": "en"}, {"metadata": {"a": "b"}}])
async def test_another_body_is_422(
    client: Client, sessions: FakeSessions, change: dict[str, Any]
) -> None:
    await created(client, KEY)
    status, text = await created(client, KEY, **change)
    assert (status, json.loads(text)["error"]["code"]) == (422, "idempotency_mismatch")
    assert len(opened(sessions)) == 1


async def test_another_call_with_the_same_key_is_422(client: Client, labels: FakeLabels) -> None:
    await created(client, KEY)
    assert (await client.post(LABEL, json=BONA_FIDE, headers=KEY)).status == 422
    assert not labels.labels


async def test_the_order_of_the_bodys_keys_is_not_another_body(client: Client) -> None:
    raw = ('{"user_id": "x", "metadata": {"a": "1", "b": "2"}}',
           '{ "metadata": {"b": "2", "a": "1"}, "user_id": "x" }')  # fmt: skip
    headers = KEY | {"Content-Type": "application/json"}
    texts = [await (await client.post(START, data=body, headers=headers)).text() for body in raw]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "schlüssel"])
async def test_what_is_not_a_key_is_400(client: Client, sessions: FakeSessions, key: str) -> None:
    status, text = await created(client, {"Idempotency-Key": key})
    assert (status, json.loads(text)["error"]["code"]) == (400, "bad_request")
    assert not opened(sessions)


async def test_a_refusal_is_not_kept(client: Client, sessions: FakeSessions) -> None:
    for refusal in (StorageUnavailable("away"), Conflict("not now")):
        sessions.refusal = refusal
        assert (await created(client, KEY))[0] in (409, 503)
    assert (await created(client, KEY))[0] == 201
    assert len(opened(sessions)) == 1


async def test_retry_and_label_take_a_key_too(
    client: Client, sessions: FakeSessions, labels: FakeLabels
) -> None:
    body = await start(client)
    url = f"{KYC}/sessions/{body['session_id']}/retry"
    headers = bearer(body["client_token"]) | KEY
    retried = [await (await client.post(url, json={}, headers=headers)).text() for _ in range(3)]
    assert len(set(retried)) == 1
    assert len(opened(sessions)) == 2
    labelled = [await (await client.post(LABEL, json=BONA_FIDE, headers=KEY)).text() for _ in "123"]
    assert len(set(labelled)) == 1
    assert len(labels.labels) == 1


async def test_an_applicants_keys_leave_no_rows() -> None:
    """A stranger with a link could make them by the thousand."""
    applicant = Principal(Kind.APPLICANT, session_id=str(uuid.uuid4()))
    other = Principal(Kind.APPLICANT, session_id=str(uuid.uuid4()))
    made: list[str | None] = []

    async def create(new_id: str | None) -> ClientToken:
        made.append(new_id)
        return ClientToken(session_id=new_id or "", client_token="", expires_in_s=1)

    creations = Creations(NoRows())
    for who, key in ((applicant, "a"), (applicant, "a"), (applicant, "b"), (other, "a")):
        request = make_mocked_request("POST", "/", headers={"Idempotency-Key": key})
        assert (await creations.answer(request, who, None, create)).status == 201
    assert made[0] == made[1] is not None
    assert len(set(made)) == 3


class NoRows:
    """Keeps no keys, and should not be asked to."""

    async def begin(self, tenant_id: str, principal: str, key: str, request: str) -> Creation:
        raise AssertionError((tenant_id, principal, key, request))

    async def keep(self, creation: Creation, answer: StoredAnswer) -> StoredAnswer:
        raise AssertionError((creation, answer))


async def test_two_principals_may_choose_the_same_key(
    make_client: MakeClient, clock: ManualClock, sessions: FakeSessions, tmp_path: Path
) -> None:
    credentials = Credentials(clock)
    settings = credentials.production(tmp_path)
    client: Client = await make_client(settings)
    known = credentials.of("a", "b")
    answers = []
    for name in ("key", f"key_{Scope.VERIFICATIONS.value}", "key"):
        status, text = await created(client, known[name] | KEY)
        assert status == 201
        answers.append(text)
    assert answers[0] == answers[2] != answers[1]
    assert len(opened(sessions)) == 2


async def test_openapi_says_which_calls_take_a_key(client: Client) -> None:
    paths = (await (await client.get("/api/v1")).json())["paths"]
    taking = {
        path
        for path, methods in paths.items()
        for operation in methods.values()
        if any(item["in"] == "header" for item in operation.get("parameters", ()))
    }
    one = f"{KYC}/sessions/{{session_id}}"
    assert taking == {START, f"{one}/retry", f"{one}/label"}
    by_a_key = taking - {f"{one}/retry"}  # an applicant's call has no body that could differ
    assert all("422" in paths[path]["post"]["responses"] for path in by_a_key)


# What start-session takes


async def test_an_order_reaches_the_sessions_and_comes_back(
    client: Client, sessions: FakeSessions
) -> None:
    order = {
        "return_url": "https://bank.example/back",
        "metadata": {"case": "7"},
        "locale": "de-CH",
        "profile": "short",
        "exclude": ["nod", "smile"],
    }
    _, text = await created(client, {}, **order, expires_in=60)
    body = json.loads(text)
    expected = Order(
        "https://bank.example/back", {"case": "7"}, "de-CH", "short", 60, ("nod", "smile")
    )
    assert sessions.orders == [expected]
    status = await client.get(f"{KYC}/get-session-status?session_id={body['session_id']}")
    seen = await status.json()
    assert {name: seen[name] for name in order} == order
    url = f"{KYC}/sessions/{body['session_id']}"
    applicant = await (await client.get(url, headers=bearer(body["client_token"]))).json()
    assert (applicant["return_url"], applicant["locale"]) == (order["return_url"], "de-CH")
    assert not {"metadata", "profile", "user_id", "exclude"} & applicant.keys()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata", {str(number): "" for number in range(21)}),
        ("metadata", {"k" * 41: ""}),
        ("metadata", {"": ""}),
        ("metadata", {"k": "v" * 501}),
        ("metadata", {"k": {"nested": "v"}}),
        ("metadata", {"k": 7}),
        ("metadata", ["k"]),
        ("locale", "de_CH"),
        ("locale", "x" * 9),
        ("locale", "en-" + "a" * 9),
        ("locale", ""),
        ("profile", ""),
        ("expires_in", 59),
        ("expires_in", 7 * 86_400 + 1),
        ("expires_in", "60"),
        ("exclude", ["dance"]),
        ("exclude", ["nod", "smile", "blink"]),
        ("exclude", "nod"),
        ("return_url", ""),
        ("return_url", "https://bank.example/" + "x" * 2_000),
    ],
)
async def test_values_that_are_refused_by_name(client: Client, field: str, value: Any) -> None:
    status, text = await created(client, {}, **{field: value})
    assert status == 400
    assert json.loads(text)["error"]["message"].startswith(field)


# Unknown keys


def originals(session_id: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """The original's calls, and the least that each needs."""
    named = {"session_id": session_id}
    return {
        "start-session": ("POST", {"user_id": "x"}),
        "send-challenge": ("POST", named | {"challenge_type": "nod"}),
        "upload-video-frame": ("POST", named | {"frame": PIXEL}),
        "get-session-status": ("GET", named),
        "complete-verification": ("POST", named),
    }


async def call(client: Client, name: str, method: str, values: dict[str, Any], **more: Any) -> Any:
    given: dict[str, Any] = more | {"json" if method == "POST" else "params": values}
    response = await client.request(method, f"{KYC}/{name}", **given)
    return response.status, await response.json()


async def test_in_development_the_originals_calls_warn_of_unknown_keys(client: Client) -> None:
    session_id = (await start(client))["session_id"]
    for name, (method, values) in originals(session_id).items():
        status, body = await call(client, name, method, values | {"vendor": "x", "Agent": "y"})
        assert status in (200, 201), name
        assert body["warnings"] == ["unknown key: Agent", "unknown key: vendor"]
        _, body = await call(client, name, method, values)
        assert body["warnings"] == []


async def test_in_production_unknown_keys_are_refused_by_name(
    make_client: MakeClient, clock: ManualClock, sessions: FakeSessions, tmp_path: Path
) -> None:
    credentials = Credentials(clock)
    settings = credentials.production(tmp_path)
    client: Client = await make_client(settings)
    headers = credentials.of("a", "b")["key"]
    session_id = (await sessions.open("x")).session_id
    before = len(sessions.calls)
    for name, (method, values) in originals(session_id).items():
        status, body = await call(
            client, name, method, values | {"vendor": "personal"}, headers=headers
        )
        assert status == 400, name
        assert body["error"]["message"] == "unknown key: vendor"
    assert len(sessions.calls) == before


@pytest.mark.parametrize("extra", ["vendor", "x" * 3_000, "\n"])
async def test_other_calls_refuse_unknown_keys_in_development_too(
    client: Client, labels: FakeLabels, extra: str
) -> None:
    response = await client.post(LABEL, json=BONA_FIDE | {extra: 1})
    error = (await response.json())["error"]
    assert response.status == 400
    assert error["message"] == f"unknown key: {extra[:64]}"
    assert not labels.labels
