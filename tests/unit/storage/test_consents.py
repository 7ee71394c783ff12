"""What an applicant agreed to: in every store, and for verifications of the program before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kyc_rtc.errors import BadRequest, NotFound
from kyc_rtc.ids import SessionId
from kyc_rtc.storage import Consent, Database
from tests.support.memory_store import a_session
from tests.unit.storage.stores import (
    Store,
    a_commit,
    a_process,
    an_owned_session,
    sql_store,
    step_back,
    step_forward,
)
from tests.unit.storage.test_session_store import a_retry

CONSENT = Consent("0123abcd", "de-CH", 1_700_000_000_000)


async def test_a_consent_is_that_of_every_attempt(store: Store) -> None:
    first, other = a_session(), a_session()
    for record in (first, other):
        await store.sessions.open(record, [])
    await store.sessions.add_attempt(a_retry(first), [])
    await store.sessions.agree(first.verification_id, CONSENT)
    await store.sessions.add_attempt(a_retry(first, 3), [])
    found = await store.sessions.attempts(first.verification_id)
    assert [one.consent for one in found] == [CONSENT] * 3
    assert (await store.sessions.get(other.session_id)).consent is None


async def test_another_text_takes_the_place(store: Store) -> None:
    record = a_session()
    await store.sessions.open(record, [])
    await store.sessions.agree(record.verification_id, CONSENT)
    later = Consent("ffff", "en", 1_700_000_100_000)
    await store.sessions.agree(record.verification_id, later)
    assert (await store.sessions.get(record.session_id)).consent == later


async def test_a_commit_does_not_take_a_consent_back(store: Store) -> None:
    owner = await a_process(store)
    record = await an_owned_session(store, owner)
    await store.sessions.agree(record.verification_id, CONSENT)
    await store.sessions.commit(a_commit(record, state="live"))
    assert (await store.sessions.get(record.session_id)).consent == CONSENT


@pytest.mark.parametrize("nobody", ["00000000-0000-4000-8000-000000000000", SessionId("a\x00b")])
async def test_only_to_a_verification_can_be_agreed(store: Store, nobody: SessionId) -> None:
    with pytest.raises(NotFound):
        await store.sessions.agree(nobody, CONSENT)


@pytest.mark.parametrize(
    ("version", "locale"),
    [("", "en"), ("v" * 65, "en"), ("v", ""), ("v", "x" * 36), ("\x00", "en")],
)
def test_what_cannot_be_stored_is_refused(version: str, locale: str) -> None:
    with pytest.raises(BadRequest):
        Consent(version, locale, 1)


async def test_verifications_of_the_program_before_have_no_consent(database: Database) -> None:
    store = sql_store(database)
    record = replace(a_session(), user_id="Ada")
    await store.sessions.open(record, [])
    await store.sessions.agree(record.verification_id, CONSENT)
    await step_back(database, "0010")
    await step_forward(database)
    assert await store.sessions.get(record.session_id) == record
    await store.sessions.agree(record.verification_id, CONSENT)
    assert (await store.sessions.get(record.session_id)).consent == CONSENT
