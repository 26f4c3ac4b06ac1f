"""The daemon, with a crash point at which it kills itself as a power cut would: `CONFIG POINT`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from guardian import app
from guardian.settings import load


def main(config: str, point: str) -> None:
    def crash(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(app.run(load(Path(config)), crash_point=crash))


if __name__ == "__main__":
    main(*sys.argv[1:3])
