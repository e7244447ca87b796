"""What the measurements of durable runs share: a database, a served reference, sessions that keep account of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from tests.durable.servers import NAMES, Server, missing, running  # noqa: E402 - the tests' database servers

from wfconform.reference import DEVELOPMENT_KEY, describe  # noqa: E402
from wfconform.target import Access, Secret, Workflows  # noqa: E402

_MAIN = "from wfconform.cli import main; main()"
_START_S = 60.0
_URL_VARIABLE = "WFCONFORM_MONGO_URL"


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended


@contextmanager
def database(name: str | None, *, synchronous: bool = False) -> Iterator[Server]:
    """Run the named database server, or the first that can be had; SystemExit with the reasons when there is none."""
    names = [name] if name else ["mongod", *(one for one in NAMES if one != "mongod")]
    reasons = {one: missing(one) for one in names}
    chosen = next((one for one, reason in reasons.items() if not reason), None)
    if chosen is None:
        sys.exit("no database server can be had: " + "; ".join(reasons.values()))
    with running(chosen, synchronous=synchronous) as server:
        print(f"database: {chosen}")
        yield server


class Reference:
    """`wfconform serve` in a process group of its own; mongo_url None: with the embedded store, in one process."""

    def __init__(self, mongo_url: str | None, *, port: int, workers: int, variants: Sequence[str] = ()) -> None:
        self._url, self._port, self._workers = mongo_url, port, workers
        self._variants = [part for name in variants for part in ("--variant", name)]
        self._process: subprocess.Popen[str] | None = None
        self.base_url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Start, and wait until it takes calls."""
        arguments = ["serve", "--port", str(self._port), "--workers", str(self._workers), *self._variants]
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        env.pop(_URL_VARIABLE, None)
        env |= {} if self._url is None else {_URL_VARIABLE: self._url}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        deadline_s = time.monotonic() + _START_S
        for line in self._process.stdout:
            if line.startswith("Ctrl-C") or time.monotonic() > deadline_s:
                return
        sys.exit("the reference did not start")

    def kill(self) -> None:
        """End all its processes without a warning."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


def access(base_url: str, *, timeout_s: float = 30.0) -> Access:
    """Return how the served reference is reached."""
    return Access(base_url, api_key=Secret(DEVELOPMENT_KEY), timeout_s=timeout_s)


def conversation() -> Workflows:
    """Return the role that is talked to."""
    return Workflows(conversation=describe("")["workflows"]["conversation"], echoes=True)
