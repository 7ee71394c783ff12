"""The parts of the sessions, put together."""

from __future__ import annotations

from kyc_rtc.sessions.commands import Commands
from kyc_rtc.sessions.housekeeping import Housekeeping
from kyc_rtc.sessions.lists import Lists
from kyc_rtc.sessions.ownership import Ownership
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.readiness import Readiness, Surroundings
from kyc_rtc.sessions.registry import SessionRegistry
from kyc_rtc.sessions.service import SessionService
from kyc_rtc.sessions.supervision import Supervisor
from kyc_rtc.storage.alerts import AlertRepository
from kyc_rtc.storage.commands import CommandStore
from kyc_rtc.storage.idempotency import IdempotencyStore
from kyc_rtc.storage.lists import VerificationLists
from kyc_rtc.storage.processes import ProcessStore


def assemble(
    services: Services,
    processes: ProcessStore,
    command_rows: CommandStore,
    alerts: AlertRepository,
    verifications: VerificationLists,
    idempotency: IdempotencyStore,
    surroundings: Surroundings,
) -> tuple[SessionService, Housekeeping]:
    """The interface for the HTTP side, and the tasks that have to run behind it."""
    ownership = Ownership(processes, services.clock)
    registry = SessionRegistry(services, ownership)
    ownership.on_lost = registry.abandon
    commands = Commands(services, registry, ownership, command_rows)
    supervisor = Supervisor(services.clock)
    housekeeping = Housekeeping(
        services,
        processes,
        command_rows,
        idempotency,
        ownership,
        registry,
        commands,
        supervisor,
    )
    readiness = Readiness(services, processes, ownership, supervisor, surroundings)
    lists = Lists(verifications, alerts)
    service = SessionService(services, registry, commands, alerts, lists, supervisor, readiness)
    return service, housekeeping
