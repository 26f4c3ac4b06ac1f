"""The import rule: simulator → guardian → detectors, alerting; one place for each third party."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "detectors": {"detectors"},
    "alerting": {"alerting"},
    "guardian": {"guardian", "detectors", "alerting"},
    "simulator": {"simulator", "guardian", "detectors", "alerting"},
}
HOMES_OF = {  # third party → the only files or folders of guardian, alerting and detectors that may import it
    "mqtt5": {"guardian/link.py", "guardian/connection.py"},
    "aiomqtt": {"guardian/control.py", "guardian/cli.py"},  # cli: the error of a replay's broker
    "twilio": {"alerting/channels/twilio_account.py", "alerting/channels/twilio_voice.py"},
    "gammu": {"alerting/channels/modem.py"},
    "apprise": {"alerting/channels/apprise.py"},
    "alibabacloud_dysmsapi20170525": {"alerting/channels/aliyun.py"},
    "alibabacloud_dyvmsapi20170525": {"alerting/channels/aliyun.py"},
    "alibabacloud_tea_openapi": {"alerting/channels/aliyun.py"},
    "darabonba": {"alerting/channels/aliyun.py"},
    "urllib3": {"alerting/channels/aliyun.py"},
    "influxdb_client": {"guardian/history/influx.py"},
    "prometheus_client": {"guardian/metrics.py"},
    "sqlalchemy": {"alerting/schema.py", "alerting/ledger", "alerting/migrations"},
    "alembic": {"alerting/ledger", "alerting/migrations"},
}
FORBIDDEN = {
    "alerting": {"numpy", "scipy"},
    "detectors": {"asyncio", "time", "datetime", "logging", "structlog"},
}


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module of a file, and whether it stands inside a function."""
    tree = ast.parse(path.read_text("utf-8"))
    inside = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or "", id(node) in inside


def _files() -> list[Path]:
    return sorted(p for package in MAY_IMPORT for p in (ROOT / package).rglob("*.py"))


def test_there_is_something_to_check() -> None:
    assert {p.relative_to(ROOT).parts[0] for p in _files()} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", _files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_imports_only_what_its_package_may(path: Path) -> None:
    relative = path.relative_to(ROOT)
    package = relative.parts[0]
    for module, inside in _imports(path):
        top = module.split(".")[0]
        if top in MAY_IMPORT and top not in MAY_IMPORT[package]:
            lazy = str(relative) == "guardian/cli.py" and top == "simulator" and inside
            assert lazy, f"{relative} imports {module}"
        assert top not in FORBIDDEN.get(package, set()), f"{relative} imports {module}"
        if package != "simulator" and top in HOMES_OF:
            at_home = any(str(relative) == h or str(relative).startswith(h + "/") for h in HOMES_OF[top])
            assert at_home, f"{relative} imports {module}"
