"""Data-channel messages: envelopes out, junk refused on the way in."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.errors import BadMessage
from kyc_rtc.sessions.wire import (
    MAX_MESSAGE_BYTES,
    TELEMETRY,
    Envelopes,
    InboundType,
    Outbound,
    Throttle,
    encode,
    parse_message,
)


@pytest.mark.parametrize("kind", list(InboundType))
def test_every_known_type_is_read(kind: InboundType) -> None:
    inbound = parse_message(json.dumps({"v": 1, "seq": 0, "type": kind.value, "extra": [1]}))
    assert inbound is not None
    assert inbound.type is kind
    assert inbound.fields["extra"] == [1]


def test_unknown_types_are_ignored() -> None:
    assert parse_message('{"v": 1, "type": "liveness_done"}') is None


@pytest.mark.parametrize(
    "data",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        '{"v": 2, "type": "ready"}',
        '{"v": 1}',
        '{"v": 1, "type": 7}',
        '{"v": 1, "type": "ready", "x": NaN}',
        '{"v": 1, "type": "ready", "x": Infinity}',
        b'{"v": 1, "type": "ready\xff"}',
        "[" * 10_000,
        '{"v": 1, "type": "' + "x" * MAX_MESSAGE_BYTES + '"}',
        '{"v":1,"type":"ready","x":"' + "é" * (MAX_MESSAGE_BYTES // 2) + '"}',
    ],
)
def test_malformed_messages_are_refused(data: str | bytes) -> None:
    with pytest.raises(BadMessage):
        parse_message(data)


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_junk_never_escapes_the_error_tree(data: str | bytes) -> None:
    try:
        parse_message(data)
    except BadMessage:
        return


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=20))
def test_any_json_value_is_handled(value: object) -> None:
    try:
        parse_message(json.dumps(value))
    except BadMessage:
        return


def test_each_channel_has_its_own_sequence() -> None:
    envelopes = Envelopes()
    sent = [
        envelopes.wrap(Outbound("hello"), 0),
        envelopes.wrap(Outbound("frame", {"yaw_deg": 1.5}, TELEMETRY), 40),
        envelopes.wrap(Outbound("state", {"state": "passed"}), 80),
    ]
    assert [(m["type"], m["seq"], m["t_ms"], m["v"]) for m in sent] == [
        ("hello", 0, 0, 1),
        ("frame", 0, 40, 1),
        ("state", 1, 80, 1),
    ]


def test_what_a_browser_could_not_parse_is_never_sent() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        encode({"score": math.nan})


@given(st.lists(st.floats(0, 1_000), min_size=1, max_size=200))
def test_the_throttle_keeps_its_rate(gaps: list[float]) -> None:
    throttle = Throttle(100.0)
    now, passed = 0.0, []
    for gap in gaps:
        now += gap
        if throttle.allows(now):
            passed.append(now)
    assert passed
    assert all(b - a >= 100.0 for a, b in itertools.pairwise(passed))
