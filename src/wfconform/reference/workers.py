"""Several processes that serve one socket: started, watched, started again when one dies, restarted on a signal."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from types import FrameType
from typing import Any

import uvicorn

from wfconform.errors import HarnessError
from wfconform.reference.recipe import Recipe
from wfconform.reference.serve import listen, settings, url_of

RESTART_SIGNAL = getattr(signal, "SIGUSR1", None)  # None: this system has no such signal, and no restart by one
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
_LOOK_S = 0.5
_TRIES = 3  # how often processes are started before it is said that they cannot be
_context = multiprocessing.get_context("spawn")


def run_workers(
    recipe: Recipe,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    workers: int = 1,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve in `workers` processes until interrupted or terminated; SIGUSR1 restarts them all.

    Calls wait in the socket while processes are restarted; a call that a killed process had taken is torn. Raises
    UsageError when the port cannot be had, HarnessError when no process can be started.
    """
    with listen(host, port) as listener:
        supervisor = _Supervisor(recipe, listener, workers)
        with _signals(supervisor):
            try:
                supervisor.start()
                if on_ready is not None:
                    on_ready(url_of(listener))
                supervisor.watch()
            finally:
                supervisor.stop()


class _Supervisor:
    """The processes, and what they are wanted to do."""

    def __init__(self, recipe: Recipe, listener: socket.socket, workers: int) -> None:
        self._recipe, self._listener, self._workers = recipe, listener, workers
        self._processes: list[SpawnProcess] = []
        self.ending = False
        self.restarting = False

    def start(self) -> None:
        """Start what is missing, and wait until all take calls; what dies before it does is started again."""
        for _ in range(_TRIES):
            started = [self._started() for _ in range(self._workers - len(self._processes))]
            failed = [process for process, pipe in started if not self.ending and not _said_ready(pipe)]
            if not failed:
                return
            for process in failed:
                process.kill()
                process.join()
                self._processes.remove(process)
        raise HarnessError("a process of the reference did not start")

    def watch(self) -> None:
        """Start again what dies, until the end is wanted."""
        while not self.ending:
            wait([process.sentinel for process in self._processes], timeout=_LOOK_S)  # a signal cuts this short, or not
            if self.ending:
                return
            if self.restarting:
                self.restarting = False
                self.stop()
            self._forget_dead()
            self.start()

    def stop(self) -> None:
        """End all processes: calls that are being answered get a second, then they are torn."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(STOP_TIMEOUT_S)
            if process.is_alive():
                process.kill()
                process.join()
        self._processes.clear()

    def _started(self) -> tuple[SpawnProcess, Connection]:
        ours, theirs = _context.Pipe(duplex=False)
        process = _context.Process(
            target=_serve, args=(self._recipe, self._listener, theirs), name="wfconform-worker", daemon=True
        )
        process.start()
        theirs.close()
        self._processes.append(process)
        return process, ours

    def _forget_dead(self) -> None:
        self._processes = [process for process in self._processes if process.is_alive()]


class _signals:  # noqa: N801 - a context manager
    """Lets signals say what is wanted, for the time of a block."""

    def __init__(self, supervisor: _Supervisor) -> None:
        self._supervisor = supervisor
        self._before: dict[Any, Any] = {}

    def __enter__(self) -> None:
        self._before = {one: signal.signal(one, self._end) for one in (signal.SIGINT, signal.SIGTERM)}
        if RESTART_SIGNAL is not None:
            self._before[RESTART_SIGNAL] = signal.signal(RESTART_SIGNAL, self._restart)

    def __exit__(self, *_: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _end(self, _: int, __: FrameType | None) -> None:
        self._supervisor.ending = True

    def _restart(self, _: int, __: FrameType | None) -> None:
        self._supervisor.restarting = True


def _said_ready(pipe: Connection) -> bool:
    with pipe:
        try:
            return pipe.poll(START_TIMEOUT_S) and bool(pipe.recv())
        except EOFError:
            return False


class _Server(uvicorn.Server):
    """A server that says when it takes calls."""

    def __init__(self, config: uvicorn.Config, ready: Connection) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        with self._ready as pipe:
            pipe.send(self.started)


def _serve(recipe: Recipe, listener: socket.socket, ready: Connection) -> None:
    """Be one of the processes; ends with the one that started it, however that ends."""
    Thread(target=_end_with_parent, name="wfconform-parent", daemon=True).start()
    with suppress(KeyboardInterrupt):  # a terminal's Ctrl-C reaches every process; uvicorn has ended when it raises
        _Server(settings(recipe.build()), ready).run(sockets=[listener])


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
