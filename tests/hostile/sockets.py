"""Raw loopback servers: each runs on a thread of its own while a `with` block lasts, and notes what it was sent."""

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.servers.conforming_wire import Plain
from tests.servers.http import Call

START_LIMIT_S = 10.0
STREAM_LIMIT = 4 * 1024 * 1024


@dataclass(slots=True)
class Served:
    """A peer as a test sees it. good: how many requests are answered well before it turns hostile."""

    url: str
    port: int
    good: int = 0
    slow_s: float = 0.0
    calls: list[Call] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    connections: int = 0
    errors: list[BaseException] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    plain: Plain = field(default_factory=Plain)

    @property
    def open_runs(self) -> list[str]:
        """The runs that were neither completed nor stopped."""
        return [run.id for run in self.plain.runs.values() if not run.ended]

    @property
    def opened_runs(self) -> int:
        """How many runs were ever opened."""
        return len(self.plain.runs)


class Talk:
    """One connection, from the peer's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, served: Served) -> None:
        self.reader, self.writer, self.served = reader, writer, served

    async def request(self) -> Call:
        """Read a whole request and note it; raises IncompleteReadError when the other side is done."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest) if name}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        call = Call(method, unquote(parts.path), query, headers, body)
        self.served.targets.append(target)
        self.served.calls.append(call)
        self.served.arrived.release()
        return call

    async def send(self, *parts: bytes) -> None:
        """Send bytes, and wait until most of them have left."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def well(self, call: Call) -> None:
        """Answer as a conforming server does."""
        if self.served.slow_s:
            await asyncio.sleep(self.served.slow_s)
        await self.send(await self.good_answer(call))

    async def good_answer(self, call: Call) -> bytes:
        """The bytes of a conforming answer."""
        reply = await self.served.plain.respond(call)
        return response(reply.body, status=reply.status, headers=reply.headers)

    async def good_body(self, call: Call) -> dict[str, Any] | None:
        """The JSON of a conforming 200, None where a conforming server refuses (that refusal is sent)."""
        reply = await self.served.plain.respond(call)
        if reply.status != 200:
            await self.send(response(reply.body, status=reply.status, headers=reply.headers))
            return None
        body: dict[str, Any] = json.loads(reply.body)
        return body

    def reset(self) -> None:
        """Tear the connection with an RST."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang(self) -> None:
        """Say nothing until the other side gives up."""
        while await self.reader.read(65536):
            pass


Serve = Callable[[Talk], Awaitable[None]]


def response(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None, length: bool = True) -> bytes:
    """The bytes of an ordinary response."""
    named = {"Content-Type": "application/json", **({"Content-Length": str(len(body))} if length else {})}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in (named | (headers or {})).items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*pieces: bytes) -> bytes:
    """The bytes of a chunked body, its end left out."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


async def well(talk: Talk) -> None:
    """Answer everything as a conforming server does."""
    while True:
        await talk.well(await talk.request())


@contextmanager
def listening(
    serve: Serve, *, tls: ssl.SSLContext | None = None, good: int = 0, slow_s: float = 0.0
) -> Iterator[Served]:
    """Serve each connection with a coroutine; an error of the peer's own fails the test at the end of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        port = listener.getsockname()[1]
        served = Served(f"http{'s' if tls else ''}://127.0.0.1:{port}", port, good, slow_s)
        thread = _Loop(served, serve, listener, tls)
        thread.start()
        try:
            assert thread.ready.wait(START_LIMIT_S)
            yield served
        finally:
            thread.stop()
    assert [repr(error) for error in served.errors] == []


class _Loop(threading.Thread):
    """The event loop of one peer."""

    def __init__(self, served: Served, serve: Serve, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        super().__init__(name="hostile peer", daemon=True)
        self.ready = threading.Event()
        self._served, self._serve, self._listener, self._tls = served, serve, listener, tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        asyncio.run(self._main())

    def stop(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._served.dead.set)
        self.join(START_LIMIT_S)
        assert not self.is_alive()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accept, sock=self._listener, ssl=self._tls, limit=STREAM_LIMIT)
        self.ready.set()
        await self._served.dead.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)  # the transports that were aborted tell so

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._served.connections += 1
        task = asyncio.create_task(self._talk(Talk(reader, writer, self._served)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, talk: Talk) -> None:
        try:
            while len(self._served.calls) < self._served.good:
                await talk.well(await talk.request())
            await self._serve(talk)
            talk.writer.close()
        except (OSError, asyncio.IncompleteReadError):
            talk.writer.transport.abort()
        except asyncio.CancelledError:
            talk.writer.transport.abort()
        except BaseException as error:
            self._served.errors.append(error)
            talk.writer.transport.abort()
