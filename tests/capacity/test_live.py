"""Whole commands on the load engine against a loopback target: interrupted, and led over workers."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest
from benchmarks.stub import WORKFLOW
from tests.load import deployments as on

_MAIN = "from wfconform.cli import main; main()"
_LONGEST_S = 90.0


@contextmanager
def _capacity(folder: Path, base_url: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", _MAIN, "capacity", base_url, "--workflow", f"conversation={WORKFLOW}", *options]
    env = {**os.environ, "WFCONFORM_API_KEY": on.KEY, "TMPDIR": str(folder)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _until_turns(base_url: str, turns: int) -> None:
    """Wait until the target has executed so many turns; the counts are the event."""
    ends_s = monotonic() + _LONGEST_S
    while on.counts(base_url)["turns"] < turns and monotonic() < ends_s:
        sleep(0.05)


@pytest.mark.parametrize("turns", [2, 30], ids=["as a step begins", "in a step"])
def test_an_interrupted_search_stops_its_sessions_and_writes_what_it_knows(turns: int, tmp_path: Path) -> None:
    """Exit 130, a report that says so, no run left open, no process left over."""
    report = tmp_path / "c.json"
    with on.served(on.sound(service_ms="20")) as base_url:
        with _capacity(tmp_path, base_url, "--slo", "turn.p95 < 1s", "--json", str(report)) as process:
            _until_turns(base_url, turns)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=_LONGEST_S)
            assert process.returncode == 130, said
        assert on.counts(base_url)["open"] == 0
    found = json.loads(report.read_text())["capacity"]
    assert (found["verdict"], found["sessions"], found["interrupted"]) == ("not determined", None, True)
    assert found["reason"].startswith("interrupted")
    assert _of_load(str(tmp_path)) == []


def test_a_worker_joins_one_step_of_a_master_after_the_other(tmp_path: Path) -> None:
    """Two levels, each made by a worker that was started once; it is told nothing but where the master is."""
    report, port = tmp_path / "c.json", str(_free_port())
    with on.served(on.sound()) as base_url:
        leading = ("--master", "--master-port", port, "--max-sessions", "9", "--think", "500ms", "--budget", "60s")
        with (
            _capacity(tmp_path, base_url, "--worker", "--master-port", port) as worker,
            _capacity(tmp_path, base_url, *leading, "--slo", "turn.p95 < 9s", "--json", str(report)) as master,
        ):
            said, _ = master.communicate(timeout=_LONGEST_S)
            assert master.returncode == 3, said
            worker.send_signal(signal.SIGINT)
            told, _ = worker.communicate(timeout=_LONGEST_S)
        turns = on.counts(base_url)["turns"]
    steps = json.loads(report.read_text())["capacity"]["steps"]
    assert [step["level"] for step in steps] == [8, 9]
    assert sum(step["turns"] for step in steps) <= turns
    assert "every objective held up to 9 sessions" in said
    assert (worker.returncode, "joined 2 steps" in told) == (130, True)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _of_load(mark: str) -> list[str]:
    """Return the load processes whose environment names a mark."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and mark in (process / "environ").read_text(errors="replace"):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found
