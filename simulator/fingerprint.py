"""Which code a result came from: a hash of everything that it depends on."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

CODE: Final = ("detectors", "simulator", "guardian", "alerting", "config")


@cache
def fingerprint(*, weights: bool = True) -> str:
    """Hash of all code and settings that a result depends on, as they were when this process first asked.

    weights: of the shipped weights too; what made them does not depend on the last ones.
    """
    suffixes = {".py", ".toml", ".npz"} if weights else {".py", ".toml"}
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in CODE:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in suffixes:
                digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()
