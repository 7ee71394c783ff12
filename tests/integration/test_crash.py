"""`kill -9` at random moments, a few times; `python -m tests.crash` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash import crash
from tests.support.nursery import Nursery
from tests.support.stored import new_store
from tests.unit.storage.postgresql import NotInstalled

KILLS = 5


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_nothing_is_halved_lost_or_sent_unstored(database: str, tmp_path: Path) -> None:
    try:
        with Nursery() as nursery, new_store(database, tmp_path) as store:
            counts = await crash(store, tmp_path, nursery, KILLS, seed=1)
    except NotInstalled as error:
        pytest.skip(str(error))
    assert counts.violations == []
    assert counts.kills == KILLS
    assert min(counts.verdicts, counts.alerts, counts.received, counts.read) > 0
