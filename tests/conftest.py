"""Fixtures of the whole suite, the profiles of Hypothesis, and how many tests may be skipped."""

from __future__ import annotations

import logging
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from kyc_rtc.errors import ModelError
from kyc_rtc.telemetry import OWN_LOGGERS
from kyc_rtc.vision.model_store import ModelStore

REPOSITORY = Path(__file__).parent.parent
SKIPS = Path(__file__).parent / "skips.toml"

# Each example is the same in every run, and no machine is too slow for it; `--explore` looks for new
# ones, and for more where a test sets no number of its own.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=1_000, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--explore", action="store_true", help="Hypothesis draws new examples, and more of them"
    )


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("explore" if config.getoption("--explore") else "ci")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """More skips than `skips.toml` allows fail a run that has otherwise succeeded."""
    if exitstatus == pytest.ExitCode.OK and _too_many(_skipped(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in _too_many(_skipped(config)):
        terminalreporter.write_line(line, red=True)


def _skipped(config: pytest.Config) -> list[str]:
    """The reason of each skip so far."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    return [report.longrepr[2] for report in reports]


def _too_many(reasons: Iterable[str]) -> list[str]:
    """What is wrong with these skips, a line each."""
    at_most = tomllib.loads(SKIPS.read_text("utf-8"))["at_most"]
    found = Counter(
        next((part for part in at_most if part in reason), reason) for reason in reasons
    )
    return [
        f"{count} tests skipped, {at_most.get(reason, 0)} allowed by {SKIPS.name}: {reason}"
        for reason, count in found.items()
        if count > at_most.get(reason, 0)
    ]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A test that configures the logs of the process does so for itself only."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in OWN_LOGGERS}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, own_level in levels.items():
        logging.getLogger(name).setLevel(own_level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def face_model() -> Path:
    """The fetched face landmarker; skips where it is not (offline, and never fetched)."""
    try:
        return ModelStore(None).path("face_landmarker")
    except ModelError as error:
        pytest.skip(f"the face landmarker is not here: {error.message}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real face videos, from KYC_RTC_DATA or next to the checkout; skips without it."""
    folder = Path(os.environ.get("KYC_RTC_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "manifest.tsv").is_file():
        pytest.skip("no face videos: set KYC_RTC_DATA to a folder with a manifest.tsv")
    return folder
