"""Every screen: buttons on the screen, text that can be read, names for what can be pressed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, ViewportSize

from tests.support.browser_script import ScriptedPage
from tests.support.browser_situations import SITUATIONS

pytestmark = pytest.mark.browser

SIZES = ((375, 553), (360, 560), (320, 568), (844, 390), (390, 844), (1280, 800))
SMALLEST_TARGET_PX = 44

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
    return {
        off: off.map(name),
        small: small.map(name),
        nameless: nameless.map(name),
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


async def look(tab: ScriptedPage) -> dict[str, Any]:
    found: dict[str, Any] = await tab.page.evaluate(CHECK)
    return found


@pytest.mark.parametrize("name", SITUATIONS)
async def test_every_button_is_on_every_screen(browser: Browser, name: str) -> None:
    """Without scrolling, also with text of twice the size, large enough for a finger."""
    tab = await SITUATIONS[name](browser, ViewportSize(width=375, height=553))
    await tab.page.add_style_tag(content="* { animation: none !important; }")
    wrong = []
    for scale in ("100%", "200%"):
        await tab.page.evaluate("(s) => (document.documentElement.style.fontSize = s)", scale)
        for width, height in SIZES:
            await tab.page.set_viewport_size(ViewportSize(width=width, height=height))
            found = await look(tab)
            good = {"off": [], "small": [], "nameless": [], "headings": 1, "wide": False}
            if found != good:
                wrong.append((scale, width, height, found))
    assert wrong == []


@pytest.mark.parametrize("name", SITUATIONS)
async def test_every_text_can_be_read(browser: Browser, name: str) -> None:
    tab = await SITUATIONS[name](browser, ViewportSize(width=390, height=844))
    await tab.page.add_style_tag(
        content="* { animation: none !important; transition: none !important; }"
    )
    poor = {}
    for scheme in ("light", "dark"):
        await tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        poor[scheme] = await tab.page.evaluate(CONTRAST)
    assert poor == {"light": [], "dark": []}
