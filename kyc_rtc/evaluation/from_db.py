"""Labelled sessions of a database as results of an evaluation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.detection.evidence import AnalyserName
from kyc_rtc.errors import BadRequest
from kyc_rtc.evaluation.manifest import BONA_FIDE, Label, Use
from kyc_rtc.evaluation.results import ClipResult, Conditions, FrameCounts, Statement
from kyc_rtc.settings import Settings
from kyc_rtc.storage.database import Database
from kyc_rtc.storage.labels import UNSPECIFIED, LabelledSession, SqlLabelRepository
from kyc_rtc.storage.urls import async_url, is_sqlite, sqlite_path
from kyc_rtc.storage.values import JsonObject


def read_results(url: str) -> list[ClipResult]:
    """The sessions that have a label, in the order in which the labels came, as they were judged.

    The database is brought to the newest schema, as at a start of the server.

    Raises:
        SettingsError: the database cannot be opened.
        BadRequest: there is none, or it has no labelled session.
    """
    require_database(url)
    results = to_results(asyncio.run(_read(url)))
    if not results:
        raise BadRequest(
            "the database has no labelled session",
            hint="labels come in by POST /api/v1/kyc/sessions/{session_id}/label",
        )
    return results


def require_database(url: str) -> None:
    """Raise BadRequest where SQLite's file is not there, SettingsError where the URL is none."""
    location = async_url(url)
    if is_sqlite(location) and not sqlite_path(location).is_file():
        raise BadRequest("database_url: there is no such file", hint="opening would make one")


def to_results(labelled: Sequence[LabelledSession]) -> list[ClipResult]:
    """Each session as a clip. A group is an applicant, by a number: no digest of one is in a report."""
    applicants: dict[str, int] = {}
    return [
        _result(one, applicants.setdefault(one.user_hmac, len(applicants) + 1)) for one in labelled
    ]


def served_under(settings: Settings) -> Conditions:
    """The conditions of live sessions: whatever the network brought, under these thresholds."""
    return Conditions(
        fps=settings.target_fps,
        confidence_threshold=settings.confidence_threshold,
        deepfake_threshold=settings.failing_deepfake_score,
    )


async def _read(url: str) -> list[LabelledSession]:
    database = Database(url)
    await database.open()
    try:
        repository = SqlLabelRepository(database)
        found: list[LabelledSession] = []
        while page := await repository.labelled(after=found[-1].number if found else 0):
            found += page
        return found
    finally:
        await database.aclose()


def _result(one: LabelledSession, applicant: int) -> ClipResult:
    label = Label(one.label.label)
    attack = label is Label.ATTACK
    return ClipResult(
        name=one.session_id,
        label=label,
        species=(one.label.species or UNSPECIFIED) if attack else BONA_FIDE,
        group=f"applicant {applicant}",
        model="",
        use=Use.ANY,
        source=one.label.source,
        still=False,
        status=VerdictStatus(one.verdict_status or VerdictStatus.INCONCLUSIVE),
        reasons=one.reasons,
        weights=one.reason_weights,
        deepfake_score=one.deepfake_score,
        liveness_score=one.liveness_score,
        evidence=_statements(one.evidence or ()),
        frames=FrameCounts(analysed=one.frames_processed),
    )


def _statements(evidence: Sequence[JsonObject]) -> dict[str, Statement]:
    """By analyser; one that this version does not have is left out, as the report would refuse it."""
    known = {name.value for name in AnalyserName}
    return {
        str(item["analyser"]): _statement(item) for item in evidence if item["analyser"] in known
    }


def _statement(item: Mapping[str, object]) -> Statement:
    signs = item["reasons"]
    return Statement(
        score=float(str(item["score"])),
        confidence=float(str(item["confidence"])),
        signs=tuple(map(str, signs)) if isinstance(signs, Sequence) else (),
    )
