"""The faces that users of schemathesis know: `schemathesis run` with our hooks, and a module for pytest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wfconform.reference import DEVELOPMENT_KEY, embedded_app, serving
from wfconform.reference.faults import FAULTS
from wfconform.shipped import contracts

ROOT = Path(__file__).parents[2]
_ENV = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "SCHEMATHESIS_HOOKS": "wfconform.schemathesis_hooks"}


def _schemathesis(url: str, folder: Path, *, phases: str, examples: int = 3) -> subprocess.CompletedProcess[str]:
    """Run schemathesis as a user does, on the contract as it is, for what is quick."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(contracts().joinpath("openapi.yaml")), "--url", url),
        *(
            "--checks",
            "wfconform",
            "--phases",
            phases,
            "--max-examples",
            str(examples),
            "--seed",
            "1",
            "--no-shrink",
        ),
    ]
    env = {**_ENV, "WFCONFORM_API_KEY": DEVELOPMENT_KEY}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_schemathesis_run_finds_nothing_in_the_reference(tmp_path: Path) -> None:
    """With the hooks module loaded, the reference passes, and requests were made."""
    with serving(embedded_app()) as url:
        done = _schemathesis(url, tmp_path, phases="examples,stateful", examples=1)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout


def test_schemathesis_run_names_the_requirement_that_is_broken(tmp_path: Path) -> None:
    """A failure is told under wfconform's ID."""
    fault = next(one for one in FAULTS if one.name == "run-ids-of-32-digits")
    with serving(embedded_app(changes=(fault.apply,))) as url:
        done = _schemathesis(url, tmp_path, phases="examples")
    assert done.returncode == 1, done.stdout[-3000:]
    assert "RUN-001" in done.stdout


@pytest.mark.parametrize("broken", [False, True])
def test_the_example_for_pytest_passes_and_fails_as_it_should(tmp_path: Path, broken: bool) -> None:
    """It passes on the reference; on a faulty application it fails, and names the requirement."""
    text = (ROOT / "examples" / "test_contract.py").read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line and not line.startswith('"""')]) == 3
    if broken:
        faulty = (
            "from wfconform.reference.faults import FAULTS\n"
            "FAULT = next(one for one in FAULTS if one.name == 'turn-number-as-float')\n"
        )
        text = faulty + text.replace('embedded_app("k")', 'embedded_app("k", changes=(FAULT.apply,))')
    quicker = text.replace('api_key="k")', 'api_key="k", examples=5)')
    (tmp_path / "test_contract.py").write_text(quicker, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--hypothesis-seed=1",
        "test_contract.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=_ENV, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == int(broken), done.stdout[-3000:]
    assert ("EXE-002" in done.stdout) is broken
