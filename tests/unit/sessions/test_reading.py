"""What clients without a data channel read: the event stream, and the current challenge."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kyc_rtc.errors import NotFound
from kyc_rtc.sessions.interface import Command, CommandType
from kyc_rtc.sessions.outbox import MAX_READERS
from tests.support.clock import settle
from tests.unit.sessions.conftest import Stage


async def challenged(stage: Stage) -> str:
    session_id = await stage.join()
    stage.seat()
    await stage.perform(lambda: stage.has_sent("challenge"))
    return session_id


class Reader:
    """Reads a session's messages from an entry on, until the session closes."""

    def __init__(self, stage: Stage, session_id: str, after: int = 0) -> None:
        self.heard: list[dict[str, Any]] = []
        self.task = asyncio.create_task(self._read(stage, session_id, after))

    async def _read(self, stage: Stage, session_id: str, after: int) -> None:
        async with stage.service.following(session_id, after) as messages:
            async for message in messages:
                self.heard.append(dict(message))


async def test_the_current_challenge_is_what_the_message_says(stage: Stage) -> None:
    session_id = await challenged(stage)
    said = stage.peer.last_sent("challenge")
    view = await stage.service.attempt(session_id)
    assert view.challenge is not None
    extra = {"label", "v", "seq", "type", "t_ms", "deadline_t_ms", "time_limit_ms"}
    shown = {k: v for k, v in view.challenge.items() if k not in ("deadline_ms", "time_limit_ms")}
    assert shown == {k: v for k, v in said.items() if k not in extra}
    assert 0 < view.challenge["time_limit_ms"] <= said["time_limit_ms"]
    now_ms = stage.clock.now_ms()
    assert view.challenge["deadline_ms"] == now_ms + view.challenge["time_limit_ms"]


async def test_its_time_runs_and_afterwards_there_is_none(stage: Stage) -> None:
    session_id = await challenged(stage)
    before = (await stage.service.attempt(session_id)).challenge
    await stage.show(10)
    after = (await stage.service.attempt(session_id)).challenge
    assert before is not None
    assert after is not None
    assert after["deadline_ms"] == before["deadline_ms"]
    assert after["time_limit_ms"] == before["time_limit_ms"] - 400
    await stage.service.command(session_id, Command(CommandType.COMPLETE))
    assert (await stage.service.attempt(session_id)).challenge is None


async def test_who_reads_later_gets_what_was_missed_and_then_the_rest(stage: Stage) -> None:
    session_id = await challenged(stage)
    prompt = stage.peer.last_sent("challenge")
    await stage.show(10)
    reader = Reader(stage, session_id)
    await settle()
    kinds = [message["type"] for message in reader.heard]
    assert kinds == ["state", "state", "state", "challenge"]
    assert "seq" not in reader.heard[-1]
    assert reader.heard[-1]["challenge_id"] == prompt["challenge_id"]
    assert reader.heard[-1]["time_limit_ms"] == prompt["time_limit_ms"] - 400
    await stage.service.command(session_id, Command(CommandType.COMPLETE))
    await stage.clock.advance(10_000)
    await reader.task
    assert reader.heard[-1]["type"] == "verdict"
    numbers = [message["event"] for message in reader.heard if "event" in message]
    assert numbers == sorted(set(numbers))


async def test_it_resumes_after_an_entry(stage: Stage) -> None:
    session_id = await challenged(stage)
    event = stage.peer.last_sent("challenge")["event"]
    reader = Reader(stage, session_id, after=event)
    await settle()
    assert [message["type"] for message in reader.heard] == ["challenge"]
    reader.task.cancel()


async def test_readers_are_bounded_and_the_oldest_ends(stage: Stage) -> None:
    """Its client is most likely gone, which nobody sees before the next write."""
    session_id = await challenged(stage)
    readers = [Reader(stage, session_id) for _ in range(MAX_READERS + 1)]
    await settle()
    assert [reader.task.done() for reader in readers] == [True] + [False] * MAX_READERS
    readers[3].task.cancel()
    await settle()
    readers.append(Reader(stage, session_id))
    await settle()
    assert not readers[1].task.done()  # a place was free
    for reader in readers:
        reader.task.cancel()


async def test_without_a_live_session_there_is_nothing_to_read(stage: Stage) -> None:
    session_id = (await stage.service.open("customer")).session_id
    with pytest.raises(NotFound):
        async with stage.service.following(session_id, 0):
            pass
