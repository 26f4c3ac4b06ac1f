"""The ways to reach people as the settings name them: built when configured, imported no sooner."""

import subprocess
import sys
from pathlib import Path

import pytest

from guardian import ways
from guardian.settings import Loaded, SettingsError, load
from simulator.fake_aliyun import FakeAliyun
from tests.test_settings import REACH

EXTRAS = ("alibabacloud_dysmsapi20170525", "alibabacloud_dyvmsapi20170525", "apprise", "darabonba", "gammu")

# One of Apprise's plugins imports it on Python below 3.13.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def loaded(
    directory: Path, text: str = REACH, urls: str = "json://127.0.0.1/x\n\n# the board's room\n"
) -> Loaded:
    (directory / "secrets").mkdir()
    secrets = {"aliyun-access-key-secret": "s", "aliyun-push-token": "t" * 32, "apprise-urls": urls}
    for name, value in secrets.items():
        (directory / "secrets" / name).write_text(value)
    (directory / "guardian.toml").write_text(text)
    return load(directory / "guardian.toml")


def test_the_daemon_starts_without_importing_what_is_not_configured() -> None:
    program = f"import sys, guardian.app, guardian.ways; print([m for m in {EXTRAS!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


WITHOUT_EXTRAS = """
import sys
from pathlib import Path
for library in {extras!r}:
    sys.modules[library] = None  # as if it were not installed
from guardian import ways
from guardian.settings import SettingsError, load
loaded = load(Path({file!r}))
settings, policy = loaded.settings, loaded.policy
for build in (
    lambda: ways.aliyun_sms(settings.aliyun, policy, lambda: 0),
    lambda: ways.aliyun_voice(settings.aliyun, policy, lambda: 0),
    lambda: ways.modem(settings.modem, policy, lambda: 0),
    lambda: ways.informer(settings.apprise),
):
    try:
        build()
    except SettingsError as e:
        print(e)
"""


def test_an_extra_that_is_not_installed_is_named(tmp_path: Path) -> None:
    loaded(tmp_path)
    program = WITHOUT_EXTRAS.format(extras=EXTRAS, file=str(tmp_path / "guardian.toml"))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines() == [
        f"[{name}] needs the extra: pip install 'guardian-care[{name}]'"
        for name in ("aliyun", "aliyun", "modem", "apprise")
    ]


async def test_each_way_is_built_from_its_section(tmp_path: Path) -> None:
    fake = FakeAliyun(
        "LTAI5tExample", "s", "乐龄中心", {"SMS_123": "${code}", "TTS_123": "${code}"}, lambda: 0
    )
    async with fake.serve() as url:
        text = REACH.replace('sign_name = "乐龄中心"', f'sign_name = "乐龄中心"\nbase_url = "{url}"')
        text = text.replace('"/dev/ttyUSB0"', f'"{tmp_path}/phone"\nconnection = "none"\nmodel = "dummy"')
        given = loaded(tmp_path, text)
        settings, policy = given.settings, given.policy
        (tmp_path / "phone").mkdir()
        assert settings.aliyun is not None
        assert settings.modem is not None
        sms = ways.aliyun_sms(settings.aliyun, policy, lambda: 0)
        voice = ways.aliyun_voice(settings.aliyun, policy, lambda: 0)
        modem = ways.modem(settings.modem, policy, lambda: 0)
        assert voice is not None
        page = "紧急A12 请尽快到场。回A12 1=接手 A12 1 8=8分钟到 A12 3=不能 #1."
        for channel in (sms, voice, modem):
            assert await channel.send("+8613800000001", page, 60)
            await channel.close()
    assert [t.content for t in fake.texts] == ["【乐龄中心】A12"]
    assert [t.content for t in fake.calls] == ["A12"]
    assert (sms.name, voice.name, modem.name) == ("aliyun", "aliyun-voice", "modem")
    assert ways.real_ways(settings) == ["apprise"]


def test_without_templates_of_calls_nobody_is_called(tmp_path: Path) -> None:
    text = "".join(REACH.partition("[aliyun.calls.page]")[0])
    given = loaded(tmp_path, text)
    assert given.settings.aliyun is not None
    assert ways.aliyun_voice(given.settings.aliyun, given.policy, lambda: 0) is None
    assert ways.real_ways(given.settings) == ["aliyun", "modem"]


def test_an_address_that_is_not_understood_is_named_by_its_number(tmp_path: Path) -> None:
    settings = loaded(tmp_path, urls="json://127.0.0.1/x\nhunter2\n").settings
    assert settings.apprise is not None
    with pytest.raises(SettingsError) as told:
        ways.informer(settings.apprise)
    assert told.value.problems == ["apprise.urls: address 2 is not understood"]
