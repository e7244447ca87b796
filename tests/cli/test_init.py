import tomllib
from pathlib import Path

import pytest
from tests.cli.conftest import Command
from tests.cli.faked import CONVERSATION, Suite

from wfconform.commands.init import starter
from wfconform.config import parse_document


def test_a_starter_file_is_written_and_the_next_step_told(wfconform: Command, tmp_path: Path) -> None:
    result = wfconform("init")
    assert result.exit_code == 0
    assert "wfconform check\n" in result.stdout
    assert (tmp_path / "wfconform.toml").read_text(encoding="utf-8") == starter()


def test_an_existing_file_is_kept_unless_forced(wfconform: Command, tmp_path: Path) -> None:
    mine = tmp_path / "wfconform.toml"
    mine.write_text("mine")
    result = wfconform("init")
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert mine.read_text() == "mine"
    assert wfconform("init", "--force").exit_code == 0
    assert mine.read_text(encoding="utf-8") == starter()


def test_another_path_can_be_given(wfconform: Command, tmp_path: Path) -> None:
    result = wfconform("init", "deep/staging.toml")
    assert "wfconform check --config deep/staging.toml" in result.stdout
    assert (tmp_path / "deep/staging.toml").is_file()


def test_an_unchanged_starter_is_no_target(wfconform: Command, suite: Suite) -> None:
    wfconform("init")
    result = wfconform("check")
    assert result.exit_code == 2
    assert "workflows.conversation: is still the placeholder" in result.stderr


def test_a_filled_in_starter_is_a_target(
    wfconform: Command, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wfconform.toml").write_text(starter().replace("<24 hexadecimal digits>", CONVERSATION))
    monkeypatch.setenv("WFCONFORM_API_KEY", "a-key")
    assert wfconform("check").exit_code == 0
    assert suite.target is not None
    assert suite.target.name == "my deployment"


def test_everything_commented_out_in_the_starter_is_valid_once_commented_in() -> None:
    lines = starter().replace("<24 hexadecimal digits>", CONVERSATION).splitlines()
    content = [line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in lines]
    document = tomllib.loads("\n".join(content).replace('auth = "none"', 'auth = "bearer"'))
    assert set(document) == {"target", "workflows", "input", "expected_failures"}
    parse_document(document, source="the starter")
