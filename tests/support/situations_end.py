"""Situations after a check, or where none begins: results, and the check in another place."""

from __future__ import annotations

from functools import partial
from typing import Any

from playwright.async_api import Browser, ViewportSize

from tests.support.browser_script import Answer, ScriptedPage, problem, report
from tests.support.situations_live import asked, checking, offered
from tests.support.situations_start import BANK, Situation

CLASSES = ("light", "framing", "connection", "action", "not_verified", "other")
"""Of the reasons that an applicant may read."""


async def ended(
    browser: Browser, size: ViewportSize, status: str, reasons: tuple[str, ...] = (), **more: Any
) -> ScriptedPage:
    """A verdict came."""
    tab = await asked(browser, size)
    fields = {"can_retry": status != "PASSED", "needs_review": False} | more
    await tab.tell(
        "verdict",
        status=status,
        verified=status == "PASSED",
        reasons=[{"code": code, "text": f"reason.{code}"} for code in reasons],
        **fields,
    )
    await tab.step("result")
    return tab


async def back_to_the_bank(browser: Browser, size: ViewportSize, status: str) -> ScriptedPage:
    """The institution has named where the applicant goes."""
    server_report = report("created", return_url=BANK)
    tab = await ScriptedPage.visit(browser, viewport=size)
    await tab.step("consent")
    tab.server.answers["session"] = server_report
    await tab.page.reload()
    await tab.agree()
    await tab.connected()
    await tab.tell("state", state="challenging", previous="connecting")
    reasons = [] if status == "PASSED" else [{"code": "light", "text": "reason.light"}]
    await tab.tell(
        "verdict", status=status, verified=status == "PASSED", reasons=reasons,
        can_retry=status != "PASSED", needs_review=False,
    )  # fmt: skip
    await tab.step("result")
    return tab


async def stopped(browser: Browser, size: ViewportSize, can_retry: bool) -> ScriptedPage:
    """The applicant stopped the check."""
    tab = await asked(browser, size)
    tab.server.answers["session"] = report("cancelled", can_retry=can_retry)
    await tab.stop()
    await tab.step("result")
    await tab.pass_time(1)
    return tab


async def interrupted(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The server broke the check off, and no attempt is left."""
    tab = await checking(browser, size)
    tab.server.answers["session"] = report("interrupted")
    await tab.tell("state", state="interrupted", previous="checking_quality")
    await tab.pass_time(2)
    await tab.step("result")
    return tab


async def replaced(browser: Browser, size: ViewportSize, can_take_over: bool) -> ScriptedPage:
    """Another device has taken the check over."""
    tab = await asked(browser, size)
    await tab.say("replaced", can_take_over=can_take_over)
    await tab.step("result")
    return tab


async def lost(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The link does not come back."""
    tab = await asked(browser, size)
    tab.server.answers |= {"offer": Answer(0), "session": Answer(0), "client-config": Answer(0)}
    await tab.lose()
    await tab.pass_time(75)
    await tab.step("result")
    return tab


_INCONCLUSIVE: dict[str, Situation] = {
    f"inconclusive_{code}": partial(ended, status="INCONCLUSIVE", reasons=(code,))
    for code in CLASSES
}
END: dict[str, Situation] = {
    "passed": partial(ended, status="PASSED"),
    "passed_return": partial(back_to_the_bank, status="PASSED"),
    "review": partial(ended, status="INCONCLUSIVE", needs_review=True, can_retry=False),
    "review_retry": partial(ended, status="INCONCLUSIVE", needs_review=True),
    **_INCONCLUSIVE,
    "inconclusive_all": partial(ended, status="INCONCLUSIVE", reasons=CLASSES),
    "inconclusive_return": partial(back_to_the_bank, status="INCONCLUSIVE"),
    "inconclusive_spent": partial(
        ended, status="INCONCLUSIVE", reasons=("light",), can_retry=False
    ),
    "failed": partial(ended, status="FAILED", reasons=("action", "not_verified")),
    "failed_spent": partial(ended, status="FAILED", reasons=("not_verified",), can_retry=False),
    "failed_scores": partial(
        ended, status="FAILED", reasons=("action",), liveness_score=0.4, deepfake_score=0.7
    ),
    "stopped": partial(stopped, can_retry=True),
    "stopped_spent": partial(stopped, can_retry=False),
    "interrupted": interrupted,
    "elsewhere_take_over": partial(replaced, can_take_over=True),
    "elsewhere_barred": partial(replaced, can_take_over=False),
    "elsewhere_in_use": partial(offered, answer=problem(409, "in_use")),
    "link_lost": lost,
    "network_closed": partial(offered, answer=problem(400, "candidates_refused")),
    "refused": partial(offered, answer=problem(400, "bad_offer")),
    "server_given_up": partial(offered, answer=problem(500, "internal_error"), later_s=260),
}
"""By name."""
