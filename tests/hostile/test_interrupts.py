"""Ctrl-C at any moment of a real check: a report that says so, exit code 130, and no run left open."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.hostile.checking import arguments, environment
from tests.hostile.sockets import Served, Talk, listening, well

END_LIMIT_S = 12.0  # the grace of calls in flight, the stops, and room for a busy machine
START_LIMIT_S = 20.0


async def _hangs(talk: Talk) -> None:
    """Take requests and never answer."""
    await talk.hang()


@contextmanager
def _checking(served: Served, folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    command = arguments(served, folder / "report.json", "--concurrency", "4", *more, timeout_s=30)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment(), cwd=folder) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _await_calls(served: Served, count: int) -> None:
    for _ in range(count):
        assert served.arrived.acquire(timeout=START_LIMIT_S)


def _await_connection(served: Served) -> None:
    end_s = time.monotonic() + START_LIMIT_S
    while not served.connections and time.monotonic() < end_s:
        time.sleep(0.02)


def _interrupted(process: subprocess.Popen[str], folder: Path) -> dict[str, Any]:
    """Interrupt, and return the report after having looked at how it ended."""
    begun_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - begun_s < END_LIMIT_S
    assert (process.returncode, "Traceback" in err) == (130, False), err
    assert "interrupted" in out.splitlines()[-1]
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert (report["exit_code"], report["interrupted"]) == (130, True)
    return report


@pytest.mark.parametrize("calls", [1, 2, 3, 10, 30, 90])
def test_whenever_it_comes_the_report_is_written_and_no_run_is_left_open(calls: int, tmp_path: Path) -> None:
    """What was found until then is in the report, and every run that was opened has been stopped."""
    with listening(well, slow_s=0.02) as served, _checking(served, tmp_path) as process:
        _await_calls(served, calls)
        report = _interrupted(process, tmp_path)
        assert served.open_runs == []
    assert report["calls"] >= calls - 4


@pytest.mark.parametrize("good", [0, 2, 20])
def test_a_target_that_hangs_does_not_hold_it_up(good: int, tmp_path: Path) -> None:
    """Calls in flight get a grace, not their whole timeout."""
    with listening(_hangs, good=good) as served, _checking(served, tmp_path) as process:
        _await_calls(served, good)
        _await_connection(served)
        time.sleep(0.3)  # nothing is seen of a request that nobody reads
        _interrupted(process, tmp_path)


_INTERRUPTED_WHILE_LOADING = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
from wfconform.cli import main
main()
"""


def test_while_the_program_is_loading_there_is_no_traceback() -> None:
    """There is nothing to report yet: the signal ends the process as it does a program in C."""
    command = [sys.executable, "-c", _INTERRUPTED_WHILE_LOADING, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
