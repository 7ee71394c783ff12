"""Labelled sessions of a database as an evaluation, down to the command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kyc_rtc.__main__ import main
from kyc_rtc.decision.verdict import VerdictStatus
from kyc_rtc.errors import BadRequest, SettingsError
from kyc_rtc.evaluation.from_db import read_results
from kyc_rtc.evaluation.manifest import Label
from kyc_rtc.evaluation.results import FrameCounts, Statement
from kyc_rtc.storage import Database, LabelRecord, Sealer, SqlLabelRepository, SqlSessionStore
from kyc_rtc.storage.labels import UNSPECIFIED
from tests.support.memory_store import a_session

EVIDENCE = (
    {"analyser": "swap", "score": 0.81, "confidence": 0.9, "reasons": ["face_swap"]},
    {"analyser": "texture", "score": 0.2, "confidence": 0.0, "reasons": []},
    {"analyser": "of_another_version", "score": 0.5, "confidence": 1.0, "reasons": []},
)
Row = tuple[str, float | None, str, str | None]
"""Verdict, deepfake score, label, species."""

ROWS: tuple[Row, ...] = (
    ("FAILED", 0.8, "attack", "face_swap"),
    ("PASSED", 0.3, "attack", "face_swap"),
    ("PASSED", 0.1, "bona_fide", None),
    ("FAILED", 0.7, "bona_fide", None),
    ("INCONCLUSIVE", None, "bona_fide", None),
    ("PASSED", 0.2, "attack", None),
)


async def _store(url: str, rows: tuple[Row, ...]) -> list[str]:
    database = Database(url)
    await database.open()
    sessions = SqlSessionStore(database, Sealer("a secret"), {"expired"})
    labels = SqlLabelRepository(database)
    ids: list[str] = []
    for number, (status, score, label, species) in enumerate(rows):
        record = a_session(
            user_id=f"customer-{number // 2}",
            state=status.lower(),
            verdict_status=status,
            deepfake_score=score,
            liveness_score=0.7,
            frames_processed=200,
            reasons=("challenges_passed",),
            reason_weights=None if number else (0.7,),  # the others are of an earlier version
            evidence=EVIDENCE,
        )
        await sessions.open(record, [])
        ids.append(record.session_id)
        values: dict[str, Any] = {"labelled_by": "agent-7", "labelled_at_ms": 5, "source": "agent"}
        await labels.add(LabelRecord(record.session_id, label, species=species, **values))
    await sessions.open(a_session(state="passed", verdict_status="PASSED"), [])  # without a label
    await database.aclose()
    return ids


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite3"


def test_results_are_the_sessions_as_they_were_judged(url: str) -> None:
    ids = asyncio.run(_store(url, ROWS))
    results = read_results(url)
    assert [result.name for result in results] == ids
    first, unspecified = results[0], results[-1]
    assert (first.label, first.species, first.source) == (Label.ATTACK, "face_swap", "agent")
    assert (first.status, first.deepfake_score) == (VerdictStatus.FAILED, 0.8)
    assert (first.reasons, first.weights) == (("challenges_passed",), (0.7,))
    assert unspecified.weights is None
    assert first.frames == FrameCounts(analysed=200)
    assert first.evidence == {
        "swap": Statement(0.81, 0.9, ("face_swap",)),
        "texture": Statement(0.2, 0.0),
    }
    assert unspecified.species == UNSPECIFIED
    assert [result.group for result in results] == [f"applicant {n}" for n in (1, 1, 2, 2, 3, 3)]


def test_the_command_writes_the_report(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(_store(url, ROWS))
    out = tmp_path / "report"
    assert main(["evaluate", "--from-db", "--database-url", url, "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "report.md")
    text = (out / "report.json").read_text()
    report = json.loads(text)
    assert [clip["weights"] for clip in report["clips"]] == [[0.7], *[None] * 5]
    assert report["clips"][0]["reasons"] == ["challenges_passed"]
    section = report["sections"]["video"]
    assert section["clips"] == len(ROWS)
    assert section["bona_fide"]["bpcer"]["value"] == 0.5
    assert section["species"]["face_swap"]["apcer"]["value"] == 0.5
    assert section["species"][UNSPECIFIED]["apcer"]["value"] == 1.0
    assert section["all_attacks"]["scored"] == {"bona_fide": 2, "attack": 3}
    written = text + (out / "report.md").read_text()
    assert "customer-" not in written
    assert Sealer("a secret").digest("customer-0") not in written
    assert "agent-7" not in written
    assert {path.name for path in out.iterdir()} == {
        "report.json", "report.md", "det.png", "scores.png",
    }  # fmt: skip


def test_the_database_of_the_settings_is_the_default(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_store(url, ROWS[:3]))
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["evaluate", "--from-db", "--out", str(tmp_path / "report")]) == 0


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadRequest, match="no such file"):
        read_results(url)
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingsError):
        read_results("mysql://nowhere/at_all")


def test_without_labels_there_is_nothing_to_report(url: str) -> None:
    asyncio.run(_store(url, ()))
    with pytest.raises(BadRequest, match="no labelled session"):
        read_results(url)


@pytest.mark.parametrize(
    "options",
    [
        ["--from-db", "--codec", "vp8"],
        ["--from-db", "--loss", "0.1"],
        ["--from-db", "--images"],
        ["--manifest", "m.tsv", "--database-url", "sqlite:///x"],
    ],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert main(["evaluate", *options, "--out", str(tmp_path / "report")]) == 2
    assert "--" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--from-db", "--manifest", "m.tsv"]])
def test_either_a_manifest_or_the_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", *options, "--out", str(tmp_path / "report")])
    assert "--manifest" in capsys.readouterr().err
