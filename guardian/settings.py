"""Settings: TOML files and secrets from files, into frozen objects; every mistake is named at once.

Takes the path of `guardian.toml`; gives `Settings`, the detectors' parameters and the escalation
policy. Never reads a secret from a TOML file or a loose environment variable, never prints one.
"""

import dataclasses
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    model_validator,
)

from alerting.channels.aliyun_templates import PARAMETERS, PURPOSES
from alerting.policy import Policy
from detectors.params import Params
from guardian.credentials import CREDSTORE, SECRETS, files

_PACKAGED = Path(__file__).parent / "_config"
CONFIG = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "config"
"""The shipped configuration: inside the wheel, or beside the packages in a checkout."""

ID_PATTERN = r"^[a-z0-9-]{1,32}$"
Id = Annotated[str, Field(pattern=ID_PATTERN)]
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]

P = TypeVar("P")
T = TypeVar("T")


class SettingsError(Exception):
    """Configuration that cannot be used; `problems` holds one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def phone_number(text: str) -> str:
    """Give a phone number in E.164, or raise ValueError, which does not repeat it: logs may show it."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as e:
        raise ValueError("not an international phone number (+country number)") from e
    if not phonenumbers.is_possible_number(number):
        raise ValueError("not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


Phone = Annotated[str, AfterValidator(phone_number)]


def _parameters(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [n for n in names if n not in PARAMETERS]
    if unknown:
        raise ValueError(f"unknown variable {unknown[0]}; there are {', '.join(sorted(PARAMETERS))}")
    return names


def _purposes(templates: dict[str, T]) -> dict[str, T]:
    unknown = [name for name in templates if name not in PURPOSES]
    if unknown:
        raise ValueError(f"there is no text {unknown[0]}")
    return templates


def _all_pages(templates: dict[str, T]) -> dict[str, T]:
    pages = sorted(name for name in PURPOSES if name.startswith("page-") and name != "page-drill")
    without = [name for name in pages if name not in templates and "page" not in templates]
    if without:
        raise ValueError(f"no template for {without[0]}")
    return templates


def _token(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{32,128}", secret.get_secret_value()):
        raise ValueError("must have 32 to 128 letters, digits, - or _")
    return secret


class Strict(BaseModel):
    """A table of settings in which an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Mqtt(Strict):
    """Where the broker is."""

    host: str
    port: Port = 1883
    username: str | None = None
    password: SecretStr | None = None
    tls: bool = False
    tls_ca: Path | None = None


class Web(Strict):
    """Where the staff's pages and the provider's webhooks are served; a port of 0 takes a free one."""

    board_host: Annotated[str, Field(pattern=r"^[0-9A-Fa-f.:]+$|^localhost$")] = "127.0.0.1"
    """Address; another one than loopback needs TLS."""
    board_port: Port = 8080
    board_names: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.:\[\]-]{1,253}$")], ...] = ()
    """Names and addresses under which browsers ask for the pages, beside those of loopback."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    login: bool = True
    """Whether people log in; without, whoever reaches the port may do everything: on loopback only."""
    hooks_port: Port = 8081
    """On loopback, behind a proxy with TLS."""
    metrics_port: Port | None = None
    """On loopback, for Prometheus; none = figures are not served."""

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the pages."""
        return self.board_host == "localhost" or ipaddress.ip_address(self.board_host).is_loopback

    @model_validator(mode="after")
    def _others_need_tls_and_login(self) -> "Web":
        try:
            loopback = self.is_loopback
        except ValueError as e:
            raise ValueError(f"board_host: {self.board_host} is no address") from e
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key: both or neither")
        if not loopback and self.tls_certificate is None:
            raise ValueError("board_host: beyond this machine it needs tls_certificate and tls_key")
        if not loopback and not self.board_names:
            raise ValueError("board_names: say under which names browsers will ask for the board")
        if not loopback and not self.login:
            raise ValueError("login: without it the board may be reached from this machine only")
        return self


class Twilio(Strict):
    """The provider of texts and calls."""

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-f]{32}$")]
    from_number: Phone
    auth_token: SecretStr
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")] | None = None
    """Where the provider reaches the webhooks; none = answers are fetched by polling alone."""
    base_url: Annotated[str, Field(pattern=r"^http://(127\.0\.0\.1|localhost|\[::1\]):\d+$")] | None = None
    """Another server that speaks Twilio's API, on loopback only: a rehearsal, not a real channel."""
    voice: bool = False
    """Whether people are called as well."""
    voice_from_number: Phone | None = None
    """The number that calls; none = `from_number`."""
    per_number_per_day: Count | None = None
    """Texts to one number that it lets through within 24 hours; none = no limit is known."""
    per_day: Count | None = None
    """Texts to all numbers together."""


class Modem(Strict):
    """A USB modem (guardian-care[modem])."""

    device: str
    connection: Annotated[str, Field(pattern=r"^[a-z0-9]+$")] = "at"
    model: str = ""
    """As Gammu names it; "dummy" with connection "none" is a rehearsal in the directory `device`."""
    country: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{0,2}$")] | None = None
    """Prefix of senders whose number the network gives without one."""
    per_number_per_day: Count | None = None
    """Texts to one number that it lets through within 24 hours; none = no limit is known."""
    per_day: Count | None = None
    """Texts to all numbers together."""


class AliyunTemplate(Strict):
    """An approved template and the variables that it has."""

    code: Annotated[str, Field(pattern=r"^(SMS|TTS)_[0-9]+$")]
    parameters: Annotated[tuple[str, ...], AfterValidator(_parameters)]


AliyunTemplates = Annotated[dict[str, AliyunTemplate], AfterValidator(_purposes)]


class Aliyun(Strict):
    """Texts and calls in mainland China (guardian-care[aliyun])."""

    access_key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{8,128}$")]
    access_key_secret: SecretStr
    push_token: Annotated[SecretStr, AfterValidator(_token)]
    """The secret in the addresses that Aliyun pushes to."""
    sign_name: Annotated[str, Field(pattern=r"^[^\s【】]{2,12}$")]
    templates: Annotated[AliyunTemplates, AfterValidator(_all_pages)]
    calls: AliyunTemplates = {}
    show_number: Annotated[str, Field(pattern=r"^[0-9]{5,12}$")] | None = None
    """The number that calls come from; none = Aliyun's common ones."""
    per_number_per_day: Count | None = None
    """Texts to one number that it lets through within 24 hours; none = no limit is known."""
    per_day: Count | None = None
    """Texts to all numbers together."""
    base_url: Annotated[str, Field(pattern=r"^http://(127\.0\.0\.1|localhost|\[::1\]):\d+$")] | None = None
    """Another server that speaks Aliyun's API, on loopback only: a rehearsal, not a real channel."""


class Apprise(Strict):
    """Services that are informed and never counted on (guardian-care[apprise])."""

    urls: SecretStr
    """Apprise addresses, one a line; all of the secret's file."""


class History(Strict):
    """InfluxDB 2."""

    url: str
    org: str
    bucket: str
    token: SecretStr


class Settings(Strict):
    """`guardian.toml`."""

    site: Id
    state_directory: Path
    secrets_directory: Path | None = None
    roster: Path | None = None
    detectors: Path | None = None
    escalation: Path | None = None
    mqtt: Mqtt
    web: Web = Web()
    twilio: Twilio | None = None
    aliyun: Aliyun | None = None
    modem: Modem | None = None
    apprise: Apprise | None = None
    history: History | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that configuration files say."""

    settings: Settings
    detectors: Params
    policy: Policy
    file: Path | None = None
    """Where it was read."""


def load(path: Path, *, credstore: Path = CREDSTORE) -> Loaded:
    """Read `guardian.toml`, the secrets beside it, and the two parameter files that it names.

    Raises
    ------
    SettingsError
        with every mistake in every file.
    """
    problems: list[str] = []
    settings: Settings | None = None
    table = _table(path, problems)
    if table is not None:
        table = _with_secrets(table, path, credstore, problems)
        try:
            settings = Settings.model_validate(_absolute(table, path.parent))
        except ValidationError as e:
            problems += lines(path.name, e)
    named = _absolute(table or {}, path.parent)
    detectors = _params(Params, _file(named, "detectors"), "", problems)
    policy = _params(Policy, _file(named, "escalation"), "escalation", problems)
    if problems or settings is None or detectors is None or policy is None:
        raise SettingsError(problems)
    return Loaded(settings, detectors, policy, path)


def state_directory_of(path: Path) -> Path:
    """Give the state directory alone: enough to ask a running Guardian, which has the secrets itself.

    Raises
    ------
    SettingsError
        the file cannot be read, or does not name it.
    """
    problems: list[str] = []
    named = _absolute(_table(path, problems) or {}, path.parent).get("state_directory")
    if not isinstance(named, Path):
        raise SettingsError(problems or [f"{path.name}: state_directory: missing"])
    return named


def lines(name: str, error: ValidationError) -> list[str]:
    """One line for each mistake: file, key, what is wrong. Input values are not repeated."""
    words = {"extra_forbidden": "unknown key", "missing": "missing"}
    out = []
    for e in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in e["loc"])
        why = words.get(e["type"]) or re.sub(r"^Value error, ", "", e["msg"])
        out.append(f"{name}: {key}: {why}" if key else f"{name}: {why}")
    return out


def _table(path: Path, problems: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        problems.append(f"{path}: no such file")
    except (OSError, UnicodeDecodeError) as e:
        problems.append(f"{path}: cannot be read: {e}")
    except (ValueError, RecursionError) as e:  # also numbers and nests that no file of ours has
        problems.append(f"{path.name}: not TOML: {e}")
    return None


def _with_secrets(table: dict[str, Any], path: Path, credstore: Path, problems: list[str]) -> dict[str, Any]:
    for section, key in SECRETS.values():
        if isinstance(table.get(section), dict) and key in table[section]:
            problems.append(f"{path.name}: {section}.{key}: secrets stand in files of their own, not here")
            del table[section][key]
    for name, file in files(table, path.parent, credstore).items():
        section, key = SECRETS[name]
        if file.parent == credstore and not os.access(credstore, os.X_OK):
            continue  # root's alone; nobody else is meant to know
        try:
            if file.is_file():
                table[section][key] = file.read_text("utf-8").strip()
        except OSError as e:
            problems.append(f"{file}: cannot be read: {e.strerror}")
        except UnicodeDecodeError:  # whose words have a piece of the secret
            problems.append(f"{file}: not UTF-8")
    return table


def _absolute(table: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Paths in a file are relative to that file."""
    keys = ("state_directory", "secrets_directory", "roster", "detectors", "escalation")
    out = dict(table)
    for key in keys:
        if isinstance(out.get(key), str):
            out[key] = base / out[key]
    return out


def _file(table: Mapping[str, Any], key: str) -> Path:
    named = table.get(key)
    return named if isinstance(named, Path) else CONFIG / f"{key}.toml"


def _params(kind: type[P], path: Path, table: str, problems: list[str]) -> P | None:
    """Fill a frozen dataclass of parameters from a file; every key is needed, none may be added.

    `table` names the file's table for the dataclass itself; each field that is a dataclass has a table
    of its own under the field's name, however deep it lies.
    """
    found = _table(path, problems)
    if found is None:
        return None
    unused = dict(found)
    given = _gathered(kind, table, unused)
    problems += [f"{path.name}: {name}: unknown table" for name in sorted(unused)]
    try:
        model = _model(kind)  # type: ignore[arg-type]  # a class has a hash, whatever its objects have
        return _filled(kind, model.model_validate(given))
    except ValidationError as e:
        for line in lines(path.name, e):
            key, _, why = line.removeprefix(f"{path.name}: ").partition(": ")
            *_, own, name = ["", table, *key.split(".")]
            problems.append(f"{path.name}: {own}.{name}: {why}")
    except ValueError as e:
        problems.append(f"{path.name}: {e}")
    return None


def _gathered(kind: Any, table: str, unused: dict[str, Any]) -> dict[str, Any]:
    """Take the tables of a dataclass and of its parts out of `unused`."""
    own = unused.pop(table, {})
    out = dict(own) if isinstance(own, dict) else {}
    for name, hint in get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            out[name] = _gathered(hint, name, unused)
    return out


@cache
def _model(kind: Any) -> type[BaseModel]:
    """Give the strict pydantic model of a dataclass of numbers, tuples and further dataclasses."""
    fields: dict[str, Any] = {
        name: (_model(hint) if dataclasses.is_dataclass(hint) else hint, ...)  # type: ignore[arg-type]
        for name, hint in get_type_hints(kind).items()
    }
    return create_model(kind.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def _filled(kind: type[P], values: BaseModel) -> P:
    hints = get_type_hints(kind)
    return kind(
        **{
            name: _filled(hints[name], value) if isinstance(value, BaseModel) else value
            for name, value in values
        }
    )
