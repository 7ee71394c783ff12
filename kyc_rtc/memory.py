"""Memory that sessions give back goes back to the system: glibc keeps it unless it is set otherwise.

Nets and codecs allocate from many threads; glibc gives each an arena of its own and seldom shrinks
one. Elsewhere than on glibc both functions do nothing.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
_ARENAS = 2
_LARGE_BYTES = 1024 * 1024
"""More than a picture of 640x480 takes."""


@functools.cache
def _libc() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("c")
    library = ctypes.CDLL(name) if name else None
    return library if library is not None and hasattr(library, "malloc_trim") else None


def limit_arenas() -> None:
    """Let all threads share two arenas, and map large blocks by themselves, so that they go back when they
    are freed (mallopt(3)): glibc else moves that limit up to 32 MiB with the first of them, and uploads leave
    holes that small objects keep from going back. Call it before there are threads."""
    library = _libc()
    if library is not None:
        library.mallopt(_M_ARENA_MAX, _ARENAS)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def give_back() -> None:
    """Return free memory to the system (malloc_trim(3)); some milliseconds, without the GIL."""
    library = _libc()
    if library is not None:
        library.malloc_trim(0)
