"""`wfconform selftest` and `wfconform serve --fault`: names, reports, exit codes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wfconform.cli import commands as cli
from wfconform.commands import selftest as command
from wfconform.commands.selftest import SelftestCall, cases, judge, selftest
from wfconform.report.matrix import Row


def invoke(*arguments: str) -> tuple[int, str, str]:
    """Run the command line: exit code, stdout, stderr."""
    result = CliRunner().invoke(cli.app, list(arguments), env={"NO_COLOR": "1", "COLUMNS": "120"})
    return result.exit_code, result.stdout, result.stderr


def test_it_reports_what_it_ran(tmp_path: Path) -> None:
    """A fault that is caught exits with 0, and both reports say so."""
    paths = tmp_path / "out.json", tmp_path / "out.md"
    options = ("--only", "counts-from-zero", "--only", "gzip", "--json", str(paths[0]), "--markdown", str(paths[1]))
    code, out, err = invoke("selftest", *options)
    assert (code, "1 of 1 faults caught by exactly what they break, 1 of 1 conforming servers pass" in out) == (
        0,
        True,
    ), err
    written = json.loads(paths[0].read_text(encoding="utf-8"))
    assert written["ok"] is True
    assert [(case["name"], case["breaks"], case["found"]) for case in written["cases"]] == [
        ("gzip", [], []),
        ("counts-from-zero", ["TRN-001"], ["TRN-001"]),
    ]
    assert "| `counts-from-zero`: Turns are counted from 0. | ● |" in paths[1].read_text(encoding="utf-8")


@pytest.mark.parametrize(("declared", "said"), [(frozenset({"TRN-002"}), "TRN-002 missed"), (frozenset(), "TRN-001: ")])
def test_a_miss_and_a_false_alarm_exit_with_1(
    declared: frozenset[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is reported is compared with what is declared, in both directions."""
    measured = replace(judge("counts-from-zero", seed=1), expected=declared, messages=("TRN-001: expected 1, got 0",))

    def run_all(*_: object) -> list[Row]:
        return [measured]

    monkeypatch.setattr(command, "_run_all", run_all)
    assert selftest(SelftestCall(only=("counts-from-zero",), no_color=True)) == 1
    assert said in capsys.readouterr().out


def test_a_case_that_crashes_is_not_as_it_should_be() -> None:
    """A problem alone makes the row wrong."""
    assert not replace(cases()["reference"].row, found=frozenset(), problems=("the harness failed",)).as_it_should


def test_an_unknown_name_is_a_usage_error() -> None:
    """A slip is told, with what was meant."""
    code, _, err = invoke("selftest", "--only", "counts-from-zeros")
    assert (code, "counts-from-zero" in err) == (2, True)


def test_the_declared_matrix_needs_no_run(tmp_path: Path) -> None:
    """The tables are written as they are."""
    code, out, _ = invoke("selftest", "--declared", "--markdown", str(tmp_path / "matrix.md"))
    assert (code, out) == (0, "")
    assert (tmp_path / "matrix.md").read_text(encoding="utf-8") == command.declared_matrix()


def test_faults_and_variants_are_listed() -> None:
    """A line each: name, requirements, sentence."""
    code, faults, _ = invoke("serve", "--list-faults")
    assert (code, "lost-update\tTRN-005\tTwo turns at once read one number, and both answer the next." in faults) == (
        0,
        True,
    )
    code, variants, _ = invoke("serve", "--list-variants")
    assert (code, "gzip\t-\t" in variants, "lost-update" in variants) == (0, True, False)


def test_the_coverage_of_a_requirement_is_shown() -> None:
    """Scenarios and faults by name."""
    code, out, _ = invoke("requirements", "TRN-001", "--coverage")
    assert (code, "twelve_turns" in out, "counts-from-zero" in out) == (0, True, True)
