"""Face swaps to inject: recorded ones, with what they happen to show, and drawn ones on people's films.

The recorded ones are the right halves of recordings of live swaps (DeepFaceLive's documentation). Their
left halves, the same performance without a swap, are labelled in `tests/data/challenge_labels.tsv`, and
both halves have the same frames, so that the takes of one are those of the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from kyc_rtc.frames import BgrImage
from kyc_rtc.liveness.catalogue import ChallengeType, Direction
from kyc_rtc.vision.mediapipe_observer import MediaPipeObserver
from tests.support.browser_clips import PEOPLE, Footage, Span, Takes
from training.synthesis import Donor, MeshSwap


def _twice(takes: Takes, clip: str) -> Takes:
    """The takes of the left half for the right one, `clip`; a nod comes twice, as it is asked for."""
    nods = takes.answers.get((ChallengeType.NOD, None), ())
    answers = {**takes.answers, (ChallengeType.NOD, None): nods * 2} if nods else takes.answers
    return replace(takes, clip=clip, answers=answers)


SWAPS = (
    _twice(PEOPLE[2], "98be09f96bcd92fd"),
    _twice(PEOPLE[3], "856044d414c2bd05"),
    _twice(PEOPLE[4], "cf26a7c181bef51f"),
    _twice(PEOPLE[5], "c9aa98a911802f88"),
    Takes(
        clip="ae0c47f2a472e118",
        idle=((4_950, 7_800), (7_800, 4_950)),
        answers={
            (ChallengeType.HEAD_TURN, Direction.LEFT): ((2_250, 4_750),),
            (ChallengeType.BLINK, None): ((1_050, 2_200),),
        },
        middle=(0.55, 0.5),
    ),
)
"""Different scenes, of four swap models."""


def spans(takes: Takes) -> Iterator[Span]:
    """Every span that is played, each from its earlier end to its later one."""
    played = (*takes.idle, *(span for answer in takes.answers.values() for span in answer))
    yield from dict.fromkeys((min(span), max(span)) for span in played)


def swapped(
    footage: Footage, takes: Takes, photo: BgrImage, model: Path, chance: random.Random
) -> Footage:
    """The footage with the face of `photo`, (height, width, 3) BGR uint8, over every face in it.

    Drawn as the nets' training data are (`training/synthesis.py`): a mesh of landmarks, colours matched,
    softened as a swap net does. Pictures that no take plays, and those without a face, stay as they are.
    Raises `ValueError` where the photo shows no face.
    """
    played = list(spans(takes))
    drawn: Footage = []
    with MediaPipeObserver(model, max_faces=1) as observer:
        donor = observer.observe(photo, captured_at_ms=0, sequence=0).face
    if donor is None:
        raise ValueError("no face in the donor's photograph")
    rng = np.random.default_rng(chance.randrange(2**32))
    swap = MeshSwap(Donor(photo, donor.landmarks), rng)
    with MediaPipeObserver(model, max_faces=1) as observer:
        for number, (at_ms, picture) in enumerate(footage):
            face = None
            if any(start_ms <= at_ms <= end_ms for start_ms, end_ms in played):
                face = observer.observe(picture, captured_at_ms=at_ms, sequence=number).face
            drawn.append((at_ms, picture if face is None else swap(picture, face.landmarks)))
    return drawn
