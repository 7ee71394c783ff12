"""A process that does nothing but deliver, to be killed: `python -m tests.support.delivery_process`.

Settings come from the environment, as a server's do.
"""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

from kyc_rtc.alerts import load_rules
from kyc_rtc.clock import SystemClock
from kyc_rtc.delivery.assembly import assemble_delivery
from kyc_rtc.settings import load_settings
from kyc_rtc.storage import Database, SqlDeliveryStore
from kyc_rtc.storage.alert_course import SqlAlertCourse
from kyc_rtc.telemetry import configure_logging

CATALOGUE = Path(__file__).parent.parent.parent / "static" / "i18n" / "en.json"


async def run() -> None:
    settings = load_settings()
    configure_logging(settings.log_level, as_json=True)
    database = Database(settings.store_url)
    await database.open()
    delivery = assemble_delivery(
        settings,
        load_rules(),
        SystemClock(),
        SqlDeliveryStore(database),
        SqlAlertCourse(database),
        json.loads(CATALOGUE.read_text("utf-8")),
        random.SystemRandom().random,
    )
    await delivery.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run())
