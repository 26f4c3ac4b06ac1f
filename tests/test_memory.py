"""Freed memory: where the C library obeys, large arrays are not fetched anew from the kernel each time."""

import platform
import subprocess
import sys

import pytest

ASKS = """
import resource, sys
import numpy as np
from guardian.memory import keep_freed
obeyed = keep_freed() if sys.argv[1] == "kept" else True
for turn in range(12):
    if turn == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(64 << 20, np.uint8)
print(int(obeyed), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def asked(how: str) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", ASKS, how], capture_output=True, text=True, check=True)
    obeyed, faults = done.stdout.split()
    return int(obeyed), int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_kept_memory_serves_the_next_array() -> None:
    assert asked("kept")[0] == 1
    assert 4 * asked("kept")[1] < asked("lost")[1]


def test_what_is_built_is_not_examined_again() -> None:
    asks = "import gc; from guardian.memory import keep_built; keep_built(); print(gc.get_freeze_count())"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 1000
