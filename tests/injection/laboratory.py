"""One run: a server, a verification by a method that shows a scene, and what came of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kyc_rtc.sessions.states import WITHOUT_VERDICT
from tests.injection import browser_methods, clients
from tests.injection.heard import Heard
from tests.injection.instruments import Scene
from tests.injection.place import Place, Session
from tests.injection.plan import Job, Method
from tests.injection.record import Run, non_response
from tests.support.browser_server import serving

DRAWS = 24
"""How often a verification is begun anew at most until it asks for nothing but what a recording shows."""

ATTEMPT_LIMIT_S = 200.0
"""Whoever fails at everything as late as may be needs some two minutes."""

Inject = Callable[[Place, Session, Heard], AbstractAsyncContextManager[None]]

METHODS: Mapping[Method, Inject] = {
    Method.FILE_CAMERA: browser_methods.file_camera,
    Method.CANVAS_CAMERA: browser_methods.canvas_camera,
    Method.CLAIMS_CHROME: clients.claims_chrome,
    Method.WHIP: clients.whip,
    Method.UPLOADS: clients.uploads,
    Method.LOOPED_FILE: clients.looped_file,
}


@dataclass(slots=True)
class Tally:
    """What the attempts of one verification add up to. `last`: the record of the latest one."""

    attempts: int = 0
    frames: int = 0
    seconds: float = 0.0
    last: Mapping[str, Any] = field(default_factory=dict)

    def add(self, status: Mapping[str, Any], seconds: float) -> None:
        self.attempts += 1
        self.frames += status["frames_processed"]
        self.seconds += seconds
        self.last = status

    @property
    def verdict(self) -> str | None:
        """Of the latest attempt: nobody tries again who has passed. None where it has none."""
        over = self.last["status"] != "active" and self.last["state"] not in WITHOUT_VERDICT
        return str(self.last["status"]) if over else None


async def run_job(job: Job, scene: Scene, seed: int) -> Run:
    """Run it; what goes wrong on the way is its non-response."""
    try:
        return await _run(job, scene, seed)
    except Exception as error:  # noqa: BLE001  # the root of a run: the next one goes on
        return Run(job, seed, scene.subject, None, _named(error))


async def _run(job: Job, scene: Scene, seed: int) -> Run:
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), scene.environ) as server,
    ):
        place = Place(server, Path(folder), seed + job.run)
        for begun_anew in range(DRAWS):
            tally = await _verification(job.method, scene, place)
            if tally is not None:
                return record(job, scene.subject, seed, tally, begun_anew)
    return Run(
        job, seed, scene.subject, None, "asked for what the recording lacks", begun_anew=DRAWS
    )


async def _verification(method: Method, scene: Scene, place: Place) -> Tally | None:
    """Until there is a verdict and no other try; None where the recording lacks what was asked for."""
    tally = Tally()
    session: Session | None = place.server.start_session()
    while session is not None:
        heard = Heard(await asyncio.to_thread(scene.shown_by, method))
        async with METHODS[method](place, session, heard):
            await heard.over(ATTEMPT_LIMIT_S)
        if heard.lacks:
            place.server.complete(session["session_id"])  # or it would keep its place
            return None
        tally.add(place.server.status(session["session_id"]), heard.seconds)
        goes_on = scene.tries_again and tally.verdict not in (None, "PASSED")
        session = place.server.retry(session) if goes_on else None
    return tally


def record(job: Job, subject: str, seed: int, tally: Tally, begun_anew: int) -> Run:
    """What the attempts say, as the file has it."""
    rate = round(tally.frames / tally.seconds, 1) if tally.seconds else 0.0
    status, verdict = tally.last, tally.verdict
    return Run(
        job,
        seed,
        subject,
        verdict,
        non_response(verdict, rate),
        reasons=tuple(reason["code"] for reason in status["reasons"]),
        score=status["deepfake_score"],
        met=sum(challenge["passed"] is True for challenge in status["challenges"]),
        attempts=tally.attempts,
        begun_anew=begun_anew,
        seconds=round(tally.seconds, 1),
        frames_per_s=rate,
    )


def _named(error: BaseException) -> str:
    """The first cause of a group, in a line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:160]
