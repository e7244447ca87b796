import pytest
from tests.cli.conftest import Command

from wfconform import __version__


def test_the_version_is_the_packages(wfconform: Command) -> None:
    result = wfconform("--version")
    assert (result.exit_code, result.stdout) == (0, f"wfconform {__version__}\n")


def test_without_a_command_the_help_is_shown(wfconform: Command) -> None:
    assert "requirements" in wfconform().output


@pytest.mark.parametrize("command", ["check", "serve", "requirements"])
def test_help_teaches_by_example(wfconform: Command, command: str) -> None:
    result = wfconform(command, "--help")
    assert result.exit_code == 0
    assert f"wfconform {command}" in result.output
    assert "Example" in result.output


def test_an_unknown_command_ends_with_2(wfconform: Command) -> None:
    assert wfconform("chek").exit_code == 2
