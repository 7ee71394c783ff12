"""Endpoints of webhooks in the store, over each database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from kyc_rtc.errors import BadRequest, KycError, NotFound
from kyc_rtc.storage import Database, NewDelivery, Sealer, SqlDeliveryStore, Target
from kyc_rtc.storage.tables import webhooks as table
from kyc_rtc.storage.webhooks import (
    WEBHOOK,
    SqlWebhookRepository,
    Subscription,
    WebhookRecord,
)
from tests.unit.storage.stores import SEALER, step_back, step_forward

SECRET, NEXT_SECRET = "whsec_Zmlyc3Q=", "whsec_c2Vjb25k"
AN_ENDPOINT = WebhookRecord(
    webhook_id="w1",
    tenant_id="bank-a",
    url="https://bank.example/hook",
    events=("verification.completed",),
    secret=SECRET,
    created_at_ms=1_000,
    created_by="backend",
)


@pytest.fixture
def webhooks(database: Database) -> SqlWebhookRepository:
    return SqlWebhookRepository(database, SEALER)


def a_delivery(target: str = "w1", tenant_id: str = "bank-a", kind: str = WEBHOOK) -> NewDelivery:
    key = f"{kind}:{target}:{tenant_id}"
    return NewDelivery(Target(kind, target), tenant_id, "webhook.test", {}, key, due_at_ms=1_000)


async def test_an_endpoint_is_found_as_it_was_stored(webhooks: SqlWebhookRepository) -> None:
    assert await webhooks.add(AN_ENDPOINT, 20)
    assert await webhooks.get("bank-a", "w1") == AN_ENDPOINT
    later = replace(AN_ENDPOINT, webhook_id="w2", created_at_ms=2_000, events=())
    assert await webhooks.add(later, 20)
    assert await webhooks.listed("bank-a") == [later, AN_ENDPOINT]
    assert await webhooks.subscriptions() == [
        Subscription("w1", "bank-a", frozenset({"verification.completed"})),
        Subscription("w2", "bank-a", frozenset()),
    ]


async def test_the_secret_is_sealed_for_its_endpoint(
    webhooks: SqlWebhookRepository, database: Database
) -> None:
    await webhooks.add(AN_ENDPOINT, 20)
    await webhooks.rotate("bank-a", "w1", NEXT_SECRET, 5_000)
    async with database.begin() as connection:
        row = (await connection.execute(select(table))).mappings().one()
    assert SECRET not in repr(dict(row))
    assert NEXT_SECRET not in repr(dict(row))
    assert SEALER.unseal(row["secret_sealed"], "webhook:w1") == NEXT_SECRET
    with pytest.raises(KycError):
        await SqlWebhookRepository(database, Sealer("another")).get("bank-a", "w1")
    assert SECRET not in repr(AN_ENDPOINT)


@pytest.mark.parametrize(
    ("now_ms", "secrets"),
    [(4_999, (NEXT_SECRET, SECRET)), (5_000, (NEXT_SECRET,)), (9_000, (NEXT_SECRET,))],
)
async def test_both_secrets_count_until_the_overlap_is_over(
    webhooks: SqlWebhookRepository, now_ms: int, secrets: tuple[str, ...]
) -> None:
    await webhooks.add(AN_ENDPOINT, 20)
    assert AN_ENDPOINT.secrets_at(now_ms) == (SECRET,)
    record = await webhooks.rotate("bank-a", "w1", NEXT_SECRET, 5_000)
    assert record.secrets_at(now_ms) == secrets


async def test_there_is_a_limit_for_each_tenant(webhooks: SqlWebhookRepository) -> None:
    assert await webhooks.add(AN_ENDPOINT, 1)
    assert not await webhooks.add(replace(AN_ENDPOINT, webhook_id="w2"), 1)
    assert await webhooks.add(replace(AN_ENDPOINT, webhook_id="w3", tenant_id="bank-b"), 1)


async def test_the_limit_holds_for_registrations_at_one_time(
    webhooks: SqlWebhookRepository,
) -> None:
    for _ in range(5):
        adding = [webhooks.add(replace(AN_ENDPOINT, webhook_id=f"w{n}"), 2) for n in range(5)]
        assert sum(await asyncio.gather(*adding)) == 2
        for found in await webhooks.listed("bank-a"):
            await webhooks.delete("bank-a", found.webhook_id)


@pytest.mark.parametrize(("tenant_id", "webhook_id"), [("bank-b", "w1"), ("bank-a", "\0")])
async def test_what_a_tenant_does_not_have_is_not_there(
    webhooks: SqlWebhookRepository, tenant_id: str, webhook_id: str
) -> None:
    await webhooks.add(AN_ENDPOINT, 20)
    with pytest.raises(NotFound):
        await webhooks.get(tenant_id, webhook_id)
    with pytest.raises(NotFound):
        await webhooks.rotate(tenant_id, webhook_id, NEXT_SECRET, 5_000)
    with pytest.raises(NotFound):
        await webhooks.delete(tenant_id, webhook_id)
    assert await webhooks.listed("bank-a") == [AN_ENDPOINT]


@pytest.mark.parametrize("deleted", [True, False])
async def test_what_waits_for_an_endpoint_ends_with_it(
    webhooks: SqlWebhookRepository, database: Database, deleted: bool
) -> None:
    await webhooks.add(AN_ENDPOINT, 20)
    store = SqlDeliveryStore(database)
    others = (a_delivery("w2"), a_delivery(kind="alert"))
    await store.add([a_delivery(), *others], 1_000, 60_000)
    if deleted:
        await webhooks.delete("bank-a", "w1")
    else:
        await webhooks.disable("bank-a", "w1", 3_000)
        await webhooks.disable("bank-a", "w1", 4_000)
        assert (await webhooks.get("bank-a", "w1")).disabled_at_ms == 3_000
    assert await webhooks.subscriptions() == []
    states = {(d.kind, d.target): d.state for d in await store.listed("bank-a")}
    assert states == {
        (WEBHOOK, "w1"): "cancelled",
        (WEBHOOK, "w2"): "pending",
        ("alert", "w1"): "pending",
    }


@pytest.mark.parametrize(
    "changes", [{"url": "x" * 2_001}, {"webhook_id": ""}, {"events": ("x" * 65,)}]
)
def test_what_cannot_be_stored_is_no_record(changes: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        replace(AN_ENDPOINT, **changes)  # type: ignore[arg-type]


async def test_the_way_back_takes_their_deliveries_along(
    webhooks: SqlWebhookRepository, database: Database
) -> None:
    await webhooks.add(AN_ENDPOINT, 20)
    await SqlDeliveryStore(database).add([a_delivery(), a_delivery(kind="alert")], 1_000, 60_000)
    await step_back(database, "0015")
    async with database.begin() as connection:
        kinds = (await connection.execute(text("SELECT kind FROM deliveries"))).scalars().all()
    assert kinds == ["alert"]
    await step_forward(database)
    assert await webhooks.subscriptions() == []
