"""Identifier types. Ids are random UUID4s: they carry no meaning and cannot be guessed."""

from __future__ import annotations

import uuid
from typing import NewType

from kyc_rtc.errors import NotFound

SessionId = NewType("SessionId", str)
PeerId = NewType("PeerId", str)
AlertId = NewType("AlertId", str)


def new_session_id() -> SessionId:
    return SessionId(str(uuid.uuid4()))


def new_peer_id() -> PeerId:
    return PeerId(str(uuid.uuid4()))


def new_alert_id() -> AlertId:
    return AlertId(str(uuid.uuid4()))


def new_challenge_id() -> str:
    return str(uuid.uuid4())


def parse_session_id(text: str) -> SessionId:
    """The id in its canonical form.

    Raises:
        NotFound: `text` is not a UUID; such a session cannot exist.
    """
    try:
        return SessionId(str(uuid.UUID(text)))
    except ValueError:
        raise NotFound(
            "no such session", hint="use the session_id that start-session gave"
        ) from None
