"""Which code a result came from: a hash of everything that it depends on."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

CODE: Final = ("detectors", "simulator", "guardian", "alerting", "config")


@cache
def fingerprint() -> str:
    """Hash of all code and settings that a result depends on, as they were when this process first asked."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in CODE:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in {".py", ".toml", ".npz"}:
                digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()
