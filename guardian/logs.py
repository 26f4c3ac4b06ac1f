"""How Guardian logs: one line each on standard error, JSON where systemd's journal reads it.

Nothing is dropped or changed on the way: what must not be in a log is not given to it.
"""

import logging
import os
from collections.abc import Mapping
from typing import TextIO

import structlog


def configure(environment: Mapping[str, str], stream: TextIO) -> None:
    """Set up logging, once, at the start of a program.

    environment: `JOURNAL_STREAM` names the file that systemd reads, as device and inode.
    """
    if is_journal(environment, stream):
        renderer: structlog.typing.Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=stream),
    )


def is_journal(environment: Mapping[str, str], stream: TextIO) -> bool:
    """Whether what is written there goes to the journal (systemd.exec(5)), and not elsewhere by now."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    if not (device.isdigit() and inode.isdigit()):
        return False
    there = os.fstat(stream.fileno())
    return (there.st_dev, there.st_ino) == (int(device), int(inode))
