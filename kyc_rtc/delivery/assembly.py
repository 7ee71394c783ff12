"""The worker as a server runs it: alerts, and whatever other kinds it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from kyc_rtc.alerts.rules import AlertRules
from kyc_rtc.clock import Clock
from kyc_rtc.delivery.alert_plan import HOUR_MS, KIND, AlertPlanner
from kyc_rtc.delivery.alert_sender import AlertSender, Channel, ChannelAlarm
from kyc_rtc.delivery.apprise_channel import AppriseChannel
from kyc_rtc.delivery.channels import channel_urls, endpoints_of, unconfigured
from kyc_rtc.delivery.live_only import LiveOnly
from kyc_rtc.delivery.ports import Planner, Sender
from kyc_rtc.delivery.texts import Texts
from kyc_rtc.delivery.worker import DeliveryWorker, WorkerLimits
from kyc_rtc.settings import Settings
from kyc_rtc.storage.alert_course import AlertCourse
from kyc_rtc.storage.deliveries import DeliveryStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of deliveries apart from alerts: its name, who plans it, and who sends it."""

    name: str
    planner: Planner
    sender: Sender


@dataclass(frozen=True, slots=True)
class Delivery:
    """The worker with what it sends by. Ends with `aclose`."""

    worker: DeliveryWorker
    alerts: AlertSender

    async def start(self) -> None:
        await self.worker.start()

    def problems(self) -> tuple[str, ...]:
        """What does not work of it, in words of a closed set."""
        return self.worker.problems()

    async def aclose(self) -> None:
        """End the worker, then the channels. Idempotent."""
        await self.worker.aclose()
        await self.alerts.aclose()


def assemble_delivery(
    settings: Settings,
    rules: AlertRules,
    clock: Clock,
    store: DeliveryStore,
    alerts: AlertCourse,
    catalogue: Mapping[str, str],
    draw: Callable[[], float],
    others: Sequence[Kind] = (),
) -> Delivery:
    """The worker for alerts and `others`. `draw`: uniform in 0..1.

    Raises:
        SettingsError: a channel cannot be used as it is configured.
    """
    urls = channel_urls(settings)
    endpoints = endpoints_of(urls)
    channels: dict[str, Channel] = {
        endpoint: AppriseChannel(endpoint, url)
        for name, channel in urls.items()
        for endpoint, url in zip(endpoints[name], channel, strict=True)
    }
    missing = unconfigured(rules, urls)
    if urls and missing:
        log.warning("alert_channels_not_configured", channels=missing, fallback=rules.fallback)
    sender = AlertSender(alerts, channels, Texts(catalogue, settings.public_url))
    worker = DeliveryWorker(
        store,
        {KIND: sender, **{other.name: other.sender for other in others}},
        (LiveOnly(AlertPlanner(rules, endpoints)), *(other.planner for other in others)),
        clock,
        draw,
        WorkerLimits(
            send_timeout_ms=settings.alerts.send_timeout_ms,
            patience_ms=settings.alerts.give_up_after_h * HOUR_MS,
            kept_days=settings.alerts.deliveries_kept_days,
            of_tenants=frozenset(other.name for other in others),
        ),
        ChannelAlarm(alerts, rules.channel_failing, clock),
    )
    return Delivery(worker, sender)
