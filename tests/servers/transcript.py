"""One long talk with a server, written down so that two servers can be compared line by line."""

import asyncio
import json
import re
import time
from typing import Any

import httpx
from starlette.types import ASGIApp
from tests.servers.model import END_TEXT, KEYS, WORKFLOWS

_GOOD_ID = re.compile(r"[0-9a-f]{24}")
_HEADERS = ("content-type", "www-authenticate", "retry-after", "location", "x-debug-auth", "x-previous-input")
_ODD_TEXT = " \U0001f680 \u05e9\u05dc\u05d5\u05dd \"q\" 'q' <b> \\ \\\\ e\u0301\r\nline\n" + "x" * 16384 + " "
_NESTED: Any = {}
for _ in range(80):
    _NESTED = {"a": _NESTED}


class Transcript:
    """Sends and writes down; ids and times are replaced by what should be true of them."""

    def __init__(self, app: ASGIApp) -> None:
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")
        self.lines: list[str] = []
        self._runs: list[str] = []
        self._events: set[str] = set()
        self._clock = 0.0

    async def send(
        self,
        body: Any,
        *,
        role: str = "conversation",
        workflow_id: str | None = None,
        version: Any = None,
        headers: dict[str, str | None] | None = None,
        method: str = "POST",
    ) -> str:
        """Send a body (bytes as they are), write the answer down, return its run_id if there is one."""
        sent = {"Content-Type": "application/json", "Authorization": "Bearer key-one", **(headers or {})}
        response = await self.http.request(
            method,
            f"/v1/workflows/{workflow_id or WORKFLOWS[role]}/execute",
            content=body if isinstance(body, bytes) else json.dumps(body),
            params={} if version is None else {"version": version},
            headers={name: value for name, value in sent.items() if value is not None},
        )
        shown = {name: response.headers[name] for name in _HEADERS if name in response.headers}
        self.lines.append(f"{response.status_code} {shown} {self._normal(response)}")
        try:
            return str(response.json()["run_id"])
        except (ValueError, KeyError, TypeError):
            return "f" * 24

    async def start(self, role: str = "conversation", **options: Any) -> str:
        """Send a first turn."""
        return await self.send({"run_input": _input(None)}, role=role, **options)

    async def say(self, run_id: Any, text: str = "hi", *, more: Any = None, **options: Any) -> str:
        """Send a text."""
        return await self.send({"run_id": run_id, "run_input": {**_input(text), **(more or {})}}, **options)

    async def stop(self, run_id: str, **options: Any) -> str:
        """Send a stop."""
        return await self.say(run_id, more={"command": "stop", **_input(None)}, **options)

    def _normal(self, response: httpx.Response) -> str:
        self._clock = 0.0
        try:
            value = json.loads(response.content, object_pairs_hook=self._pairs)
        except ValueError:
            return repr(response.content)
        return repr(value)

    def _pairs(self, pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return [(key, self._value(key, value)) for key, value in pairs]

    def _value(self, key: str, value: Any) -> Any:
        if key == "run_id" and isinstance(value, str) and _GOOD_ID.fullmatch(value):
            self._runs += [] if value in self._runs else [value]
            timely = abs(int(value[:8], 16) - time.time()) < 90
            return f"run {self._runs.index(value)} {'' if timely else 'of another time'}"
        if key == "timestamp" and isinstance(value, float):
            ordered, self._clock = value >= self._clock, value
            return "now" if abs(value - time.time()) < 60 and ordered else "some time"
        if key == "logical_id" and isinstance(value, str):
            known = value in self._events
            self._events.add(value)
            return "known" if known else "new"
        return value


def _input(text: str | None) -> dict[str, Any]:
    inputs = [] if text is None else [{"type": "llm", "messages": [{"type": "human", "content": text}]}]
    return {"thread_to_node_inputs": {"0": {"node_run_inputs": inputs}}}


_FULL_NULLS = dict.fromkeys(("workflow_id", "run_by", "workflow_run_id", "team_id", "initial_state"))


async def _turns(talk: Transcript) -> None:
    run_id = await talk.start()
    for text in ("one", "two", _ODD_TEXT):
        run_id = await talk.say(run_id, text)
    for command in ("start", "data", "resume"):
        await talk.say(run_id, more={"command": command, "version_number": 0, **_FULL_NULLS, "x": 1})
    for _ in range(6):
        run_id = await talk.say(run_id)
    await talk.say(run_id, END_TEXT)
    await talk.say(run_id)
    await talk.stop(run_id)
    await talk.send({"run_id": None, "run_input": _input("hello"), "x": 1})
    await talk.start()


async def _roles(talk: Transcript) -> None:
    for role in ("completes", "fails", "loops", "pauses"):
        run_id = await talk.start(role)
        await talk.say(run_id, role=role)
        await talk.stop(run_id, role=role)
    await talk.stop(await talk.start("pauses"), role="pauses")


async def _stops(talk: Transcript) -> None:
    run_id, other = await talk.start(), await talk.start()
    await talk.stop(run_id)
    await talk.stop(run_id)
    await talk.say(run_id)
    await talk.say(other)
    await talk.send({"run_input": {**_input(None), "command": "stop"}})
    orphan = await talk.send({"run_input": {**_input(None), "command": "stop"}})
    await talk.say(orphan)


async def _refusals(talk: Transcript) -> None:
    run_id = await talk.start()
    other = await talk.start("completes")
    bodies: list[Any] = [b"", b"{", b"[]", {}, {"run_input": None}, {"run_input": []}, {"run_input": {"command": "x"}}]
    for body in (*bodies, {"run_id": run_id, "run_input": 5}, {"run_input": _input(None), "deep": _NESTED}):
        await talk.send(body)
    await talk.say(run_id)
    malformed: list[Any] = [{"$ne": None}, 5, True, [], "abc", "z" * 24, "e" * 24]
    for bad in (*malformed, f" {run_id} ", f"{run_id}\n", f"{run_id[:8]}-{run_id[8:]}"):
        await talk.say(bad)
    await talk.say(run_id)
    whole = {"run_input": _input(None)}
    for wrapped in ([whole], json.dumps(whole)):
        await talk.send(json.dumps(wrapped).encode())
    await talk.say(await talk.start("slow"))
    for workflow_id in (WORKFLOWS["conversation"] + "0", "word", "f" * 24):
        await talk.start(workflow_id=workflow_id)
    await talk.say(run_id, more={"workflow_run_id": other})
    await talk.say(run_id, role="completes")
    await talk.stop(run_id, role="completes")
    await talk.send({"run_input": _input(None)}, headers={"Content-Type": "text/plain"})
    await talk.send(b"", method="GET")
    await talk.say(run_id)


async def _tenants(talk: Transcript) -> None:
    run_id = await talk.start()
    second = f"Bearer {list(KEYS)[1]}"
    await talk.start(headers={"Authorization": second})
    for authorization in (None, "Bearer wrong", "Magic wrong", second):
        headers = {"Authorization": authorization}
        if authorization != second:
            await talk.start(headers=headers)
        for more in ({}, {"team_id": "t1"}, {"run_by": "me"}, {"command": "stop"}):
            await talk.say(run_id, more=more, headers=headers)
    await talk.say(run_id)


async def _versions(talk: Transcript) -> None:
    first = await talk.start("versioned", version=0)
    await talk.start("versioned", version=1)
    for version in (None, 1, 0):
        await talk.say(first, role="versioned", version=version)
    unnamed = await talk.start("versioned")
    await talk.say(unnamed, role="versioned", version=0)
    await talk.send({"run_input": {**_input(None), "version_number": 0}}, role="versioned")
    for bad in ("-1", "1.5", "abc", "7", str(2**63)):
        await talk.start("versioned", version=bad)


async def _together(talk: Transcript) -> None:
    first, second = await talk.start(), await talk.start()
    await asyncio.gather(talk.say(first, "mark-a"), talk.say(second, "mark-b"))
    await talk.say(first)
    await asyncio.gather(talk.say(first, "mark-c"), talk.say(first, "mark-d"))
    await talk.say(first)
    slow = await talk.start("slow")
    turn = asyncio.create_task(talk.say(slow, role="slow"))
    await asyncio.sleep(0.03)
    await talk.stop(slow, role="slow")
    await turn
    await talk.say(slow, role="slow")


_PARTS = (_turns, _tenants, _refusals, _stops, _roles, _versions, _together)


async def _write(app: ASGIApp, expected: list[str] | None) -> list[str]:
    talk = Transcript(app)
    async with talk.http:
        for part in _PARTS:
            await part(talk)
            if expected is not None and talk.lines != expected[: len(talk.lines)]:
                break
    return talk.lines


def transcript(app: ASGIApp, *, expected: list[str] | None = None) -> list[str]:
    """Return what a fresh server answers to the talk, no further than the part that differs from what is expected."""
    return asyncio.run(_write(app, expected))
