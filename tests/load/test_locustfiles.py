"""The locustfiles under plain Locust, as people start it."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.stub import WORKFLOW
from tests.load import deployments as on

ROOT = Path(__file__).parents[2]
BRISK = ("--wf-think", "exponential:0.05")


def _locust(directory: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "WFCONFORM_API_KEY": on.KEY, "PYTHONPATH": str(ROOT / "src"), "HOME": str(directory)}
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / "sessions.py"), *options]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env=environment, cwd=directory
    )


def test_a_headless_run_lists_our_rows_and_leaves_nothing_open(tmp_path: Path) -> None:
    """Turns and sessions in rows of their own, as many as the target counted; every run is stopped at the end."""
    with on.served(on.sound()) as base_url:
        options = ("--headless", "-u", "10", "-r", "10", "-t", "4s", *BRISK, "--csv", "out")
        done = _locust(tmp_path, "--host", base_url, "--wf-echoes", "yes", *options)
        told = on.counts(base_url)
    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "out_stats.csv").open() as file:
        listed = {row["Name"] for row in csv.DictReader(file)}
    rows = {"turn first", "turn next", "stop", "session"}
    assert listed - {"Aggregated"} <= rows  # Locust's file may lack what the summary has
    assert set(re.findall(r"(?:POST|SESSION) +([a-z ]+[a-z]) +\d+ ", done.stdout + done.stderr)) == rows
    summary = re.findall(r"POST +turn first +(\d+)", done.stdout + done.stderr)
    assert 0 <= told["sessions"] - max(map(int, summary)) <= 10  # those in flight when users left
    assert told["open"] <= 10


def test_a_run_ends_while_requests_are_in_flight(tmp_path: Path) -> None:
    """Users that are stopped while they send two turns at once leave neither a hang nor an open run behind."""
    with on.served(on.sound(service_ms="150")) as base_url:
        options = ("--headless", "-u", "30", "-r", "30", "-t", "3s", "--wf-think", "constant:0.001")
        kinds = ("--wf-mix", "double-submit=1,cancel-in-flight=1", "--wf-slow", WORKFLOW)
        done = _locust(tmp_path, "--host", base_url, *options, *kinds)
        told = on.counts(base_url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert told["turns"] > 0
    assert told["open"] <= 30  # runs whose first turn was on its way


def test_a_violation_is_a_failure_named_by_its_id(tmp_path: Path) -> None:
    """Locust's error report and exit code tell it."""
    with on.served(on.ForgetsSessions()) as base_url:
        done = _locust(tmp_path, "--host", base_url, "--headless", "-u", "20", "-r", "20", "-t", "4s", *BRISK)
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


def test_our_options_have_a_help(tmp_path: Path) -> None:
    """Locust prints its --help before it reads a locustfile; --wf-help has its options and ours."""
    done = _locust(tmp_path, "--wf-help")
    assert done.returncode == 0
    assert {"--wf-mix", "--wf-think", "--headless"} <= set(re.findall(r"--[a-z-]+", done.stdout))


@pytest.mark.parametrize("option", ["--wf-mix=cancel-in-flight", "--wf-turns=many"])
def test_a_wrong_option_ends_with_its_reason(option: str, tmp_path: Path) -> None:
    """No traceback: what is missing or cannot be read, and exit code 2."""
    done = _locust(tmp_path, "--host", "http://127.0.0.1:9", "--headless", "-u", "1", "-t", "5s", option)
    assert done.returncode == 2
    assert "wfconform: " in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
