"""What must hold between the record, its journal, its alerts, and what clients received. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kyc_rtc.alerts.policy import alerts_for
from kyc_rtc.alerts.rules import shipped_rules
from kyc_rtc.decision.verdict import ReasonCode, Verdict, VerdictStatus
from tests.support.stored import Entry, Stored, parsed
from tests.support.upload_client import Answered, Received, Record

JOURNALLED = frozenset({"state", "challenge", "challenge_voided", "challenge_result", "verdict"})
"""Messages that have to carry their journal number."""

_ENVELOPE = frozenset({"v", "seq", "type", "t_ms", "event"})
_TELLING = ("challenge_id", "status", "state")
"""Fields of a message that its journal entry has to have, where the message has them."""
_VERDICT_STATES = {"PASSED": "passed", "FAILED": "failed", "INCONCLUSIVE": "inconclusive"}


def of_session(stored: Stored) -> Iterator[str]:
    """What is wrong with one session as it is stored."""
    name = stored.session_id
    yield from (f"{name}: {wrong}" for wrong in _numbers(stored))
    yield from (f"{name}: {wrong}" for wrong in _verdict(stored))
    yield from (f"{name}: {wrong}" for wrong in _alerts(stored))
    states = stored.of_type("state")
    if states and states[-1].payload.get("state") != stored.state:
        yield f"{name}: is {stored.state}, and its journal ends in {states[-1].payload}"


def of_record(record: Record, stored: Mapping[str, Stored]) -> Iterator[str]:
    """What one client received, and is not stored so."""
    for session_id in record.started:
        if session_id not in stored:
            yield f"{session_id}: was opened, and is not stored"
    for received in record.received:
        if received.session_id in stored:
            yield from _received(received, stored[received.session_id])
    for answered in record.answered:
        if answered.session_id in stored:
            yield from _answered(answered, stored[answered.session_id])


def of_all(stored: Mapping[str, Stored], records: Iterable[Record] = ()) -> list[str]:
    """Everything that is wrong."""
    wrong = [line for one in stored.values() for line in of_session(one)]
    return wrong + [line for record in records for line in of_record(record, stored)]


def readable(stored: Stored, journal: list[dict[str, Any]]) -> Iterator[str]:
    """What was in the journal, and is not read over REST. Newer entries may follow."""
    read = [Entry(one["seq"], one["type"], one["payload"]) for one in journal]
    for entry, other in zip(stored.journal, read, strict=False):
        if entry != other:
            yield f"{stored.session_id}: journal has {entry}, REST has {other}"
    if len(read) < len(stored.journal):
        missing = len(stored.journal) - len(read)
        yield f"{stored.session_id}: {missing} entries of the journal are not read over REST"


def _numbers(stored: Stored) -> Iterator[str]:
    numbers = [entry.seq for entry in stored.journal]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"journal numbers with holes or doubles: {numbers}"
    if stored.row["last_seq"] != len(numbers):
        yield f"last_seq is {stored.row['last_seq']}, the journal has {len(numbers)} entries"


def _verdict(stored: Stored) -> Iterator[str]:
    journalled = [entry.payload.get("status") for entry in stored.of_type("verdict")]
    wanted = [] if stored.verdict is None else [stored.verdict]
    if journalled != wanted:
        yield f"verdict_status is {stored.verdict}, verdicts in the journal: {journalled}"
    if stored.verdict is not None and stored.state != _VERDICT_STATES[stored.verdict]:
        yield f"verdict_status is {stored.verdict} in the state {stored.state}"


def _alerts(stored: Stored) -> Iterator[str]:
    rows = Counter(str(row["type"]) for row in stored.alerts)
    entries = Counter(str(_alert_of(entry)["type"]) for entry in stored.of_type("alert"))
    if rows != entries:
        yield f"alerts: {dict(rows)}, in the journal: {dict(entries)}"
    ids = {row["alert_id"] for row in stored.alerts}
    journalled = {_alert_of(entry).get("alert_id") for entry in stored.of_type("alert")} - {None}
    if journalled - ids:
        yield f"alerts in the journal that are not rows: {journalled - ids}"
    missing = expected_alerts(stored) - rows
    if missing:
        yield f"verdict {stored.verdict} without its alerts {sorted(missing)}"
    if rows and stored.verdict is None and stored.state != "interrupted":
        yield f"alerts without a verdict: {dict(rows)}"


def _alert_of(entry: Entry) -> Mapping[str, Any]:
    """The alert in an entry. An entry's own `type` is the journal's."""
    payload = entry.payload
    return payload if "type" in payload else {**payload, "type": payload.get("alert_type")}


def expected_alerts(stored: Stored) -> Counter[str]:
    """The types that the rule raises for the stored verdict."""
    row = stored.row
    if row["verdict_status"] is None:
        return Counter()
    reasons = tuple(ReasonCode(code) for code in parsed(row["reasons"]))
    weights = tuple(parsed(row["reason_weights"]) or [0.0] * len(reasons))
    status = VerdictStatus(row["verdict_status"])
    verdict = Verdict(status, reasons, row["liveness_score"], row["deepfake_score"], weights)
    return Counter(draft.type.value for draft in alerts_for(verdict, shipped_rules()))


def _received(received: Received, stored: Stored) -> Iterator[str]:
    number, name = received.message.get("event"), f"{received.session_id}: received {received.kind}"
    if number is None:
        if received.kind in JOURNALLED:
            yield f"{name} without a journal number"
        return
    found = [entry for entry in stored.journal if entry.seq == number]
    if not found:
        yield f"{name} as {number}, which is not in the journal"
        return
    entry = found[0]
    if entry.type != received.kind:
        yield f"{name} as {number}, which is a {entry.type} in the journal"
    for key, value in received.message.items():
        missing = key not in entry.payload
        if key in _ENVELOPE or (missing and key not in _TELLING):
            continue
        if missing or entry.payload[key] != value:
            yield f"{name} as {number} with {key}={value}, stored {entry.payload.get(key)}"


def _answered(answered: Answered, stored: Stored) -> Iterator[str]:
    if stored.verdict != answered.status:
        yield (
            f"{answered.session_id}: {answered.call} answered {answered.status}, "
            f"stored {stored.verdict}"
        )
