"""Who is on which side of a split: no group, person, swap model or generator on both."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FACE_SWAP = "face_swap"

ANIMATED_PHOTO = "animated_photo"
"""Animated photographs are drawn: the manifest of the recordings has none."""

TASK_OF_SPECIES = {
    "bona_fide": None,
    FACE_SWAP: "swap",
    "talking_head": "generated",
    "deepfake_other": "generated",
    ANIMATED_PHOTO: "animated",
    "replay": "recapture",
    "print_or_replay": "recapture",
}
"""The question of the face net to which a species is the positive answer."""

_GROUP = "group"

_SAME_PERSON = frozenset({"6c9d9f81"})
"""Hashed words of paths by which clips of one person are linked across sources; nobody is named."""

_SAME_FOOTAGE = {f"{_GROUP} n33": f"{_GROUP} styletalk_happyenglish"}
"""Groups of the manifest that turned out to hold the same recording: the first joins the second."""


_SAME_PICTURES = {
    "saikan45/Liveness_Face_Detection_Home_Security_System": "neonipun/CV_PROJECT",
}
"""Sources that hold pictures of another: about 200 are in both."""


def origin(source: str) -> str:
    """The source, or the one with which it has pictures in common."""
    return _SAME_PICTURES.get(source, source)


@dataclass(frozen=True, slots=True)
class Item:
    """One clip or picture of the manifest. `task` is None where bona fide, else what it attacks."""

    path: Path
    species: str
    task: str | None
    keys: frozenset[str]
    source: str
    use: str

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in {".mp4", ".webm", ".mov"}

    @property
    def bona_fide(self) -> bool:
        return self.task is None

    @property
    def group(self) -> str:
        """The manifest's group; its own path where the manifest gives none."""
        return next((key for key in self.keys if key.startswith(_GROUP)), str(self.path))


def read_items(manifest: Path) -> list[Item]:
    """The rows of a manifest, with the keys that link them."""
    with manifest.open(encoding="utf-8", newline="") as file:
        return [_item(row, manifest.parent) for row in csv.DictReader(file, delimiter="\t")]


def _item(row: dict[str, str], folder: Path) -> Item:
    path, species = folder / row["path"], row["species"]
    source = row["source"].split(":")[0]
    keys = (
        {f"path {path.stem}"} if row["path"].startswith("video") else {f"source {origin(source)}"}
    )
    keys |= {f"{name} {row[name]}" for name in (_GROUP, "model") if row[name]}
    studio_model = re.match(r"deepfacelive_(?:left|right)_(.+)_\d+_", path.stem)
    if studio_model:  # both halves of a recording know the model that the other half shows
        keys.add(f"model {studio_model[1]}")
    if species == "talking_head":
        keys.add(f"source {source}")
    words = {word for word in re.split(r"[^a-z]+", path.stem.lower()) if len(word) > 3}
    keys |= {f"word {_short_hash(word)}" for word in words if _short_hash(word) in _SAME_PERSON}
    return Item(path, species, TASK_OF_SPECIES[species], frozenset(keys), source, row["use"])


def _short_hash(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:8]


def folds(items: Sequence[Item], count: int) -> list[int]:
    """A fold for each item: items that share a key, directly or through others, share the fold.

    The linked sets are dealt out from the largest, each to the fold that has least of its species.
    """
    roots = _linked(items)
    members: dict[int, list[int]] = defaultdict(list)
    for index, root in enumerate(roots):
        members[root].append(index)
    load: list[Counter[str]] = [Counter() for _ in range(count)]
    fold = [0] * len(items)
    for linked in sorted(members.values(), key=lambda one: (-len(one), one[0])):
        species = Counter(_stratum(items[index]) for index in linked)
        best = min(range(count), key=lambda at: _burden(load[at], species))
        load[best] += species
        for index in linked:
            fold[index] = best
    return _joined(items, fold)


def source_folds(items: Sequence[Item], count: int) -> list[int]:
    """A fold for each item: whole sources, dealt out from the one with most videos, each to the fold that has
    fewest. What makes a detector know a source's camera, codec or tool is then on one side."""
    sources = [origin(item.source) for item in items]
    videos = Counter(source for item, source in zip(items, sources, strict=True) if item.is_video)
    load = [0] * count
    fold: dict[str, int] = {}
    for source in sorted(set(sources), key=lambda one: (-videos[one], one)):
        fold[source] = load.index(min(load))
        load[fold[source]] += max(videos[source], 1)
    return [fold[source] for source in sources]


def _joined(items: Sequence[Item], fold: Sequence[int]) -> list[int]:
    of_key = {key: number for item, number in zip(items, fold, strict=True) for key in item.keys}
    return [
        next((of_key[_SAME_FOOTAGE[key]] for key in item.keys if key in _SAME_FOOTAGE), number)
        for item, number in zip(items, fold, strict=True)
    ]


def _stratum(item: Item) -> str:
    return f"{item.species} {item.is_video}"


def _burden(load: Counter[str], species: Counter[str]) -> float:
    return sum(load[name] * count for name, count in species.items()) / sum(species.values())


def _linked(items: Sequence[Item]) -> list[int]:
    """Union-find over the keys: the smallest index of each item's linked set."""
    parent = list(range(len(items)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[str, int] = {}
    for index, item in enumerate(items):
        for key in item.keys:
            other = root(first.setdefault(key, index))
            mine = root(index)
            parent[max(mine, other)] = min(mine, other)
    return [root(index) for index in range(len(items))]
