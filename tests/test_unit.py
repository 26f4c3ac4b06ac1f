"""The systemd unit: what it promises, that systemd understands it, and how little it leaves open."""

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parent.parent / "config" / "systemd" / "guardian.service"
ANALYZE = shutil.which("systemd-analyze")


def section(name: str) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    here = ""
    for line in UNIT.read_text("utf-8").splitlines():
        if re.fullmatch(r"\[\w+\]", line):
            here = line[1:-1]
        elif here == name and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            out.setdefault(key, []).append(value)
    return out


def test_it_is_restarted_for_ever_and_watched() -> None:
    service, unit = section("Service"), section("Unit")
    promised = {
        "Type": "notify",
        "WatchdogSec": "15",
        "TimeoutAbortSec": "5",
        "Restart": "always",
        "RestartSec": "1",
        "ExecStart": "/usr/bin/guardian run /etc/guardian/guardian.toml",
        "ExecReload": "/usr/bin/guardian reload /etc/guardian/guardian.toml",
        "StateDirectory": "guardian",
        "User": "guardian",
    }
    assert {key: service[key] for key in promised} == {key: [value] for key, value in promised.items()}
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert "Requires" not in unit  # a broker that is away is an incident, not a reason not to run
    assert not {"Requires", "BindsTo", "Requisite"} & set(unit)


def test_every_secret_that_the_settings_know_is_handed_over() -> None:
    handed = {credential.partition(":")[0] for credential in section("Service")["LoadCredential"]}
    assert handed == {
        "mqtt-password",
        "twilio-auth-token",
        "aliyun-access-key-secret",
        "aliyun-push-token",
        "apprise-urls",
        "influx-token",
    }
    named = (UNIT.parent.parent / "guardian.toml").read_text("utf-8")
    assert all(secret in named for secret in handed)
    for credential in section("Service")["LoadCredential"]:
        assert "/" not in credential  # an absolute path that is missing would keep Guardian from starting


def test_nothing_is_said_twice() -> None:
    """Only these keys may stand more than once."""
    parser = configparser.ConfigParser(strict=True, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the way the library asks for it
    once = re.sub(r"(?m)^(LoadCredential|SystemCallFilter)=.*\n", "", UNIT.read_text("utf-8"))
    parser.read_string(once)


@pytest.fixture
def runnable(tmp_path: Path) -> Path:
    """The unit with a command that exists on this machine; `verify` looks for it."""
    text = UNIT.read_text("utf-8")
    assert text.count("\nExecStart=/usr/bin/guardian ") == 1
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"(?m)^(Exec\w+=)/usr/bin/guardian ", r"\1/bin/true ", text), "utf-8")
    return copy


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE, "systemd-analyze is missing: install Debian's package systemd"
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_systemd_understands_every_line(runnable: Path) -> None:
    found = analyze("verify", "--man=no", "--recursive-errors=no", str(runnable))
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_it_leaves_little_open(runnable: Path) -> None:
    found = analyze("security", "--offline=true", "--json=short", "--threshold=15", str(runnable))
    assert found.returncode == 0, found.stderr  # the threshold is ten times the exposure level
    exposed = {row["name"] for row in json.loads(found.stdout) if row["set"] is False}
    assert "PrivateNetwork=" in exposed  # it talks to the broker and the provider
    assert not exposed & {
        "NoNewPrivileges=",
        "ProtectSystem=",
        "PrivateDevices=",
        "UMask=",
        "User=/DynamicUser=",
    }
