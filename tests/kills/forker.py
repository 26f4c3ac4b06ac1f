"""Runs daemons for tests/kills/daemon.py: imports once, then forks one for each line that it is given.

In: `{"config": …, "log": …, "notify": …}`. Out: the daemon's pid, and once it has ended its wait status.
"""

import json
import os
import sys
from functools import partial
from pathlib import Path

from tests.daemon_child import main
from tests.kills.forks import fork


def be_daemon(config: str, log: str, notify: str) -> None:
    said = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, its in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(ours, its)
    os.environ["NOTIFY_SOCKET"] = notify
    main(config, "")


def answer(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        pid = fork(partial(be_daemon, **asked), Path(asked["log"] + ".trouble"))
        answer(pid)
        answer(os.waitpid(pid, 0)[1])
