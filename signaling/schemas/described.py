"""What requests and answers are made of: their bases, and the types that several of them use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue, WithJsonSchema
from pydantic_core import CoreSchema

from kyc_rtc.alerts.catalogue import AlertType, Severity
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.liveness.catalogue import ChallengeType
from kyc_rtc.sessions.events import Transport
from kyc_rtc.sessions.states import ACTIVE, SessionState


class Request(BaseModel):
    """Keeps unknown keys, so that `read_body` can name them."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="allow",
        json_schema_extra={"additionalProperties": False},
    )


class Answer(BaseModel):
    """Has all of its fields, also those with a default."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class OriginalAnswer(Answer):
    """Of a call of the original system, which in development takes unknown keys."""

    warnings: list[str] = Field(
        [],
        description="the unknown keys of the request, which only development accepts; empty in production",
    )


@dataclass(frozen=True, slots=True)
class Described:
    """Gives a value of an answer the schema of another type, without checking it against that: answers
    are made from records that earlier versions wrote, too."""

    kind: Any

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # As the item of a list it becomes a component with a name, which a schema of its own does not.
        items: JsonSchemaValue = handler(TypeAdapter(list[self.kind]).core_schema)["items"]  # type: ignore[name-defined]
        return items


class Outcome(StrEnum):
    """`active` until the verification is over, then its verdict; INCONCLUSIVE where it ended without one."""

    ACTIVE = ACTIVE
    PASSED = VerdictStatus.PASSED.value
    FAILED = VerdictStatus.FAILED.value
    INCONCLUSIVE = VerdictStatus.INCONCLUSIVE.value


class Actor(StrEnum):
    """Who caused an entry of the journal. `system`: a process that ended the session of another."""

    SERVER = "server"
    INSTITUTION = "institution"
    APPLICANT = "applicant"
    SYSTEM = "system"


Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
State = Annotated[str, Described(SessionState)]
Status = Annotated[str, Described(Outcome)]
VerdictName = Annotated[str, Described(VerdictStatus)]
TransportName = Annotated[str, Described(Transport)]
AlertTypeName = Annotated[str, Described(AlertType)]
SeverityName = Annotated[str, Described(Severity)]
ChallengeTypeName = Annotated[str, Described(ChallengeType)]
ActorName = Annotated[str, Described(Actor)]

Score = Annotated[float, Field(description="0 to 1")]

SESSION_ID = "id of the attempt, or of the verification: a UUID"


class ErrorBody(Answer):
    """What was wrong."""

    code: str = Field(description="for programs, such as `not_found`; stable")
    message: str = Field(description="for developers")
    hint: str = Field("", description="what to do about it; may be empty")


class ErrorAnswer(Answer):
    """The body of every answer with a status of 400 or more."""

    error: ErrorBody = Field(description="what was wrong")
