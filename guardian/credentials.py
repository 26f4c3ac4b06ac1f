"""Which secrets there are, and in which files they lie. Never reads one."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

SECRETS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "mqtt-password": ("mqtt", "password"),
        "twilio-auth-token": ("twilio", "auth_token"),
        "aliyun-access-key-secret": ("aliyun", "access_key_secret"),
        "aliyun-push-token": ("aliyun", "push_token"),
        "apprise-urls": ("apprise", "urls"),
        "influx-token": ("history", "token"),
    }
)
"""Name → section and key of the settings that it fills."""
CREDSTORE: Final = Path("/etc/credstore")
"""Where the unit's LoadCredential= finds `guardian.NAME`, and so does root's shell, which is given no
$CREDENTIALS_DIRECTORY. https://www.freedesktop.org/software/systemd/man/252/systemd.exec.html"""


def files(table: Mapping[str, Any], base: Path, credstore: Path = CREDSTORE) -> dict[str, Path]:
    """Give where the secrets of those sections that a `guardian.toml` in `base` has are looked for."""
    named = table.get("secrets_directory")
    place = str(base / named) if isinstance(named, str) else os.environ.get("CREDENTIALS_DIRECTORY")
    wanted = [name for name, (section, _) in SECRETS.items() if isinstance(table.get(section), dict)]
    return {name: Path(place) / name if place else credstore / f"guardian.{name}" for name in wanted}
