"""The files for pipelines: the steps of the Action run as scripts, the others are what they must be."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).parents[2]
_ACTION: dict[str, Any] = yaml.safe_load((_ROOT / "action.yml").read_text())
_STEPS = {step["name"]: step for step in _ACTION["runs"]["steps"]}
KEY = "sk-action-0123456789"

Step = Callable[..., tuple["subprocess.CompletedProcess[str]", dict[str, str], str]]


@pytest.fixture
def check(tmp_path: Path) -> Step:
    """Run the step Check as GitHub does, in an empty workspace, with some inputs; return process, outputs, summary."""
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    for name, code in {"wfconform": "-c 'from wfconform.cli import main; main()'", "python": ""}.items():
        script = bin_directory / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {code} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IEXEC)

    def run(**inputs: str) -> tuple["subprocess.CompletedProcess[str]", dict[str, str], str]:
        step = _STEPS["Check"]
        values = {name: row.get("default", "") for name, row in _ACTION["inputs"].items()}
        values |= {name.replace("_", "-"): value for name, value in inputs.items()}
        given = {name: _filled(text, values) for name, text in step["env"].items()}
        output, summary = tmp_path / "output", tmp_path / "summary"
        output.write_text("")
        summary.write_text("")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WFCONFORM_")}
        environment |= given | {
            "PATH": f"{bin_directory}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        outputs = dict(line.partition("=")[::2] for line in output.read_text().splitlines())
        return done, outputs, summary.read_text()

    return run


def _filled(text: str, inputs: dict[str, str]) -> str:
    """Replace `${{ inputs.name }}`, the one expression that the steps' environments use."""
    name = text.removeprefix("${{ inputs.").removesuffix(" }}")
    assert text == f"${{{{ inputs.{name} }}}}", text
    return inputs[name]


def test_the_action_checks_the_reference_and_gives_its_outputs(check: Step, tmp_path: Path) -> None:
    """Exit 0, counts, paths, and the Markdown as the job's summary."""
    done, outputs, summary = check(only="RUN-004,TRN-004", arguments="--embedded")
    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs == {
        "level": "core",
        "exit-code": "0",
        "passed": "2",
        "failed": "0",
        "report": "wfconform-reports/report.json",
        "sarif": "wfconform-reports/report.sarif",
    }
    assert "CONFORMS" in summary
    assert json.loads((tmp_path / outputs["sarif"]).read_text())["version"] == "2.1.0"
    assert (tmp_path / "wfconform-reports/junit.xml").is_file()


def test_a_target_that_cannot_be_tested_fails_the_job_with_its_exit_code(check: Step) -> None:
    """The step ends as the command does, with outputs and a summary all the same."""
    done, outputs, summary = check(
        target="http://127.0.0.1:9", arguments="--workflow conversation=5eb7cf5a86d9755df3a6c593", api_key=KEY
    )
    assert (done.returncode, outputs["exit-code"], outputs["failed"]) == (3, "3", "0"), done.stderr
    assert "cannot be reached" in summary
    assert KEY not in done.stdout + done.stderr + summary


def test_without_a_target_nothing_is_green(check: Step) -> None:
    """A configuration that was lost must not pass for the reference's."""
    done, outputs, _ = check()
    assert (done.returncode, outputs) == (2, {"level": "core", "exit-code": "2"})
    assert "no target" in done.stdout


def test_a_wrong_configuration_ends_with_2_and_says_so(check: Step) -> None:
    """Nothing was tested: no counts, and a summary that points at the log."""
    done, outputs, summary = check(level="gold", arguments="--embedded")
    assert (done.returncode, outputs) == (2, {"level": "gold", "exit-code": "2"})
    assert "before anything was tested" in summary


@pytest.mark.parametrize("evil", ["$(touch pwned)", "`touch pwned`", "; touch pwned", '" ; touch pwned ; "', "a b"])
def test_an_input_cannot_become_a_command(check: Step, tmp_path: Path, evil: str) -> None:
    """Whatever an input holds, it stays one argument."""
    check(target=evil, config=evil, only=evil, reports="r")
    assert not (tmp_path / "pwned").exists()


def test_no_expression_stands_in_a_script() -> None:
    """Inputs reach scripts by the environment alone."""
    assert [name for name, step in _STEPS.items() if "${{" in step.get("run", "")] == []


def test_every_output_is_one_of_the_step() -> None:
    """What the action promises, its step writes."""
    written = {
        line.split('"')[1].partition("=")[0]
        for line in _STEPS["Check"]["run"].splitlines()
        if 'echo "' in line and "=" in line
    }
    for name, row in _ACTION["outputs"].items():
        assert row["value"] == f"${{{{ steps.check.outputs.{name} }}}}"
        assert name in written


def test_the_gitlab_template_runs_what_the_command_takes() -> None:
    """Its options are those of `wfconform check`, and its JUnit report is where GitLab is told to look."""
    job = yaml.safe_load((_ROOT / "ci/gitlab.yml").read_text())[".wfconform"]
    assert job["artifacts"]["reports"]["junit"] == "$WF_REPORTS/junit.xml"
    options = {word for word in job["script"][0].split() if word.startswith("--")}
    assert options <= {"--level", "--json", "--junit", "--markdown", "--config"}


def test_the_image_runs_as_nobody_special() -> None:
    """The last stage of the Dockerfile is slim, not root, and holds neither tests nor tools to build."""
    last = (_ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    lines = last.splitlines()
    assert lines[0] == "python:3.12-slim"
    assert lines.index("USER 65532:65532") < next(i for i, line in enumerate(lines) if line.startswith("ENTRYPOINT"))
    assert "tests" not in last


def test_the_build_is_given_all_that_it_copies() -> None:
    """What the Dockerfile copies is there, and .dockerignore lets it through, and nothing that is not copied."""
    lines = (_ROOT / "Dockerfile").read_text().splitlines()
    copied = {
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    }
    first, *let_through = (_ROOT / ".dockerignore").read_text().split()
    assert (first, {name[1:] for name in let_through if name.startswith("!")}) == ("*", copied)
    assert all((_ROOT / name).exists() for name in copied)
