"""The embedded reference in a process of its own, so that a load run's generator does not share its interpreter.

Run as a script it is that process: `wfconform serve` that ends when the process that started it ends.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import wfconform
from wfconform.config import Configured, Overrides, configure, read_document
from wfconform.errors import HarnessError

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0
_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_KEYS = ("WFCONFORM_API_KEY", "WFCONFORM_SECOND_API_KEY")


@contextmanager
def reference_process(*, faults: Sequence[str] = (), timeout_s: float | None = None) -> Iterator[Configured]:
    """Serve the reference on a free loopback port with its development keys, and yield it as a target.

    Where there are two processors or more it has the last one to itself. Raises HarnessError when it does not start.
    """
    with TemporaryDirectory(prefix="wfconform-") as folder:
        config = Path(folder) / "reference.toml"
        with subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", __name__, str(config), *faults],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                _wait_until_ready(process)
                with _pinned_apart(process.pid):
                    yield _described(config, timeout_s)
            finally:
                _end(process)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _KEYS}
    package = str(Path(wfconform.__file__).resolve().parent.parent)
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, (package, kept.get("PYTHONPATH", ""))))}


def _wait_until_ready(process: "subprocess.Popen[bytes]") -> None:
    """Wait for the announcement, whose first line comes once connections are taken."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    ready, _, _ = select.select([process.stdout], [], [], _START_TIMEOUT_S)
    said = process.stdout.readline().decode("utf-8", "replace").strip() if ready else ""
    if not said.startswith("reference endpoint:"):
        raise HarnessError(f"the reference did not start{f': {said}' if said else ''}")


def _described(config: Path, timeout_s: float | None) -> Configured:
    from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY

    keys = dict(zip(_KEYS, (DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY), strict=True))
    return configure(read_document(config), environ=keys, overrides=Overrides(timeout_s=timeout_s))


@contextmanager
def _pinned_apart(pid: int) -> Iterator[None]:
    """Give a process the last processor, and this one (and what it starts) the others."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if len(mine) < 2:
        yield
        return
    last = {max(mine)}
    os.sched_setaffinity(pid, last)
    os.sched_setaffinity(0, mine - last)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _end_with_parent() -> None:
    """Have the kernel end this process when its parent ends, however that happens (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)


def _main(arguments: Sequence[str]) -> int:
    from wfconform.commands.ending import exit_code_of
    from wfconform.commands.serve import ServeCall, serve

    _end_with_parent()
    config, *faults = arguments
    return exit_code_of(lambda: serve(ServeCall(port=0, write_config=Path(config), faults=tuple(faults))))


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
