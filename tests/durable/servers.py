"""Database servers for the tests: real processes on loopback ports that the real driver talks to.

A mongod (that of a package, or the one that WFCONFORM_TEST_MONGO_URL names), and packages that speak MongoDB's wire
protocol, each in a place of its own (`make databases`), so they are never imported here. What is not there is skipped,
with the reason.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = Path(os.environ.get("WFCONFORM_TEST_DATABASES", ROOT / ".venv" / "databases"))
START_TIMEOUT_S = 30.0
TIMEOUTS = "serverSelectionTimeoutMS=1500&socketTimeoutMS=30000"  # servers in Python are slow on a busy machine
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
REPLICA_SET = "wfconform"
COMMANDS = {
    "mongoeco": ("bin/python", "-c", _MONGOECO, "{directory}", "{port}"),
    "secantusdb": (
        *("bin/secantusd-py", "--host", "127.0.0.1", "--port", "{port}"),
        *("--storage-path", "{directory}", "--log-level", "ERROR"),
    ),
    "mongod": (
        *("fiftyone/db/bin/mongod", "--bind_ip", "127.0.0.1", "--port", "{port}", "--dbpath", "{directory}"),
        *("--replSet", REPLICA_SET, "--quiet"),
        *("--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=16MB)"),  # not 300 MB for each test
    ),
}
# What makes a server write its journal before it answers; without it a killed one may have forgotten answered writes.
SYNCHRONOUS = {"secantusdb": ("--sync-on-commit",)}
# What makes a server ask for a user and a password.
GUARDED = {"secantusdb": ("--auth",), "mongod": ("--keyFile", "{directory}/../key")}
NAMES = tuple(COMMANDS)


def elsewhere(name: str) -> str:
    """Return the URL of a server that is not ours to start, "" when there is none."""
    return os.environ.get("WFCONFORM_TEST_MONGO_URL", "") if name == "mongod" else ""


def missing(name: str) -> str:
    """Return why a server cannot be had, "" when it can."""
    if elsewhere(name):
        return ""
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
        self.port = self.port or free_port()

    @property
    def url(self) -> str:
        """Where it is."""
        return elsewhere(self.name) or f"mongodb://127.0.0.1:{self.port}/?directConnection=true&{TIMEOUTS}"

    @property
    def may_be_killed(self) -> bool:
        """It was started here."""
        return self.process is not None

    def start(self) -> None:
        """Start it, or start it again on the same data and port, and wait until it takes writes."""
        if elsewhere(self.name):
            return
        self.launch()
        if self.name == "mongod":
            elected(self.url, [self.port])

    def launch(self) -> None:
        """Start its process, and wait until it takes connections."""
        program, *arguments = COMMANDS[self.name]
        arguments += SYNCHRONOUS.get(self.name, ()) if self.synchronous else ()
        arguments += GUARDED[self.name] if self.guarded else ()
        filled = [
            one.replace("{directory}", str(self.directory)).replace("{port}", str(self.port)) for one in arguments
        ]
        self._write_key()
        with (self.directory.parent / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(ENVIRONMENTS / self.name / program), *filled], stdout=log, stderr=log, cwd=self.directory
            )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline_s or self.process.poll() is not None:
                    raise AssertionError(f"{self.name} did not start") from None
                time.sleep(0.05)

    def _write_key(self) -> None:
        """Write what members of a guarded replica set know each other by, readable by its owner alone."""
        path = self.directory.parent / "key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text("a key of this test alone".replace(" ", ""), encoding="ascii")

    def kill(self) -> None:
        """End it without a warning."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


def elected(url: str, ports: Sequence[int]) -> None:
    """Make mongods on these ports a replica set when they are none yet, and wait until there is a primary."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    members = [{"_id": place, "host": f"127.0.0.1:{port}"} for place, port in enumerate(ports)]
    wanted = {"_id": REPLICA_SET, "members": members, "settings": {"electionTimeoutMillis": 1000}}
    one = f"mongodb://127.0.0.1:{ports[0]}/?directConnection=true"
    with MongoClient[dict[str, object]](one) as first, suppress(OperationFailure):  # it is one already
        first.admin.command("replSetInitiate", wanted)
    with MongoClient[dict[str, object]](url) as client:
        while time.monotonic() < deadline_s:
            with suppress(PyMongoError):
                if client.admin.command("hello")["isWritablePrimary"]:
                    return
            time.sleep(0.05)
    raise AssertionError("mongod elected nobody")


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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
