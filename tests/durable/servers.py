"""Database servers for the tests: real processes on loopback ports that the real driver talks to.

They are packages that speak MongoDB's wire protocol, each in an environment of its own (`make databases`), so they are
never imported here; and a mongod, where WFCONFORM_TEST_MONGO_URL names one. What is not there is skipped, with the
reason.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = Path(os.environ.get("WFCONFORM_TEST_DATABASES", ROOT / ".venv" / "databases"))
START_TIMEOUT_S = 30.0
_TIMEOUTS = "serverSelectionTimeoutMS=1500&socketTimeoutMS=30000"  # servers in Python are slow on a busy machine
_MONGOECO = """
import asyncio, sys
from mongoeco.engines.sqlite import SQLiteEngine
from mongoeco.wire import AsyncMongoEcoProxyServer

async def main():
    server = AsyncMongoEcoProxyServer(engine=SQLiteEngine(sys.argv[1] + "/db.sqlite"), port=int(sys.argv[2]))
    await server.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""
COMMANDS = {
    "mongoeco": ("bin/python", "-c", _MONGOECO, "{directory}", "{port}"),
    "secantusdb": (
        *("bin/secantusd-py", "--host", "127.0.0.1", "--port", "{port}"),
        *("--storage-path", "{directory}", "--log-level", "ERROR"),
    ),
}
# What makes a server write its journal before it answers; without it a killed one may have forgotten answered writes.
SYNCHRONOUS = {"secantusdb": ("--sync-on-commit",)}
# What makes a server ask for a user and a password.
GUARDED = {"secantusdb": ("--auth",)}
NAMES = (*COMMANDS, "mongod")


def missing(name: str) -> str:
    """Return why a server cannot be had, "" when it can."""
    if name == "mongod":
        return "" if os.environ.get("WFCONFORM_TEST_MONGO_URL") else "WFCONFORM_TEST_MONGO_URL names no mongod"
    there = (ENVIRONMENTS / name / COMMANDS[name][0]).exists()
    return "" if there else f"{name} is not installed in {ENVIRONMENTS} (`make databases` tries to)"


@dataclass
class Server:
    """One server process; its data outlives it.

    synchronous: nothing that it answered is lost when it is killed; guarded: it asks for a user and a password.
    """

    name: str
    directory: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    synchronous: bool = False
    guarded: bool = False

    def __post_init__(self) -> None:
        self.port = self.port or _free_port()

    @property
    def url(self) -> str:
        """Where it is."""
        return os.environ.get("WFCONFORM_TEST_MONGO_URL", "") if self.name == "mongod" else self._own_url

    @property
    def _own_url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true&{_TIMEOUTS}"

    def start(self) -> None:
        """Start it, or start it again on the same data and port, and wait until it takes connections."""
        if self.name == "mongod":
            return
        program, *arguments = COMMANDS[self.name]
        filled = [
            one.replace("{directory}", str(self.directory)).replace("{port}", str(self.port)) for one in arguments
        ]
        filled += SYNCHRONOUS.get(self.name, ()) if self.synchronous else ()
        filled += GUARDED[self.name] if self.guarded else ()
        with (self.directory.parent / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(ENVIRONMENTS / self.name / program), *filled], stdout=log, stderr=log, cwd=self.directory
            )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline_s or self.process.poll() is not None:
                    raise AssertionError(f"{self.name} did not start") from None
                time.sleep(0.05)

    def kill(self) -> None:
        """End it without a warning."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def running(name: str, *, synchronous: bool = False) -> Iterator[Server]:
    """Run a server on an empty directory."""
    with TemporaryDirectory(prefix=f"wfconform-{name}-") as directory:
        data = Path(directory) / "data"
        data.mkdir()
        server = Server(name, data, synchronous=synchronous)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
