"""The whole OpenAPI against the real server, with bodies and parameters that fit the schemas and that do not.

    python -m tests.fuzz_api [--examples N] [--seed S] [--only PATTERN]

starts the server in production with a faked analysis, and calls every operation with N generated cases each
under no credential, an applicant's token, an API key, a login of each role of people, and another
tenant's key. Prints the counts, and what is wrong: a 5xx that is not the documented 503, a status or a
content type that is not described, an answer that does not fit its schema, anything of the first tenant in
what the other one gets. Exit status 1 where anything is.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from pydantic import SecretStr
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import response_schema_conformance

from kyc_rtc.keys import api_key_hash, new_api_key
from kyc_rtc.scopes import Scope
from kyc_rtc.settings import Settings
from kyc_rtc.telemetry import configure_logging
from signaling.event_stream import EVENT_STREAM
from signaling.whip import FRAGMENT, SDP
from tests.support.faked_process import FakedServer
from tests.support.fuzz_junk import junk, send
from tests.support.fuzz_people import ELSEWHERE, PEOPLE, People
from tests.support.offers import browser_like_offer

Operation = schemathesis.APIOperation[Any, Any, Any, Any]
schemathesis.serializer.alias([SDP, FRAGMENT], "text/plain")

SECRET = "a secret of the fuzz test, long enough"
CREDENTIALS = ("none", "applicant", "key", *PEOPLE, ELSEWHERE)
WITH_JUNK = ("applicant", "key")
"""`none` is refused before anything is read; the others come as far as the key does."""
STREAM_S = 3.0
"""A stream of events does not end: it is read for so long."""
STREAMS = 2
"""Cases of one: it takes nothing that could differ."""
PUBLIC_URL = "https://kyc.example"
_REAL_OFFERS = 0.05
"""Of all offers: each of them opens a peer."""


class Answer(Protocol):
    """What of a response is looked at."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, list[str]]: ...
    @property
    def content(self) -> bytes: ...


@dataclass(slots=True)
class Report:
    """What came back. `wrong`: each kind of trouble, with how often and the first case of it."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        return sum(sum(counts.values()) for counts in self.statuses.values())

    def note(self, credential: str, operation: str, status: int) -> None:
        self.statuses.setdefault(credential, Counter())[status] += 1
        self.operations[operation] += 1

    def complain(self, what: str, case: str) -> None:
        entry = self.wrong.setdefault(what, [0, case])
        entry[0] += 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_api", description=__doc__)
    parser.add_argument(
        "--examples", type=int, default=50, help="cases per operation, credential and mode"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", default="", help="operations, such as 'POST /api/v1/kyc', that match this"
    )
    given_ = parser.parse_args()
    configure_logging("warning", as_json=False)  # logins are made in this process
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), given_.examples, given_.seed, given_.only)
    print(rendered(report))
    return 1 if report.wrong else 0


def run(
    folder: Path,
    examples: int,
    seed_: int = 1,
    only: str = "",
    credentials: Iterable[str] = CREDENTIALS,
) -> Report:
    """Start a server in `folder`, fuzz it, and end it."""
    report = Report()
    with serving(folder) as (server, people):
        schema = schemathesis.openapi.from_dict(people.description(), config=_config())
        for credential in credentials:
            people.renew()
            for operation in _operations(schema, only):
                if credential == "applicant":  # whose own session is soon over
                    people.renew()
                elif credential in PEOPLE:
                    people.log_in()
                _fuzz(operation, credential, people, report, examples, seed_)
                if credential in WITH_JUNK:
                    _throw_junk(operation, credential, people, report)
        if not server.running or not server.health():
            report.complain("the server does not answer any more", server.log()[-2_000:])
        for line in re.findall(r".*(?:request_failed|Traceback).*", server.log()):
            report.complain("the log has an error", line)
    return report


@contextmanager
def serving(folder: Path) -> Iterator[tuple[FakedServer, People]]:
    """A server in production, and who calls it."""
    key, key_elsewhere = new_api_key(), new_api_key()
    settings = Settings(
        data_dir=folder,
        secret_key=SecretStr(SECRET),
        public_url=PUBLIC_URL,
        environment="production",
        api_key_hashes=(api_key_hash(key),),
    )
    server = FakedServer(
        folder,
        {
            "ENVIRONMENT": "production",
            "SECRET_KEY": SECRET,
            "API_KEY_HASHES": json.dumps([api_key_hash(key)]),
            "API_KEYS": f"[{_elsewhere(key_elsewhere)}]",
            "PUBLIC_URL": PUBLIC_URL,
            "WEBHOOKS__ALLOW_PRIVATE": "true",
            "LIMITS__MAX_LIVE_SESSIONS": "1000",
            "LIMITS__MIN_FREE_DISK_MB": "0",
            "LOG_LEVEL": "warning",
        },
    )
    server.start()
    try:
        yield server, People(server.url, key, key_elsewhere, settings)
    finally:
        server.kill()


def _elsewhere(key: str) -> str:
    """Another tenant's key as TOML, for all that it may have."""
    scopes = json.dumps([scope.value for scope in Scope if scope is not Scope.METRICS])
    fields = f'id = "{ELSEWHERE}", sha256 = "{api_key_hash(key)}", scopes = {scopes}'
    return f'{{{fields}, tenant = "another-bank"}}'


def _config() -> SchemathesisConfig:
    """Credentials are ours alone."""
    generation = GenerationConfig(with_security_parameters=False)
    default = ProjectConfig(generation=generation)
    return SchemathesisConfig(projects=ProjectsConfig(default=default))


def _operations(schema: schemathesis.BaseSchema, only: str) -> Iterator[Operation]:
    for result in schema.get_all_operations():
        if isinstance(result, Err):
            raise result.err()
        if re.search(only, result.ok().label):
            yield result.ok()


def _fuzz(
    operation: Operation, credential: str, people: People, report: Report, examples: int, seed_: int
) -> None:
    """Call one operation: with what fits its schema, and, where it takes anything, with what does not."""
    for mode in schemathesis.GenerationMode:
        strategy = st.tuples(operation.as_strategy(generation_mode=mode), st.randoms())
        call = _caller(operation, credential, people, report)
        plan = settings(
            max_examples=min(examples, STREAMS) if _is_stream(operation) else examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        try:
            seed(seed_)(plan(given(strategy)(call)))()
        except Unsatisfiable:  # nothing about it can be wrong
            continue


def _caller(
    operation: Operation, credential: str, people: People, report: Report
) -> Callable[[tuple[Any, Any]], None]:
    def call(drawn: tuple[Any, Any]) -> None:
        case, chance = drawn
        if chance.random() < 0.7:
            _make_real(case, people, chance)
        limit = {"timeout": STREAM_S} if _is_stream(operation) else {}
        answer = case.call(base_url=people.base_url, headers=people.headers(credential), **limit)
        report.note(credential, operation.label, answer.status_code)
        found = [*_wrong(operation, case, answer)]
        if credential == ELSEWHERE:
            found += _leaked(people, case, answer)
        for what in found:
            report.complain(f"{operation.label} as {credential}: {what}", case.as_curl_command())

    return call


def _throw_junk(operation: Operation, credential: str, people: People, report: Report) -> None:
    query = tuple(parameter.name for parameter in operation.query)
    method, path = operation.method.upper(), operation.path
    for request in junk(method, path, people.session_ids[0], query):
        answer = send(people.base_url, request, people.headers(credential))
        if answer is None:
            continue
        report.note(credential, operation.label, answer.status_code)
        for what in _undescribed(operation, answer):
            report.complain(f"{operation.label} as {credential}: {what}", request.text)


def _make_real(case: Any, people: People, chance: Any) -> None:
    """Names of things that are there, so that the request gets further than to `not_found`."""
    for place in (case.path_parameters, case.query, case.body):
        if not isinstance(place, dict):
            continue
        for name, there in people.ids.items():
            if name in place and there:
                place[name] = chance.choice(there)
        if "frame" in place:
            place["frame"] = people.picture
        if "sdp" in place and chance.random() < _REAL_OFFERS:
            place["sdp"] = browser_like_offer()
    if case.media_type == SDP and chance.random() < _REAL_OFFERS:
        case.body = browser_like_offer()


def _is_stream(operation: Operation) -> bool:
    done = operation.definition.raw["responses"].get("200", {})
    return EVENT_STREAM in done.get("content", {})


def _leaked(people: People, case: Any, answer: Answer) -> Iterator[str]:
    """What of the first tenant the other one was shown, or could do something to. OPTIONS says what a browser
    may ask, and looks at nothing."""
    if case.method.upper() == "OPTIONS":
        return
    body = case.body if isinstance(case.body, dict) else {}
    named = {**(case.path_parameters or {}), **body}
    if answer.status_code < 300 and people.seen_in(answer.content, named):
        yield f"{answer.status_code} for another tenant's things"


def _wrong(operation: Operation, case: Any, answer: Answer) -> Iterator[str]:
    """What of an answer is not as described."""
    found = list(_undescribed(operation, answer))
    if not found:
        try:
            case.validate_response(answer, checks=[response_schema_conformance])
        except FailureGroup as failures:
            found = [f"{answer.status_code}: {failure}" for failure in failures.exceptions]
    yield from found


def _undescribed(operation: Operation, answer: Answer) -> Iterator[str]:
    """A status or a content type that is not described; of a 5xx only 503 may be."""
    described = operation.definition.raw["responses"].get(str(answer.status_code))
    if answer.status_code >= 500 and (answer.status_code != 503 or described is None):
        yield f"{answer.status_code} {answer.content[:200]!r}"
    elif described is None:
        yield f"status {answer.status_code} is not described: {answer.content[:200]!r}"
    else:
        content = described.get("content", {})
        kind = "".join(answer.headers.get("content-type", [])).partition(";")[0]
        if kind not in content and (answer.content or content):
            yield f"content type {kind!r} of {answer.status_code} is not described"


def rendered(report: Report) -> str:
    """The report in Markdown."""
    lines = ["| credential | cases | by status |", "|---|---|---|"]
    for credential, counts in report.statuses.items():
        shown = ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
        lines.append(f"| {credential} | {sum(counts.values())} | {shown} |")
    lines.append(f"\noperations: {len(report.operations)}, cases: {report.cases}")
    for what, (count, example) in report.wrong.items():
        lines += [f"\n{count} × {what}", f"    {example}"]
    lines.append(f"violations: {sum(count for count, _ in report.wrong.values())}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
