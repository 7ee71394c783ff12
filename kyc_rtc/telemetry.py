"""Logs (structlog) and metrics (Prometheus). Neither ever carries a frame, an SDP or a token."""

from __future__ import annotations

import logging
import sys

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

OWN_LOGGERS = ("kyc_rtc", "media", "signaling", "aiohttp.access")
"""Whose level can be set. Every other library is held at WARNING: at debug they print whole SDPs, and
statements with the values in them."""


def configure_logging(level: str, *, as_json: bool) -> None:
    """Send structlog's and the libraries' records to stderr, one line each."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *([] if as_json else [printable]),  # JSON escapes it
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level.upper())


def printable(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace what steers a terminal or breaks a line: clients write parts of what is logged, such as their
    user agent. A traceback keeps its lines."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = "".join(letter if letter.isprintable() else "?" for letter in value)
    return event


class Metrics:
    """The instance's counters, in a registry of their own. Labels are closed sets, never a person."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.live_sessions = Gauge(
            "kyc_live_sessions", "Sessions under way, as in /health", registry=self.registry
        )
        self.tasks = Gauge("kyc_tasks", "asyncio tasks that exist", registry=self.registry)
        self.verdicts = Counter(
            "kyc_verdicts", "Verdicts by status", ["status"], registry=self.registry
        )
        self.refused = Counter("kyc_refused", "Callers refused at capacity", registry=self.registry)
        self.frames = Counter(
            "kyc_frames", "Frames by what became of them", ["outcome"], registry=self.registry
        )
        self.analysis_seconds = Histogram(
            "kyc_analysis_seconds",
            "From frame received to messages sent",
            buckets=(0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 2.0),
            registry=self.registry,
        )

        self.dtls_failures = Counter(
            "kyc_dtls_failures",
            "Connections that got as far as DTLS and not through it, by the step that failed",
            ["failure"],
            registry=self.registry,
        )
        self.without_relay = Counter(
            "kyc_clients_without_relay",
            "Clients that did not connect and had no relay of the TURN server",
            registry=self.registry,
        )
        self._add_labels()

    def _add_labels(self) -> None:
        """What labels and scores tell of the verdicts. Gauges: a corrected label takes one away."""
        self.labelled = Gauge(
            "kyc_labelled_sessions", "Sessions by their label", ["label"], registry=self.registry
        )
        self.false_positives = Gauge(
            "kyc_false_positives", "Labelled bona fide, verdict FAILED", registry=self.registry
        )
        self.false_negatives = Gauge(
            "kyc_false_negatives", "Labelled an attack, verdict PASSED", registry=self.registry
        )
        self.scored = Gauge(
            "kyc_scored_sessions",
            "Verdicts with a deepfake score, by ISO week (last, current)",
            ["week"],
            registry=self.registry,
        )
        self.score_psi = Gauge(
            "kyc_score_psi",
            "Population stability index of the deepfake scores against the calibration set",
            ["week"],
            registry=self.registry,
        )
        self.score_psi_by_chance = Gauge(
            "kyc_score_psi_by_chance",
            "What kyc_score_psi exceeds by chance in one week of twenty",
            ["week"],
            registry=self.registry,
        )

    def exposition(self) -> bytes:
        """All figures in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)
