"""The one-slot mailbox: the latest wins, drops are counted, closing ends the reader."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.frames import Mailbox, MailboxClosed


async def test_the_reader_gets_the_latest_item() -> None:
    mailbox: Mailbox[int] = Mailbox()
    for item in (1, 2, 3):
        mailbox.put(item)
    assert await mailbox.get() == 3
    assert (mailbox.offered, mailbox.dropped) == (3, 2)


async def test_a_waiting_reader_wakes_on_put() -> None:
    mailbox: Mailbox[str] = Mailbox()
    reader = asyncio.create_task(mailbox.get())
    await asyncio.sleep(0)
    assert not reader.done()
    mailbox.put("frame")
    assert await reader == "frame"
    assert mailbox.dropped == 0


async def test_close_lets_the_last_item_out_and_then_ends() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    mailbox.close()
    mailbox.close()
    mailbox.put(2)
    assert await mailbox.get() == 1
    with pytest.raises(MailboxClosed):
        await mailbox.get()


async def test_close_ends_a_waiting_reader() -> None:
    mailbox: Mailbox[int] = Mailbox()
    reader = asyncio.create_task(mailbox.get())
    await asyncio.sleep(0)
    mailbox.close()
    with pytest.raises(MailboxClosed):
        await reader


@given(st.lists(st.sampled_from(["put", "get"]), max_size=60))
def test_every_item_is_read_dropped_or_waiting(steps: list[str]) -> None:
    async def play() -> None:
        mailbox: Mailbox[int] = Mailbox()
        last, read = -1, 0
        waiting = False
        for number, step in enumerate(steps):
            if step == "put":
                mailbox.put(number)
                waiting = True
            elif waiting:
                item = await mailbox.get()
                assert item > last
                last, read, waiting = item, read + 1, False
        assert mailbox.offered == read + mailbox.dropped + waiting

    asyncio.run(play())
