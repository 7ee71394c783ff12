"""Data-channel messages, protocol version 1 (docs/protocol.md): envelopes out, checked messages in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kyc_rtc.errors import BadMessage

VERSION = 1
MAX_MESSAGE_BYTES = 16_384
RELIABLE = "kyc"
TELEMETRY = "kyc-telemetry"
TELEMETRY_INTERVAL_MS = 100.0


class InboundType(StrEnum):
    """What a client may say. Nothing of it is evidence."""

    READY = "ready"
    CAPTURE_INFO = "capture_info"
    STATS = "stats"
    CANNOT = "cannot"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Inbound:
    """A checked message of the client."""

    type: InboundType
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message of the server before it gets its envelope."""

    type: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    label: str = RELIABLE


def parse_message(data: str | bytes) -> Inbound | None:
    """Read a client's message; None where its type is unknown and to be ignored. Bytes are UTF-8: clients
    outside browsers often send every message as binary.

    Raises:
        BadMessage: it is not a message of this protocol.
    """
    if len(data) > MAX_MESSAGE_BYTES or len(_encoded(data)) > MAX_MESSAGE_BYTES:
        raise BadMessage(f"a message has at most {MAX_MESSAGE_BYTES} bytes")
    try:
        message = json.loads(_encoded(data).decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadMessage("the message is not JSON in UTF-8") from None
    if not isinstance(message, dict) or message.get("v") != VERSION:
        raise BadMessage(f"a message is an object with v={VERSION}")
    kind = message.get("type")
    if not isinstance(kind, str):
        raise BadMessage("a message has a type")
    if kind not in set(InboundType):
        return None
    return Inbound(InboundType(kind), message)


def _encoded(data: str | bytes) -> bytes:
    return data if isinstance(data, bytes) else data.encode()


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def headed(message: Outbound, media_ms: int) -> dict[str, Any]:
    """The message without a channel's number."""
    return {"v": VERSION, "type": message.type, "t_ms": media_ms, **message.fields}


class Envelopes:
    """Numbers the messages of each channel and stamps them with media time."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def wrap(self, message: Outbound, media_ms: int) -> dict[str, Any]:
        """The message as it goes on the wire, before encoding."""
        sequence = self._next.get(message.label, 0)
        self._next[message.label] = sequence + 1
        return {"seq": sequence, **headed(message, media_ms)}


class Throttle:
    """Lets through at most one message per interval and type: 10 a second for telemetry."""

    def __init__(self, interval_ms: float = TELEMETRY_INTERVAL_MS) -> None:
        self._interval_ms = interval_ms
        self._next_ms = -math.inf

    def allows(self, now_ms: float) -> bool:
        """Whether a message may go now; if so, the next has to wait."""
        if now_ms < self._next_ms:
            return False
        self._next_ms = now_ms + self._interval_ms
        return True


def encode(message: Mapping[str, Any]) -> str:
    """JSON without NaN or infinity, which browsers refuse."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
