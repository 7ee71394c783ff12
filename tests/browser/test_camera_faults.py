"""Cameras that stop without saying so: every wait has a limit, and ends in a sentence and a button."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.support.browser import PHONE
from tests.support.browser_camera import CATALOGUE
from tests.support.browser_script import ScriptedPage
from tests.support.browser_situations import SITUATIONS
from tests.support.situations_live import NO_FRAMES, checking
from tests.support.situations_start import NO_CAMERA, NOT_ASKED, unanswered

pytestmark = pytest.mark.browser

COUNTED = """
    kycScript.realFrames = true;
    const good = navigator.mediaDevices.getUserMedia;
    window.opened = [];
    window.mood = 'good';
    navigator.mediaDevices.getUserMedia = async () => {
        window.opened.push(window.mood);
        if (window.mood === 'hangs') return new Promise(() => undefined);
        const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
        const context = canvas.getContext('2d');
        const stream = canvas.captureStream(window.mood === 'stalls' ? 0 : 30);
        const draw = () => {
            context.fillStyle = window.mood === 'black' ? '#000' : `hsl(${Math.random() * 360} 50% 50%)`;
            context.fillRect(0, 0, 64, 48);
            requestAnimationFrame(draw);
        };
        draw();
        return stream;
    };"""
"""A camera whose mood the test sets; `opened` are its openings."""

TROUBLE = "!document.querySelector('#live-trouble').hidden"
TITLE = CATALOGUE["camera.no_picture.title"]


async def openings(tab: ScriptedPage) -> list[str]:
    found: list[str] = await tab.page.evaluate("window.opened")
    return found


async def test_what_the_server_does_not_see_is_said_and_the_camera_is_opened_again(
    browser: Browser,
) -> None:
    tab = await checking(browser, PHONE, COUNTED)
    await tab.say("notice", code="no_picture", hint="hint.no_picture")
    assert await tab.text("#prompt-text") == CATALOGUE["live.no_picture"]
    await tab.until("window.opened.length === 2")
    await tab.say("notice", code=None, hint=None)
    assert await tab.text("#prompt-text") == CATALOGUE["live.checking"]
    assert await tab.page.evaluate(TROUBLE) is False


@pytest.mark.parametrize("mood", ["stalls", "black"])
async def test_a_camera_that_shows_nothing_is_opened_once_then_there_is_a_button(
    browser: Browser, mood: str
) -> None:
    tab = await checking(browser, PHONE, f"{COUNTED} window.mood = '{mood}';")
    await tab.pass_time(8)
    await tab.until(TROUBLE)
    assert await openings(tab) == [mood] * 2
    assert await tab.text("#live-trouble-title") == TITLE
    assert await tab.in_view("#live-camera-retry")
    assert await tab.in_view("#live-copy")
    await tab.page.evaluate("window.mood = 'good'")
    await tab.page.click("#live-camera-retry")
    await tab.until(f"!({TROUBLE})")


async def test_a_reopening_that_never_answers_ends_in_a_button(browser: Browser) -> None:
    tab = await checking(browser, PHONE, COUNTED)
    await tab.page.evaluate("window.mood = 'hangs'")
    await tab.say("notice", code="no_picture", hint="hint.no_picture")
    await tab.pass_time(8.5)
    await tab.until(TROUBLE)
    assert await tab.text("#live-trouble-title") == CATALOGUE["camera.no_answer.title"]
    assert await tab.in_view("#live-camera-retry")


async def test_a_question_that_nobody_answers_has_a_way_out(browser: Browser) -> None:
    tab = await unanswered(browser, PHONE)
    assert await tab.text("#camera-trouble-title") == CATALOGUE["camera.no_answer.title"]
    assert await tab.page.is_enabled("#camera-open")
    assert await tab.in_view("#camera-copy")


async def test_whoever_answers_late_goes_on(browser: Browser) -> None:
    late = """
        const open = navigator.mediaDevices.getUserMedia;
        const answered = new Promise((resolve) => (window.allow = resolve));
        navigator.mediaDevices.getUserMedia = async () => (await answered, open());"""
    tab = await ScriptedPage.visit(browser, lack=NOT_ASKED + late)
    await tab.step("consent")
    await tab.page.click("#agree")
    await tab.step("camera")
    await tab.page.click("#camera-open")
    await tab.pass_time(8.5)
    await tab.page.click("#camera-open")
    await tab.page.evaluate("window.allow()")
    await tab.step("live")


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "ios"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140.0 Mobile", "android"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0", "desktop"),
    ],
)
async def test_a_blocked_camera_is_explained_for_each_family(
    browser: Browser, agent: str, family: str
) -> None:
    lack = f"""{NOT_ASKED}
        Object.defineProperty(navigator, 'userAgent', {{ value: '{agent}' }});
        {NO_CAMERA.format(name="NotAllowedError", said="no")}"""
    tab = await ScriptedPage.visit(browser, lack=lack)
    await tab.step("consent")
    await tab.page.click("#agree")
    await tab.step("camera")
    await tab.page.click("#camera-open")
    await tab.until("!document.querySelector('#camera-trouble').hidden")
    help_items = [CATALOGUE[f"camera.denied.help.{family}.{n}"] for n in (1, 2, 3)]
    assert await tab.texts("#camera-trouble-help li") == help_items


async def test_a_camera_that_is_blocked_during_the_check_is_explained_too(browser: Browser) -> None:
    tab = await SITUATIONS["live_camera_denied"](browser, PHONE)
    help_items = [CATALOGUE[f"camera.denied.help.desktop.{n}"] for n in (1, 2, 3)]
    assert await tab.texts("#live-trouble-help li") == help_items
    await tab.pass_time(10)  # that no picture comes is known, and says less
    assert await tab.text("#live-trouble-title") == CATALOGUE["camera.denied.title"]


async def test_a_camera_without_a_first_picture_is_noticed_before_the_connection(
    browser: Browser,
) -> None:
    tab = await checking(browser, PHONE, NO_FRAMES)
    await tab.pass_time(3)
    assert await tab.text("#prompt-text") == CATALOGUE["live.no_picture"]
