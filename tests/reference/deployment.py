"""A reference with a clock and a sleep that tests turn by hand, and a client that talks to it in-process."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import mongomock
from starlette.applications import Starlette

from wfconform.reference import create_app, describe, embedded_store, shipped_workflows

KEY, OTHER_KEY = "key-of-the-first-tenant", "key-of-the-second-tenant"
ROLES: dict[str, Any] = describe("")["workflows"]
CONVERSATION: str = ROLES["conversation"]
INTAKE = "5eb7cf5a86d9755df3a6c59a"


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


class Sleep:
    """Returns at once and remembers, or holds every sleeper while `hold` is set."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.hold = False
        self.asleep = asyncio.Event()
        self.wake = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep.set()
        if self.hold:
            await self.wake.wait()


@dataclass(slots=True)
class Answer:
    """A response with its body."""

    code: int
    body: Any
    headers: httpx.Headers

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def event_types(self) -> list[str]:
        return [event["type"] for event in self.body["events"]]

    @property
    def said(self) -> list[str]:
        return [event["content"] for event in self.body["events"] if event["type"] == "assistant_response"]

    @property
    def place(self) -> list[Any]:
        """Return where the refused field is."""
        found: list[Any] = self.body["detail"][0]["loc"]
        return found


def run_input(text: str | None = None, **fields: object) -> dict[str, Any]:
    inputs = [] if text is None else [{"type": "llm", "messages": [{"type": "human", "content": text}]}]
    return {"thread_to_node_inputs": {"0": {"node_run_inputs": inputs}}, **fields}


@dataclass(slots=True)
class Deployment:
    """The reference under test; `database` is where its runs are."""

    clock: Clock = field(default_factory=Clock)
    sleep: Sleep = field(default_factory=Sleep)
    mongo: Any = field(default_factory=mongomock.MongoClient)
    keys: dict[str, str] | None = field(default_factory=lambda: {KEY: "first", OTHER_KEY: "second"})
    options: dict[str, Any] = field(default_factory=dict)
    app: Starlette = field(init=False)

    def __post_init__(self) -> None:
        self.app = create_app(
            store=embedded_store(self.mongo),
            workflows=shipped_workflows(),
            keys=self.keys,
            clock=self.clock,
            sleep=self.sleep,
            **self.options,
        )

    @property
    def runs(self) -> Any:
        return self.mongo["workflows"]["workflow_runs"]

    async def send(self, method: str, path: str, *, key: str | None = KEY, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers.update(request.pop("headers", {}))
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://reference") as client:
            return await client.request(method, path, headers=headers, **request)

    async def post(self, body: Any, *, workflow: str = CONVERSATION, **request: Any) -> Answer:
        """Send a body: raw bytes, or what is encoded as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **request.pop("headers", {})}
        path = f"/v1/workflows/{workflow}/execute"
        response = await self.send("POST", path, content=content, headers=headers, **request)
        return Answer(response.status_code, strict_json(response.content), response.headers)

    async def start(self, workflow: str = CONVERSATION, text: str | None = None, **request: Any) -> Answer:
        return await self.post({"run_input": run_input(text)}, workflow=workflow, **request)

    async def say(self, run: Answer | str, text: str | None, *, command: str = "start", **request: Any) -> Answer:
        run_id = run if isinstance(run, str) else run["run_id"]
        return await self.post({"run_id": run_id, "run_input": run_input(text, command=command)}, **request)

    async def stop(self, run: Answer | str, **request: Any) -> Answer:
        return await self.say(run, None, command="stop", **request)


def strict_json(content: bytes) -> Any:
    """Parse JSON as RFC 8259 has it: UTF-8, no NaN, no key twice (EXE-001)."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
