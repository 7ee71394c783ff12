"""Splits: nobody, nothing and no tool on both sides."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from training.people import Item, folds, origin, read_items, source_folds

HEADER = "path\tlabel\tspecies\tgroup\tmodel\tseconds\tsource\tuse\n"


def item(number: int, *keys: str, species: str = "bona_fide") -> Item:
    return Item(Path(f"{number}.mp4"), species, None, frozenset(keys), "source", "any")


@given(
    st.lists(st.sets(st.integers(0, 12), min_size=1, max_size=3), min_size=1, max_size=40),
    st.integers(2, 5),
)
def test_what_shares_a_key_shares_a_fold(keys: list[set[int]], count: int) -> None:
    items = [item(at, *(str(key) for key in some)) for at, some in enumerate(keys)]
    fold = folds(items, count)
    assert set(fold) <= set(range(count))
    of_key: dict[int, int] = {}
    for some, number in zip(keys, fold, strict=True):
        for key in some:
            assert of_key.setdefault(key, number) == number


def test_species_are_spread_evenly() -> None:
    items = [item(at, str(at), species="a" if at % 3 else "b") for at in range(30)]
    fold = folds(items, 5)
    for species in ("a", "b"):
        counts = [0] * 5
        for one, number in zip(items, fold, strict=True):
            counts[number] += one.species == species
        assert max(counts) - min(counts) <= 1


def test_rows_are_linked_by_group_model_halves_and_generator(tmp_path: Path) -> None:
    rows = [
        "video/a/deepfacelive_left_Some_Model_0_aa.mp4\tbona_fide\tbona_fide\tg1\t\t1\tx/y:1\tany",
        "video/a/deepfacelive_right_Some_Model_1_bb.mp4\tattack\tface_swap\tg2\t\t1\tx/y:2\tany",
        "video/a/head_1.mp4\tattack\ttalking_head\t\t\t1\tmaker/tool:1\tany",
        "video/a/head_2.mp4\tattack\ttalking_head\t\t\t1\tmaker/tool:2\tany",
        "image/a/1.jpg\tattack\tprint_or_replay\t\t\t\tmaker/prints:1\tany",
        "video/a/other.mp4\tbona_fide\tbona_fide\t\t\t1\tmaker/tool:3\ttest",
    ]
    manifest = tmp_path / "m.tsv"
    manifest.write_text(HEADER + "\n".join(rows) + "\n")
    items = read_items(manifest)
    assert [one.task for one in items] == [
        None,
        "swap",
        "generated",
        "generated",
        "recapture",
        None,
    ]
    assert [one.is_video for one in items] == [True, True, True, True, False, True]
    fold = folds(items, 4)
    assert fold[0] == fold[1]
    assert fold[2] == fold[3]
    assert items[5].use == "test"


SHARED = (
    "saikan45/Liveness_Face_Detection_Home_Security_System",
    "neonipun/CV_PROJECT",
)


def test_pictures_of_sources_that_share_some_are_on_one_side(tmp_path: Path) -> None:
    sources = [*SHARED, *(f"maker/prints{at}" for at in range(6))]
    rows = [
        f"image/a/{at}_{number}.jpg\tattack\tprint_or_replay\t\t\t\t{source}:{number}\tany"
        for at, source in enumerate(sources)
        for number in range(3)
    ]
    manifest = tmp_path / "m.tsv"
    manifest.write_text(HEADER + "\n".join(rows) + "\n")
    items = read_items(manifest)
    fold = dict(zip((one.source for one in items), folds(items, 7), strict=True))
    assert set(fold) == set(sources)
    assert fold[SHARED[0]] == fold[SHARED[1]]
    assert len(set(fold.values())) == 7


def test_sources_that_share_pictures_have_one_origin() -> None:
    assert origin(SHARED[0]) == origin(SHARED[1])
    assert origin("maker/prints") == "maker/prints"


def from_source(source: str, number: int, suffix: str = "mp4") -> Item:
    return Item(Path(f"{source}{number}.{suffix}"), "bona_fide", None, frozenset(), source, "any")


def test_a_source_is_in_one_fold_and_the_largest_has_one_for_itself() -> None:
    sizes = {"large": 30, "a": 4, "b": 4, "c": 3, "d": 3}
    items = [from_source(source, at) for source, size in sizes.items() for at in range(size)]
    fold = source_folds(items, 3)
    of_source = {
        item.source: {f for i, f in zip(items, fold, strict=True) if i.source == item.source}
        for item in items
    }
    assert all(len(found) == 1 for found in of_source.values())
    assert fold.count(next(iter(of_source["large"]))) == 30
    assert set(fold) == {0, 1, 2}


def test_sources_that_share_pictures_are_in_one_fold() -> None:
    shared = "neonipun/CV_PROJECT"
    other = "saikan45/Liveness_Face_Detection_Home_Security_System"
    items = [from_source(shared, 1), from_source("a", 1), from_source(other, 1, "png")]
    fold = source_folds(items, 2)
    assert fold[0] == fold[2] != fold[1]
