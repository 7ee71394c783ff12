"""Messages of the data channel (docs/protocol.md), as the answer to an uploaded picture holds them. They
only describe: none of them is checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from kyc_rtc.liveness.catalogue import ChallengeType, Direction
from kyc_rtc.liveness.events import VoidReason
from kyc_rtc.sessions.events import Transport
from kyc_rtc.sessions.states import SessionState
from signaling.schemas.described import Described, VerdictName

_EVENT = "number of the entry in the session's journal"
_CHALLENGE = "which challenge (UUID)"
_TYPE = "kind of message"


class _Message(BaseModel):
    v: int = Field(description="version of the protocol: 1")
    seq: int = Field(description="number of the message on its channel")
    t_ms: int = Field(description="media time in milliseconds")


class HelloMessage(_Message):
    """The first message of a session."""

    type: Literal["hello"] = Field(description=_TYPE)
    session_id: str = Field(description="the attempt (UUID)")
    state: SessionState = Field(description="where it stands")
    challenges_total: int = Field(description="challenges that are planned")
    expose_scores: bool = Field(description="whether messages have scores")
    server: str = Field(description="version of the server")
    last_event: int | None = Field(description="the newest entry of the journal so far")


class StateMessage(_Message):
    """The session changed its state."""

    type: Literal["state"] = Field(description=_TYPE)
    event: int = Field(description=_EVENT)
    state: SessionState = Field(description="where it stands")
    previous: SessionState | None = Field(description="where it stood before")


class PictureIssue(BaseModel):
    """Something that is wrong with the picture."""

    code: str = Field(description="such as too_dark")
    hint: str = Field(description="key of the sentence in the catalogue")


class QualityMessage(_Message):
    """What is wrong with the picture has changed."""

    type: Literal["quality"] = Field(description=_TYPE)
    ok: bool = Field(description="whether nothing is wrong")
    issues: list[PictureIssue] = Field(description="the worst first")


class ChallengeMessage(_Message):
    """A prompt."""

    type: Literal["challenge"] = Field(description=_TYPE)
    event: int = Field(description=_EVENT)
    challenge_id: str = Field(description=_CHALLENGE)
    challenge_type: ChallengeType = Field(description="what to do")
    direction: Direction | None = Field(description="of a head turn, the applicant's own side")
    count: int = Field(description="blinks or nods asked for, else 1")
    hold_ms: int = Field(description="how long a smile or an open mouth is held, else 0")
    instruction: str = Field(description="key of the sentence in the catalogue")
    index: int = Field(description="from 1")
    total: int = Field(description="challenges that are planned")
    attempt: int = Field(description="try at this challenge, from 1")
    attempts: int = Field(description="tries at each challenge")
    time_limit_ms: int = Field(description="real time from the moment this is sent")
    can_exclude: bool = Field(
        description="whether `cannot` still brings another type; else it ends the check"
    )
    deadline_t_ms: int = Field(description="the same instant in media time")


class ProgressMessage(_Message):
    """Where the open challenge stands."""

    type: Literal["challenge_progress"] = Field(description=_TYPE)
    challenge_id: str = Field(description=_CHALLENGE)
    progress: float = Field(description="0 to 1")
    remaining_ms: int = Field(description="real time that is left")
    paused: bool = Field(description="always false")
    count_done: int = Field(description="blinks or nods so far")
    hint: str | None = Field(description="what to do differently: key of the sentence, or null")


class VoidedMessage(_Message):
    """The open challenge does not count any more; nobody is to blame."""

    type: Literal["challenge_voided"] = Field(description=_TYPE)
    event: int = Field(description=_EVENT)
    challenge_id: str = Field(description=_CHALLENGE)
    challenge_type: ChallengeType = Field(description="what was asked for")
    reason: VoidReason = Field(description="why")
    will_redraw: bool = Field(description="whether another challenge follows")
    hint: str = Field(description="key of the sentence in the catalogue")


class ResultMessage(_Message):
    """A try at a challenge is over."""

    type: Literal["challenge_result"] = Field(description=_TYPE)
    event: int = Field(description=_EVENT)
    challenge_id: str = Field(description=_CHALLENGE)
    challenge_type: ChallengeType = Field(description="what was asked for")
    passed: bool = Field(description="whether it was done")
    hint: str | None = Field(description="why not: key of the sentence in the catalogue")
    will_retry: bool = Field(description="whether another try follows")


class FrameMessage(_Message):
    """Scores of the latest picture; only where scores are exposed."""

    type: Literal["frame"] = Field(description=_TYPE)
    liveness_score: float | None = Field(description="0 to 1")
    deepfake_score: float | None = Field(description="0 to 1")
    face_detected: bool = Field(description="whether a face was found")


class NoticeMessage(_Message):
    """The server waits for its database, for a picture of the camera or for a face at rest, or no longer."""

    type: Literal["notice"] = Field(description=_TYPE)
    code: str | None = Field(
        description="`storage_waiting`, `rest_first`, `make_room`, `get_nearer`, `no_picture`, "
        "`few_pictures`; null when it is over"
    )
    hint: str | None = Field(description="key of the sentence in the catalogue")


class MessageReason(BaseModel):
    """A reason of the verdict; a class of reasons where scores are not exposed."""

    code: str = Field(description="see docs/protocol.md, Reasons")
    text: str = Field(description="key of the sentence in the catalogue")
    weight: float | None = Field(None, description="0 to 1; only where scores are exposed")
    weight_text: str | None = Field(None, description="key of the word for the weight")


class VerdictMessage(_Message):
    """The attempt has come to its verdict."""

    type: Literal["verdict"] = Field(description=_TYPE)
    event: int = Field(description=_EVENT)
    status: VerdictName = Field(description="the verdict")
    verified: bool = Field(description="whether the applicant passed")
    reasons: list[MessageReason] = Field(description="why")
    can_retry: bool = Field(description="whether another attempt may follow")
    needs_review: bool = Field(description="whether a person has to look first")
    transport: Transport | None = Field(description="how the pictures arrived")
    liveness_score: float | None = Field(None, description="only where scores are exposed")
    deepfake_score: float | None = Field(None, description="only where scores are exposed")


class ErrorMessage(_Message):
    """What was sent cannot be used."""

    type: Literal["error"] = Field(description=_TYPE)
    code: str = Field(description="for programs")
    message: str = Field(description="for developers")
    hint: str | None = Field(description="key of the sentence in the catalogue")


AnyMessage = Annotated[
    HelloMessage
    | StateMessage
    | QualityMessage
    | ChallengeMessage
    | ProgressMessage
    | VoidedMessage
    | ResultMessage
    | FrameMessage
    | NoticeMessage
    | VerdictMessage
    | ErrorMessage,
    Field(discriminator="type"),
]
Message = Annotated[dict[str, Any], Described(AnyMessage)]
