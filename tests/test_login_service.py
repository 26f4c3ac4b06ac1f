"""Beyond the machine: a certificate that is really served; settings that say no; accounts by the desk."""

import datetime as dt
import hashlib
import ipaddress
import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from cryptography import x509
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from typer.testing import CliRunner

from alerting import ledger as records
from alerting.ledger import Ledger
from guardian import certificate, desk
from guardian.cli import app
from guardian.desk_accounts import account_routes
from guardian.settings import CONFIG, SettingsError, load
from guardian.web.access import Role
from guardian.web.passwords import Passwords
from guardian.web.serve import ServeError, Tcp, serve
from tests.alerting_people import T0, SetClock
from tests.logged_in import PASSWORD, account
from tests.web_people import make_site

NOW = dt.datetime(2026, 9, 22, tzinfo=dt.UTC)


async def test_the_pages_are_served_by_tls_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["certificate", "localhost", "127.0.0.1", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    crt, key = tmp_path / "board.crt", tmp_path / "board.key"
    assert key.stat().st_mode & 0o777 == 0o600
    fingerprint = done.output.split("SHA-256 ")[1].split()[0]
    der = ssl.PEM_cert_to_DER_cert(crt.read_text())
    assert fingerprint.replace(":", "").lower() == hashlib.sha256(der).hexdigest()
    site = await make_site(login=True, secure=True)
    await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    trusted = ssl.create_default_context(cafile=str(crt))
    where = Tcp(0, "127.0.0.1", crt, key)
    async with (
        serve(site.app, where, on_stop=site.feed.close) as door,
        httpx.AsyncClient(verify=trusted, base_url=door.url) as browser,
    ):
        assert door.url.startswith("https://127.0.0.1:")
        page = await browser.get("/login")
        assert page.status_code == 200
        origin = {"origin": door.url}
        done_ = await browser.post("/login", data={"login": "li", "password": PASSWORD}, headers=origin)
        assert done_.status_code == 303
        assert (await browser.get("/", headers={"accept": "text/html"})).status_code == 200
        with pytest.raises(httpx.HTTPError):
            await httpx.AsyncClient().get(door.url.replace("https", "http"))
    await site.ledger.close()


def test_a_certificate_is_for_its_names_from_yesterday_for_two_years() -> None:
    made = certificate.make(["board.centre.lan", ipaddress.ip_address("192.168.1.10")], NOW)
    read = x509.load_pem_x509_certificate(made.certificate)
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["board.centre.lan"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.168.1.10"]
    assert read.not_valid_before_utc < NOW < read.not_valid_after_utc
    assert (read.not_valid_after_utc - NOW).days == 730
    bad = CliRunner().invoke(app, ["certificate", "münchen.example"])
    assert bad.exit_code == 1
    assert bad.stdout == ""


async def test_without_tls_nothing_but_loopback_and_without_files_no_tls(tmp_path: Path) -> None:
    site = await make_site()
    with pytest.raises(ServeError, match="loopback only"):
        async with serve(site.app, Tcp(0, "0.0.0.0")):
            raise AssertionError("was served")
    with pytest.raises(ServeError, match="TLS cannot begin"):
        async with serve(site.app, Tcp(0, "127.0.0.1", tmp_path / "no.crt", tmp_path / "no.key")):
            raise AssertionError("was served")
    await site.ledger.close()


@pytest.mark.parametrize(
    ("web", "says"),
    [
        ('board_host = "192.168.1.10"', "beyond this machine it needs tls_certificate and tls_key"),
        ('tls_key = "k"', "tls_certificate and tls_key: both or neither"),
        ('board_host = "0.0.0.0"\ntls_key = "k"\ntls_certificate = "c"', "board_names: say under which"),
        (
            'board_host = "::"\ntls_key = "k"\ntls_certificate = "c"\nboard_names = ["b.lan"]\nlogin = false',
            "login: without it",
        ),
        ('board_host = "999.1.1.1"', "is no address"),
        ('board_host = "board.lan"', "board_host"),
        ('board_names = ["a b"]', "board_names"),
    ],
)
def test_a_board_for_everybody_needs_all_of_its_locks(tmp_path: Path, web: str, says: str) -> None:
    file = tmp_path / "guardian.toml"
    file.write_text(f'site = "demo"\n[mqtt]\nhost = "127.0.0.1"\n[web]\n{web}\n')
    with pytest.raises(SettingsError, match=says):
        load(file)


def test_the_shipped_settings_ask_for_a_login() -> None:
    web = load(CONFIG / "guardian.toml").settings.web
    assert (web.login, web.is_loopback) == (True, True)


# --- accounts by the desk ------------------------------------------------------------------------------


async def test_accounts_are_made_and_mended_by_the_desk() -> None:
    ledger, clock = await Ledger.open(None, inline=True), SetClock(T0)
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    routes = Starlette(
        routes=account_routes(ledger, clock, passwords), exception_handlers={desk.Refused: _refused}
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=routes), base_url="http://desk") as client:
        made = (await client.post("/accounts/add", json={"login": "Boss", "role": "admin"})).json()
        (row,) = await ledger.transact(records.accounts)
        assert (row.login, row.role) == ("boss", Role.ADMIN)
        assert await passwords.fits(made["password"], row.password)
        again = (await client.post("/accounts/change", json={"login": "boss", "do": "password"})).json()
        (row,) = await ledger.transact(records.accounts)
        assert await passwords.fits(again["password"], row.password)
        await ledger.transact(lambda tx: records.change_account(tx, row.id, locked_until_ms=T0 + 1))
        assert (await client.get("/accounts")).json()["accounts"] == [
            {"login": "boss", "role": "admin", "state": "locked"}
        ]
        await client.post("/accounts/change", json={"login": "boss", "do": "unlock"})
        assert (await client.get("/accounts")).json()["accounts"][0]["state"] == "open"
        await client.post("/accounts/change", json={"login": "boss", "do": "end"})
        assert (await client.get("/accounts")).json()["accounts"][0]["state"] == "ended"
        for path, wish in (
            ("/accounts/add", {"login": "boss", "role": "admin"}),
            ("/accounts/add", {"login": "x", "role": "admin"}),
            ("/accounts/add", {"login": "ok", "role": "king"}),
            ("/accounts/add", {"login": "ok"}),
            ("/accounts/change", {"login": "nobody", "do": "end"}),
            ("/accounts/change", {"login": "boss", "do": "dance"}),
        ):
            assert (await client.post(path, json=wish)).status_code == 422, wish
    said = [d.action for d in await ledger.transact(records.deeds)]
    assert said == ["account-end", "account-unlock", "account-password", "account-added"]
    await ledger.close()


async def _refused(_request: object, error: Exception) -> Any:
    return JSONResponse({"problems": [str(error)]}, 422)


def test_the_commands_ask_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[tuple[str, str, Any]]()

    def call(_state: Path, method: str, path: str, body: bytes | None = None) -> desk.Answer:
        asked.append((method, path, None if body is None else json.loads(body)))
        if path == "/accounts":
            return {"accounts": [{"login": "li", "role": "viewer", "state": "open"}]}
        return {"password": "shown-once"} if "unlock" not in str(body) and "end" not in str(body) else {}

    monkeypatch.setattr(desk, "call", call)
    config = ["--config", str(CONFIG / "guardian.toml")]
    run = CliRunner().invoke
    assert run(app, ["account", "add", "li", "--role", "viewer", *config]).output == "li: shown-once\n"
    assert run(app, ["account", "password", "li", *config]).output == "li: shown-once\n"
    assert run(app, ["account", "unlock", "li", *config]).output == "li: done\n"
    assert run(app, ["account", "end", "li", *config]).output == "li: done\n"
    assert run(app, ["account", "list", *config]).output == "li  viewer  open\n"
    assert asked[0] == ("POST", "/accounts/add", {"login": "li", "role": "viewer"})

    def refuses(*_: object) -> desk.Answer:
        raise desk.DeskError("no Guardian runs here")

    monkeypatch.setattr(desk, "call", refuses)
    no = run(app, ["account", "list", *config])
    assert (no.exit_code, no.stderr) == (1, "no Guardian runs here\n")
