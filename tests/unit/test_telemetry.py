"""The logs of a process."""

from __future__ import annotations

import json

import pytest
import structlog
import structlog.testing
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.telemetry import configure_logging, printable

log = structlog.get_logger("kyc_rtc.tests")


def test_a_record_is_one_line_with_its_level_and_its_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", as_json=True)
    log.info("verdict", session_id="a\nb")
    log.debug("not_asked_for")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["session_id"], line["level"]) == ("verdict", "a\nb", "info")
    assert line["timestamp"].endswith("Z")


def test_a_logger_that_was_used_follows_a_later_configuration() -> None:
    """Else what the logs say could be read by the first test of a process alone."""
    configure_logging("info", as_json=True)
    log.info("before")
    with structlog.testing.capture_logs() as logs:
        log.info("after")
    assert [entry["event"] for entry in logs] == ["after"]


@given(st.text(), st.text())
def test_no_log_line_steers_a_terminal_or_breaks(text: str, name: str) -> None:
    event = printable(
        None, "info", {"event": text, "agent": name, "number": 3, "exception": "a\nb"}
    )
    assert event["event"].isprintable()
    assert event["agent"].isprintable()
    assert (event["number"], event["exception"]) == (3, "a\nb")
