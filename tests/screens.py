"""Screenshots of each step and each failure of the applicant's page, on sheets to be looked at.

    python -m tests.screens OUT [NAME …] [--size 320x568 …] [--text 200]

One PNG for each situation: the sizes next to each other, light above dark. The server is scripted.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.async_api import ViewportSize, async_playwright

from tests.support.browser import chromium_path, launch
from tests.support.browser_script import ScriptedPage
from tests.support.browser_situations import SITUATIONS

SIZES = ((375, 553), (390, 844), (844, 390), (1280, 800))
GAP_PX = 24
BACKGROUND = 128

Picture = NDArray[np.uint8]
Sizes = Sequence[tuple[int, int]]


async def make_sheets(folder: Path, wanted: set[str], sizes: Sizes, text_percent: int) -> None:
    """One sheet for each situation, in `folder`."""
    path = chromium_path()
    if path is None:
        raise SystemExit("no Chromium here: install the system's package `chromium`")
    async with async_playwright() as playwright:
        browser = await launch(playwright, path)
        for name, situation in SITUATIONS.items():
            if wanted and name not in wanted:
                continue
            tab = await situation(browser, ViewportSize(width=sizes[0][0], height=sizes[0][1]))
            await tab.freeze()
            await tab.page.add_style_tag(content=f"html {{ font-size: {text_percent}% }}")
            rows = [await row_of(tab, scheme, sizes) for scheme in ("light", "dark")]
            await tab.page.context.close()
            cv2.imwrite(str(folder / f"{name}.png"), sheet(rows))
            print(name)  # noqa: T201 - a command
        await browser.close()


async def row_of(tab: ScriptedPage, scheme: str, sizes: Sizes) -> list[Picture]:
    """What is on the screen at each size, in BGR."""
    await tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    row = []
    for width, height in sizes:
        await tab.page.set_viewport_size(ViewportSize(width=width, height=height))
        data = await tab.page.screenshot(animations="disabled")
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        row.append(np.asarray(picture, np.uint8))
    return row


def sheet(rows: list[list[Picture]]) -> Picture:
    """Rows of pictures, one below the other."""
    width = sum(p.shape[1] + GAP_PX for p in rows[0])
    height = max(p.shape[0] for p in rows[0]) + GAP_PX
    whole = np.full((height * len(rows), width, 3), BACKGROUND, np.uint8)
    for number, row in enumerate(rows):
        left = 0
        for picture in row:
            top = number * height
            whole[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            left += picture.shape[1] + GAP_PX
    return whole


def size(text: str) -> tuple[int, int]:
    """`320x568` as (320, 568), in CSS pixels."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="tests.screens", description="Sheets of the page's situations."
    )
    parser.add_argument("out", type=Path, help="folder for the sheets; made if it is missing")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="situations; all by default",
    )
    parser.add_argument(
        "--size", type=size, action="append", help="of the screen, such as 320x568; may come again"
    )
    parser.add_argument(
        "--text", type=int, default=100, metavar="PERCENT", help="size of the text, such as 200"
    )
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    asked = arguments()
    asked.out.mkdir(parents=True, exist_ok=True)
    asyncio.run(make_sheets(asked.out, set(asked.names), asked.size or SIZES, asked.text))
