"""What both the page and the record must say at the end of a verification."""

from __future__ import annotations

from tests.support.browser import ApplicantPage
from tests.support.browser_camera import CATALOGUE
from tests.support.browser_server import LiveServer

RESULT_LIMIT_S = 90.0

NOT_PASSED = {
    "FAILED": CATALOGUE["result.failed.title"],
    "INCONCLUSIVE": CATALOGUE["result.inconclusive.title"],
}


async def assert_verified(tab: ApplicantPage, server: LiveServer, session_id: str) -> None:
    """The page and the record both say PASSED, and the page had no trouble on the way."""
    await tab.step("result", within_s=RESULT_LIMIT_S)
    assert await tab.text("#result-title") == CATALOGUE["result.passed.title"], await tab.summary()
    assert await tab.texts("#result-reason-list li") == [CATALOGUE["reason.challenges_passed"]]
    status = server.status(session_id)
    assert (status["status"], status["verified"]) == ("PASSED", True)
    assert (tab.problems, await tab.violations()) == ([], [])


async def assert_refused(
    tab: ApplicantPage, server: LiveServer, session_id: str, telling: set[str] | None = None
) -> None:
    """The verdict is not PASSED, gives one of the `telling` reasons, and the page says all of them,
    or that a person looks at it.

    `telling` None: any reason will do.
    """
    await tab.step("result", within_s=RESULT_LIMIT_S)
    status = server.status(session_id)
    assert status["status"] in NOT_PASSED, await tab.summary()
    assert status["verified"] is False
    codes = {reason["code"] for reason in status["reasons"]}
    assert codes & (codes if telling is None else telling), await tab.summary()
    shown = set(await tab.texts("#result-reason-list li"))
    if status.get("needs_review"):  # a person decides; until then nobody learns what was seen
        assert await tab.text("#result-title") == CATALOGUE["result.review.title"]
        assert shown == set()
    else:
        assert await tab.text("#result-title") == NOT_PASSED[status["status"]]
        assert shown == {CATALOGUE[reason["text"]] for reason in status["reasons"]}
    assert (tab.problems, await tab.violations()) == ([], [])
