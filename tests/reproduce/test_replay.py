"""`check` re-runs reproducers and keeps them; `check --replay` tries again what failed, and nothing else."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.reproduce.replaying import broken, needs_curl, run_script
from tests.servers.conforming_wire import Plain
from tests.servers.target import SECRETS, describe
from typer.testing import CliRunner, Result

from wfconform.cli.commands import app
from wfconform.config import dumps
from wfconform.reference import serving

CASE = broken("counts-by-two")
_RECORDED: dict[tuple[str, ...], str] = {}


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    """The base URLs of a server that counts by two, and of one that conforms."""
    with serving(CASE.make(slow_s=1.0)) as bad, serving(Plain(slow_s=1.0)) as good:
        yield bad, good


@pytest.fixture(autouse=True)
def _target_file(urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with a target file for the broken server."""
    for name in [name for name in os.environ if name.startswith("WFCONFORM_")]:
        monkeypatch.delenv(name)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("wfconform.toml").write_text(dumps(describe(CASE, base_url=urls[0])), encoding="utf-8")


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", "--no-color", "--no-generated", *arguments])


def recorded(*options: str) -> dict[str, Any]:
    """Check one requirement, once for all tests, and return the JSON report, which is then in out/r.json."""
    if options not in _RECORDED:
        result = check("--only", "TRN-002", "--json", "out/r.json", *options)
        assert result.exit_code == 1, result.output
        _RECORDED[options] = Path("out/r.json").read_text()
    Path("out").mkdir(exist_ok=True)
    Path("out/r.json").write_text(_RECORDED[options])
    report: dict[str, Any] = json.loads(_RECORDED[options])
    return report


@needs_curl
def test_a_failure_is_reproduced_before_it_is_shown(urls: tuple[str, str], tmp_path: Path) -> None:
    """The verdict of the re-run is on the console and in the report; the script stands beside the report, and runs."""
    result = check("--only", "TRN-002", "--json", "out/r.json")
    shown = json.loads(Path("out/r.json").read_text())["requirements"][0]["evidence"][0]
    script = Path("out/r.repro/TRN-002.sh").read_text()
    assert "re-run: reproduced (out/r.repro/TRN-002.sh)" in result.stdout
    assert (shown["reproduced"], shown["reproducer"]) == ("reproduced", script)
    assert (shown["predicate"]["name"], shown["predicate"]["race"]) == ("in_bounds", False)
    assert "set TEST_SERVER_KEY_ONE to the API key" in script
    assert run_script(script, tmp_path / "out", **SECRETS).code == 1


@needs_curl
def test_without_a_report_the_console_says_how_to_get_the_script() -> None:
    """And prints it when asked to."""
    assert "re-run: reproduced (--show-reproducers prints the script" in check("--only", "TRN-002").stdout
    printed = check("--only", "TRN-002", "--show-reproducers").stdout
    assert "reproducer (reproduced):\n    #!/bin/sh\n" in printed


def test_no_rerun_runs_nothing() -> None:
    """The script is there, its re-run is not."""
    shown = recorded("--no-rerun")["requirements"][0]["evidence"][0]
    assert shown["reproducer"].startswith("#!/bin/sh\n")
    assert shown["reproduced"] is None


def test_what_failed_is_tried_again_alone(urls: tuple[str, str]) -> None:
    """It still fails where it failed, and no longer where the defect is gone; the exit codes say so."""
    recorded("--no-rerun")
    again = check("--replay", "out/r.json", "--json", "again.json")
    assert again.exit_code == 1
    assert "TRN-002 still fails: expected 2, got 3 at $.turn_number" in again.stdout
    assert [one["id"] for one in json.loads(Path("again.json").read_text())["requirements"]] == ["TRN-002"]
    cured = check(urls[1], "--replay", "out/r.json", "--only", "TRN-002")
    assert (cured.exit_code, cured.stdout.splitlines()[-2:]) == (
        0, ["TRN-002 no longer fails", "1 no longer fails (exit 0: conforms)"]
    )  # fmt: skip


def test_only_the_scenarios_that_showed_it_are_played(urls: tuple[str, str]) -> None:
    """With a scenario that nobody knows any more, nothing is exercised, and that is no success."""
    report = recorded("--no-rerun")
    for shown in report["requirements"][0]["evidence"]:
        shown["scenario"] = "long gone"
    Path("old.json").write_text(json.dumps(report))
    result = check(urls[1], "--replay", "old.json")
    assert result.exit_code == 3
    assert result.stdout.startswith("TRN-002 not exercised")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.json",), "cannot read none.json"),
        (("wfconform.toml",), "wfconform.toml is no report of this program"),
        (("out/r.json", "--only", "EXE-001"), "EXE-001 did not fail in out/r.json"),
        (("out/r.json", "--only", "TRN-002,EXE"), "EXE did not fail in out/r.json"),
        (("out/r.json", "--only", "NOPE"), "unknown requirement 'NOPE'"),
        (("green.json",), "nothing failed in green.json"),
    ],
)
def test_what_cannot_be_replayed_ends_with_2(arguments: tuple[str, ...], said: str) -> None:
    """An unreadable report, and an ID that it does not have, are the user's to correct."""
    report = recorded("--no-rerun")
    report["requirements"][0] |= {"verdict": "pass", "evidence": []}
    Path("green.json").write_text(json.dumps(report))
    result = check("--replay", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
