"""The whole OpenAPI against a real server, the short form of `python -m tests.fuzz_api`."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz_api import CREDENTIALS, WITH_JUNK, rendered, run
from tests.support.fuzz_people import ELSEWHERE, PEOPLE

EXAMPLES = 2


def test_every_answer_is_described(tmp_path: Path) -> None:
    report = run(tmp_path, EXAMPLES, credentials=("none", *WITH_JUNK))
    assert not report.wrong, rendered(report)
    assert report.statuses["none"][401]
    assert report.statuses["key"][200]
    assert report.statuses["applicant"][403]


def test_people_and_other_tenants_get_answers_that_are_described(tmp_path: Path) -> None:
    report = run(tmp_path, 1, only=r" /api/v1/(keys|me)", credentials=CREDENTIALS[3:])
    assert not report.wrong, rendered(report)
    assert set(report.statuses) == {*PEOPLE, ELSEWHERE}
    assert all(counts[200] for counts in report.statuses.values())
    assert report.statuses["auditor"][403]
    assert report.statuses["admin"][201]
    assert report.statuses[ELSEWHERE][404]
