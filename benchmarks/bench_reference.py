"""What the reference costs: flatness, requests per second against a bare endpoint, memory of an idle session.

Run it with `.venv/bin/python benchmarks/bench_reference.py`; it exits 1 when a limit is missed.
- growth: a turn called in-process at ASGI level with 100 and with 50,000 live sessions, blocks interleaved, medians.
- throughput: the reference and a bare Starlette endpoint that answers the same bytes, each served by the same uvicorn
  set-up in a process of its own, asked by the same client over 8 kept connections; blocks interleaved, medians.
- memory: what tracemalloc counts for each of 1,000 sessions after 3 turns.
"""

import asyncio
import gc
import json
import multiprocessing
import socket
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from wfconform.reference import DEVELOPMENT_KEY, describe, embedded_app, serving

WORKFLOW = describe("")["workflows"]["conversation"]
PATH = f"/v1/workflows/{WORKFLOW}/execute"
FEW, MANY = 100, 50_000
BLOCKS, BLOCK_TURNS = 15, 200
SERVED_BLOCKS, SERVED_REQUESTS, CONNECTIONS = 11, 800, 8
MEMORY_SESSIONS = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    measured: float
    limit: float
    unit: str
    at_most: bool

    @property
    def met(self) -> bool:
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit


def body(run_id: str | None = None, text: str | None = None) -> bytes:
    inputs = [] if text is None else [{"type": "llm", "messages": [{"type": "human", "content": text}]}]
    run_input = {"thread_to_node_inputs": {"0": {"node_run_inputs": inputs}}}
    return json.dumps({"run_id": run_id, "run_input": run_input}).encode()


async def call(app: ASGIApp, content: bytes) -> bytes:
    """Call the endpoint at ASGI level and return the answer's body."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(_scope(), receive, send)
    assert sent[0]["status"] == 200, sent
    answer: bytes = sent[1]["body"]
    return answer


def _scope() -> dict[str, Any]:
    headers = [(b"authorization", f"Bearer {DEVELOPMENT_KEY}".encode()), (b"content-type", b"application/json")]
    return {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
        "scheme": "http",
    }


async def sessions(app: ASGIApp, count: int) -> list[str]:
    return [json.loads(await call(app, body()))["run_id"] for _ in range(count)]


async def growth() -> Row:
    """Compare the median block of turns at many live sessions with the one at few."""
    few, many = embedded_app(), embedded_app()
    runs = {few: await sessions(few, FEW), many: await sessions(many, MANY)}
    gc.collect()
    took: dict[ASGIApp, list[float]] = {few: [], many: []}
    for block in range(BLOCKS):
        for app, ids in runs.items():
            took[app].append(await _timed_block(app, ids, block))
    ratio = statistics.median(took[many]) / statistics.median(took[few])
    return Row(f"turn at {MANY:,} live sessions / at {FEW}", ratio, 1.3, "x", at_most=True)


async def _timed_block(app: ASGIApp, ids: list[str], block: int) -> float:
    step = max(1, len(ids) // BLOCK_TURNS)
    bodies = [body(ids[(block + turn * step) % len(ids)], "hello") for turn in range(BLOCK_TURNS)]
    started = time.perf_counter()
    for content in bodies:
        await call(app, content)
    return time.perf_counter() - started


async def memory() -> Row:
    """Count what a session holds once it idles after 3 turns."""
    app = embedded_app()
    await call(app, body())
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(MEMORY_SESSIONS):
        run_id = json.loads(await call(app, body()))["run_id"]
        for _ in range(2):
            await call(app, body(run_id, "What do you think of this?"))
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return Row("idle session of 3 turns", held / MEMORY_SESSIONS / 1024, 24, "KiB", at_most=True)


def bare_app(answer: bytes) -> Starlette:
    """Return an endpoint that reads the request and answers fixed bytes."""

    async def execute(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route("/v1/workflows/{workflow_id}/execute", execute, methods=["POST"])])


def serve_child(make: Callable[[], ASGIApp], pipe: Connection) -> None:
    with serving(make()) as base_url:
        pipe.send(base_url)
        pipe.recv()


def _bare() -> Starlette:
    app = embedded_app()
    run_id = json.loads(asyncio.run(call(app, body())))["run_id"]
    return bare_app(asyncio.run(call(app, body(run_id, "hello"))))


@contextmanager
def served(make: Callable[[], ASGIApp]) -> Iterator["Client"]:
    """Serve an application in a process of its own and connect to it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve_child, args=(make, theirs))
    process.start()
    host, port = ours.recv().removeprefix("http://").split(":")
    client = Client(host, int(port))
    try:
        yield client
    finally:
        client.close()
        ours.send("stop")
        process.join()


class Client:
    """A closed loop over a few connections: a request on each, then the answers."""

    def __init__(self, host: str, port: int) -> None:
        self._sockets = [socket.create_connection((host, port)) for _ in range(CONNECTIONS)]
        self._files = [sock.makefile("rb") for sock in self._sockets]

    def ask(self, contents: list[bytes]) -> list[bytes]:
        for sock, content in zip(self._sockets, contents, strict=True):
            head = f"POST {PATH} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {DEVELOPMENT_KEY}\r\n"
            kind = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            sock.sendall((head + kind).encode() + content)
        return [self._answer(file) for file in self._files]

    def rate(self, contents: list[bytes]) -> float:
        started = time.perf_counter()
        for _ in range(SERVED_REQUESTS // CONNECTIONS):
            self.ask(contents)
        return SERVED_REQUESTS / (time.perf_counter() - started)

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    @staticmethod
    def _answer(file: Any) -> bytes:
        status = file.readline()
        assert b" 200 " in status, status
        length = 0
        while (line := file.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        content: bytes = file.read(length)
        return content


def throughput() -> Row:
    """Compare turns per second of the reference with requests per second of the bare endpoint."""
    with served(_bare) as bare, served(embedded_app) as reference:
        started = reference.ask([body() for _ in range(CONNECTIONS)])
        turns = [body(json.loads(answer)["run_id"], "hello") for answer in started]
        rates: dict[Client, list[float]] = {bare: [], reference: []}
        for client in rates:
            client.rate(turns)
        for _ in range(SERVED_BLOCKS):
            for client, found in rates.items():
                found.append(client.rate(turns))
        medians = {client: statistics.median(found) for client, found in rates.items()}
    print(f"reference {medians[reference]:,.0f} turns/s, bare Starlette {medians[bare]:,.0f} requests/s")
    return Row("turns per second / bare Starlette", medians[reference] / medians[bare], 0.5, "x", at_most=False)


def main() -> int:
    rows = [asyncio.run(growth()), throughput(), asyncio.run(memory())]
    print(f"{'':<46}{'measured':>12}{'limit':>14}")
    for row in rows:
        limit = f"{'<=' if row.at_most else '>='} {row.limit:g} {row.unit}"
        print(f"{row.name:<46}{f'{row.measured:.2f} {row.unit}':>12}{limit:>14}  {'ok' if row.met else 'MISSED'}")
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
