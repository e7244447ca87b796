"""Targets for live load runs: the benchmark's stub in a thread, sound or with a defect that only load shows."""

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.stub import WORKFLOW, Protocol, Runs, Service

from wfconform.load.child import start
from wfconform.load.job import Job
from wfconform.load.measured import Measured
from wfconform.load.plan import Plan, Stage, Think
from wfconform.target import Access, Secret, Target, Workflows

KEY = "load-test-key-0001"
_CONTENT = re.compile(rb'"content": "([^"]*)"')


@contextmanager
def served(runs: Runs, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on a free port while the block runs, over TLS if told so, and yield the base URL."""
    loops: list[asyncio.AbstractEventLoop] = []
    stopping: dict[int, asyncio.Event] = {}
    protocols: list[Protocol] = []
    ready = threading.Event()
    ports: list[int] = []

    async def main() -> None:
        over = stopping[0] = asyncio.Event()
        server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0, backlog=4096, ssl=tls)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        while not over.is_set():
            runs.tick()
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 0.1)
        server.close()
        for protocol in protocols:
            protocol.close()
        await asyncio.sleep(0)

    def connected() -> Protocol:
        protocols.append(Protocol(runs))
        return protocols[-1]

    def run() -> None:
        with asyncio.Runner() as runner:
            loops.append(runner.get_loop())
            runner.run(main())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{ports[0]}"
    finally:
        loops[0].call_soon_threadsafe(stopping[0].set)
        thread.join(5)


def sound(*, service_ms: str = "0", stall: str = "") -> Runs:
    """Return a target that keeps the contract."""
    return Runs(Service(service_ms, stall))


def target_at(base_url: str, **access: Any) -> Target:
    """Return the stub as a target."""
    flows = Workflows(WORKFLOW, slow=WORKFLOW, conversation_end="goodbye", echoes=True)
    return Target(Access(base_url, api_key=Secret(KEY), **access), flows)


def closed(sessions: int, seconds: float) -> tuple[Stage, ...]:
    """Return one steady stage of so many sessions at once."""
    return (Stage("steady", "closed", "steady", seconds, sessions, sessions),)


def plan(*names: str, stages: tuple[Stage, ...], think_s: float = 0.02, turns: int = 5, **more: Any) -> Plan:
    """Return a plan with a mix of equal weights."""
    mix = tuple((name, 1.0) for name in names or ("complete",))
    return Plan("test", stages, mix=mix, think=Think(mean_s=think_s), turns=(turns, turns), **more)


def measured(target: Target, what: Plan, directory: Path, *, processes: int = 1) -> Measured:
    """Carry out a plan in a child and return what it measured."""
    with start(Job(target, what, directory, processes=processes)) as child:
        for _ in child.ticks():
            pass
        return child.result()


def counts(base_url: str) -> dict[str, int]:
    """Ask the stub what it has executed."""
    with urlopen(f"{base_url}/counts") as response:
        told: dict[str, int] = json.load(response)
        return told


class Crowd(Runs):
    """Keeps the contract, and knows how many runs were open at most."""

    def __init__(self) -> None:
        super().__init__(Service("0", ""))
        self.most_open = 0

    def answer(self, body: bytes) -> tuple[int, bytes]:
        told = super().answer(body)
        self.most_open = max(self.most_open, len(self.turns))
        return told


class Overlapping(Runs):
    """Fails where several runs are open at once."""

    def __init__(self) -> None:
        super().__init__(Service("0", ""))

    @property
    def crowded(self) -> bool:
        """More than five runs are open."""
        return len(self.turns) > 5


class CountsAllTogether(Overlapping):
    """When it is busy, a turn is counted twice."""

    def answer(self, body: bytes) -> tuple[int, bytes]:
        run = body[body.find(b'"run_id": "') + 11 :][:24]
        if self.crowded and self.turns.get(run, 0) == 2:
            self.turns[run] += 1
        return super().answer(body)


class MixesUpTexts(Overlapping):
    """When it is busy, an answer carries what the request before it said."""

    last = b""

    def answer(self, body: bytes) -> tuple[int, bytes]:
        status, text = super().answer(body)
        at = body.find(b'"content": "')
        said = body[at + 12 : body.find(b'"', at + 12)] if at >= 0 else b""
        heard, self.last = self.last, said
        return status, text.replace(said, heard) if self.crowded and said and heard and said != b"goodbye" else text


class GivesIdsTwice(Overlapping):
    """When it is busy, two sessions get one run_id."""

    last: bytes = b""

    def answer(self, body: bytes) -> tuple[int, bytes]:
        status, text = super().answer(body)
        if b'"run_id"' not in body and status == 200:
            own = text[text.find(b'"run_id": "') + 11 :][:24]
            if self.crowded and self.last:
                text = text.replace(own, self.last)
            self.last = own
        return status, text


class ForgetsSessions(Overlapping):
    """Beyond eight open sessions the oldest is forgotten."""

    def answer(self, body: bytes) -> tuple[int, bytes]:
        while len(self.turns) > 8:
            del self.turns[next(iter(self.turns))]
        return super().answer(body)


class Listening(Runs):
    """Keeps the contract, and remembers what users said."""

    def __init__(self) -> None:
        super().__init__(Service("0", ""))
        self.heard: set[str] = set()

    def answer(self, body: bytes) -> tuple[int, bytes]:
        self.heard.update(match.decode() for match in _CONTENT.findall(body))
        return super().answer(body)


class Refusing(Runs):
    """Takes every other start only at the second attempt."""

    def __init__(self) -> None:
        super().__init__(Service("0", ""))
        self.refused = 0

    def answer(self, body: bytes) -> tuple[int, bytes]:
        if b'"run_id"' not in body and self.counts["requests"] % 2:
            self.counts["requests"] += 1
            self.refused += 1
            return 429, b'{"message": "come back later"}'
        return super().answer(body)


class StopsAtTheSecondTry(Runs):
    """Each stop is broken off once, before it is executed."""

    def __init__(self) -> None:
        super().__init__(Service("0", ""))
        self.tried: set[bytes] = set()

    def answer(self, body: bytes) -> tuple[int, bytes]:
        if b'"command": "stop"' in body and body not in self.tried:
            self.tried.add(body)
            self.counts["requests"] += 1
            return 500, b'{"message": "the database is away"}'
        return super().answer(body)
