"""Steps of a capacity search on the load engine, on this machine or led over several, and a worker's part in them."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from rich.console import Console

from wfconform.commands.ending import INTERRUPTED
from wfconform.commands.interrupts import interrupts_of
from wfconform.commands.terminal import stderr_console
from wfconform.errors import HarnessError, NotTestable
from wfconform.load.capacity.running import RunStep, Until
from wfconform.load.child import Child, ready, start
from wfconform.load.job import Job
from wfconform.load.measured import Measured, Tick
from wfconform.load.plan import Plan
from wfconform.target import Target

MASTER_PORT = 5557
LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Machines:
    """Which machines make the load.

    expect_workers: how many worker processes a step waits for, 0: this machine makes the load alone; they join at
    master_port of bind_host. patience_s: how long a worker waits for a step to join before it takes the search as over.
    """

    expect_workers: int = 0
    bind_host: str = "127.0.0.1"
    master_host: str = "127.0.0.1"
    master_port: int = MASTER_PORT
    patience_s: float = 60.0

    def led(self, job: Job) -> Job:
        """Return the job of a step as this machine does it."""
        if not self.expect_workers:
            return job
        return replace(
            job,
            role="master",
            expect_workers=self.expect_workers,
            bind_host=self.bind_host,
            master_port=self.master_port,
        )


class Steps:
    """Runs steps through the load engine, each in a process of its own; `end` ends the one that runs.

    While one runs the process of the next is started: that takes seconds, which the budget need not pay for.
    """

    def __init__(self, job: Job, run_step: RunStep | None) -> None:
        self._job, self._run_step = job, run_step or self._live
        self._child: Child | None = None
        self._next: Child | None = None
        self._ending: Child | None = None
        self._count = 0
        self.asked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._next is not None:
            self._next.kill()

    def __call__(self, plan: Plan, until: Until) -> Measured:
        """Run one step."""
        return self._run_step(plan, until)

    def end(self) -> None:
        """End the search after the step that runs, and that one now."""
        self.asked = True
        if self._child is not None:
            self._end_step(self._child)

    def _end_step(self, child: Child) -> None:
        """Have a step end in good order; once, for told twice it would leave its runs open."""
        if self._ending is not child:
            self._ending = child
            child.interrupt()

    def _live(self, plan: Plan, until: Until) -> Measured:
        begun_s = time.monotonic()
        with self._next or self._ready() as child:
            self._next, self._child = None, child
            child.begin(plan)
            if self._job.role == "alone":  # a master has but one port
                self._next = self._ready()
            if self.asked:  # before there was a child to tell
                self._end_step(child)
            try:
                self._follow(child, until)
                measured = child.result()
            finally:
                self._child = None
        if measured.failure:
            raise HarnessError(measured.failure)
        return replace(measured, duration_s=time.monotonic() - begun_s)  # the budget is the user's time

    def _ready(self) -> Child:
        self._count += 1
        return ready(replace(self._job, directory=self._job.directory / f"step-{self._count}"))

    def _follow(self, child: Child, until: Until) -> None:
        ticks: list[Tick] = []
        ended = False
        for tick in child.ticks():
            ticks.append(tick)
            if not ended and tick.phase == "steady" and until(ticks):
                ended = True
                self._end_step(child)


@contextmanager
def ending(steps: Steps, console: Console) -> Iterator[None]:
    """Have the first Ctrl-C end the search in good order; the second one unwinds everything."""

    def ask() -> None:
        steps.end()
        console.print("ending the search: open sessions are stopped, then it reports; Ctrl-C again ends at once")

    with interrupts_of(ask):
        yield


def work(target: Target, machines: Machines, *, processes: int, quiet: bool, no_color: bool) -> int:
    """Join one step of a master's search after the other; returns 0 when no further one comes, 130 when interrupted.

    Raises NotTestable when no master was there at all.
    """
    console, worker = stderr_console(no_color=no_color), _Worker()
    with TemporaryDirectory(prefix="wfconform-worker-") as folder, interrupts_of(worker.end):
        while worker.waits_for(machines):
            part = Path(folder) / f"part-{worker.joined + 1}"
            worker.joins(machines, Job(target, Plan("capacity", ()), part, processes))
    if not worker.joined and not worker.asked:
        raise NotTestable(
            f"no capacity search was found at {machines.master_host}:{machines.master_port}",
            hint="start wfconform capacity --master there, with --bind and --master-port as here",
        )
    if not quiet:
        console.print(f"joined {worker.joined} {'step' if worker.joined == 1 else 'steps'}")
    return INTERRUPTED if worker.asked else 0


class _Worker:
    """What this machine does for a master: joins the steps, one process group for each."""

    def __init__(self) -> None:
        self.asked = False
        self.joined = 0

    def end(self) -> None:
        """Leave: the master finds this one lost."""
        self.asked = True

    def waits_for(self, machines: Machines) -> bool:
        """Wait until a master listens; False when none comes."""
        ends_s = time.monotonic() + machines.patience_s
        while not self.asked and time.monotonic() < ends_s:
            if _listens(machines.master_host, machines.master_port):
                return True
            time.sleep(LOOK_EVERY_S)
        return False

    def joins(self, machines: Machines, job: Job) -> None:
        """Do this machine's part of a step."""
        led = replace(job, role="worker", master_host=machines.master_host, master_port=machines.master_port)
        with start(led) as child:
            while child.alive and not self.asked:
                time.sleep(LOOK_EVERY_S)
            self.joined += child.process.returncode == 0


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2.0):
            return True
    except OSError:
        return False
