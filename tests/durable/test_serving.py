"""`wfconform serve --mongo-url`: processes that share a database, and what is said of it."""

import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.durable.servers import NAMES, missing, running
from typer.testing import CliRunner

from wfconform.cli.commands import app
from wfconform.reference import DEVELOPMENT_KEY, describe

PATH = f"/v1/workflows/{describe('')['workflows']['conversation']}/execute"
HEADERS = {"authorization": f"Bearer {DEVELOPMENT_KEY}"}
SECRET = "s3cret-of-the-database"


def _turn(url: str, run_id: str | None = None, **run_input: Any) -> Any:
    body = {"run_id": run_id, "run_input": {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}, **run_input}}
    return httpx.post(url + PATH, json=body, headers=HEADERS, timeout=20.0).json()


@pytest.fixture
def served() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Two processes on a database that can be had, in a process group of their own."""
    name = next((one for one in reversed(NAMES) if not missing(one)), None)
    if name is None:
        pytest.skip("no database server can be had: " + "; ".join(map(missing, NAMES)))
    with running(name) as server:
        env = {**os.environ, "WFCONFORM_MONGO_URL": server.url, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [sys.executable, "-c", "from wfconform.cli import main; main()", "serve", "--port", "0", "--workers", "2"],
            stdout=subprocess.PIPE, text=True, env=env, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("Ctrl-C"):
                    break
            found = re.search(r"http://[\d.:]+", "".join(said))
            assert found is not None, said
            yield found[0], process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()


def test_runs_outlive_restarts_and_deaths(served: tuple[str, "subprocess.Popen[str]"]) -> None:
    """A signal restarts the processes, a killed one is started again; a run goes on with its next turn."""
    url, process = served
    run = _turn(url)["run_id"]
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.3)  # until the processes have been told to end; calls then wait in the socket
    assert _turn(url, run)["turn_number"] == 2
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if children.exists():
        for child in children.read_text(encoding="ascii").split():
            os.kill(int(child), signal.SIGKILL)
    assert _turn(url, run)["turn_number"] == 3
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_processes_need_a_database_to_share() -> None:
    """--workers alone is a usage error."""
    result = CliRunner().invoke(app, ["serve", "--workers", "2", "--port", "0"])
    assert (result.exit_code, "--mongo-url" in result.stderr) == (2, True)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # pymongo drops a socket whose connecting was cancelled
@pytest.mark.parametrize("url", [f"mongodb://user:{SECRET}@127.0.0.1:1/runs", f"mongo://user:{SECRET}@db"])
def test_a_password_is_never_printed(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not in the announcement, the warning, the written file, or an error."""

    def run_workers(recipe: object, *, host: str, port: int, workers: int, on_ready: Any) -> None:
        assert SECRET not in repr(recipe)
        on_ready("http://127.0.0.1:8123")

    monkeypatch.setattr("wfconform.reference.run_workers", run_workers)
    config = tmp_path / "reference.toml"
    result = CliRunner().invoke(app, ["serve", "--mongo-url", url, "--write-config", str(config)])
    gc.collect()  # here, where the warning is ignored, and not in another test
    written = config.read_text(encoding="utf-8") if config.exists() else ""
    assert SECRET not in result.output + written
    if result.exit_code == 0:
        assert "mongodb://127.0.0.1:1/runs" in result.stdout
        assert "warning: mongodb://127.0.0.1:1/runs does not answer" in result.stderr
        assert 'database = "runs"' in written
    else:
        assert result.exit_code == 2
