"""Memory of a process that runs the detectors: told to the C library and to Python, once, when it starts.

Knows nothing of what the memory is for. Not glibc: does nothing.
"""

import ctypes
import gc
from typing import Final

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_B: Final = 1 << 30


def keep_freed() -> bool:
    """Let freed arrays of up to `KEPT_B` bytes serve the next ones; True if the C library obeys.

    glibc gives blocks above 128 kB (rising to 32 MB as such are freed) back to the kernel at once, and what
    is free at the top of the heap, too. The detectors' temporary arrays are of that size, and the kernel's
    zeroing of pages that are touched anew takes as long as the work on them. Costs memory: the process stays
    as large as it once was.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, KEPT_B)) & bool(mallopt(TRIM_THRESHOLD, KEPT_B))


def keep_built() -> None:
    """Let what is alive now stay unexamined: the roster's objects, 40 a home, live as long as the process.

    A full collection that looks at them takes 75 ms with 4,000 homes, and longer with more; no beat may wait
    so long.
    """
    gc.collect()
    gc.freeze()
