"""A target that costs next to nothing: asyncio protocol, answers of about 1.5 KiB with 5 events, exact counts.

`python benchmarks/stub.py PORT [--service-ms X] [--stall EVERY_S,FOR_S]`. GET /counts tells what was executed,
and how long it was held back; a conversation ends with the text "goodbye". It keeps the contract, so that all checks
can be on. --service-ms: each answer is held back for as long; `5,50:0.01`: 5 ms, and 50 ms with that probability.
--framing: how answers are sent, as proxies and frameworks do: of a known length, in chunks, compressed.
"""

import argparse
import asyncio
import gzip
import itertools
import json
import random
import time
from email.utils import formatdate
from typing import Any

WORKFLOW = "5eb7cf5a86d9755df3a6c593"
_MARK = b'"content": "'
_RUN = b'"run_id": "'
_FILLER = "The answer of a workflow is a few sentences long, and this one is, too. " * 3


def _event(kind: str, **more: str) -> str:
    fields = {"type": kind, "logical_id": "event_%(id)012x" + kind[:4], "timestamp": "@", "thread_reference_id": "0"}
    text = json.dumps({**fields, "comments": "", "interrupted": False, **more})
    return text.replace('"@"', "%(at).6f")


_NODE = {"origin_node_logical_id": "node_talk", "origin_node_run_id": "%(turn)d"}
_EVENTS = (
    _event("start_node_run", **_NODE),
    _event("say_llm", **_NODE, message="%(text)s"),
    _event("assistant_response", **_NODE, content="%(text)s " + _FILLER),
    _event("end_node_run", **_NODE),
)
_WAIT = _event("busy_wait_for_user_message", **_NODE)
_END = _event("end_workflow")


def _answer(status: str, last: str, hint: str) -> bytes:
    waits = "true" if hint != "null" else "false"
    ends = "false" if hint != "null" else "true"
    body = (
        '{"run_id": "%(run)s", "status": "'
        + status
        + '", "turn_number": %(turn)d, "events": ['
        + ", ".join((*_EVENTS, last))
        + f'], "is_waiting_for_input": {waits}, "is_completed": {ends}, "error": null, "next_input_hint": {hint}}}'
    )
    return body.replace("%(", "%%(").replace("%%(", "%(").encode()


WAITING = _answer("waiting_for_user_input", _WAIT, _WAIT)
COMPLETED = _answer("completed", _END, "null")
CANCELLED = (
    b'{"run_id": "%(run)s", "status": "cancelled", "turn_number": %(turn)d, "events": [], '
    b'"is_waiting_for_input": false, "is_completed": true, "error": null, "next_input_hint": null}'
)


class Runs:
    """What was executed, and how far each run is; an ended run is not kept."""

    def __init__(self, service: "Service") -> None:
        self.turns: dict[bytes, int] = {}
        self.service = service
        self.counts = {"turns": 0, "stops": 0, "sessions": 0, "requests": 0, "connections": 0}
        self._ids = itertools.count(random.getrandbits(40))
        self._next_event = 0
        self.held_us: list[int] = []
        self.tick()

    def percentiles(self) -> dict[str, int]:
        """Return how long answers really were held back, in microseconds."""
        held = sorted(self.held_us)
        return {f"p{share}_us": held[min(len(held) - 1, len(held) * share // 100)] for share in (50, 95, 99) if held}

    def tick(self) -> None:
        """Set the Date header."""
        self.date = formatdate(usegmt=True).encode()

    def answer(self, body: bytes) -> tuple[int, bytes]:
        self.counts["requests"] += 1
        at = body.find(_RUN)
        run = body[at + 11 : at + 35] if at >= 0 else b""
        stops = b'"command": "stop"' in body
        turn = self.turns.get(run, 0) if run else 0
        if run and not turn:
            return 404, b'{"message": "there is no such run"}'
        if stops:
            del self.turns[run]
            self.counts["stops"] += 1
            return 200, CANCELLED % {b"run": run, b"turn": turn}
        if not run:
            run = b"%08x%016x" % (int(time.time()), next(self._ids))
            self.counts["sessions"] += 1
        at = body.find(_MARK)
        text = body[at + 12 : body.find(b'"', at + 12)] if at >= 0 else b""
        ends = text == b"goodbye"
        turn += 1
        if ends:
            self.turns.pop(run, None)
        else:
            self.turns[run] = turn
        self.counts["turns"] += 1
        self._next_event += 1
        fields = {b"run": run, b"turn": turn, b"id": self._next_event, b"at": time.time(), b"text": text}
        return 200, (COMPLETED if ends else WAITING) % fields


class Service:
    """How long an answer is held back. milliseconds: `5`, or `5,50:0.01`; stall: (every_s, for_s)."""

    def __init__(self, milliseconds: str, stall: str) -> None:
        first, *others = milliseconds.split(",")
        self._base_s = float(first) / 1000
        self._tails = [(float(ms) / 1000, float(share)) for ms, share in (one.split(":") for one in others)]
        self._every_s, self._for_s = (float(part) for part in stall.split(",")) if stall else (0.0, 0.0)
        self._chance = random.Random(1)
        self._begun_s = time.monotonic()
        self.gives_none = not self._base_s and not self._tails and not self._every_s

    def seconds(self) -> float:
        held_s = self._base_s
        for tail_s, share in self._tails:
            if self._chance.random() < share:
                held_s = tail_s
        if self._every_s:
            into_s = (time.monotonic() - self._begun_s) % self._every_s
            if into_s > self._every_s - self._for_s:
                held_s += self._every_s - into_s
        return held_s


class Protocol(asyncio.Protocol):
    framing = "plain"

    def __init__(self, runs: Runs) -> None:
        self._runs, self._buffer = runs, b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._runs.counts["connections"] += 1

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._reply(head, body)

    def _reply(self, head: bytes, body: bytes) -> None:
        runs = self._runs
        if head.startswith(b"get"):
            self._send(200, json.dumps({**runs.counts, "open": len(runs.turns), **runs.percentiles()}).encode())
        elif runs.service.gives_none:
            self._send(*runs.answer(body))
        else:
            held_s, begun_s = runs.service.seconds(), time.perf_counter()
            asyncio.get_running_loop().call_later(held_s, lambda: self._held(body, begun_s))

    def _held(self, body: bytes, begun_s: float) -> None:
        self._send(*self._runs.answer(body))
        self._runs.held_us.append(int((time.perf_counter() - begun_s) * 1e6))

    def _send(self, status: int, body: bytes) -> None:
        head = b"HTTP/1.1 %d OK\r\ndate: %s\r\ncontent-type: application/json\r\n%s%s\r\n"
        later = b"retry-after: 0\r\n" if status == 429 else b""
        framed, sent = FRAMINGS[self.framing](body)
        self._transport.write(head % (status, self._runs.date, framed, later) + sent)


def _plain(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length: %d\r\n" % len(body), body


def _chunked(body: bytes) -> tuple[bytes, bytes]:
    half = len(body) // 2
    parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part)
    return b"transfer-encoding: chunked\r\n", parts + b"0\r\n\r\n"


def _gzip(body: bytes) -> tuple[bytes, bytes]:
    length, coded = _plain(gzip.compress(body, 1))
    return b"content-encoding: gzip\r\n" + length, coded


def _both(body: bytes) -> tuple[bytes, bytes]:
    framed, parts = _chunked(gzip.compress(body, 1))
    return b"content-encoding: gzip\r\n" + framed, parts


FRAMINGS = {"plain": _plain, "chunked": _chunked, "gzip": _gzip, "gzip-chunked": _both}


async def serve(port: int, runs: Runs) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Protocol(runs), "127.0.0.1", port, backlog=8192)
    print(server.sockets[0].getsockname()[1], flush=True)
    while True:
        runs.tick()
        await asyncio.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--service-ms", default="0")
    parser.add_argument("--stall", default="")
    parser.add_argument("--framing", choices=FRAMINGS, default="plain")
    options = parser.parse_args()
    Protocol.framing = options.framing
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(serve(options.port, Runs(Service(options.service_ms, options.stall))))


if __name__ == "__main__":
    main()
