"""The nets' tables: every figure in its place, and nothing where there is none."""

from __future__ import annotations

import json
from pathlib import Path

from training.nets_tables import (
    by_moment,
    by_share,
    by_share_unseen,
    by_source,
    means_by_task,
    write_nets_tables,
)

MATCHED: dict[str, dict[str, float]] = {
    "always": {
        "bona fide pairs": 600, "swapped pairs": 598, "net_colour_swap": 0.711,
        "net_motion_swap": 0.755, "net_change_swap": 0.744,
    },
    "blinking": {"bona fide pairs": 3, "swapped pairs": 0},
}  # fmt: skip
SOURCES = [
    {"source": "b", "attacks": "swap", "video": True, "n": 3, "auc": 0.7512},
    {"source": "a", "attacks": "recapture", "video": False, "n": 9, "auc": 0.6, "auc_colours": 0.9},
    {"source": "c", "attacks": "generated", "video": True, "n": 1, "auc": 0.5},
]
CURVE = [
    {"share": 0.25, "of": "people", "swap colour": [0.611, 0.689], "swap motion": [0.7, 0.6],
     "swap change": [0.5, 0.5], "blended motion": [0.83, 0.84]},
]  # fmt: skip


def test_a_moment_without_pairs_has_no_area() -> None:
    head, _, always, blinking = by_moment(MATCHED).splitlines()
    assert head == "| moment | pairs, swapped/bona fide | colour | motion | change |"
    assert always == "| always | 598/600 | 0.71 | 0.76 | 0.74 |"
    assert blinking == "| blinking | 0/3 |  |  |  |"


def test_sources_are_grouped_by_what_they_attack_and_single_clips_left_out() -> None:
    assert by_source(SOURCES).splitlines()[2:] == [
        "| a | recapture, pictures | 9 | 0.60 | 0.90 |",
        "| b | swap, videos | 3 | 0.75 |  |",
    ]


def test_every_draw_is_reported() -> None:
    row = "| 25% | people | 0.61 and 0.69 | 0.70 and 0.60 | 0.50 and 0.50 | 0.83 and 0.84 |"
    assert by_share(CURVE).splitlines()[2:] == [row]


def test_unseen_sources_have_a_table_of_their_own() -> None:
    seen = [CURVE[0] | {"unseen swap, videos": [0.712, 0.7], "unseen recapture, pictures": [0.9]}]
    assert by_share_unseen(seen).splitlines() == [
        "| share | of | recapture, pictures | swap, videos |",
        "|---|---|---|---|",
        "| 25% | people | 0.90 | 0.71 and 0.70 |",
    ]


def test_the_mean_over_sources_leaves_out_those_with_one_clip() -> None:
    more = {"source": "d", "attacks": "swap", "video": True, "n": 30, "auc": 0.65}
    assert means_by_task([*SOURCES, more]) == {
        "unseen swap, videos": 0.701,
        "unseen recapture, pictures": 0.6,
        "unseen recapture, pictures, colours": 0.9,
    }


def test_steps_that_were_not_taken_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "sources.json").write_text(json.dumps(SOURCES))
    write_nets_tables(tmp_path)
    assert (tmp_path / "reports" / "nets.md").read_text() == by_source(SOURCES)
    (tmp_path / "nets.json").write_text(json.dumps({"matched by moment": MATCHED}))
    (tmp_path / "learning_curve.json").write_text(json.dumps(CURVE))
    write_nets_tables(tmp_path)
    found = (tmp_path / "reports" / "nets.md").read_text()
    assert found == "\n".join([by_moment(MATCHED), by_source(SOURCES), by_share(CURVE)])
