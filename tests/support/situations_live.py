"""Situations of the live check, each brought about on a scripted server."""

from __future__ import annotations

from functools import partial
from typing import Any

from playwright.async_api import Browser, ViewportSize

from tests.support.browser_script import Answer, ScriptedPage, ScriptedServer, problem
from tests.support.situations_start import BUSY, NO_CAMERA, Situation

NO_FRAMES = """kycScript.realFrames = true;
    const canvas = document.createElement('canvas');
    navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(0);"""
ISSUES = (
    "too_dark", "too_bright", "not_upright", "blurred", "face_too_small", "face_too_large",
    "off_centre", "cut_off", "occluded", "several_faces", "no_face",
)  # fmt: skip
PROMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "turn_left": ("head_turn", {"direction": "left", "instruction": "instruction.head_turn.left"}),
    "turn_right": (
        "head_turn",
        {"direction": "right", "instruction": "instruction.head_turn.right"},
    ),
    "nod": ("nod", {"count": 2}),
    "blink": ("blink", {"count": 3}),
    "smile": ("smile", {}),
    "smile_hold": ("smile", {"hold_ms": 1_500, "instruction": "instruction.smile.hold"}),
    "mouth_open": ("mouth_open", {}),
    "mouth_open_hold": (
        "mouth_open",
        {"hold_ms": 1_500, "instruction": "instruction.mouth_open.hold"},
    ),
    "come_closer": ("come_closer", {}),
    "step_back": ("step_back", {}),
}
FURTHER = {
    "turn_left": "turn_further", "nod": "nod_deeper", "blink": "shut_eyes",
    "smile_hold": "smile_wider", "mouth_open_hold": "open_wider",
    "come_closer": "closer", "step_back": "further_back",
}  # fmt: skip
"""What is said of a movement that is too small."""


async def connecting(browser: Browser, size: ViewportSize, for_s: float = 0) -> ScriptedPage:
    """The server does not say hello."""
    tab = await ScriptedPage.visit(browser, viewport=size, lack="kycScript.mute = true;")
    await tab.agree()
    await tab.pass_time(for_s)
    return tab


async def checking(browser: Browser, size: ViewportSize, lack: str = "") -> ScriptedPage:
    """Connected, and nothing is wrong with the picture."""
    tab = await ScriptedPage.visit(browser, viewport=size, lack=lack)
    await tab.agree()
    await tab.connected()
    await tab.tell("state", state="checking_quality", previous="connecting")
    return tab


async def with_scores(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """A server in development shows what it measures."""
    tab = await checking(browser, size, "kycScript.hello.expose_scores = true;")
    evidence = [
        {"analyser": "texture", "score": 0.31, "confidence": 0.8, "reasons": []},
        {"analyser": "swap", "score": 0.72, "confidence": 0.6, "reasons": [{"code": "face_swap"}]},
    ]
    for score in (0.2, 0.4):
        await tab.say(
            "frame", liveness_score=1 - score, deepfake_score=score, face_detected=True,
            evidence=evidence, analysed_fps=10, frames_dropped=2, latency_ms=40,
        )  # fmt: skip
    return tab


async def troubled(browser: Browser, size: ViewportSize, code: str) -> ScriptedPage:
    """Something is wrong with the picture before the first action."""
    tab = await checking(browser, size)
    await tab.say("quality", ok=False, issues=[{"code": code, "hint": f"hint.{code}"}])
    await tab.pass_time(0.5)
    return tab


# ── actions ──


async def prompted(browser: Browser, size: ViewportSize, name: str, **more: Any) -> ScriptedPage:
    """An action is asked for and half done."""
    tab = await checking(browser, size)
    await tab.tell("state", state="challenging", previous="checking_quality")
    kind, fields = PROMPTS[name]
    await tab.ask("a", kind, **(fields | more))
    await progressed(tab, count_done=fields.get("count", 1) - 1)
    return tab


async def progressed(tab: ScriptedPage, **more: Any) -> None:
    fields = {"progress": 0.4, "remaining_ms": 6_000, "paused": False, "hint": None}
    await tab.say("challenge_progress", challenge_id="a", **(fields | more))


async def asked(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """In a picture that got dark meanwhile."""
    tab = await prompted(browser, size, "mouth_open_hold")
    await tab.say("quality", ok=False, issues=[{"code": "too_dark", "hint": "hint.too_dark"}])
    return tab


async def further(browser: Browser, size: ViewportSize, name: str) -> ScriptedPage:
    """The right movement, and too small."""
    tab = await prompted(browser, size, name)
    done = PROMPTS[name][1].get("count", 1) - 1
    await progressed(tab, hint=f"hint.{FURTHER[name]}", count_done=done)
    return tab


async def too_fast(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The face came closer faster than people move."""
    tab = await prompted(browser, size, "come_closer")
    await progressed(tab, hint="hint.slower", progress=0)
    return tab


async def second_try(browser: Browser, size: ViewportSize) -> ScriptedPage:
    return await prompted(browser, size, "blink", attempt=2, index=3)


async def answered(browser: Browser, size: ViewportSize, **result: Any) -> ScriptedPage:
    """The action is over."""
    tab = await prompted(browser, size, "turn_right")
    fields = {"passed": False, "hint": None, "will_retry": True} | result
    await tab.tell("challenge_result", challenge_id="a", challenge_type="head_turn", **fields)
    return tab


async def cannot(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """“I cannot do this” was pressed."""
    tab = await prompted(browser, size, "smile_hold")
    await tab.pass_time(2)  # earlier taps are not taken
    await tab.page.click("#cannot")
    return tab


async def voided(browser: Browser, size: ViewportSize, reason: str) -> ScriptedPage:
    """The action does not count, and another one follows."""
    tab = await prompted(browser, size, "smile_hold")
    await tab.tell(
        "challenge_voided", challenge_id="a", challenge_type="smile", reason=reason,
        will_redraw=True, shown=True, hint=f"hint.void_{reason}",
    )  # fmt: skip
    return tab


async def deciding(browser: Browser, size: ViewportSize, passed: bool) -> ScriptedPage:
    tab = await answered(browser, size, passed=passed, will_retry=False)
    await tab.tell("state", state="deciding", previous="challenging")
    await tab.pass_time(3.5)
    return tab


# ── the way to the server, and its own troubles ──


async def noticed(browser: Browser, size: ViewportSize, code: str, is_asked: bool) -> ScriptedPage:
    """The server says what goes on."""
    tab = await prompted(browser, size, "smile_hold")
    if not is_asked:
        fields = {"challenge_type": "smile", "passed": True, "hint": None, "will_retry": False}
        await tab.tell("challenge_result", challenge_id="a", **fields)
        await tab.pass_time(1.5)
    await tab.say("notice", code=code, hint=f"hint.{code}")
    await tab.pass_time(0.5)
    return tab


async def silent(browser: Browser, size: ViewportSize, link: bool) -> ScriptedPage:
    """Nothing more is heard; `link`: of the link either."""
    tab = await prompted(browser, size, "smile_hold")
    if link:
        await tab.page.evaluate("kycScript.fallSilent()")
    await tab.pass_time(4.5)
    return tab


async def cut_off(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await asked(browser, size)
    tab.server.answers["offer"] = Answer(0)
    await tab.lose()
    await tab.pass_time(1)
    return tab


async def full(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The server is at capacity."""
    return await offered(browser, size, BUSY, 1)


async def offered(
    browser: Browser, size: ViewportSize, answer: Answer, later_s: float = 0
) -> ScriptedPage:
    """Each offer is answered like this."""
    server = ScriptedServer()
    server.answers["offer"] = answer
    tab = await ScriptedPage.visit(browser, server, viewport=size)
    await tab.agree()
    await tab.pass_time(later_s)
    return tab


async def started_over(browser: Browser, size: ViewportSize) -> ScriptedPage:
    """The server broke the check off, and a new one has begun."""
    tab = await checking(browser, size)
    await tab.tell("state", state="interrupted", previous="checking_quality")
    tab.server.answers["offer"] = problem(409, "session_over")
    tab.server.answers["session"] = Answer(
        200, {"session_id": "first", "state": "interrupted", "status": None, "can_retry": True}
    )
    await tab.until_called("session", 2)
    tab.server.answers = ScriptedServer().answers
    await tab.pass_time(2)
    await tab.connected(2)
    return tab


# ── the camera ──


async def blind(browser: Browser, size: ViewportSize, for_s: float) -> ScriptedPage:
    """A camera without a picture."""
    tab = await checking(browser, size, NO_FRAMES)
    await tab.pass_time(for_s)
    return tab


async def camera_ended(browser: Browser, size: ViewportSize, name: str) -> ScriptedPage:
    """The camera went away, and does not open again."""
    tab = await prompted(browser, size, "smile_hold")
    await tab.page.evaluate(f"() => {{ {NO_CAMERA.format(name=name, said='no')} }}")
    await tab.page.evaluate("""() => {
        const [track] = document.querySelector('#preview').srcObject.getVideoTracks();
        track.stop();
        track.dispatchEvent(new Event('ended'));
    }""")
    await tab.until("!document.querySelector('#live-trouble').hidden")
    return tab


async def stopping(browser: Browser, size: ViewportSize) -> ScriptedPage:
    tab = await asked(browser, size)
    await tab.pass_time(2.5)
    await tab.page.click("#stop")
    return tab


_ISSUES: dict[str, Situation] = {
    f"live_issue_{code}": partial(troubled, code=code) for code in ISSUES
}
_ASKED: dict[str, Situation] = {
    f"live_asks_{name}": partial(prompted, name=name) for name in PROMPTS
}
_FURTHER: dict[str, Situation] = {
    f"live_further_{name}": partial(further, name=name) for name in FURTHER
}
LIVE: dict[str, Situation] = {
    "live_connecting": connecting,
    "live_connecting_long": partial(connecting, for_s=9),
    "live_full": full,
    "live_storage_away": partial(offered, answer=problem(503, "storage_unavailable", 2), later_s=1),
    "live_started_over": started_over,
    "live_checking": checking,
    "live_scores": with_scores,
    **_ISSUES,
    **_ASKED,
    **_FURTHER,
    "live_asks_in_the_dark": asked,
    "live_second_try": second_try,
    "live_action_passed": partial(answered, passed=True, will_retry=False),
    "live_wrong_action": partial(answered, hint="hint.wrong_action"),
    "live_wrong_direction": partial(answered, hint="hint.wrong_direction"),
    "live_too_late": partial(answered, hint="hint.too_late"),
    "live_cannot": cannot,
    "live_void_cannot": partial(voided, reason="cannot"),
    "live_void_picture": partial(voided, reason="picture"),
    "live_rest_first": partial(noticed, code="rest_first", is_asked=False),
    "live_make_room": partial(noticed, code="make_room", is_asked=False),
    "live_get_nearer": partial(noticed, code="get_nearer", is_asked=False),
    "live_too_fast": too_fast,
    "live_few_pictures": partial(noticed, code="few_pictures", is_asked=True),
    "live_storage_waiting": partial(noticed, code="storage_waiting", is_asked=False),
    "live_server_frozen": partial(silent, link=False),
    "live_link_dark": partial(silent, link=True),
    "live_cut_off": cut_off,
    "live_deciding": partial(deciding, passed=True),
    "live_deciding_left": partial(deciding, passed=False),
    "live_blind": partial(blind, for_s=3.5),
    "live_blind_given_up": partial(blind, for_s=8),
    "live_camera_ended": partial(camera_ended, name="NotReadableError"),
    "live_camera_denied": partial(camera_ended, name="NotAllowedError"),
    "live_stop": stopping,
}
"""By name."""
