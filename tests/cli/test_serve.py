import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.cli.conftest import Command
from tests.cli.faked import Suite

SECRET = "sk-live-0123456789"
DEVELOPMENT_KEYS = {
    "WFCONFORM_API_KEY": "wfconform-development-key",
    "WFCONFORM_SECOND_API_KEY": "wfconform-second-development-key",
}


@pytest.fixture
def serve(wfconform: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `serve` with a server that serves nothing: it says that it is ready, and ends."""

    def run(app: object, *, host: str, port: int, on_ready: Callable[[str], None]) -> None:
        on_ready("http://127.0.0.1:8123")

    monkeypatch.setattr("wfconform.reference.run", run)
    return lambda *arguments: wfconform("serve", *arguments)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_it_says_where_it_is_and_how_to_test_it(serve: Command) -> None:
    result = serve("--port", "0")
    assert result.exit_code == 0, result.stderr
    assert "http://127.0.0.1:8123/v1/workflows/<workflow id>/execute" in result.stdout
    assert "export WFCONFORM_API_KEY=wfconform-development-key" in result.stdout
    assert "wfconform check http://127.0.0.1:8123 --workflow conversation=5eb7cf5a86d9755df3a6c593" in result.stdout
    assert "conversation 5eb7cf5a86d9755df3a6c593" in result.stdout
    assert "goodbye" not in result.stdout


def test_the_written_file_is_ready_to_use(
    serve: Command, wfconform: Command, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = serve("--port", "0", "--write-config", "out/reference file.toml")
    assert result.exit_code == 0, result.stderr
    assert "wfconform check --config 'out/reference file.toml' --level full" in result.stdout
    written = tomllib.loads((tmp_path / "out/reference file.toml").read_text(encoding="utf-8"))
    assert written["target"]["base_url"] == "http://127.0.0.1:8123"
    for name, key in DEVELOPMENT_KEYS.items():
        assert f"export {name}={key}" in result.stdout
        monkeypatch.setenv(name, key)
    assert wfconform("check", "--config", "out/reference file.toml", "--level", "full").exit_code == 0
    assert suite.target is not None
    assert {"end", "echo", "key2", "slow", "active"} <= suite.target.offers


def test_a_key_of_the_environment_is_used_and_never_printed(
    serve: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFCONFORM_API_KEY", SECRET)
    result = serve("--port", "0", "--write-config", "r.toml")
    assert "WFCONFORM_API_KEY: as in this server's environment" in result.stdout
    assert "export WFCONFORM_SECOND_API_KEY=wfconform-second-development-key" in result.stdout
    assert SECRET not in result.output + (tmp_path / "r.toml").read_text()


def test_a_file_of_its_own_is_replaced_and_another_is_not(serve: Command, tmp_path: Path) -> None:
    assert serve("--port", "0", "--write-config", "r.toml").exit_code == 0
    assert serve("--port", "0", "--write-config", "r.toml").exit_code == 0
    (tmp_path / "mine.toml").write_text("[target]\n")
    result = serve("--port", "0", "--write-config", "mine.toml")
    assert result.exit_code == 2
    assert "mine.toml exists, and `wfconform serve` did not write it" in result.stderr
    assert (tmp_path / "mine.toml").read_text() == "[target]\n"


def test_a_taken_port_ends_with_2_and_says_so(wfconform: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = wfconform("serve", "--port", str(port))
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
    assert "choose another port" in result.stderr


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [(SECRET, SECRET, "are the same"), (f"{SECRET}\n", "other", "WFCONFORM_API_KEY: must be a key of visible ASCII")],
)
def test_keys_that_cannot_work_are_refused_unprinted(
    serve: Command, monkeypatch: pytest.MonkeyPatch, first: str, second: str, said: str
) -> None:
    monkeypatch.setenv("WFCONFORM_API_KEY", first)
    monkeypatch.setenv("WFCONFORM_SECOND_API_KEY", second)
    result = serve("--port", "0")
    assert result.exit_code == 2
    assert said in result.stderr
    assert SECRET not in result.output


def test_a_public_key_on_a_public_address_is_warned_about(serve: Command) -> None:
    assert "warning: 0.0.0.0 can be reached" in serve("--host", "0.0.0.0", "--port", "0").stdout
    assert "warning" not in serve("--host", "localhost", "--port", "0").stdout


def test_a_real_server_answers_until_it_is_interrupted(tmp_path: Path) -> None:
    port = _free_port()
    arguments = ["serve", "--port", str(port), "--write-config", str(tmp_path / "r.toml")]
    with subprocess.Popen(
        [sys.executable, "-c", "from wfconform.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert any(line.startswith("Ctrl-C") for line in process.stdout)
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200
            process.send_signal(signal.SIGINT)
            assert (process.wait(timeout=30), process.stderr.read()) == (0, "")
        finally:
            process.kill()
    written = tomllib.loads((tmp_path / "r.toml").read_text())
    assert written["target"]["base_url"] == f"http://127.0.0.1:{port}"
