"""The little HTTP that the test servers need: one call in, one reply out, over ASGI."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came; header names in lower case, of repeated query parameters the last."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    client: Any = None


@dataclass(slots=True)
class Reply:
    """A response; `pieces` above 1 sends it without a length, in so many parts."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    pieces: int = 1


class RefusedError(Exception):
    """The request is refused: nothing has happened."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


class App:
    """An ASGI application around `respond`; a failure of it is a 500, never a torn connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        call = await _read(scope, receive)
        try:
            reply = await self.respond(call)
        except Exception:  # what frameworks do with a bug
            reply = Reply(500, b'{"detail": "Internal Server Error"}')
        await _write(reply, send)

    async def respond(self, call: Call) -> Reply:
        """Answer one call."""
        raise NotImplementedError


def as_json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a JSON body, everything outside ASCII escaped."""
    return Reply(status, json.dumps(value).encode(), headers=dict(headers or {}))


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return


async def _read(scope: Scope, receive: Receive) -> Call:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return Call(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=b"".join(parts),
        client=scope.get("client"),
    )


async def _write(reply: Reply, send: Send) -> None:
    headers = {"content-type": reply.content_type, **reply.headers}
    if reply.pieces == 1:
        headers["content-length"] = str(len(reply.body))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    step = max(1, -(-len(reply.body) // reply.pieces))
    for at in range(0, len(reply.body), step):
        await send({"type": "http.response.body", "body": reply.body[at : at + step], "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
