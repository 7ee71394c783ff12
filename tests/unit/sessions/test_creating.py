"""Starting a verification: its terms, its profile in every attempt and process, and repeated calls."""

from __future__ import annotations

import asyncio

import pytest

from kyc_rtc.errors import BadRequest, Conflict, StorageUnavailable
from kyc_rtc.ids import SessionId, new_session_id
from kyc_rtc.scopes import DEFAULT_TENANT
from kyc_rtc.sessions.creations import CreationService
from kyc_rtc.sessions.interface import ClientView, Command, CommandType, Order
from kyc_rtc.settings import Settings
from kyc_rtc.storage.idempotency import KEPT_MS
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import MakeStage, Stage

COMPLETE = Command(CommandType.COMPLETE)
THREE_NODS = Command(CommandType.SEND_CHALLENGE, {"challenge_type": "nod"})
BANK = "https://bank.example"
PROFILES = Settings(
    return_urls=(BANK,),
    profiles={
        "short": {"challenges": 1},
        "nods": {"challenges": 2, "challenge_types": ["head_turn", "nod"], "min_nods": 3, "max_nods": 3},
    },
)  # fmt: skip
TERMS = Order(f"{BANK}/back", {"case": "7"}, "de-CH", "short", 3_600)


@pytest.fixture
async def stage(make_stage: MakeStage) -> Stage:
    return await make_stage(PROFILES)


async def total(stage: Stage, session_id: str) -> int:
    """How many challenges a session greets its peer with."""
    await stage.connect(session_id)
    return int(stage.peer.last_sent("hello")["challenges_total"])


async def test_the_terms_are_read_back(stage: Stage) -> None:
    opened = await stage.service.open("customer", TERMS)
    view = await stage.service.status(opened.session_id)
    assert (view.return_url, dict(view.metadata)) == (TERMS.return_url, {"case": "7"})
    assert (view.locale, view.profile) == ("de-CH", "short")
    assert view.expires_at_ms - view.created_at_ms == 3_600_000
    plain = await stage.service.open("customer")
    assert (plain.return_url, plain.metadata, plain.locale, plain.profile) == (None, {}, None, None)
    assert plain.expires_at_ms - plain.created_at_ms == 24 * 3_600_000


@pytest.mark.parametrize(
    ("order", "named"),
    [
        (Order(profile="long"), "profile"),
        (Order(return_url="https://bank.example.evil.example/"), "return_url"),
        (Order(return_url="http://bank.example/"), "return_url"),
        (Order(expires_in_s=59), "expires_in"),
        (Order(expires_in_s=7 * 86_400 + 1), "expires_in"),
        (Order(metadata={"k": "v" * 501}), "metadata"),
    ],
)
async def test_an_order_that_the_settings_do_not_admit(
    stage: Stage, order: Order, named: str
) -> None:
    with pytest.raises(BadRequest, match=named):
        await stage.service.open("customer", order)
    assert not stage.store.session_rows


async def test_a_link_waits_as_long_as_it_was_asked_to(stage: Stage) -> None:
    short = await stage.service.open("customer", Order(expires_in_s=60))
    await stage.clock.advance(59_000)
    assert await stage.state(short.session_id) == "created"
    await stage.clock.advance(32_000)
    assert await stage.state(short.session_id) == "expired"


async def test_a_profile_holds_in_every_attempt_and_process(
    stage: Stage, make_stage: MakeStage
) -> None:
    other = await make_stage(PROFILES, stage)
    first = await stage.service.open("customer", TERMS)
    assert await total(stage, first.session_id) == 1
    await stage.service.command(first.session_id, COMPLETE)
    retry = await other.service.retry(first.session_id)
    assert await total(other, retry.session_id) == 1
    view = await other.service.status(retry.session_id)
    assert (view.profile, view.return_url) == ("short", TERMS.return_url)
    assert view.expires_at_ms - stage.row(retry.session_id).created_at_ms == 3_600_000
    plain = await stage.service.open("customer")
    assert await total(stage, plain.session_id) == 3


async def test_an_ordered_challenge_is_drawn_by_the_profile(stage: Stage) -> None:
    opened = await stage.service.open("customer", Order(profile="nods"))
    await stage.connect(opened.session_id)
    stage.seat()
    await stage.service.command(opened.session_id, THREE_NODS)
    await stage.perform(lambda: stage.has_sent("verdict"))
    view = await stage.service.status(opened.session_id)
    asked = [challenge for challenge in view.challenges if challenge.challenge_type == "nod"]
    assert len(asked) >= 2
    assert {challenge.count for challenge in asked} == {3}


async def test_a_session_runs_with_its_profile_or_not_at_all(
    stage: Stage, make_stage: MakeStage
) -> None:
    """A process that lost the profile would ask for something else, perhaps for less."""
    other = await make_stage(Settings(), stage)
    opened = await stage.service.open("customer", TERMS)
    with pytest.raises(Conflict, match="profile"):
        await other.service.offer(opened.session_id, browser_like_offer(), ClientView())
    assert not other.peers


# Repeats


async def test_a_repeat_finds_what_was_opened(stage: Stage) -> None:
    new_id = new_session_id()
    views = await asyncio.gather(*(stage.service.open("x", TERMS, new_id) for _ in range(20)))
    assert {view.session_id for view in views} == {new_id}
    assert list(stage.store.session_rows) == [new_id]
    assert len(stage.journal(new_id)) == 1
    await stage.connect(new_id)
    again = await stage.service.open("x", TERMS, new_id)
    assert (again.session_id, again.state) == (new_id, "connecting")


async def test_a_repeat_is_answered_while_the_process_takes_nothing_new(stage: Stage) -> None:
    opened = await stage.service.open("x", TERMS, new_session_id())
    stage.service._draining = True
    again = await stage.service.open("x", TERMS, opened.session_id)
    assert again.session_id == opened.session_id


async def test_a_repeated_retry_finds_its_own_attempt(stage: Stage) -> None:
    first = await stage.service.open("x")
    await stage.service.command(first.session_id, COMPLETE)
    new_id = new_session_id()
    views = await asyncio.gather(
        *(stage.service.retry(first.session_id, new_id) for _ in range(20))
    )
    assert {view.session_id for view in views} == {new_id}
    await stage.service.command(new_id, COMPLETE)
    later = await stage.service.retry(new_id)
    again = await stage.service.retry(first.session_id, new_id)
    assert (again.session_id, again.state) == (new_id, "inconclusive")
    assert await stage.service.retry(first.session_id) == later


async def test_nothing_is_created_while_the_database_is_away(stage: Stage) -> None:
    creations = CreationService(stage.store.idempotency, stage.clock)
    stage.store.failure = StorageUnavailable("the database is away")
    with pytest.raises(StorageUnavailable):
        await creations.begin(DEFAULT_TENANT, "bank", "key", "request")
    stage.store.failure = None
    creation = await creations.begin(DEFAULT_TENANT, "bank", "key", "request")
    stage.store.failure = StorageUnavailable("the database is away")
    with pytest.raises(StorageUnavailable):
        await stage.service.open("x", TERMS, creation.new_id)
    stage.store.failure = None
    assert not stage.store.session_rows
    repeated = await creations.begin(DEFAULT_TENANT, "bank", "key", "request")
    opened = await stage.service.open("x", TERMS, repeated.new_id)
    assert list(stage.store.session_rows) == [SessionId(opened.session_id)]


async def test_keys_are_pruned_after_a_day(stage: Stage) -> None:
    creations = CreationService(stage.store.idempotency, stage.clock)
    await creations.begin(DEFAULT_TENANT, "bank", "key", "request")
    stage.clock.tick(KEPT_MS - 10_000)
    await stage.housekeeping._prune()
    assert stage.store.idempotency_rows
    stage.clock.tick(20_000)
    await stage.housekeeping._prune()
    assert not stage.store.idempotency_rows


async def test_the_keys_of_two_principals_are_two(stage: Stage) -> None:
    creations = CreationService(stage.store.idempotency, stage.clock)
    one = await creations.begin(DEFAULT_TENANT, "institution bank", "key", "request")
    other = await creations.begin(DEFAULT_TENANT, "institution branch", "key", "another request")
    assert one.new_id != other.new_id


# Unopened links


async def test_ten_thousand_unopened_links_fill_nothing(make_stage: MakeStage) -> None:
    small = Settings.model_validate({"limits": {"max_live_sessions": 1}})
    stage = await make_stage(small)
    live = await stage.join()
    for number in range(10_000):
        await stage.service.open(f"customer-{number}")
    health = await stage.service.health()
    assert (health.live_sessions, health.waiting_sessions) == (1, 10_000)
    assert await stage.state(live) == "connecting"
