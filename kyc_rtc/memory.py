"""Memory that sessions give back goes back to the system: glibc keeps it unless told otherwise.

Nets and codecs allocate from many threads; glibc gives each an arena of its own and seldom shrinks
one. Elsewhere than on glibc both functions do nothing.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools

_M_ARENA_MAX = -8  # malloc.h
_ARENAS = 2


@functools.cache
def _libc() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("c")
    library = ctypes.CDLL(name) if name else None
    return library if library is not None and hasattr(library, "malloc_trim") else None


def limit_arenas() -> None:
    """Let all threads share two arenas (mallopt(3)). Call it before there are threads."""
    library = _libc()
    if library is not None:
        library.mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return free memory to the system (malloc_trim(3)); some milliseconds, without the GIL."""
    library = _libc()
    if library is not None:
        library.malloc_trim(0)
