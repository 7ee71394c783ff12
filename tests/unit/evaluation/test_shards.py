"""An evaluation in pieces: every clip in one piece, results whole or not there, a report at the end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc_rtc.__main__ import main
from kyc_rtc.errors import BadRequest
from kyc_rtc.evaluation import shards
from kyc_rtc.evaluation.manifest import Clip, Label, Use
from kyc_rtc.evaluation.results import ClipResult, Conditions
from kyc_rtc.evaluation.runner import Job
from kyc_rtc.evaluation.shards import MAX_SHARDS, Records, Shard, records_key
from kyc_rtc.settings import Settings
from tests.unit.evaluation.results import clip_result


def clip(name: str) -> Clip:
    return Clip(name, Path(name), Label.BONA_FIDE, "bona_fide", name, "", None, "", Use.ANY)


@given(count=st.integers(1, 12), clips=st.integers(0, 40))
def test_every_clip_is_in_one_shard(count: int, clips: int) -> None:
    everything = [clip(f"{number}.mp4") for number in range(clips)]
    pieces = [Shard(number, count).of(everything) for number in range(1, count + 1)]
    assert sorted(c.name for piece in pieces for c in piece) == sorted(c.name for c in everything)
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def test_a_shard_is_read() -> None:
    assert Shard.parse("2/8") == Shard(2, 8)


@pytest.mark.parametrize(
    "text",
    ["", "2", "0/3", "4/3", "-1/3", "1/0", "a/b", "1/2/3", " 1/2", f"1/{MAX_SHARDS + 1}", "1/²"],
)
def test_what_is_not_a_shard_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="a shard is K/N"):
        Shard.parse(text)


def written(folder: Path, name: str, content: bytes = b"x") -> Clip:
    path = folder / name
    path.write_bytes(content)
    return replace(clip(name), path=path)


@pytest.mark.parametrize("score", [0.25, None])
def test_a_result_is_read_as_it_was_written(score: float | None, tmp_path: Path) -> None:
    result = replace(
        clip_result("a.mp4", score=score, evidence={"swap": (0.5, 0.25)}),
        weights=(0.0,),
        features={"x": 0.5, "y": None},
        source="",
    )
    records, one = Records(tmp_path / "new" / "folder"), written(tmp_path, "a.mp4")
    assert records.load(one) is None
    records.save(one, result)
    assert records.load(one) == result
    assert records.load(written(tmp_path, "b.mp4", b"y")) is None


def test_what_the_manifest_says_is_read_from_it_and_another_content_is_another_clip(
    tmp_path: Path,
) -> None:
    records, one = Records(tmp_path / "records"), written(tmp_path, "a.mp4")
    records.save(one, clip_result("a.mp4"))
    attack = replace(one, name="renamed.mp4", label=Label.ATTACK, species="face_swap", model="m")
    found = records.load(attack)
    assert found is not None
    assert (found.name, found.label, found.species, found.model) == (
        "renamed.mp4", Label.ATTACK, "face_swap", "m",
    )  # fmt: skip
    assert records.load(written(tmp_path, "a.mp4", b"other")) is None


@pytest.mark.parametrize(
    "junk", ["", "{", "[]", "{}", "null", '{"path": "a.mp4"}', "\x00\xff", '{"evidence": []}']
)
def test_a_broken_file_counts_as_missing(junk: str, tmp_path: Path) -> None:
    records, one = Records(tmp_path / "records"), written(tmp_path, "a.mp4")
    records.save(one, clip_result("a.mp4"))
    (file,) = (tmp_path / "records").iterdir()
    whole = json.loads(file.read_text())
    file.write_bytes(junk.encode("latin-1"))
    assert records.load(one) is None
    file.write_text(json.dumps(whole | {"evidence": []}))
    assert records.load(one) is None


def test_other_conditions_weights_limits_or_libraries_have_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").write_bytes(b"m")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "swap.onnx").write_bytes(name.encode())
    job = Job(tmp_path / "model", Settings(), Conditions(), tmp_path / "one")
    others = [
        replace(job, conditions=Conditions(fps=10)),
        replace(job, learned=tmp_path / "two"),
        replace(job, settings=Settings(review_threshold=0.4)),
    ]
    keys = [records_key(one) for one in (job, *others)]
    assert len(set(keys)) == len(keys)
    assert records_key(job) == keys[0]
    monkeypatch.setattr(shards, "version", lambda name: f"another {name}")
    assert records_key(job) not in keys


def test_the_command_runs_piece_by_piece_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{number}.mp4" for number in range(5)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    manifest, out = tmp_path / "m.tsv", tmp_path / "out"
    header = "path\tlabel\tspecies\tgroup\tmodel\tseconds\tsource"
    manifest.write_text("\n".join([header, *(f"{n}\tbona_fide\tbona_fide\t\t\t\t" for n in names)]))
    ran: list[str] = []

    def run_clip(one: Clip, job: Job) -> ClipResult:
        assert job.conditions.fps == 15
        ran.append(one.name)
        result = clip_result(one.name)
        broken = ran.count(one.name) == 1 and one.name in ("2.mp4", "3.mp4")
        return replace(result, reasons=("unreadable",)) if broken else result

    monkeypatch.setattr("kyc_rtc.evaluation.runner.run_clip", run_clip)
    asked = ["evaluate", "--manifest", str(manifest), "--out", str(out)]
    assert main([*asked, "--shard", "1/2"]) == 0
    assert ran == ["0.mp4", "2.mp4", "4.mp4"]
    assert "the last shard writes the report" in capsys.readouterr().out
    assert not (out / "report.md").exists()
    assert main([*asked, "--shard", "2/2"]) == 0
    assert ran[3:] == ["1.mp4", "3.mp4"]
    report = json.loads((out / "report.json").read_text())
    assert [one["path"] for one in report["clips"]] == names
    assert [c["path"] for c in report["clips"] if "unreadable" in c["reasons"]] == [
        "2.mp4",
        "3.mp4",
    ]
    assert (
        (out / "report.md").read_text().startswith("# Evaluation: as recorded, at most 15 frames")
    )
    assert main(asked) == 0
    assert ran[5:] == ["2.mp4", "3.mp4"]  # what could not be read is tried again, and nothing else
    assert main([*asked, "--shard", "3/2"]) == 2
