"""Every screen: axe's rules, buttons on the screen, text that can be read, at any size of text."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.async_api import Browser, ViewportSize

from tests.support.axe import violations
from tests.support.browser_script import ScriptedPage
from tests.support.browser_situations import SITUATIONS

pytestmark = pytest.mark.browser

SIZES = ((375, 553), (360, 560), (320, 568), (844, 390), (560, 360), (390, 844), (1280, 800))
AXE_SIZES = ((375, 553), (1280, 800))
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
ZOOMED = (320, 256)
"""What 1280 × 1024 has left at 400% (WCAG 2.2, 1.4.10): everything can be scrolled to."""

SMALLEST_TARGET_PX = 44
STILL = "* { animation: none !important; transition: none !important; }"
"""A colour on its way to another one has no contrast that counts."""

CHECK = """() => {
    const shown = (element) => element.checkVisibility({ visibilityProperty: true });
    const controls = [...document.querySelectorAll('button, a[href]')].filter(shown);
    const inActions = controls.filter((c) => c.closest('.actions, dialog, .topbar, .load-trouble'));
    const name = (element) => element.id || element.textContent;
    const off = inActions.filter((control) => {
        const box = control.getBoundingClientRect();
        const inside = box.top >= -0.5 && box.left >= -0.5
            && box.bottom <= innerHeight + 0.5 && box.right <= innerWidth + 0.5;
        const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return !inside || !(top && (control.contains(top) || top.closest('dialog')));
    });
    const small = controls.filter((c) => c.tagName === 'BUTTON' && c.getBoundingClientRect().height < MIN);
    const nameless = controls.filter((c) => !(c.getAttribute('aria-label') ?? c.textContent).trim());
    const headings = [...document.querySelectorAll('h1')].filter(shown);
    const covered = headings.filter((heading) => {
        const range = document.createRange();
        range.selectNodeContents(heading);
        return [...range.getClientRects()].some((line) => {
            if (!line.width || document.querySelector('dialog[open]')) return false;
            const top = document.elementFromPoint(line.x + line.width / 2, line.y + line.height / 2);
            return top?.closest('.actions .button');
        });
    });
    return {
        off: off.map(name),
        small: small.map(name),
        nameless: nameless.map(name),
        covered: covered.map(name),
        headings: headings.length,
        wide: document.documentElement.scrollWidth > innerWidth,
    };
}""".replace("MIN", str(SMALLEST_TARGET_PX))

CONTRAST = """() => {
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    const rgba = (color) => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (color) => {
        const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = color.map((v) => linear(v / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const color = rgba(getComputedStyle(at).backgroundColor);
            if (color[3] > 250) return color;
        }
        return [255, 255, 255];
    };
    const poor = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim()) continue;
        if (!element.checkVisibility({ visibilityProperty: true })) continue;
        if (element.closest('script, noscript, :disabled, .visually-hidden')) continue;
        const style = getComputedStyle(element);
        const pair = [luminance(rgba(style.color).slice(0, 3)), luminance(ground(element).slice(0, 3))];
        const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (ratio < (large ? 3 : 4.5)) poor.push(`${element.textContent.trim()}: ${ratio.toFixed(2)}`);
    }
    return poor;
}"""
"""Text below the contrast of WCAG 2.2, 1.4.3."""


REACH = """() => [...document.querySelectorAll('button, a[href]')]
    .filter((control) => control.checkVisibility({ visibilityProperty: true }))
    .filter((control) => {
        control.scrollIntoView({ block: 'center' });
        const box = control.getBoundingClientRect();
        const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return !(top && (control.contains(top) || top.closest('dialog')));
    })
    .map((control) => control.id)"""
"""Controls that something covers wherever the page is scrolled to."""


async def resize(tab: ScriptedPage, size: tuple[int, int]) -> None:
    await tab.page.set_viewport_size(ViewportSize(width=size[0], height=size[1]))


async def by_axe(tab: ScriptedPage) -> list[str]:
    """What axe finds, small and light, large and dark; contrast has a test of its own below."""
    found = []
    for size, scheme in zip(AXE_SIZES, SCHEMES, strict=True):
        await resize(tab, size)
        await tab.page.emulate_media(color_scheme=scheme)
        found += [f"{size} {scheme} {one}" for one in await violations(tab.page)]
    return found


async def by_contrast(tab: ScriptedPage) -> list[str]:
    """Text that cannot be read."""
    found = []
    for scheme in SCHEMES:
        await tab.page.emulate_media(color_scheme=scheme)
        found += [f"{scheme} {one}" for one in await tab.page.evaluate(CONTRAST)]
    return found


async def by_place(tab: ScriptedPage) -> list[str]:
    """Controls that are not on the screen without scrolling, also with text of twice the size, or that are
    too small for a finger."""
    good: dict[str, Any] = {
        "off": [], "small": [], "nameless": [], "covered": [], "headings": 1, "wide": False,
    }  # fmt: skip
    wrong = []
    for scale in ("100%", "200%"):
        await tab.page.evaluate("(s) => (document.documentElement.style.fontSize = s)", scale)
        for size in SIZES:
            await resize(tab, size)
            found = await tab.page.evaluate(CHECK)
            if found != good:
                wrong.append(f"{scale} {size} {found}")
    await tab.page.evaluate("document.documentElement.style.fontSize = ''")
    return wrong


async def by_zoom(tab: ScriptedPage) -> list[str]:
    """What is lost at 400%."""
    await resize(tab, ZOOMED)
    wide = await tab.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    lost: list[str] = await tab.page.evaluate(REACH)
    return [f"{ZOOMED} {one}" for one in ([*lost, "wide"] if wide else lost)]


@pytest.mark.parametrize("name", SITUATIONS)
async def test_screen(browser: Browser, name: str) -> None:
    tab = await SITUATIONS[name](browser, ViewportSize(width=375, height=553))
    await tab.page.add_style_tag(content=STILL)
    wrong = [*await by_axe(tab), *await by_contrast(tab)]
    await tab.freeze()  # what comes later is another situation; axe itself needs time to pass
    wrong += [*await by_place(tab), *await by_zoom(tab)]
    await tab.page.context.close()
    assert wrong == []


async def test_what_is_wrong_is_found(browser: Browser) -> None:
    """A button without a name, and grey on grey: the checks above can fail."""
    tab = await SITUATIONS["consent"](browser, ViewportSize(width=375, height=553))
    await tab.page.evaluate("document.querySelector('#agree').textContent = ''")
    await tab.page.add_style_tag(content="#consent-purpose { color: #ccc; background: #ddd; }")
    rules = {line.partition(":")[0] for line in await violations(tab.page)}
    assert {"button-name", "color-contrast"} <= rules
    assert await by_contrast(tab)
    assert any("agree" in line for line in await by_place(tab))
    await tab.page.add_style_tag(content=".card { width: 400px; }")
    assert await by_zoom(tab)
