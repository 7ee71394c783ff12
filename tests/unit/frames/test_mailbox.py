"""The one-slot mailbox: the latest wins, and what it replaces is handed back and counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.frames import Mailbox


def test_the_reader_gets_the_latest_item() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert [mailbox.put(item) for item in (1, 2, 3)] == [None, 1, 2]
    assert mailbox.take() == 3
    assert (mailbox.offered, mailbox.dropped) == (3, 2)


def test_an_item_is_taken_once() -> None:
    mailbox: Mailbox[str] = Mailbox()
    assert mailbox.take() is None
    assert mailbox.put("frame") is None
    assert mailbox.take() == "frame"
    assert mailbox.take() is None
    assert mailbox.put("another") is None
    assert (mailbox.offered, mailbox.dropped) == (2, 0)


@given(st.lists(st.sampled_from(["put", "take"]), max_size=60))
def test_every_item_is_read_dropped_or_waiting(steps: list[str]) -> None:
    mailbox: Mailbox[int] = Mailbox()
    waiting: int | None = None
    read = 0
    for number, step in enumerate(steps):
        if step == "put":
            assert mailbox.put(number) == waiting
            waiting = number
        else:
            assert mailbox.take() == waiting
            read, waiting = read + (waiting is not None), None
    assert mailbox.offered == read + mailbox.dropped + (waiting is not None)
