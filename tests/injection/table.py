"""The laboratory's tables, in Markdown: cells of attacks, bona fide people, and what did not come about.

APCER is the share of attacks that PASSED, of all with a response: what is INCONCLUSIVE was not accepted.
BPCER is the share of people that FAILED; next to it stands the share that did not pass, whom the product
sends to an agent or asks again. Bounds are the upper ones of Wilson's 95% intervals. Runs of a cell share
people and photographs, so that they are not independent, and the bounds are too low rather than too high.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kyc_rtc.evaluation.metrics import Proportion
from tests.injection.plan import Instrument, Method
from tests.injection.record import Run

PASSED, INCONCLUSIVE, FAILED = "PASSED", "INCONCLUSIVE", "FAILED"

ATTACKS = """\
| instrument | method | n | PASSED | INCONCLUSIVE | FAILED | APCER (at most) | BPCER, same method (at most) \
| score | attempts | frames/s | s |
|---|---|---|---|---|---|---|---|---|---|---|---|"""

PEOPLE = """\
| method | n | PASSED | INCONCLUSIVE | FAILED | BPCER (at most) | did not pass (at most) | score \
| begun anew | frames/s | s |
|---|---|---|---|---|---|---|---|---|---|---|"""

MISSING = """\
| instrument | method | runs without a response | of | why (runs) |
|---|---|---|---|---|"""


def report(runs: Iterable[Run]) -> Iterator[str]:
    """All three tables, line by line."""
    found = list(runs)
    yield ATTACKS
    for instrument in Instrument:
        for method in Method if instrument is not Instrument.BONA_FIDE else ():
            if cell := _cell(found, instrument, method):
                yield _attack_row(cell, _cell(found, Instrument.BONA_FIDE, method))
    yield ""
    yield PEOPLE
    for method in Method:
        if cell := _cell(found, Instrument.BONA_FIDE, method):
            yield _people_row(cell)
    yield ""
    yield MISSING
    for instrument in Instrument:
        for method in Method:
            yield from _missing_row(_cell(found, instrument, method))


def responses(runs: Iterable[Run]) -> list[Run]:
    """The runs that count."""
    return [run for run in runs if not run.non_response]


def share(runs: Iterable[Run], *verdicts: str) -> Proportion:
    """How many of the runs with a response came to one of these verdicts."""
    counted = responses(runs)
    return Proportion(sum(run.verdict in verdicts for run in counted), len(counted))


def percent(proportion: Proportion) -> str:
    """The share and the upper bound of its 95% interval, such as `10% (40%)`; a dash without a trial."""
    value, interval = proportion.value, proportion.interval
    if value is None or interval is None:
        return "–"
    return f"{value:.0%} ({interval[1]:.0%})"


def _cell(runs: Iterable[Run], instrument: Instrument, method: Method) -> list[Run]:
    wanted = instrument, method
    return [run for run in runs if (run.job.instrument, run.job.method) == wanted]


def _attack_row(cell: Sequence[Run], people: Sequence[Run]) -> str:
    counted, job = responses(cell), cell[0].job
    return _line(
        job.instrument,
        job.method,
        len(counted),
        share(cell, PASSED).hits,
        _with_reason(counted, INCONCLUSIVE),
        _with_reason(counted, FAILED),
        percent(share(cell, PASSED)),
        percent(share(people, FAILED)),
        _scores(counted),
        _span([run.attempts for run in counted]),
        _span([run.frames_per_s for run in counted]),
        _span([run.seconds for run in counted]),
    )


def _people_row(cell: Sequence[Run]) -> str:
    counted = responses(cell)
    return _line(
        cell[0].job.method,
        len(counted),
        share(cell, PASSED).hits,
        _with_reason(counted, INCONCLUSIVE),
        _with_reason(counted, FAILED),
        percent(share(cell, FAILED)),
        percent(share(cell, FAILED, INCONCLUSIVE)),
        _scores(counted),
        sum(run.begun_anew for run in counted),
        _span([run.frames_per_s for run in counted]),
        _span([run.seconds for run in counted]),
    )


def _missing_row(cell: Sequence[Run]) -> Iterator[str]:
    why = Counter(run.non_response for run in cell if run.non_response)
    if why:
        job = cell[0].job
        named = ", ".join(f"{reason} ({count})" for reason, count in why.most_common())
        yield _line(job.instrument, job.method, why.total(), len(cell), named)


def _with_reason(counted: Iterable[Run], verdict: str) -> str:
    """How many came to this verdict, and the most frequent of their reasons, with its number."""
    chosen = [run for run in counted if run.verdict == verdict]
    reasons = Counter(code for run in chosen for code in set(run.reasons))
    most = ", ".join(f"{code} {count}" for code, count in sorted(reasons.items(), key=_rank)[:1])
    return f"{len(chosen)}: {most}" if most else str(len(chosen))


def _rank(counted: tuple[str, int]) -> tuple[int, str]:
    """The most frequent first; of equals the first by name."""
    return -counted[1], counted[0]


def _scores(counted: Iterable[Run]) -> str:
    return _span([run.score for run in counted if run.score is not None], 2)


def _span(values: Sequence[float], digits: int = 0) -> str:
    if not values:
        return "–"
    least, most = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return least if least == most else f"{least}–{most}"


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
