"""What an applicant is asked to agree to: the text from the catalogue and the settings, and its version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from aiohttp import web

from kyc_rtc.errors import ConsentChanged
from kyc_rtc.sessions.interface import SessionInterface
from kyc_rtc.settings import Settings
from signaling import answers, schemas
from signaling.endpoints import Endpoint, answer, read_body
from signaling.principals import Access, Principal

LOCALE: Final = "en"
"""The language of the one catalogue."""

VERSION_DIGITS: Final = 32


def consent_text(settings: Settings, words: Mapping[str, str]) -> schemas.ConsentText:
    """The text under these settings. `words`: the catalogue of `LOCALE`.

    Raises:
        KeyError: the catalogue lacks a sentence.
    """
    own = settings.consent
    institution = own.institution or words["consent.institution"]
    points = [
        schemas.ConsentPoint(topic=topic, text=text.replace("{institution}", institution))
        for topic, text in _points(settings, words)
    ]
    shown = [institution, own.privacy_url, *(f"{point.topic}: {point.text}" for point in points)]
    digest = hashlib.sha256(json.dumps([LOCALE, *shown]).encode()).hexdigest()
    return schemas.ConsentText(
        version=digest[:VERSION_DIGITS],
        locale=LOCALE,
        institution=own.institution or None,
        privacy_url=own.privacy_url or None,
        points=points,
    )


def _points(settings: Settings, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    own = settings.consent
    measured = settings.detection.keep_features
    yield "purpose", own.purpose or words["consent.purpose"]
    yield "actions", words["consent.actions"]
    yield "biometric", words["consent.biometric"]
    yield "kept", words["consent.kept_with_features" if measured else "consent.kept"]
    yield "kept_for", own.kept_for or words["consent.kept_for"]
    if own.agent_may_watch:
        yield "watched", words["consent.watched"]
    yield "refusal", words["consent.refusal"]
    yield "other_way", own.other_way or words["consent.other_way"]


class ConsentApi:
    """Handlers for the applicant's page. The text is read once: it stands with the program."""

    def __init__(self, sessions: SessionInterface, settings: Settings, catalogue: Path) -> None:
        self._sessions = sessions
        self._text = consent_text(settings, json.loads(catalogue.read_text("utf-8")))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, as they are routed and described."""
        path = "/api/v1/kyc/sessions/{session_id}/consent"
        return (
            Endpoint(
                "GET", path, self.text, "What the applicant is asked to agree to",
                Access.APPLICANT, schemas.ConsentText, problems=(401, 403, 404, 409, 503),
            ),
            Endpoint(
                "POST", path, self.agree, "The applicant agrees",
                Access.APPLICANT, schemas.ConsentRecord, 200, schemas.Agreement,
                problems=(400, 401, 403, 404, 409, 415, 503),
            ),
        )  # fmt: skip

    async def text(self, _request: web.Request, _principal: Principal) -> web.Response:
        return answer(self._text)

    async def agree(self, request: web.Request, principal: Principal) -> web.Response:
        body = await read_body(request, principal, schemas.Agreement)
        if (body.version, body.locale) != (self._text.version, self._text.locale):
            raise ConsentChanged("this is not the present text", hint="show the present one")
        view = await self._sessions.agree(principal.session_id, body.version, body.locale)
        return answer(answers.consent(view))
