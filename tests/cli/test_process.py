"""What only a real process shows: signals, closed pipes, streams that know no Unicode."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.faked import TARGET

_ROOT = Path(__file__).parents[2]
_FAKED = (sys.executable, "-m", "tests.cli.faked")
_REAL = (sys.executable, "-c", "from wfconform.cli import main; main()")


def _environment(**changes: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, "ACME_API_KEY": "a-key", **changes}


@contextmanager
def _running(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a check that runs until it is interrupted; whatever the test does, nothing of it is left."""
    with subprocess.Popen(
        [*_FAKED, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(**environment),
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_still_reports_and_ends_with_130(tmp_path: Path, which: signal.Signals) -> None:
    with _running("check", *TARGET, "--json", str(tmp_path / "r.json")) as process:
        process.send_signal(which)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "NO VERDICT, interrupted" in out.splitlines()[-1]
    assert "Ctrl-C again ends at once" in err
    assert json.loads((tmp_path / "r.json").read_text())["interrupted"] is True


def test_a_second_interrupt_ends_at_once() -> None:
    with _running("check", *TARGET, WFCONFORM_NAME="stubborn") as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("Ctrl-C again" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


def test_a_closed_pipe_is_no_verdict_and_no_noise() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [*_REAL, "requirements"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
            timeout=30,
            check=False,
        )
    assert done.returncode == 141
    assert done.stderr == ""


def test_a_closed_pipe_does_not_change_the_verdict_of_a_check(tmp_path: Path) -> None:
    with _running("check", *TARGET, "--junit", str(tmp_path / "r.xml")) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert "Traceback" not in process.stderr.read()
    assert (tmp_path / "r.xml").is_file()


def test_a_stream_without_unicode_gets_escapes_instead_of_an_error() -> None:
    environment = _environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    done = subprocess.run(
        [*_REAL, "requirements", "TRN-001"], capture_output=True, env=environment, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"\\xa77 of the endpoint" in done.stdout


def test_listing_requirements_loads_no_client_and_no_server() -> None:
    code = (
        "import sys; sys.argv = ['wfconform', 'requirements', 'TRN-001']\n"
        "from wfconform.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'httpx', 'uvicorn', 'starlette', 'pydantic_settings', 'pymongo', 'junitparser'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=_environment(), timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
