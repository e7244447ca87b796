"""How the tests call the check: in this process, or as the command that a user runs."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile.sockets import Served
from tests.servers.model import KEYS, WORKFLOWS

from wfconform.conformance import CheckOptions, run_check
from wfconform.outcomes import Run
from wfconform.scenarios import catalogue
from wfconform.target import Access, Secret, Target, Workflows

TIMEOUT_S = 0.5
SCENARIOS = ("CAN-007", "TRN-004", "RUN-009")  # a few that together converse, side by side and over new connections
KEY = next(iter(KEYS))
COMMAND = (sys.executable, "-c", "from wfconform.cli import main; main()")


def target_at(url: str, *, timeout_s: float = TIMEOUT_S, verify_tls: bool = True) -> Target:
    """Describe a peer by no more than its conversation."""
    access = Access(base_url=url, api_key=Secret(KEY), timeout_s=timeout_s, verify_tls=verify_tls)
    return Target(access=access, workflows=Workflows(conversation=WORKFLOWS["conversation"]))


def checked(url: str, *, only: tuple[str, ...] = (), timeout_s: float = TIMEOUT_S, verify_tls: bool = True) -> Run:
    """Play the scenarios that are about some requirements, and return what they found."""
    target = target_at(url, timeout_s=timeout_s, verify_tls=verify_tls)
    about = frozenset(spec.name for spec in catalogue() if not set(only).isdisjoint(spec.proves))
    return asyncio.run(run_check(target, CheckOptions(only=only, scenarios=about)))


def broken(run: Run) -> set[str]:
    """The requirements that failed or warned."""
    return {result.id for result in run.results if result.verdict.value in ("fail", "warn")}


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended, with its JSON report."""

    code: int
    out: bytes
    err: bytes
    report: dict[str, Any]


def arguments(served: Served, report: Path, *more: str, timeout_s: float = TIMEOUT_S) -> list[str]:
    """The command line of a check of a peer."""
    role = f"conversation={WORKFLOWS['conversation']}"
    named = ["check", served.url, "--workflow", role, "--timeout", str(timeout_s), "--json", str(report)]
    return [*COMMAND, *named, *more]


def environment() -> dict[str, str]:
    """The environment of a check: no proxy, no settings, one key."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WFCONFORM_")}
    return {**kept, "WFCONFORM_API_KEY": KEY, "PYTHONWARNINGS": "error"}


def finished(served: Served, folder: Path, *more: str, timeout_s: float = TIMEOUT_S) -> Finished:
    """Run the command against a peer and wait for its end."""
    report = folder / "report.json"
    command = arguments(served, report, *more, timeout_s=timeout_s)
    done = subprocess.run(command, capture_output=True, env=environment(), cwd=folder, timeout=60, check=False)
    return Finished(done.returncode, done.stdout, done.stderr, json.loads(report.read_text(encoding="utf-8")))
