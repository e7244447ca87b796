"""The process that makes the load, as its parent sees it: started, followed tick by tick, ended early, killed.

The parent is plain CPython: Locust patches sockets at import, so it lives in a process (and process group) of its own.

    with start(Job(target, plan, Path("…"))) as child:
        for tick in child.ticks():
            …
        measured = child.result()
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from wfconform.errors import HarnessError, NotTestable, UsageError, WfconformError
from wfconform.load.encoding import API_KEY_VARIABLE, HEADERS_VARIABLE, from_json, secrets_of
from wfconform.load.job import JOB_VARIABLE, Job, write_job
from wfconform.load.measured import Measured, Tick
from wfconform.load.plan import Plan
from wfconform.load.totals import Totals

POLL_S = 0.05
TAIL = 2000  # characters of the log that an error shows
_ENTRY = Path(__file__).with_name("entry") / "planned.py"
_ERRORS: dict[str, type[WfconformError]] = {error.__name__: error for error in (UsageError, NotTestable, HarnessError)}


@dataclass(slots=True)
class Child:
    """One generator process and what it writes. Leaving the `with` block kills what still runs."""

    job: Job
    process: "subprocess.Popen[bytes]"
    _read: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def begin(self, plan: Plan) -> None:
        """Give a process that waits its plan; raises UsageError when the directory cannot be written."""
        self.job = replace(self.job, plan=plan)
        write_job(self.job)

    @property
    def alive(self) -> bool:
        """It has not ended yet."""
        return self.process.poll() is None

    def new_ticks(self) -> list[Tick]:
        """Return the ticks written since the last call, without waiting."""
        try:
            with self.job.ticks_path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return []
        ticks, read = _ticks_in(data)
        self._read += read
        return ticks

    def ticks(self) -> Iterator[Tick]:
        """Yield ticks as they come, until the generator has ended."""
        while True:
            running = self.alive
            yield from self.new_ticks()
            if not running:
                return
            time.sleep(POLL_S)

    def interrupt(self) -> None:
        """Ask it to end early: drain, stop open runs, write the result. A second time: without stopping runs."""
        if self.alive:
            os.kill(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End it and all of its processes at once; nothing more is written."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self) -> int:
        """Wait for the end and return the exit code: all that a worker has, for its figures are with the master."""
        return self.process.wait()

    def result(self) -> Measured:
        """Wait for the end and return what was measured; of a generator that died, what it had written down.

        Raises what the generator said (UsageError, NotTestable), or HarnessError with the end of its log when it died
        before it had counted anything.
        """
        code = self.process.wait()
        try:
            return from_json(self.job.result_path.read_bytes(), Measured)
        except FileNotFoundError:
            error = _told(self.job, code)
        rescued = _rescued(self.job, code, error) if isinstance(error, HarnessError) else None
        if rescued is None:
            raise error
        return rescued


def start(job: Job, *, environment: Mapping[str, str] | None = None) -> Child:
    """Write the job and start its process; raises UsageError when the directory cannot be written.

    environment: replaces this process's own, to which the secrets of the target are added in any case.
    """
    job = _fresh(job)
    write_job(job)
    return _started(job, os.environ if environment is None else environment)


def ready(job: Job) -> Child:
    """Start a process that waits for its plan (`Child.begin`): to start takes it longer than to begin."""
    job = _fresh(job)
    return _started(job, os.environ)


def _fresh(job: Job) -> Job:
    """Return the job with a port of its own, in a directory that holds nothing of an earlier one."""
    if job.master_port == 0:
        job = replace(job, master_port=_free_port())
    try:
        job.directory.mkdir(parents=True, exist_ok=True)
        for path in (job.path, job.ticks_path, job.totals_path, job.result_path, job.error_path):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write the job of the load run: {error}", hint="choose another directory") from error
    return job


def _started(job: Job, environment: Mapping[str, str]) -> Child:
    with job.log_path.open("wb") as log, nullcontext() if job.role == "worker" else _interrupts_held():
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command(job),
            cwd=job.directory,
            env=_environment(job, environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(job, process)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Block SIGINT: what is started inherits that, and takes one that comes while it imports once it listens.

    Not for a worker, which has nothing to report and may wait for its master for long.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def command(job: Job) -> list[str]:
    """Return the command line: plain Locust on our locustfile."""
    made = [sys.executable, "-m", "locust", "-f", str(_ENTRY), "--headless", "--only-summary", "-u", "1", "-r", "1"]
    many = ["--processes", str(job.processes)] if job.processes > 1 else []
    bound = ["--master-bind-host", job.bind_host, "--master-bind-port", str(job.master_port)]
    reached = ["--master-host", job.master_host, "--master-port", str(job.master_port)]
    match job.role:
        case "master":
            return [*made, "--master", "--expect-workers", str(job.expect_workers), *bound]
        case "worker":
            return [*made[:6], "--worker", *many, *reached]
        case _:
            return [*made, *many, *bound, *reached] if many else made


def _environment(job: Job, given: Mapping[str, str]) -> dict[str, str]:
    """Return the child's environment: none of the user's Locust settings, our own code, the target's secrets."""
    kept = {
        name: value
        for name, value in given.items()
        if not name.startswith("LOCUST_") and name not in (API_KEY_VARIABLE, HEADERS_VARIABLE)
    }
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *(entry for entry in kept.get("PYTHONPATH", "").split(os.pathsep) if entry)]
    return {
        **kept,
        **secrets_of(job.target),
        "HOME": str(job.directory),  # Locust reads ~/.locust.conf
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        JOB_VARIABLE: str(job.path.resolve()),
    }


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _ticks_in(data: bytes) -> tuple[list[Tick], int]:
    """Return the ticks in whole lines, and how many bytes those are."""
    whole = data[: data.rfind(b"\n") + 1]
    ticks = []
    for line in whole.splitlines():
        with suppress(ValueError, msgspec.MsgspecError):  # a disk that was full tears a line
            ticks.append(from_json(line, Tick))
    return ticks, len(whole)


def _ended(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _rescued(job: Job, code: int, error: HarnessError) -> Measured | None:
    """Return what a generator that died had written down; None when that is nothing.

    One that was killed is lost, as any worker may be; one that failed is a failure of ours.
    """
    try:
        totals = from_json(job.totals_path.read_bytes(), Totals)
        series, _ = _ticks_in(job.ticks_path.read_bytes())
    except FileNotFoundError:
        return None
    for name in totals.running:
        totals.lose(name)
    totals.note(f"the load generator {_ended(code)}: runs that it had open may not have been stopped")
    counted_s = max((worker.seconds for worker in totals.workers.values()), default=0) + 1
    told = [tick for tick in series if tick.second <= totals.second]
    measured = totals.measured(told, duration_s=counted_s, interrupted=False)
    return replace(measured, failure=str(error)) if job.error_path.exists() else measured


def _told(job: Job, code: int) -> WfconformError:
    """Return what the generator said of itself, or what is left of it in the log."""
    try:
        said: dict[str, Any] = msgspec.json.decode(job.error_path.read_bytes())
        kind = _ERRORS.get(said["kind"], HarnessError)
        return kind(said["message"], hint=said["hint"])
    except (FileNotFoundError, ValueError, LookupError):
        pass
    tail = job.log_path.read_text("utf-8", "replace")[-TAIL:].strip() if job.log_path.exists() else ""
    hint = f"its log ends:\n{tail}" if tail else ""
    return HarnessError(f"the load generator {_ended(code)} without a result", hint=hint)
