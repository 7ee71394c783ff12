"""What an applicant may read about a challenge: why it did not pass, and what is missing while it is open."""

from __future__ import annotations

from enum import StrEnum


class Hint(StrEnum):
    """Why a try failed, or what it still lacks. The value is the key of the sentence in the catalogue."""

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
    TURN_FURTHER = "hint.turn_further"
    NOD_DEEPER = "hint.nod_deeper"
    SHUT_EYES = "hint.shut_eyes"
    SMILE_WIDER = "hint.smile_wider"
    OPEN_WIDER = "hint.open_wider"
    CLOSER = "hint.closer"
    FURTHER_BACK = "hint.further_back"
    """The right movement, and too small: one hint for each type of challenge."""
    SLOWER = "hint.slower"
    """The distance changed faster than a person moves."""
    MAKE_ROOM = "hint.make_room"
    GET_NEARER = "hint.get_nearer"
    """Before a prompt: the face is so near, or so far, that it cannot come closer, or go back."""
    REST_FIRST = "hint.rest_first"
    """The face is not back at rest after what it did before."""
    AGAIN = "hint.again"
    """The video stopped in the middle of the action, so that it has to be done anew."""
