"""The largest picture that is accepted, uploaded or in a video: one rule for both."""

from __future__ import annotations

MAX_LONG_SIDE_PX = 1920
MAX_SHORT_SIDE_PX = 1088
"""1080 lines as codecs store them: a multiple of 16 (ITU-T H.264, 7.4.2.1.1)."""

LARGEST = f"{MAX_LONG_SIDE_PX}x{MAX_SHORT_SIDE_PX}"
"""The limit in words, for messages."""

LARGEST_BYTES = MAX_LONG_SIDE_PX * MAX_SHORT_SIDE_PX * 3
"""What the largest picture takes, decoded to BGR."""


def is_too_large(width_px: int, height_px: int) -> bool:
    """Whether a picture exceeds the limit in the orientation that it has."""
    return (
        max(width_px, height_px) > MAX_LONG_SIDE_PX or min(width_px, height_px) > MAX_SHORT_SIDE_PX
    )
