"""The private broker, what it says when it cannot run, and who we have to be to get in."""

import subprocess
import textwrap
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from guardian.broker import Broker, BrokerError, mosquitto
from guardian.link import BrokerAddress
from tests.mqtt_fixtures import Site, lines, running

__all__ = ["lines"]


def certificates(folder: Path) -> None:
    """A certificate authority and a certificate for 127.0.0.1, made by openssl."""
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    new = ["openssl", "req", *key]
    sign = ["openssl", "x509", "-req", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"]
    for command in (
        [*new, "-x509", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test authority"],
        [*new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=broker"],
        [*sign, "-in", "server.csr", "-out", "server.crt", "-days", "2", "-extfile", "san"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def passwords(folder: Path) -> None:
    """A password file with one user."""
    command = ["mosquitto_passwd", "-b", "-c", "passwords", "guardian", "right"]
    subprocess.run(command, cwd=folder, check=True)
    (folder / "passwords").chmod(0o644)


async def test_tls_with_an_own_authority_and_a_password(tmp_path: Path, lines: list[Any]) -> None:
    certificates(tmp_path)
    passwords(tmp_path)
    extra = f"""
        certfile {tmp_path}/server.crt
        keyfile {tmp_path}/server.key
        allow_anonymous false
        password_file {tmp_path}/passwords
    """
    async with mosquitto(tmp_path / "broker", config_extra=textwrap.dedent(extra)) as plain:
        good = BrokerAddress(
            plain.host, plain.port, "guardian", "right", tls_ca=str(tmp_path / "ca.crt"), tls=True
        )
        async with running(Site(good)) as site:
            assert site.up
        for address, words in (
            (replace(good, password="wrong"), "the broker refused user 'guardian': not authorized"),
            (replace(good, username=None, password=None), "the broker refused us, who gave no user name"),
            (replace(good, tls_ca=None), "certificate verify failed"),
            (replace(good, tls_ca=str(tmp_path / "none")), "No such file"),
        ):
            lines.clear()
            async with running(Site(address), wait=False) as site:
                await site.until(partial(lambda s: s.failed_tries == 2, site))
            assert all(words in why for why in site.link.reason.values()), site.link.reason
            assert all("right" not in str(x) and "wrong" not in str(x) for x in lines)


async def test_without_mosquitto_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guardian.broker.shutil.which", lambda *_args, **_more: None)
    with pytest.raises(BrokerError, match="apt install mosquitto"):
        await Broker(tmp_path).start()


async def test_a_broker_that_ends_at_once_says_why(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="Unknown configuration variable"):
        async with mosquitto(tmp_path, config_extra="nonsense 1"):
            pass
