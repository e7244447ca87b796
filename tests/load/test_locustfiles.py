"""The locustfiles under plain Locust, as people start it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.load import deployments as on

ROOT = Path(__file__).parents[2]


def _locust(directory: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "WFCONFORM_API_KEY": on.KEY, "PYTHONPATH": str(ROOT / "src"), "HOME": str(directory)}
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / "sessions.py"), *options]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env=environment, cwd=directory
    )


def test_a_headless_run_lists_our_rows_and_leaves_nothing_open(tmp_path: Path) -> None:
    """Turns and sessions in rows of their own, as many as the target counted; every run is stopped at the end."""
    with on.served(on.sound()) as base_url:
        options = ("--headless", "-u", "10", "-r", "10", "-t", "2s", "--wf-think", "exponential:0.05", "--csv", "out")
        done = _locust(tmp_path, "--host", base_url, "--wf-echoes", "yes", *options)
        told = on.counts(base_url)
    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "out_stats.csv").open() as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert set(rows) - {"Aggregated"} == {"turn first", "turn next", "stop", "session"}
    assert 0 <= told["sessions"] - int(rows["turn first"]["Request Count"]) <= 10  # those in flight when users left
    assert told["open"] <= 10


def test_a_violation_is_a_failure_named_by_its_id(tmp_path: Path) -> None:
    """Locust's error report and exit code tell it."""
    with on.served(on.ForgetsSessions()) as base_url:
        done = _locust(tmp_path, "--host", base_url, "--headless", "-u", "20", "-r", "20", "-t", "2s")
    assert done.returncode == 1
    assert "CHECK LOD-002: RequirementError('LOD-002')" in done.stdout + done.stderr


def test_our_options_are_in_the_web_form_and_the_key_is_not() -> None:
    """Locust's parser has them among those that its web form shows."""
    script = (
        "from locust.argument_parser import get_parser, ui_extra_args_dict\n"
        "import wfconform.load.plain\n"
        "get_parser().print_help()\n"
        "print(sorted(ui_extra_args_dict([])))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment)
    assert "--wf-mix" in done.stdout
    shown = done.stdout.splitlines()[-1]
    assert "'wf_mix'" in shown
    assert "key" not in shown


@pytest.mark.parametrize("option", ["--wf-mix=cancel-in-flight", "--wf-turns=many"])
def test_a_wrong_option_ends_with_its_reason(option: str, tmp_path: Path) -> None:
    """No traceback: what is missing or cannot be read, and exit code 2."""
    done = _locust(tmp_path, "--host", "http://127.0.0.1:9", "--headless", "-u", "1", "-t", "5s", option)
    assert done.returncode == 2
    assert "wfconform: " in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
