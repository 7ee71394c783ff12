"""What may be told to an applicant about a challenge that did not pass."""

from __future__ import annotations

from enum import StrEnum


class Hint(StrEnum):
    """Why an attempt failed. The value is the key of the sentence in the catalogue of words."""

    WRONG_DIRECTION = "hint.wrong_direction"
    WRONG_ACTION = "hint.wrong_action"
    TOO_EARLY = "hint.too_early"
    TOO_LATE = "hint.too_late"
    NO_FACE = "hint.no_face"
    COME_BACK = "hint.come_back"
    """The action was made, but the face did not return: turned and stayed, eyes left closed."""
    MORE_TIMES = "hint.more_times"
    """Some of the blinks or nods that were asked for, not all."""
    HOLD_LONGER = "hint.hold_longer"
    """A smile or an open mouth that was over too soon."""
    MORE_CLEARLY = "hint.more_clearly"
    """Begun, but too small or too short."""
