"""Who may see and do what: every route by every role, sessions, lockouts, the first account, the log."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from starlette.routing import Mount, Route

from alerting import ledger as records
from alerting.concern import Kind
from alerting.ledger import Deed, LoginTakenError
from guardian.web.access import BUCKET, IDLE_MS, LONGEST_MS, Role, digest_of
from guardian.web.names import DEEDS
from guardian.web.passwords import LOCK_MS, TRIES, Passwords, Welcome, is_login, wrong_with
from tests.logged_in import PASSWORD, QUICK, Browser, account, logged_in, stranger
from tests.web_people import MIN, S, Site, make_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = await make_site(login=True)
    yield made
    await made.ledger.close()


async def browsers(site: Site) -> dict[Role, Browser]:
    out = {}
    for role in Role:
        row = await account(site.ledger, site.clock.ms, role.name.lower(), role)
        out[role] = await logged_in(site, row)
    return out


async def log(site: Site) -> list[Deed]:
    return await site.ledger.transact(records.deeds)


# --- roles and routes ---------------------------------------------------------------------------------


def routes(site: Site) -> list[tuple[str, str, Role | None]]:
    """Give (method, address, least role) of every route of the pages; numbers and names filled in."""
    out = []
    for route in site.app.routes:
        if isinstance(route, Mount):
            assert route.path == "/static"
            continue
        assert isinstance(route, Route)
        needs: Role | None = vars(route.endpoint)["needs"]  # a KeyError: it was not made by `at`
        path = re.sub(r"\{[a-z_]+:int\}", "1", route.path)
        path = re.sub(r"\{home\}", "h01", path)
        path = re.sub(r"\{[a-z_:]+\}", "x", path)
        out += [(method, path, needs) for method in route.methods or () if method != "HEAD"]
    return out


async def test_every_route_lets_in_exactly_the_roles_that_it_names(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    by_role = await browsers(site)
    found = routes(site)
    assert len(found) >= 20
    assert {path for _, path, needs in found if needs is None} == {"/login", "/first-start"}
    for method, path, needs in found:
        if path in {"/events", "/logout"} or path.endswith("/events"):
            continue  # a stream without an end, and the end of the session: below
        for role, browser in by_role.items():
            data = {"csrf": browser.csrf} if method == "POST" else None
            answer = await browser.request(method, path, data=data)
            allowed = needs is None or role >= needs
            assert (answer.status_code != 403) == allowed, (method, path, role)
            assert answer.status_code < 500, (method, path, role)
        outside = await stranger(site).request(method, path)
        if needs is not None:
            assert outside.status_code == (303 if method == "GET" else 401), (method, path)
            if method == "GET":
                assert outside.headers["location"].startswith("/login")
    assert len(await site.ledger.transact(records.accounts)) == len(Role), "nobody made or ended one"


async def test_a_program_without_a_session_gets_a_401_and_no_page(site: Site) -> None:
    async with stranger(site) as browser:
        answer = await browser.get("/api/incidents", headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert "h01" not in answer.text


async def test_a_stream_ends_with_its_session(site: Site) -> None:
    row = await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    browser = await logged_in(site, row)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/events",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"cookie", b"guardian=cookie-of-li")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    said = list[str]()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            said.append(message["body"].decode())
            await site.ledger.transact(lambda tx: records.end_sessions(tx, row.id))
            site.feed.changed()

    async def receive() -> Any:
        import asyncio  # noqa: PLC0415  # only here

        await asyncio.Event().wait()

    await site.app(scope, receive, send)  # comes to its end by itself
    assert len(said) == 1
    assert (await browser.get("/")).status_code == 303


# --- what a button sends --------------------------------------------------------------------------------


@pytest.mark.parametrize("csrf", ["", "csrf-cookie-of-wang", "x" * 5000, "é"])
async def test_a_button_without_the_sessions_own_field_does_nothing(site: Site, csrf: str) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    row = await account(site.ledger, site.clock.ms, "li", Role.ADMIN)
    await logged_in(site, await account(site.ledger, site.clock.ms, "wang", Role.ADMIN))
    browser = await logged_in(site, row)
    answer = await browser.post("/incidents/1/accept", data={"who": "ann", "csrf": csrf})
    assert answer.status_code == 403
    assert (await site.read(1)).acceptor is None
    assert (await browser.press("/incidents/1/accept", who="ann")).status_code == 303
    assert (await site.read(1)).acceptor == "ann"


async def test_a_page_of_another_site_presses_nothing_even_with_the_field(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    browser = await logged_in(site, await account(site.ledger, site.clock.ms, "li", Role.ADMIN))
    browser.headers["origin"] = "http://evil.example"
    assert (await browser.press("/incidents/1/accept", who="ann")).status_code == 403
    assert (await site.read(1)).acceptor is None


async def test_every_form_of_every_page_carries_the_field(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    browser = (await browsers(site))[Role.ADMIN]
    forms = 0
    for method, path, _needs in routes(site):
        if method == "POST" or path.endswith("events"):
            continue
        page = (await browser.get(path)).text
        for form in re.findall(r'<form[^>]*method="post"[^>]*>.*?</form>', page, re.DOTALL):
            assert f'name="csrf" value="{browser.csrf}"' in form, (path, form)
            forms += 1
    assert forms >= 10


async def test_who_pressed_stands_in_the_incident_and_in_the_log(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    browser = await logged_in(site, await account(site.ledger, site.clock.ms, "li.na", Role.RESPONDER))
    await browser.press("/incidents/1/accept", who="ann")
    moves = await site.ledger.transact(lambda tx: records.moves(tx, 1))
    assert moves[-1].by == "@id-li.na"
    assert "<td>li.na</td>" in (await browser.get("/incidents/1")).text
    deed = (await log(site))[0]
    assert (deed.account, deed.action, deed.subject) == ("id-li.na", "incident-button", "1")
    assert deed.detail == {"button": "accept"}


# --- logging in -----------------------------------------------------------------------------------------


async def log_in(browser: Browser, login: str, password: str = PASSWORD, **more: str) -> Any:
    return await browser.post("/login", data={"login": login, "password": password, **more})


async def test_logging_in_leads_back_to_the_page_and_out_again(site: Site) -> None:
    await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    async with stranger(site) as browser:
        asked = await browser.get("/coverage")
        assert asked.headers["location"] == "/login?next=/coverage"
        page = await browser.get(asked.headers["location"])
        assert 'name="next" value="/coverage"' in page.text
        done = await log_in(browser, " LI ", next="/coverage")
        assert (done.status_code, done.headers["location"]) == (303, "/coverage")
        cookie = done.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert "Secure" not in cookie  # loopback without TLS
        page = await browser.get("/coverage")
        assert page.status_code == 200
        csrf = re.findall(r'name="csrf" value="([^"]+)"', (await browser.get("/own")).text)[0]
        out = await browser.post("/logout", data={"csrf": csrf})
        assert out.headers["location"] == "/login"
        assert (await browser.get("/")).status_code == 303
    assert [d.action for d in await log(site)] == ["login"]


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb", "/" * 300],
)
async def test_nobody_is_led_elsewhere_after_the_login(site: Site, elsewhere: str) -> None:
    await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    async with stranger(site) as browser:
        assert (await log_in(browser, "li", next=elsewhere)).headers["location"] == "/"


async def test_a_cookie_from_before_the_login_is_worth_nothing(site: Site) -> None:
    """Session fixation: whoever plants a cookie does not get into the session that follows."""
    await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    async with stranger(site) as browser:
        browser.cookies.set("guardian", "planted")
        await log_in(browser, "li")
        assert {c.value for c in browser.cookies.jar} - {"planted"}
    async with stranger(site) as other:
        other.cookies.set("guardian", "planted")
        assert (await other.get("/")).status_code == 303


async def test_with_tls_the_cookie_is_of_this_host_alone_and_the_pages_are_asked_by_tls_for_ever() -> None:
    site = await make_site(login=True, secure=True)
    await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    async with stranger(site) as browser:
        done = await log_in(browser, "li")
        assert done.headers["set-cookie"].startswith("__Host-guardian=")
        assert "Secure" in done.headers["set-cookie"]
        assert "max-age=31536000" in done.headers["strict-transport-security"]
    await site.ledger.close()


async def test_a_shift_without_a_request_or_a_week_ends_the_session(site: Site) -> None:
    browser = await logged_in(site, await account(site.ledger, site.clock.ms, "li", Role.VIEWER))
    begun_ms = site.clock.ms
    site.clock.ms += IDLE_MS - 1
    assert (await browser.get("/coverage")).status_code == 200  # which counts as a request
    site.clock.ms += IDLE_MS - 1
    assert (await browser.get("/coverage")).status_code == 200
    site.clock.ms += IDLE_MS
    assert (await browser.get("/coverage")).status_code == 303
    browser = await logged_in(site, replace_row(await site.ledger.transact(records.accounts)), "second")
    week_ms = site.clock.ms + LONGEST_MS
    while site.clock.ms < week_ms - IDLE_MS // 2:
        assert (await browser.get("/coverage")).status_code == 200
        site.clock.ms += IDLE_MS // 2
    site.clock.ms = week_ms
    assert (await browser.get("/coverage")).status_code == 303
    assert site.clock.ms > begun_ms


def replace_row(rows: list[Any]) -> Any:
    (row,) = rows
    return row


async def test_an_account_that_has_ended_or_changed_is_so_at_once(site: Site) -> None:
    by_role = await browsers(site)
    admin, operator = by_role[Role.ADMIN], by_role[Role.OPERATOR]
    assert (await operator.get("/audit")).status_code == 403
    await admin.press("/accounts/id-operator", do="role", role="3")
    assert (await operator.get("/audit")).status_code == 200
    await admin.press("/accounts/id-operator", do="end")
    assert (await operator.get("/")).status_code == 303
    async with stranger(site) as browser:
        assert (await log_in(browser, "operator")).status_code == 401


# --- guessing -------------------------------------------------------------------------------------------


class Counted(Passwords):
    """Counts how often a password was hashed: what takes the time."""

    def __init__(self) -> None:
        super().__init__(QUICK)
        self.checks = 0

    def _check(self, known: str, password: str) -> bool:
        self.checks += 1
        return super()._check(known, password)


async def test_unknown_and_wrong_are_answered_alike_and_cost_the_same() -> None:
    counted = Counted()
    site = await make_site(login=True, passwords=counted)
    await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    async with stranger(site) as browser:
        answers = [
            await log_in(browser, login, "not the password") for login in ("li", "nobody", "li' OR 1=1")
        ]
    assert {a.status_code for a in answers} == {401}
    assert len({a.text for a in answers}) == 1
    assert counted.checks == 3
    await site.ledger.close()


async def test_five_wrong_passwords_lock_for_a_minute_then_for_longer(site: Site) -> None:
    await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    async with stranger(site) as browser:

        async def tries(password: str) -> int:
            status: int = (await log_in(browser, "li", password)).status_code
            return status

        for _ in range(5):
            assert await tries("wrong wrong") == 401
        assert await tries(PASSWORD) == 401, "locked, even for the right one, and said in the same words"
        site.clock.ms += LOCK_MS - 1
        assert await tries(PASSWORD) == 401
        site.clock.ms += 1
        assert await tries("wrong wrong") == 401  # the sixth: two minutes
        site.clock.ms += 2 * LOCK_MS - 1
        assert await tries(PASSWORD) == 401
        site.clock.ms += 1
        assert await tries(PASSWORD) == 303
        site.clock.ms += 5 * MIN
        for _ in range(4):
            await tries("wrong wrong")
        assert await tries(PASSWORD) == 303, "the count begins anew with the right one"
    assert [d.action for d in reversed(await log(site))][:6] == ["login-failed"] * 4 + ["login-locked"] * 2


async def test_the_lock_grows_to_an_hour_and_no_further(site: Site) -> None:
    row = await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    await site.ledger.transact(lambda tx: records.change_account(tx, row.id, failures=500))
    async with stranger(site) as browser:
        await log_in(browser, "li", "wrong wrong")
    (row,) = await site.ledger.transact(records.accounts)
    assert row.locked_until_ms == site.clock.ms + 3_600_000
    admin = await logged_in(site, await account(site.ledger, site.clock.ms, "boss", Role.ADMIN))
    assert "Unlock" in (await admin.get("/accounts")).text
    await admin.press("/accounts/id-li", do="unlock")
    async with stranger(site) as browser:
        assert (await log_in(browser, "li")).status_code == 303


async def test_an_address_that_tries_many_logins_must_wait_and_others_need_not(site: Site) -> None:
    async with stranger(site) as browser:
        for n in range(TRIES):
            assert (await log_in(browser, f"nobody{n}", "wrong wrong")).status_code == 401
        late = await log_in(browser, "nobody", "wrong wrong")
        assert late.status_code == 429
        assert "Wait a minute" in late.text
        site.clock.ms += MIN
        assert (await log_in(browser, "nobody", "wrong wrong")).status_code == 401


async def test_a_browser_gone_mad_is_told_to_wait(site: Site) -> None:
    async with stranger(site) as browser:
        answers = [(await browser.get("/static/icon.svg")).status_code for _ in range(BUCKET + 60)]
    assert answers[:BUCKET] == [200] * BUCKET
    assert 429 in answers


# --- passwords and accounts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "password", "good"),
    [
        ("li", "a long enough one", True),
        ("li", "123456789", False),
        ("li", "1234567890", False),
        ("li", "Password123", False),
        ("wangxiuying", "WangXiuYing", False),
        ("wangx", "wangxwangx", False),
        ("li", "汉字密码也可以用的呀", True),
        ("li", "x" * 129, False),
    ],
)
def test_weak_passwords_are_refused(login: str, password: str, good: bool) -> None:
    assert (wrong_with(login, password) is None) == good
    assert wrong_with("li", "a long enough one", "another one") is not None


def test_logins_are_plain_words() -> None:
    assert all(is_login(t) for t in ("li", "li.na", "李娜", "a-b_c", "x" * 32))
    assert not any(is_login(t) for t in ("", "a", "x" * 33, "a b", "<b>", "a\n", "@x"))


async def test_a_new_account_has_a_password_that_is_shown_once(site: Site) -> None:
    admin = await logged_in(site, await account(site.ledger, site.clock.ms, "boss", Role.ADMIN))
    made = await admin.press("/accounts", login="Chen", role="1", responder="bo")
    password = re.findall(r"<code>([^<]+)</code>", made.text)[0]
    assert password not in (await admin.get("/accounts")).text
    async with stranger(site) as browser:
        assert (await log_in(browser, "chen", password)).status_code == 303
        assert (await browser.get("/accounts")).status_code == 403
    assert (await admin.press("/accounts", login="chen", role="1")).status_code == 422
    assert (await admin.press("/accounts", login="a b", role="1")).status_code == 422
    assert (await admin.press("/accounts", login="ok", role="9")).status_code == 400
    assert (await admin.press("/accounts", login="ok", role="1", responder="nobody")).status_code == 400
    assert (await admin.press("/accounts/none", do="end")).status_code == 404
    assert (await admin.press("/accounts/id-boss", do="dance")).status_code == 400
    said = {d.action for d in await log(site)}
    assert said == {"account-added", "login"}
    assert said <= set(DEEDS)


async def test_the_last_administrator_cannot_end_or_demote_himself(site: Site) -> None:
    admin = await logged_in(site, await account(site.ledger, site.clock.ms, "boss", Role.ADMIN))
    assert (await admin.press("/accounts/id-boss", do="end")).status_code == 409
    assert (await admin.press("/accounts/id-boss", do="role", role="0")).status_code == 409
    await account(site.ledger, site.clock.ms, "second", Role.ADMIN)
    assert (await admin.press("/accounts/id-boss", do="end")).status_code == 303
    assert (await admin.get("/")).status_code == 303


async def test_a_new_password_by_the_administrator_logs_out_everywhere(site: Site) -> None:
    by_role = await browsers(site)
    made = await by_role[Role.ADMIN].press("/accounts/id-viewer", do="password")
    password = re.findall(r"<code>([^<]+)</code>", made.text)[0]
    assert (await by_role[Role.VIEWER].get("/")).status_code == 303
    async with stranger(site) as browser:
        assert (await log_in(browser, "viewer", PASSWORD)).status_code == 401
        assert (await log_in(browser, "viewer", password)).status_code == 303


async def test_ones_own_password_language_and_other_browsers(site: Site) -> None:
    row = await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    here, there = await logged_in(site, row, "one"), await logged_in(site, row, "two")
    new = "quite another one"
    wrong = await here.press("/own", old="not it at all", password=new, again=new)
    assert wrong.status_code == 422
    assert (await here.press("/own", old=PASSWORD, password=new, again="x")).status_code == 422
    assert (await there.get("/")).status_code == 200
    assert "has been changed" in (await here.press("/own", old=PASSWORD, password=new, again=new)).text
    assert ((await here.get("/")).status_code, (await there.get("/")).status_code) == (200, 303)
    there = await logged_in(site, row, "two")
    await here.press("/own", everywhere="1")
    assert ((await here.get("/")).status_code, (await there.get("/")).status_code) == (200, 303)
    await here.press("/own", language="zh")
    assert '<html lang="zh-CN">' in (await here.get("/")).text, "the account before the browser"
    assert '<html lang="en">' in (await here.get("/?lang=en")).text, "the address before both"
    await here.press("/own", language="")
    assert '<html lang="en">' in (await here.get("/")).text


# --- the first account --------------------------------------------------------------------------------------


async def test_the_first_account_takes_the_token_and_the_token_works_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    welcome = Welcome(tmp_path / "first-start")
    site = await make_site(login=True, welcome=welcome)
    await welcome.prepare(site.ledger)
    token = welcome.path.read_text()
    await welcome.prepare(site.ledger)
    assert welcome.path.read_text() == token, "a restart keeps it"
    assert welcome.path.stat().st_mode & 0o777 == 0o600
    assert token not in caplog.text + capsys.readouterr().out
    me = {"login": "boss", "password": PASSWORD, "again": PASSWORD}
    async with stranger(site) as browser:
        assert (await browser.get("/login")).headers["location"] == "/first-start"
        for change in ({"token": "guessed"}, {"password": "short", "again": "short"}, {"login": "a b"}):
            answer = await browser.post("/first-start", data={**me, "token": token, **change})
            assert answer.status_code == 422
        assert await site.ledger.transact(records.accounts) == []
        made = await browser.post("/first-start", data={**me, "token": token})
        assert made.headers["location"] == "/"
        assert (await browser.get("/accounts")).status_code == 200
        assert not welcome.path.exists()
        assert (await browser.get("/first-start")).status_code == 404
        assert (await browser.post("/first-start", data={**me, "token": token})).status_code == 404
    await welcome.prepare(site.ledger)
    assert not welcome.path.exists(), "no token while somebody can log in"
    await site.ledger.close()


async def test_without_a_file_no_token_fits(tmp_path: Path) -> None:
    assert not Welcome(tmp_path / "none").is_it("")
    (tmp_path / "empty").write_text("")
    assert not Welcome(tmp_path / "empty").is_it("")


# --- the log ------------------------------------------------------------------------------------------------


async def test_the_log_is_found_by_account_and_action_and_goes_into_a_file(site: Site) -> None:
    admin = await logged_in(site, await account(site.ledger, site.clock.ms, "boss", Role.ADMIN))

    def fill(tx: records.Tx) -> None:
        for n in range(120):
            records.note(
                tx,
                account="id-boss",
                action="access-facts",
                subject=f"h{n:03}",
                detail={"incident": n},
                now_ms=site.clock.ms + n * S,
            )

    await site.ledger.transact(fill)
    page = (await admin.get("/audit?action=access-facts&account=boss")).text
    assert page.count("<tr>") == 101
    assert "h119" in page
    assert "h019" not in page
    older = re.findall(r'href="(/audit\?[^"]*before=[^"]*)"', page)[0].replace("&amp;", "&")
    assert "h019" in (await admin.get(older)).text
    assert "<td>h007</td>" in (await admin.get("/audit?subject=h007")).text
    assert "<td>h007</td>" not in (await admin.get("/audit?subject=h007&account=nobody")).text
    table = (await admin.get("/audit?as=csv")).text.splitlines()
    assert len(table) == 121
    assert table[1].split(",")[1:4] == ["boss", "access-facts", "h119"]


async def test_neither_log_nor_rows_hold_a_password_or_a_cookie(
    site: Site, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    async with stranger(site) as browser:
        await log_in(browser, "li", "wrong wrong 77")
        await log_in(browser, "li")
        cookie = browser.cookies["guardian"]

    def everything(tx: Any) -> str:
        return "\n".join(tx.conn.connection.driver_connection.iterdump())

    stored = await site.ledger.transact(everything)
    for secret in (PASSWORD, "wrong wrong 77", cookie):
        assert secret not in stored
        assert secret not in caplog.text + capsys.readouterr().out
    assert digest_of(cookie) in stored


async def test_what_stands_in_the_ledger_is_told_by_name(site: Site) -> None:
    row = await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    with pytest.raises(LoginTakenError):
        await site.ledger.transact(lambda tx: records.add_account(tx, replace(row, id="other")))
    assert not await site.ledger.transact(lambda tx: records.change_account(tx, "none", failures=1))
    assert await site.ledger.transact(lambda tx: records.account_named(tx, "none")) is None
    await logged_in(site, row)
    late = site.clock.ms + IDLE_MS
    assert await site.ledger.transact(lambda tx: records.drop_sessions(tx, late, IDLE_MS)) == 1


def test_the_hash_is_argon2id() -> None:
    assert PasswordHasher().hash("x").startswith("$argon2id$v=19$m=65536,t=3")


async def test_an_account_that_was_ended_behind_our_back_is_out_too(site: Site) -> None:
    row = await account(site.ledger, site.clock.ms, "li", Role.VIEWER)
    browser = await logged_in(site, row)
    await site.ledger.transact(lambda tx: records.change_account(tx, row.id, ended_ms=site.clock.ms))
    assert (await browser.get("/")).status_code == 303
    assert not await site.ledger.transact(records.are_there_accounts)
