"""The composition root: settings become an application, and the application runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from kyc_rtc.clock import Clock, SystemClock
from kyc_rtc.errors import KycError
from kyc_rtc.ids import PeerId
from kyc_rtc.liveness.issuer import Issuer
from kyc_rtc.memory import limit_arenas
from kyc_rtc.pipeline.factory import new_analysis
from kyc_rtc.pipeline.nets import SHIPPED, load_learned
from kyc_rtc.pipeline.pool import AnalysisPool
from kyc_rtc.sessions.archive import StoredArchive
from kyc_rtc.sessions.label_desk import LabelDesk, read_reference
from kyc_rtc.sessions.manager import SessionManager
from kyc_rtc.sessions.ports import Services
from kyc_rtc.sessions.states import FINAL
from kyc_rtc.settings import Settings, load_settings
from kyc_rtc.storage.alerts import SqlAlertRepository
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.footage import SqlFootageRepository
from kyc_rtc.storage.labels import SqlLabelRepository
from kyc_rtc.storage.measures import SqlMeasuresRepository
from kyc_rtc.storage.sessions import SqlSessionRepository
from kyc_rtc.telemetry import Metrics, configure_logging
from kyc_rtc.vision.model_store import ModelStore
from media.peer import Peer
from media.timeline import MediaTimeline
from media.video_track import FrameSink
from signaling.app import create_app
from signaling.https import announce, server_context

FACE_MODEL = "face_landmarker"

log = structlog.get_logger("signaling.server")


def build(settings: Settings, clock: Clock | None = None) -> web.Application:
    """Wire everything together. The model is fetched or verified here, before anything listens.

    Raises:
        SettingsError: a setting is unusable. ModelError: the model is neither cached nor to be had.
    """
    clock = clock or SystemClock()
    metrics = Metrics()
    model = ModelStore(settings.cache_dir).fetch(FACE_MODEL)
    learned = settings.detection.weights_dir or SHIPPED
    load_learned(learned)  # what is broken is told before anything listens
    database = Database(settings.store_url)
    pool = AnalysisPool(settings.limits.analysis_threads)
    sessions = SqlSessionRepository(database, FINAL)
    alerts = SqlAlertRepository(database)

    def new_peer(peer_id: PeerId, timeline: MediaTimeline, sink: FrameSink) -> Peer:
        return Peer(peer_id, settings=settings.media, clock=clock, timeline=timeline, sink=sink)

    services = Services(
        settings=settings,
        clock=clock,
        metrics=metrics,
        pool=pool,
        archive=StoredArchive(
            sessions, alerts, SqlFootageRepository(database), SqlMeasuresRepository(database)
        ),
        new_peer=new_peer,
        new_analysis=lambda: new_analysis(model, clock, learned),
        issuer=Issuer(settings.liveness),
    )
    manager = SessionManager(services, sessions, alerts)
    labels = LabelDesk(SqlLabelRepository(database), clock, metrics, read_reference())
    return create_app(settings, clock, metrics, manager, labels, _life(database, manager, pool))


@asynccontextmanager
async def _life(
    database: Database, manager: SessionManager, pool: AnalysisPool
) -> AsyncIterator[None]:
    """From start-up to clean-up, in order, and back in the opposite order."""
    try:
        await database.open()
        await manager.start()
        yield
    finally:
        await manager.aclose()
        await pool.aclose()
        await database.aclose()


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
        tls = server_context(settings, self_signed=options.https)
    except KycError as error:
        sys.stderr.write(
            f"kyc-rtc: {error.message}\n" + (f"  {error.hint}\n" if error.hint else "")
        )
        return 2
    if settings.alert_email_enabled or settings.alert_slack_enabled:
        log.warning(
            "alert_delivery_unavailable", hint="alerts are kept; read /api/v1/alerts/active"
        )
    announce(settings, secure=tls is not None)
    web.run_app(app, host=settings.host, port=settings.port, ssl_context=tls, print=None)
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
