"""Requests and responses as whole values, for layers around the reference that change them."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope
from starlette.types import Send as AsgiSend

Json = dict[str, Any]
_RUN_ID = re.compile(r"[0-9a-f]{24}", re.ASCII | re.IGNORECASE)
_ENDPOINT = re.compile(r"/v1/workflows/([^/]*)/execute")


@dataclass(frozen=True)
class Call:
    """A request as it came; header names in lower case, `query` without the question mark."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    client: Any = None

    @cached_property
    def json(self) -> Json:
        """The body, {} when it is no JSON object."""
        return _object(self.body)

    @property
    def run_input(self) -> Json:
        """What is asked of the run, {} when it is no object."""
        given = self.json.get("run_input")
        return given if isinstance(given, dict) else {}

    @property
    def command(self) -> str:
        """The command, `start` when there is none."""
        return str(self.run_input.get("command") or "start")

    @property
    def run_id(self) -> str | None:
        """The run that is named, in lower case; None when none is, or a malformed one."""
        named = self.json.get("run_id")
        return named.lower() if isinstance(named, str) and _RUN_ID.fullmatch(named) else None

    @property
    def workflow_id(self) -> str:
        """The workflow in the path."""
        found = _ENDPOINT.search(self.path)
        return found[1] if found else ""

    @property
    def authorization(self) -> str:
        """The credentials as they came."""
        return self.headers.get("authorization", "")

    @property
    def opens(self) -> bool:
        """Whether this is a first turn."""
        return bool(self.run_input) and self.json.get("run_id") is None and self.command != "stop"

    @property
    def goes_on(self) -> bool:
        """Whether this is a later turn."""
        return self.run_id is not None and self.command != "stop"

    @property
    def stops(self) -> bool:
        """Whether this is a stop of a run."""
        return self.run_id is not None and self.command == "stop"

    @property
    def text(self) -> str | None:
        """The user's message, None when there is none."""
        messages = self._messages
        content = messages[-1].get("content") if messages else None
        return content if isinstance(content, str) else None

    def but(self, **changes: Any) -> "Call":
        """Return the same with fields changed."""
        return replace(self, **changes)

    def with_json(self, **fields: Any) -> "Call":
        """Return the same with fields of the body changed."""
        return self.but(body=msgspec.json.encode({**self.json, **fields}))

    def with_input(self, **fields: Any) -> "Call":
        """Return the same with fields of run_input changed."""
        return self.with_json(run_input={**self.run_input, **fields})

    def with_headers(self, **headers: str) -> "Call":
        """Return the same with headers changed; an underscore stands for a hyphen."""
        return self.but(headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}})

    def saying(self, text: str) -> "Call":
        """Return the same with another message."""
        inputs = [{"type": "llm", "messages": [{"type": "human", "content": text}]}]
        return self.with_input(thread_to_node_inputs={"0": {"node_run_inputs": inputs}})

    @property
    def _messages(self) -> list[Json]:
        try:
            inputs = self.run_input["thread_to_node_inputs"]["0"]["node_run_inputs"]
            messages = [message for given in inputs for message in given["messages"]]
            return [message for message in messages if isinstance(message, dict)]
        except (KeyError, TypeError):
            return []


@dataclass(frozen=True)
class Reply:
    """A response; header names in lower case.

    pieces: above 1 it is sent without a length, in so many parts; torn: it breaks off half-way.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    pieces: int = 1
    torn: bool = False

    @cached_property
    def json(self) -> Json:
        """The body, {} when it is no JSON object."""
        return _object(self.body)

    @property
    def answer(self) -> Json:
        """The body of a 200, {} for anything else."""
        return self.json if self.status == 200 else {}

    def but(self, **changes: Any) -> "Reply":
        """Return the same with fields changed."""
        return replace(self, **changes)

    def with_json(self, **fields: Any) -> "Reply":
        """Return the same with fields of the body changed."""
        return self.but(body=msgspec.json.encode({**self.json, **fields}))

    def with_headers(self, **headers: str) -> "Reply":
        """Return the same with headers changed; an underscore stands for a hyphen."""
        return self.but(headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}})


def refusal(status: int, detail: str, **headers: str) -> Reply:
    """Return a refusal in the reference's own form."""
    return Reply(status, msgspec.json.encode({"detail": detail})).with_headers(**headers)


Handler = Callable[[Call], Awaitable[Reply]]
Layer = Callable[[Call, Handler], Awaitable[Reply]]


def layered(app: ASGIApp, layer: Layer) -> ASGIApp:
    """Return the application with a layer around it: it is given each call, and how to make it."""

    async def outer(scope: Scope, receive: Receive, send: AsgiSend) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def go(call: Call) -> Reply:
            return await _call(app, scope, call)

        await _send(await layer(await _read(scope, receive), go), send)

    return outer


def _object(body: bytes) -> Json:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


async def _read(scope: Scope, receive: Receive) -> Call:
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return Call(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=b"".join(parts),
        client=scope.get("client"),
    )


async def _call(app: ASGIApp, scope: Scope, call: Call) -> Reply:
    """Make a call of the application and collect its response."""
    started: dict[str, Any] = {}
    body = bytearray()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": call.body, "more_body": False}

    async def send(message: Any) -> None:
        started.update(message if message["type"] == "http.response.start" else {})
        body.extend(message.get("body", b""))

    inner = {
        **scope,
        "method": call.method,
        "path": call.path,
        "raw_path": call.path.encode("latin-1", "replace"),
        "query_string": call.query.encode("latin-1"),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in call.headers.items()],
    }
    await app(inner, receive, send)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in started["headers"]}
    return Reply(started["status"], bytes(body), headers)


async def _send(reply: Reply, send: AsgiSend) -> None:
    headers = {name: value for name, value in reply.headers.items() if name != "content-length"}
    if reply.pieces == 1:
        headers["content-length"] = str(len(reply.body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    if reply.torn:
        await send({"type": "http.response.body", "body": reply.body[: len(reply.body) // 2], "more_body": True})
        return
    step = max(1, -(-len(reply.body) // reply.pieces))
    for at in range(0, len(reply.body), step):
        await send({"type": "http.response.body", "body": reply.body[at : at + step], "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
