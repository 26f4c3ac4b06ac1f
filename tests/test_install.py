"""`guardian install`: what it lays down, again and again, and that it keeps what people have edited."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardian.cli import app
from guardian.install import DROP_IN, SYSUSERS, UNIT, UNITS_COMMAND, InstallError, inside, install
from guardian.settings import CONFIG, load

COMMAND = Path("/opt/guardian/bin/guardian")
SETTINGS = Path("/etc/guardian/guardian.toml")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A machine without Guardian but for its command."""
    for command in (COMMAND, UNITS_COMMAND):
        file = inside(tmp_path, command)
        file.parent.mkdir(parents=True)
        file.write_text("#!/bin/sh\n", "utf-8")
    return tmp_path


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_a_machine_gets_user_unit_broker_files_and_settings(image: Path) -> None:
    said = list(install(image, COMMAND))
    assert f"write {UNIT}" in said
    assert inside(image, UNIT).read_bytes() == (CONFIG / "systemd" / "guardian.service").read_bytes()
    drop_in = inside(image, DROP_IN).read_text("utf-8")
    assert f"ExecStart=\nExecStart={COMMAND} run {SETTINGS}\n" in drop_in
    assert f"ExecReload=\nExecReload={COMMAND} reload {SETTINGS}\n" in drop_in
    assert load(inside(image, SETTINGS)).settings.state_directory == Path("/var/lib/guardian")
    broker = inside(image, Path("/etc/mosquitto"))
    assert (broker / "conf.d" / "guardian.conf").read_bytes() == (CONFIG / "mosquitto.conf").read_bytes()
    assert (broker / "mosquitto.acl").read_bytes() == (CONFIG / "mosquitto.acl").read_bytes()
    [user] = [
        line.split(":")
        for line in inside(image, Path("/etc/passwd")).read_text("utf-8").splitlines()
        if line.startswith("guardian:")
    ]
    assert user[5:] == ["/var/lib/guardian", "/usr/sbin/nologin"]
    assert inside(image, Path("/etc/credstore")).stat().st_mode & 0o777 == 0o700
    assert inside(image, SYSUSERS).stat().st_mode & 0o777 == 0o644


def test_again_changes_nothing(image: Path) -> None:
    list(install(image, COMMAND))
    before = files(image)
    said = list(install(image, COMMAND))
    assert files(image) == before
    assert not [line for line in said if line.startswith(("write", "remove"))]


def test_what_people_edit_stays_and_what_is_guardians_own_is_renewed(image: Path) -> None:
    list(install(image, COMMAND))
    edited = [SETTINGS, Path("/etc/mosquitto/mosquitto.acl"), Path("/etc/mosquitto/conf.d/guardian.conf")]
    for path in (*edited, UNIT):
        inside(image, path).write_text("# mine\n", "utf-8")
    said = list(install(image, COMMAND))
    for path in edited:
        assert inside(image, path).read_text("utf-8") == "# mine\n"
        assert f"{path} stays as it is: yours, other than the shipped one" in said
    assert inside(image, UNIT).read_bytes() == (CONFIG / "systemd" / "guardian.service").read_bytes()
    assert f"write {UNIT} anew" in said


def test_the_drop_in_goes_when_the_command_lies_where_the_unit_says(image: Path) -> None:
    list(install(image, COMMAND))
    assert f"remove {DROP_IN}: the command is {UNITS_COMMAND} again" in list(install(image, UNITS_COMMAND))
    assert not inside(image, DROP_IN).exists()


def test_a_dry_run_tells_the_same_and_writes_nothing(image: Path) -> None:
    before = files(image)
    told = list(install(image, COMMAND, dry_run=True))
    assert files(image) == before
    assert [line.removeprefix("would ") for line in told] == list(install(image, COMMAND))


@pytest.mark.parametrize("hidden", ["/home/me/.venv/bin/guardian", "/root/bin/guardian", "guardian"])
def test_a_command_that_the_service_would_not_see_is_refused(image: Path, hidden: str) -> None:
    with pytest.raises(InstallError, match="the service sees nothing below /home"):
        list(install(image, Path(hidden)))
    assert not inside(image, UNIT).exists()


def test_a_command_that_is_not_there_is_refused(image: Path) -> None:
    with pytest.raises(InstallError, match="/opt/other/guardian: no such command"):
        list(install(image, Path("/opt/other/guardian")))


def test_a_file_in_the_way_is_told_in_one_line(image: Path) -> None:
    (image / "etc").write_text("", "utf-8")
    found = CliRunner().invoke(app, ["install", "--root", str(image), "--command", str(COMMAND)])
    assert found.exit_code == 1
    assert "Not a directory" in found.output or "File exists" in found.output
    assert "Traceback" not in found.output


def test_without_root_it_says_so(as_nobody: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    found = as_nobody("install", "--command", "/bin/sh")
    assert found.returncode == 1
    assert "run it as root, or look first with --dry-run" in found.stderr
    assert not UNIT.exists()
    assert "would write /etc/guardian" in as_nobody("install", "--command", "/bin/sh", "--dry-run").stdout


@pytest.fixture
def as_nobody(monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command as somebody who is not root."""
    monkeypatch.setattr(os, "geteuid", lambda: 65534)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        found = CliRunner().invoke(app, list(arguments))
        return subprocess.CompletedProcess(arguments, found.exit_code, found.stdout, found.stderr)

    return run
