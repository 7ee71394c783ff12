"""axe-core in a page: the rules of WCAG 2.2 A and AA, and its best practices."""

from __future__ import annotations

from functools import cache
from importlib import resources

from playwright.async_api import Page

_RUN = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}"""


async def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is now: the rule and the element. Nothing is changed in it."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_source())
    found: list[str] = await page.evaluate(_RUN)
    return found


@cache
def _source() -> str:
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
