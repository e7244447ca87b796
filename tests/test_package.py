"""The package as it is installed: its public names, its data files, what importing it costs."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import wfconform

ROOT = Path(__file__).parents[1]


def python(code: str, *, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=path,
        env={"PYTHONPATH": str(path)},
    )
    return done.stdout.strip()


def test_every_public_name_exists() -> None:
    """What wfconform says it exports can be had, and nothing else can."""
    assert [name for name in wfconform.__all__ if not hasattr(wfconform, name)] == []
    with pytest.raises(AttributeError):
        wfconform.nothing_of_that_name  # noqa: B018


def test_the_version_is_the_same_everywhere() -> None:
    """pyproject.toml and the package name one version."""
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert declared is not None
    assert declared.group(1) == wfconform.__version__


def test_the_pure_core_imports_no_event_loop_and_no_http_client() -> None:
    """A process that needs only the session core, the wire and the scenarios stays free of what Locust cannot bear."""
    code = """
import sys, wfconform.session, wfconform.wire, wfconform.scenarios, wfconform.target
print(sorted({"asyncio", "ssl", "httpx", "pydantic", "pydantic_settings", "starlette"} & sys.modules.keys()))
"""
    assert python(code, path=ROOT / "src") == "[]"


def test_a_wheel_carries_the_contracts(tmp_path: Path) -> None:
    """The contract files are in the wheel and are found there."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "installed")
    code = """
from wfconform.requirements import catalogue
from wfconform.shipped import contracts
print(len(catalogue()), contracts().joinpath("openapi.yaml").is_file(), "installed" in str(contracts()))
"""
    assert python(code, path=tmp_path / "installed") == "83 True True"
