"""The whole OpenAPI against a real server, the short form of `python -m tests.fuzz_api`."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz_api import CREDENTIALS, rendered, run

EXAMPLES = 2


def test_every_answer_is_described(tmp_path: Path) -> None:
    report = run(tmp_path, EXAMPLES)
    assert not report.wrong, rendered(report)
    assert set(report.statuses) == set(CREDENTIALS)
    assert report.statuses["none"][401]
    assert report.statuses["key"][200]
    assert report.statuses["applicant"][403]
