"""Attacks and the bona fide clips that share their footage: same scene, codec and motion, another face."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Grouped(Protocol):
    """A clip, or its result. `group`: footage that clips have in common; one's own name where none."""

    @property
    def bona_fide(self) -> bool: ...
    @property
    def species(self) -> str: ...
    @property
    def group(self) -> str: ...


C = TypeVar("C", bound=Grouped)


def matched(clips: Iterable[C], species: str) -> tuple[list[C], list[C]]:
    """Bona fide clips and attacks of this species, of the groups that hold both."""
    known = list(clips)
    bona_fide = [clip for clip in known if clip.bona_fide]
    attacks = [clip for clip in known if clip.species == species]
    both = {clip.group for clip in bona_fide} & {clip.group for clip in attacks}
    return (
        [clip for clip in bona_fide if clip.group in both],
        [clip for clip in attacks if clip.group in both],
    )
