"""Readers of the event stream who are slow, come late, or read while a peer connects anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kyc_rtc.errors import NotFound
from kyc_rtc.ids import parse_session_id
from kyc_rtc.sessions.effects import Send
from kyc_rtc.sessions.interface import ClientView, Command, CommandType
from kyc_rtc.sessions.outbox import MAX_PENDING, Outbox
from kyc_rtc.sessions.wire import TELEMETRY, Outbound
from tests.support.clock import settle
from tests.support.offers import browser_like_offer
from tests.unit.sessions.conftest import Stage
from tests.unit.sessions.test_reading import Reader, challenged


def entry(number: int) -> Outbound:
    return Outbound("challenge_result", {"event": number})


def progress(number: int) -> Outbound:
    return Outbound("challenge_progress", {"number": number}, TELEMETRY)


async def read(outbox: Outbox, missed: list[Send], then: list[Outbound]) -> list[dict[str, Any]]:
    """What a reader gets who reads nothing until all of it was sent, and the session is over."""
    reader = outbox.read_after(missed)
    assert reader is not None
    for message in then:
        outbox.send(Send(message, 0), None)
    outbox.close()
    return [dict(message) async for message in reader.messages()]


async def test_who_reads_slowly_loses_telemetry_and_no_entry() -> None:
    telemetry = [progress(number) for number in range(3 * MAX_PENDING)]
    heard = await read(Outbox(), [], [entry(1), *telemetry, entry(2)])
    assert [message["event"] for message in heard if "event" in message] == [1, 2]
    assert len(heard) <= MAX_PENDING
    assert heard[-2]["number"] == telemetry[-1].fields["number"]  # the latest wins


async def test_who_cannot_keep_up_with_the_entries_is_cut_off_and_can_resume() -> None:
    heard = await read(Outbox(), [], [entry(number) for number in range(1, 2 * MAX_PENDING)])
    numbers = [message["event"] for message in heard]
    assert numbers == list(range(1, MAX_PENDING + 1))  # no gap: it resumes after the last of them


async def test_who_was_cut_off_is_at_its_end() -> None:
    outbox = Outbox()
    reader = outbox.read_after([])
    assert reader is not None
    for number in range(MAX_PENDING + 1):
        outbox.send(Send(entry(number), 0), None)
    async with asyncio.timeout(1):
        assert len([message async for message in reader.messages()]) == MAX_PENDING


async def test_all_that_was_missed_is_read_however_much_it_is() -> None:
    missed = [Send(entry(number), 0) for number in range(1, 2 * MAX_PENDING)]
    heard = await read(Outbox(), missed, [entry(2 * MAX_PENDING)])
    assert [message["event"] for message in heard] == list(range(1, 2 * MAX_PENDING + 1))


async def test_no_entry_is_read_twice_where_a_peer_connects_anew(stage: Stage) -> None:
    session_id = await challenged(stage)
    reader = Reader(stage, session_id)
    await settle()
    await stage.connect(session_id, last_event=0)
    await stage.service.command(session_id, Command(CommandType.COMPLETE))
    await stage.clock.advance(10_000)
    await reader.task
    numbers = [message["event"] for message in reader.heard if "event" in message]
    assert numbers == sorted(set(numbers))
    again = [message["event"] for message in stage.peer.sent if "event" in message]
    assert again[0] < numbers[-1]
    assert again == sorted(set(again))


async def test_a_reader_misses_nothing_while_the_channel_is_not_ready(stage: Stage) -> None:
    session_id = await challenged(stage)
    prompt = stage.peer.last_sent("challenge")
    reader = Reader(stage, session_id)
    await settle()
    await stage.service.offer(session_id, browser_like_offer(), ClientView())
    await settle()
    voided = [one for one in reader.heard if one["type"] == "challenge_voided"]
    assert [one["challenge_id"] for one in voided] == [prompt["challenge_id"]]
    assert not stage.has_sent("challenge_voided")
    reader.task.cancel()


async def test_what_is_over_has_nothing_more_to_read(stage: Stage) -> None:
    session_id = await challenged(stage)
    actor = stage.service._registry.find(parse_session_id(session_id))
    assert actor is not None
    actor.outbox.close()
    with pytest.raises(NotFound):  # and not that too many read it
        async with stage.service.following(session_id, 0):
            pass
