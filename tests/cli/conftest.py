import os
from collections.abc import Callable

import pytest
from tests.cli.faked import Suite
from typer.testing import CliRunner, Result

from wfconform.cli.commands import app

Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Every test starts in an empty directory, with nothing set that the command line reads."""
    for name in list(os.environ):
        if name.startswith(("WFCONFORM_", "ACME_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(str(tmp_path))


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite that answers with a prepared run instead of calling a target."""
    fake = Suite()
    monkeypatch.setattr("wfconform.conformance.run_check", fake)
    return fake


@pytest.fixture
def wfconform() -> Command:
    """Run the command line in this process."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run
