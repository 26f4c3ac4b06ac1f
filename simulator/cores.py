"""All cores of this machine, one process each (two at least), one thread in each process."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from threading import Thread
from typing import Final

from guardian.memory import keep_freed

CORES: Final = max(2, os.cpu_count() or 1)
"""Workers, and at least so many jobs."""
THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Two processes with two threads each on two cores only wait for each other."""


class WorkerLost(Exception):  # noqa: N818  (an event, not a fault of ours)
    """A worker was killed, or ran out of memory."""


def begin() -> None:
    """What a worker does first."""
    keep_freed()
    end_with_parent()


def end_with_parent() -> None:
    """Let this process end as soon as the one that started it has, even if that was killed in mid-work."""
    parent = parent_process()
    if parent is not None:
        Thread(target=_wait_and_end, args=(parent.sentinel,), daemon=True, name="parent").start()


def _wait_and_end(parent: int) -> None:
    connection.wait([parent])
    os._exit(1)


@contextmanager
def pool() -> Iterator[ProcessPoolExecutor]:
    """Give one worker a core; work that has not begun is dropped when the caller stops. WorkerLost."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ |= dict.fromkeys(THREADS, "1")  # read by the workers when they import numpy
    workers = ProcessPoolExecutor(CORES, mp_context=get_context("spawn"), initializer=begin)
    try:
        yield workers
    except BrokenProcessPool as e:
        raise WorkerLost("a worker was killed; what is finished is kept, start again") from e
    finally:
        workers.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
