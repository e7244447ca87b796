"""Gets reproducers out of checks of the test servers, and runs them as a user would."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.servers.broken import BROKEN
from tests.servers.target import SECRETS, Broken, describe

from wfconform.config import configure, parse_document
from wfconform.conformance import CheckOptions, run_check
from wfconform.outcomes import Evidence
from wfconform.target import Target

KEYS = {"WFCONFORM_API_KEY": "key-one", "WFCONFORM_SECOND_API_KEY": "key-two"}

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="reproducers need curl, and it is not installed")


@dataclass(frozen=True, slots=True)
class Ran:
    """A script's end: its exit code, and what it printed."""

    code: int
    said: str


def broken(name: str) -> Broken:
    """Return a broken server by its name."""
    return next(case for case in BROKEN if case.name == name)


def target_of(case: Broken | None = None, base_url: str = "http://test") -> Target:
    """Return a test server's target."""
    return configure(parse_document(describe(case, base_url=base_url), source="test"), environ=SECRETS).target


def evidence_of(name: str, id: str) -> Evidence:
    """Check a broken server for one requirement, in-process, and return the first evidence."""
    case = broken(name)
    options = CheckOptions(only=(id, "STS-010"))  # the scenarios that end, too
    run = asyncio.run(run_check(target_of(case), options, app=case.make(slow_s=1.0)))
    return next(result for result in run.results if result.id == id).evidence[0]


def script_of(name: str, id: str) -> str:
    """Return the reproducer of a broken server's defect."""
    return evidence_of(name, id).reproducer or ""


def run_script(script: str, folder: Path, *, shell: str = "sh", **env: str) -> Ran:
    """Run a script by a shell, with the test servers' keys in the environment."""
    path = folder / "reproducer.sh"
    path.write_text(script, encoding="utf-8")
    given: Mapping[str, str] = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), **KEYS, **env}
    done = subprocess.run([shell, str(path)], env=given, cwd=folder, capture_output=True, timeout=60, check=False)
    return Ran(done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace"))
