"""Forking a process that has done its imports, so that a life costs no start."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path


def fork(work: Callable[[], object], trouble: Path) -> int:
    """Do `work` in a child; give its pid. It ends with status 1 when `work` raises, the words in `trouble`.

    Threads do not come along, and what they held would be held for ever: whoever forks must have none.
    """
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"whoever forks has one thread, not {threads}: is OPENBLAS_NUM_THREADS=1 set?"
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001  # told to the parent, who judges
        trouble.write_text(traceback.format_exc())
    finally:
        os._exit(status)
