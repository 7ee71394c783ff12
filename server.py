"""The composition root: settings become an application, and the application runs."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import Any

import structlog
from aiohttp import web

from kyc_rtc.access.keys import KeyService
from kyc_rtc.access.local import USER, LocalLogin, new_password
from kyc_rtc.access.logins import LoginService
from kyc_rtc.alerts.rules import AlertRules, load_rules
from kyc_rtc.clock import Clock, SystemClock
from kyc_rtc.delivery.assembly import Delivery, assemble_delivery
from kyc_rtc.delivery.webhook_assembly import Webhooks, assemble_webhooks
from kyc_rtc.errors import KycError
from kyc_rtc.ids import PeerId
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.memory import limit_arenas
from kyc_rtc.pipeline.factory import new_analysis as new_frame_analysis
from kyc_rtc.pipeline.nets import SHIPPED, load_learned
from kyc_rtc.pipeline.pool import AnalysisPool
from kyc_rtc.secret import resolve_secret
from kyc_rtc.sessions.alert_course import AlertCourseService
from kyc_rtc.sessions.alert_feed import AlertFeed
from kyc_rtc.sessions.alert_views import AlertViews
from kyc_rtc.sessions.assembly import assemble
from kyc_rtc.sessions.creations import CreationService
from kyc_rtc.sessions.housekeeping import Housekeeping
from kyc_rtc.sessions.label_service import LabelService, read_reference
from kyc_rtc.sessions.ports import AnalysisPort, Services, decoded_places
from kyc_rtc.sessions.readiness import Surroundings, free_bytes
from kyc_rtc.sessions.service import SessionService
from kyc_rtc.sessions.states import FINAL, LIVE
from kyc_rtc.settings import Settings, load_settings
from kyc_rtc.storage.alert_course import SqlAlertCourse
from kyc_rtc.storage.alert_lists import SqlAlertLists
from kyc_rtc.storage.alerts import SqlAlertRepository
from kyc_rtc.storage.api_keys import SqlApiKeyRepository
from kyc_rtc.storage.commands import SqlCommandStore
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.deliveries import SqlDeliveryStore
from kyc_rtc.storage.features import SqlFeaturesRepository
from kyc_rtc.storage.footage import SqlFootageRepository
from kyc_rtc.storage.idempotency import SqlIdempotencyStore
from kyc_rtc.storage.labels import SqlLabelRepository
from kyc_rtc.storage.lists import SqlVerificationLists
from kyc_rtc.storage.logins import SqlLoginRepository
from kyc_rtc.storage.processes import SqlProcessStore
from kyc_rtc.storage.rows import check_sealer
from kyc_rtc.storage.sandbox import SqlSandboxStore
from kyc_rtc.storage.seal import Sealer
from kyc_rtc.storage.sessions import SqlSessionStore
from kyc_rtc.storage.webhooks import SqlWebhookRepository
from kyc_rtc.telemetry import Metrics, configure_logging
from kyc_rtc.vision.model_store import ModelStore, VerifiedFile
from media.peer import Peer
from media.timeline import MediaTimeline
from media.video_track import FrameSink
from signaling.app import Interfaces, create_app
from signaling.https import announce, server_context
from signaling.listening import serving

DRAIN: web.AppKey[Callable[[], Coroutine[Any, Any, None]]] = web.AppKey("drain")
LOCAL_PASSWORD: web.AppKey[str] = web.AppKey("local_password")
"""Of the local login, where there is one: printed when the server starts."""

FACE_MODEL = "face_landmarker"

log = structlog.get_logger("signaling.server")


@dataclass(frozen=True, slots=True)
class _Base:
    """What every part is built on."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    rules: AlertRules
    database: Database
    sealer: Sealer


@dataclass(frozen=True, slots=True)
class _Parts:
    """What lives from start-up to clean-up, in this order."""

    housekeeping: Housekeeping
    sessions: SessionService
    pools: tuple[AnalysisPool, AnalysisPool]
    delivery: Delivery
    webhooks: Webhooks


def build(
    settings: Settings,
    clock: Clock | None = None,
    *,
    new_analysis: Callable[[], AnalysisPort] | None = None,
) -> web.Application:
    """Wire everything together. Models are fetched or verified here, before anything listens.

    `new_analysis` replaces the analysers of a session; then no model is needed.

    Raises:
        SettingsError: a setting is unusable. ModelError: the model is neither cached nor to be had.
    """
    clock = clock or SystemClock()
    model: VerifiedFile | None = None
    if new_analysis is None:
        model = VerifiedFile.of(ModelStore(settings.cache_dir).fetch(FACE_MODEL))
        new_analysis = _analysis_factory(settings, clock, model.path)
    sealer = Sealer(resolve_secret(settings))
    database = Database(settings.store_url, sealer)
    base = _Base(settings, clock, Metrics(), load_rules(settings.config_dir), database, sealer)
    idempotency = SqlIdempotencyStore(database, sealer)
    parts = _assemble(base, idempotency, model, new_analysis)
    password = new_password() if settings.development and not settings.oidc.enabled else None
    feed = AlertFeed(SqlAlertLists(database), clock)
    interfaces = _interfaces(base, parts, idempotency, feed, password)
    app = create_app(settings, clock, base.metrics, interfaces, _life(base, parts))
    app[DRAIN] = parts.sessions.drain
    app.on_shutdown.append(lambda _app: feed.aclose())  # or its streams would hold up the end
    if password is not None:
        app[LOCAL_PASSWORD] = password
    return app


def _assemble(
    base: _Base,
    idempotency: SqlIdempotencyStore,
    model: VerifiedFile | None,
    new_analysis: Callable[[], AnalysisPort],
) -> _Parts:
    """The sessions, the delivery of what they raise, and who keeps house."""
    database, sealer = base.database, base.sealer
    delivery, webhooks = _deliveries(base)
    pools = AnalysisPool(base.settings.limits.analysis_threads), AnalysisPool(1)
    services = _services(base, pools, new_analysis)
    sessions, housekeeping = assemble(
        services,
        SqlProcessStore(database, FINAL, LIVE),
        SqlCommandStore(database),
        SqlAlertRepository(database),
        SqlVerificationLists(database, sealer),
        idempotency,
        _surroundings(base.settings, model, delivery),
    )
    return _Parts(housekeeping, sessions, pools, delivery, webhooks)


def _deliveries(base: _Base) -> tuple[Delivery, Webhooks]:
    rows = SqlDeliveryStore(base.database)
    webhooks = assemble_webhooks(
        base.settings, base.clock, SqlWebhookRepository(base.database, base.sealer), rows
    )
    delivery = assemble_delivery(
        base.settings,
        base.rules,
        base.clock,
        rows,
        SqlAlertCourse(base.database),
        _catalogue(),
        random.SystemRandom().random,
        (webhooks.kind,),
    )
    return delivery, webhooks


def _services(
    base: _Base,
    pools: tuple[AnalysisPool, AnalysisPool],
    new_analysis: Callable[[], AnalysisPort],
) -> Services:
    """What a session is built on."""
    settings, clock, metrics = base.settings, base.clock, base.metrics
    database, sealer = base.database, base.sealer

    def new_peer(peer_id: PeerId, timeline: MediaTimeline, sink: FrameSink) -> Peer:
        return Peer(
            peer_id, settings=settings, clock=clock, timeline=timeline, sink=sink, metrics=metrics
        )

    return Services(
        settings=settings,
        clock=clock,
        metrics=metrics,
        pool=pools[0],
        background=pools[1],
        decoded=decoded_places(settings.limits),
        store=SqlSessionStore(database, sealer, FINAL),
        footage=SqlFootageRepository(database),
        features=SqlFeaturesRepository(database),
        sandbox=SqlSandboxStore(database, sealer),
        new_peer=new_peer,
        new_analysis=new_analysis,
        issuer=Issuer(settings.liveness),
        alert_rules=base.rules,
    )


def _interfaces(
    base: _Base,
    parts: _Parts,
    idempotency: SqlIdempotencyStore,
    feed: AlertFeed,
    password: str | None,
) -> Interfaces:
    """What the endpoints call. `password`: of the local login, where there is one."""
    database, clock = base.database, base.clock
    labels, course = SqlLabelRepository(database), SqlAlertCourse(database)
    return Interfaces(
        sessions=parts.sessions,
        labels=LabelService(labels, clock, base.metrics, read_reference()),
        creations=CreationService(idempotency, clock),
        keys=KeyService(SqlApiKeyRepository(database), clock),
        logins=LoginService(SqlLoginRepository(database), base.settings.oidc, clock),
        local=None if password is None else LocalLogin(password, clock),
        alerts=AlertViews(SqlAlertLists(database), course, feed),
        alert_course=AlertCourseService(course, labels, clock),
        deliveries=parts.webhooks.service,
    )


def _catalogue() -> Mapping[str, str]:
    """The sentences of the pages, which the channels of the alerts say too."""
    text = (Path(__file__).parent / "static" / "i18n" / "en.json").read_text("utf-8")
    sentences: Mapping[str, str] = json.loads(text)
    return sentences


def _surroundings(
    settings: Settings, model: VerifiedFile | None, delivery: Delivery
) -> Surroundings:
    return Surroundings(
        free_bytes=partial(asyncio.to_thread, free_bytes, settings.data_dir),
        model_is_intact=partial(asyncio.to_thread, model.is_intact if model else lambda: True),
        other_problems=delivery.problems,
    )


def _analysis_factory(settings: Settings, clock: Clock, model: Path) -> Callable[[], AnalysisPort]:
    learned = settings.detection.weights_dir or SHIPPED
    load_learned(learned)  # what is broken is reported before anything listens
    return lambda: new_frame_analysis(model, clock, learned)


@asynccontextmanager
async def _life(base: _Base, parts: _Parts) -> AsyncIterator[None]:
    """From start-up to clean-up, in order, and back in the opposite order."""
    async with AsyncExitStack() as ending:  # what one of them raises keeps none from its end
        ending.push_async_callback(base.database.aclose)
        for pool in parts.pools:
            ending.push_async_callback(pool.aclose)
        await base.database.open()
        await check_sealer(base.database, base.sealer)
        ending.push_async_callback(parts.housekeeping.aclose)
        ending.push_async_callback(parts.webhooks.aclose)  # after the worker
        ending.push_async_callback(parts.delivery.aclose)
        ending.push_async_callback(parts.sessions.aclose)
        await parts.housekeeping.start()
        await parts.delivery.start()
        yield


async def serve(app: web.Application, settings: Settings, tls: SSLContext | None) -> None:
    """Serve until a signal. SIGTERM lets live sessions finish first; a second one does not wait."""
    async with serving(app, settings, SystemClock(), tls):
        announce(settings, secure=tls is not None)
        if LOCAL_PASSWORD in app:
            sys.stdout.write(f"Log in at /login as {USER} with {app[LOCAL_PASSWORD]}\n")
            sys.stdout.flush()
        draining, stop = asyncio.Event(), asyncio.Event()

        def on_term() -> None:
            (stop if draining.is_set() else draining).set()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, on_term)
        loop.add_signal_handler(signal.SIGINT, stop.set)
        await _first(draining.wait(), stop.wait())
        if draining.is_set():
            log.info("draining", limit_s=settings.limits.drain_s)
            await _first(app[DRAIN](), stop.wait())


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Until one of them is done; the others are cancelled."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Exit status 2 where a setting or the model stands in the way."""
    limit_arenas()
    options = _parser().parse_args(arguments)
    overrides: dict[str, Any] = {
        name: value
        for name in ("host", "port", "tls_cert", "tls_key")
        if (value := getattr(options, name)) is not None
    }
    try:
        settings = load_settings(overrides=overrides)
        configure_logging(settings.log_level, as_json=settings.log_json)
        app = build(settings)
        tls = server_context(settings, SystemClock(), self_signed=options.https)
    except KycError as error:
        sys.stderr.write(
            f"kyc-rtc: {error.message}\n" + (f"  {error.hint}\n" if error.hint else "")
        )
        return 2
    return run(app, settings, tls)


def run(app: web.Application, settings: Settings, tls: SSLContext | None) -> int:
    """Serve in an event loop of its own. Exit status 2 where the database or the port stands in the way."""
    try:
        asyncio.run(serve(app, settings, tls))
    except (KycError, OSError) as error:
        sys.stderr.write(f"kyc-rtc: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/run", description="Serve kyc-rtc.")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default 8080)")
    parser.add_argument(
        "--https", action="store_true", help="serve TLS with a self-signed certificate"
    )
    parser.add_argument("--tls-cert", type=Path, help="certificate chain (PEM)")
    parser.add_argument("--tls-key", type=Path, help="private key (PEM)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
