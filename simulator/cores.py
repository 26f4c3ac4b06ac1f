"""All cores of this machine, one process each, one thread in each process."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Final

THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Two processes with two threads each on two cores only wait for each other."""


@contextmanager
def pool() -> Iterator[ProcessPoolExecutor]:
    """Give one worker a core; work that has not begun is dropped when the caller stops."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ |= dict.fromkeys(THREADS, "1")  # read by the workers when they import numpy
    workers = ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn"))
    try:
        yield workers
    finally:
        workers.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
