"""Settings: all mistakes at once, their exact words, secrets only from files."""

from pathlib import Path

import pytest

from guardian.settings import CONFIG, SettingsError, load

GOOD = """
site = "demo"
state_directory = "state"
secrets_directory = "secrets"
[mqtt]
host = "127.0.0.1"
"""


def problems(tmp_path: Path, text: str, **secrets: str) -> list[str]:
    file = tmp_path / "guardian.toml"
    file.write_text(text)
    (tmp_path / "secrets").mkdir(exist_ok=True)
    for name, value in secrets.items():
        (tmp_path / "secrets" / name.replace("_", "-")).write_text(value + "\n")
    with pytest.raises(SettingsError) as e:
        load(file)
    return e.value.problems


def test_the_shipped_files_are_good(tmp_path: Path) -> None:
    text = (CONFIG / "guardian.toml").read_text()
    file = tmp_path / "guardian.toml"
    file.write_text(text)
    loaded = load(file)
    assert loaded.settings.site == "demo"
    assert loaded.policy.target_s == 600


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    text = """
site = "De mo"
state_directory = "state"
detectors = "mine.toml"
[mqtt]
prot = 1883
port = 70000
[twilio]
account_sid = "AC1"
from_number = "110"
"""
    (tmp_path / "mine.toml").write_text("[fall]\nnonsense = 1\n")
    found = problems(tmp_path, text)
    assert found[:6] == [
        "guardian.toml: site: String should match pattern '^[a-z0-9-]{1,32}$'",
        "guardian.toml: mqtt.host: missing",
        "guardian.toml: mqtt.port: Input should be less than or equal to 65535",
        "guardian.toml: mqtt.prot: unknown key",
        "guardian.toml: twilio.account_sid: String should match pattern '^AC[0-9a-f]{32}$'",
        "guardian.toml: twilio.from_number: not an international phone number (+country number)",
    ]
    assert "guardian.toml: twilio.auth_token: missing" in found
    assert "mine.toml: fall.nonsense: unknown key" in found


def test_a_secret_in_the_settings_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD + 'password = "hunter2"\n')
    assert found == ["guardian.toml: mqtt.password: secrets stand in files of their own, not here"]


def test_a_secret_that_cannot_be_read_is_a_mistake_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "mqtt-password").write_bytes(b"hunt\xff")
    found = problems(tmp_path, GOOD + 'colour = "red"\n')
    assert f"{tmp_path / 'secrets' / 'mqtt-password'}: not UTF-8" in found
    assert len(found) == 2


def test_secrets_come_from_files_and_are_not_printed(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "mqtt-password").write_text("hunter2\n")
    file = tmp_path / "guardian.toml"
    file.write_text(GOOD)
    settings = load(file).settings
    assert settings.mqtt.password is not None
    assert settings.mqtt.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("site = ", "not TOML"),
        ('site = "a"\nsite = "b"', "not TOML"),
    ],
)
def test_a_file_that_is_not_toml_says_so(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in p for p in problems(tmp_path, text))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load(tmp_path / "nowhere.toml")


TWILIO = """
[twilio]
account_sid = "AC0123456789abcdef0123456789abcdef"
from_number = "+14155550100"
"""


def test_nobody_is_called_unless_the_settings_say_so(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "twilio-auth-token").write_text("t")
    file = tmp_path / "guardian.toml"
    file.write_text(GOOD + TWILIO)
    twilio = load(file).settings.twilio
    assert twilio is not None
    assert (twilio.voice, twilio.voice_from_number) == (False, None)
    file.write_text(GOOD + TWILIO + 'voice = true\nvoice_from_number = "+1 415 555 0101"\n')
    twilio = load(file).settings.twilio
    assert twilio is not None
    assert (twilio.voice, twilio.voice_from_number) == (True, "+14155550101")


def test_a_caller_that_is_no_phone_number_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD + TWILIO + 'voice_from_number = "110"\n', twilio_auth_token="t")
    assert found == [
        "guardian.toml: twilio.voice_from_number: not an international phone number (+country number)"
    ]


REACH = """
site = "demo"
state_directory = "state"
secrets_directory = "secrets"
[mqtt]
host = "127.0.0.1"
[modem]
device = "/dev/ttyUSB0"
country = "+86"
[aliyun]
access_key_id = "LTAI5tExample"
sign_name = "乐龄中心"
[aliyun.templates.page]
code = "SMS_123"
parameters = ["code", "by", "number"]
[aliyun.calls.page]
code = "TTS_123"
parameters = ["code"]
[apprise]
"""


def test_the_ways_to_reach_people_are_read(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    secrets = {
        "aliyun-access-key-secret": "hunter2",
        "aliyun-push-token": "t" * 32,
        "apprise-urls": "json://hunter2\nmailto://hunter2",
    }
    for name, value in secrets.items():
        (tmp_path / "secrets" / name).write_text(value + "\n")
    (tmp_path / "guardian.toml").write_text(REACH)
    settings = load(tmp_path / "guardian.toml").settings
    assert settings.modem is not None
    assert (settings.modem.device, settings.modem.connection, settings.modem.country) == (
        "/dev/ttyUSB0",
        "at",
        "+86",
    )
    assert settings.aliyun is not None
    assert settings.aliyun.templates["page"].parameters == ("code", "by", "number")
    assert settings.aliyun.calls["page"].code == "TTS_123"
    assert settings.apprise is not None
    assert settings.apprise.urls.get_secret_value() == "json://hunter2\nmailto://hunter2"
    assert "hunter2" not in repr(settings)
    assert "t" * 32 not in repr(settings)


def test_every_mistake_about_ways_to_reach_people_is_named_at_once(tmp_path: Path) -> None:
    text = """
site = "demo"
state_directory = "state"
secrets_directory = "secrets"
[mqtt]
host = "127.0.0.1"
[modem]
connection = "AT 115200"
country = "86"
pin = "1234"
[aliyun]
access_key_id = "x"
access_key_secret = "hunter2"
sign_name = "【乐龄中心】"
base_url = "http://example.org"
show_number = "+86571"
[aliyun.templates.page-high]
code = "123"
parameters = ["code", "name"]
[aliyun.calls.pag]
code = "TTS_1"
parameters = []
[apprise]
urls = "json://hunter2"
"""
    found = problems(tmp_path, text, aliyun_push_token="short")
    assert found == [
        "guardian.toml: aliyun.access_key_secret: secrets stand in files of their own, not here",
        "guardian.toml: apprise.urls: secrets stand in files of their own, not here",
        "guardian.toml: aliyun.access_key_id: String should match pattern '^[A-Za-z0-9._-]{8,128}$'",
        "guardian.toml: aliyun.access_key_secret: missing",
        "guardian.toml: aliyun.push_token: must have 32 to 128 letters, digits, - or _",
        r"guardian.toml: aliyun.sign_name: String should match pattern '^[^\s【】]{2,12}$'",
        "guardian.toml: aliyun.templates.page-high.code: String should match pattern '^(SMS|TTS)_[0-9]+$'",
        (
            "guardian.toml: aliyun.templates.page-high.parameters: "
            "unknown variable name; there are by, card, code, eta, homes, minutes, number"
        ),
        "guardian.toml: aliyun.calls: there is no text pag",
        "guardian.toml: aliyun.show_number: String should match pattern '^[0-9]{5,12}$'",
        (
            "guardian.toml: aliyun.base_url: String should match pattern "
            r"'^http://(127\.0\.0\.1|localhost|\[::1\]):\d+$'"
        ),
        "guardian.toml: modem.device: missing",
        "guardian.toml: modem.connection: String should match pattern '^[a-z0-9]+$'",
        r"guardian.toml: modem.country: String should match pattern '^\+[1-9][0-9]{0,2}$'",
        "guardian.toml: modem.pin: unknown key",
        "guardian.toml: apprise.urls: missing",
    ]


def test_every_page_needs_a_template(tmp_path: Path) -> None:
    text = REACH.replace("templates.page]", "templates.page-high]")
    found = problems(
        tmp_path,
        text,
        aliyun_access_key_secret="x",
        aliyun_push_token="t" * 32,
        apprise_urls="json://x",
    )
    assert found == ["guardian.toml: aliyun.templates: no template for page-area"]


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 2000, f"x = {'9' * 5000}"], ids=["a deep nest", "a huge number"]
)
def test_what_the_toml_reader_cannot_bear_is_named(tmp_path: Path, text: str) -> None:
    assert any(line.startswith("guardian.toml: not TOML: ") for line in problems(tmp_path, text))
