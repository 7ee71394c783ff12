"""Manifests: what is read, and how wrong, junk and hostile ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyc_rtc.errors import BadRequest
from kyc_rtc.evaluation.manifest import (
    COLUMNS,
    MAX_ROWS,
    USE,
    Clip,
    Label,
    Use,
    read_manifest,
    spread,
)

HEADER = "\t".join((*COLUMNS, USE))
ROW = "a.mp4\tbona_fide\tbona_fide\tg1\t\t3.5\trepo:a\tany"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.mp4", "b.mp4", "c.jpg", "d.JPEG"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def read(folder: Path, *lines: str | bytes) -> list[Clip]:
    path = folder / "m.tsv"
    path.write_bytes(b"\n".join(s if isinstance(s, bytes) else s.encode() for s in lines))
    return read_manifest(path)


def test_rows_become_clips(folder: Path) -> None:
    attack = "b.mp4\tattack\tface_swap\t\tswapper\t\trepo:b\ttest"
    one, two = read(folder, HEADER, ROW, attack)
    assert one == Clip(
        "a.mp4",
        folder.resolve() / "a.mp4",
        Label.BONA_FIDE,
        "bona_fide",
        "g1",
        "",
        3.5,
        "repo:a",
        Use.ANY,
    )
    assert (two.label, two.use, two.seconds, two.model) == (
        Label.ATTACK,
        Use.TEST,
        None,
        "swapper",
    )
    assert two.group == "b.mp4"  # footage that it shares with nothing


def test_stills_are_recognised_by_their_names(folder: Path) -> None:
    rows = [ROW.replace("a.mp4", name) for name in ("a.mp4", "c.jpg", "d.JPEG")]
    assert [clip.still for clip in read(folder, HEADER, *rows)] == [False, True, True]


def test_extra_columns_order_blank_lines_bom_and_crlf_do_not_matter(folder: Path) -> None:
    header = "extra\t" + "\t".join(reversed((*COLUMNS, USE)))
    row = "junk\t" + "\t".join(reversed(ROW.split("\t")))
    lines = [b"\xef\xbb\xbf" + header.encode() + b"\r", b"", row.encode() + b"\r", b""]
    assert [clip.name for clip in read(folder, *lines)] == ["a.mp4"]


def test_an_empty_use_is_any(folder: Path) -> None:
    assert read(folder, HEADER, ROW.replace("\tany", "\t"))[0].use is Use.ANY
    assert read(folder, "\t".join(COLUMNS), ROW.removesuffix("\tany"))[0].use is Use.ANY


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("a.mp4", "", "below the manifest"),
        ("a.mp4", "/etc/passwd", "below the manifest"),
        ("a.mp4", "../m.mp4", "below the manifest"),
        ("a.mp4", "x/../../m.mp4", "below the manifest"),
        ("a.mp4", "missing.mp4", "no file"),
        ("a.mp4", ".", "no file"),
        ("bona_fide\tbona", "maybe\tbona", "label: one of bona_fide, attack"),
        ("bona_fide\tbona", "attack\tbona", "does not go with"),
        ("\tbona_fide\tg1", "\tface_swap\tg1", "does not go with"),
        ("\tbona_fide\tg1", "\t| a | b |\tg1", "species"),
        ("3.5", "-1", "seconds"),
        ("3.5", "0", "seconds"),
        ("3.5", "nan", "seconds"),
        ("3.5", "1e400", "seconds"),
        ("any", "train", "use: one of any, test"),
        ("\tany", "", "7 fields"),
        ("\tany", "\tany\tmore", "9 fields"),
        ("g1", "g\x00", "control character"),
        ("g1", "g\x1b[2J", "control character"),
        ("g1", "g" * 20_000, "more than 10000 characters"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(
    folder: Path, old: str, new: str, complaint: str
) -> None:
    good = ROW.replace("a.mp4", "b.mp4")
    with pytest.raises(BadRequest, match=r"line 4: .*") as caught:
        read(folder, HEADER, good, "", ROW.replace(old, new, 1))
    assert complaint in caught.value.message
    assert len(caught.value.message) < 1_000


def test_a_link_may_not_lead_out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.mp4"
    outside.write_bytes(b"x")
    (folder / "link.mp4").symlink_to(outside)
    with pytest.raises(BadRequest, match=r"line 2: .*leads out"):
        read(folder, HEADER, ROW.replace("a.mp4", "link.mp4"))


def test_a_path_twice_is_refused(folder: Path) -> None:
    with pytest.raises(BadRequest, match=r"line 3: .*earlier line"):
        read(folder, HEADER, ROW, ROW)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_or_doubled_column_is_named(folder: Path, column: str) -> None:
    without = "\t".join(c for c in COLUMNS if c != column)
    for header in (without, f"{HEADER}\t{column}"):
        with pytest.raises(BadRequest, match=f"line 1: .*{column}"):
            read(folder, header)


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xff\xfe\x00junk", b"\x00" * 100, b"a" * 1_000_000]
)
def test_junk_is_refused(folder: Path, content: bytes) -> None:
    with pytest.raises(BadRequest):
        read(folder, content)


def test_a_missing_file_or_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "no.tsv", tmp_path, tmp_path / "no" / "no.tsv"):
        with pytest.raises(BadRequest, match="cannot be read"):
            read_manifest(path)


def test_too_many_rows_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kyc_rtc.evaluation.manifest.MAX_ROWS", 1)
    assert MAX_ROWS > 6_398
    with pytest.raises(BadRequest, match="line 3: more than 1 rows"):
        read(folder, HEADER, ROW, ROW.replace("a.mp4", "b.mp4"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=200), with_header=st.booleans())
def test_any_bytes_are_read_or_refused(folder: Path, junk: bytes, with_header: bool) -> None:
    try:
        clips = read(folder, *([HEADER] if with_header else []), junk)
    except BadRequest:
        return
    assert all(clip.path.is_relative_to(folder.resolve()) for clip in clips)


def clips(counts: dict[str, int], suffix: str = ".mp4") -> list[Clip]:
    return [
        Clip(
            f"{species}/{number}{suffix}",
            Path(f"x{suffix}"),
            Label.BONA_FIDE if species == "bona_fide" else Label.ATTACK,
            species,
            "",
            "",
            None,
            "",
            Use.ANY,
        )
        for species, count in counts.items()
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "limit", "expected"),
    [
        ({"bona_fide": 50, "replay": 2, "face_swap": 9}, 9, [4, 2, 3]),
        ({"bona_fide": 50, "replay": 2, "face_swap": 9}, 1, [1, 0, 0]),
        ({"bona_fide": 5, "replay": 1}, 100, [5, 1]),
        ({}, 5, []),
    ],
)
def test_a_limit_is_spread_over_the_species(
    counts: dict[str, int], limit: int, expected: list[int]
) -> None:
    given_clips = clips(counts)
    chosen = spread(given_clips, limit)
    assert [sum(c.species == s for c in chosen) for s in counts] == expected
    assert chosen == [clip for clip in given_clips if clip in chosen]
    assert chosen == spread(list(reversed(given_clips)), limit)[::-1]


def test_pictures_do_not_crowd_out_videos() -> None:
    given_clips = clips({"bona_fide": 500}, ".jpg") + clips({"bona_fide": 5})
    assert sum(clip.still for clip in spread(given_clips, 6)) == 3
