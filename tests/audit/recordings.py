"""Recordings for the tests: written by hand, or of real checks against the test servers."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.conformance.zoo import target_of
from tests.servers.target import Broken, Conforming

from wfconform.audit.exchanges import seen
from wfconform.audit.judging import Judged, judge
from wfconform.audit.ndjson import line_call
from wfconform.audit.recording import Call
from wfconform.commands.selftest import HurriedLoop
from wfconform.conformance import CheckOptions, run_check

WORKFLOW = "5eb7cf5a86d9755df3a6c593"
URL = f"https://api.example.com/workflows/v1/workflows/{WORKFLOW}/execute"
RUN = "65a1b2c3d4e5f60718293a4b"
BEGUN = 1_705_095_875.0  # the time in RUN
Row = dict[str, Any]


def answer(turn: int, status: str = "waiting_for_user_input", run_id: str = RUN, **changes: Any) -> Row:
    """A conforming answer."""
    waiting, ended = status == "waiting_for_user_input", status in ("completed", "cancelled", "failed")
    closing = {"waiting_for_user_input": "busy_wait_for_user_message", "completed": "end_workflow"}.get(status, "x")
    event = {"type": closing, "logical_id": f"{run_id}-{turn}", "thread_reference_id": "0"}
    return {
        "run_id": run_id,
        "status": status,
        "turn_number": turn,
        "events": [event],
        "is_waiting_for_input": waiting,
        "is_completed": ended,
        "error": "it broke" if status == "failed" else None,
        "next_input_hint": event if waiting else None,
        **changes,
    }


def row(
    at_s: float,
    response: Any,
    *,
    run_id: str | None = RUN,
    command: str | None = "start",
    took_ms: float = 100,
    **changes: Any,
) -> Row:
    """A line of a recording, at_s seconds after the run began."""
    return {
        "at": BEGUN + at_s,
        "duration_ms": took_ms,
        "url": URL,
        "request": {"run_id": run_id, "run_input": {"command": command}},
        "status": 200,
        "response": response,
        **changes,
    }


def session(*, turns: int = 4, run_id: str = RUN, start_s: float = 0.0) -> list[Row]:
    """A conforming session: a first turn, more of them, a stop and another."""
    rows = [row(start_s, answer(1, run_id=run_id), run_id=None)]
    rows += [row(start_s + turn, answer(turn, run_id=run_id), run_id=run_id) for turn in range(2, turns + 1)]
    for at in (turns + 1, turns + 2):
        rows.append(row(start_s + at, answer(turns, "cancelled", run_id, events=[]), run_id=run_id, command="stop"))
    return rows


def calls(rows: Sequence[Row]) -> list[Call]:
    found = [line_call(one, f"line {number}") for number, one in enumerate(rows, 1)]
    return [one for one in found if isinstance(one, Call)]


def judged(rows: Sequence[Row]) -> Judged:
    return judge([one for one in map(seen, calls(rows)) if one is not None])


def broken(rows: Sequence[Row]) -> set[str]:
    return {violation.id for one in judged(rows).sessions for violation in one.explained}


class Recorder:
    """An ASGI application that writes down what another one is asked and answers."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.rows: list[Row] = []

    async def __call__(self, scope: Row, receive: Callable[[], Any], send: Callable[[Row], Any]) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked, told, begun = bytearray(), bytearray(), time.time()
        start: Row = {"status": 0, "headers": []}

        async def receiving() -> Row:
            message: Row = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def sending(message: Row) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            told.extend(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receiving, sending)
        finally:
            self.rows.append(
                {
                    "at": begun,
                    "duration_ms": (time.time() - begun) * 1000,
                    "method": scope["method"],
                    "url": f"http://test{scope['path']}",
                    "request": asked.decode("utf-8", "surrogateescape"),
                    "status": start["status"],
                    "headers": {name.decode(): value.decode("latin-1") for name, value in start["headers"]},
                    "response": told.decode("utf-8", "replace"),
                }
            )


def recorded(cases: Sequence[Conforming | Broken], *, only: tuple[str, ...] = ()) -> dict[str, list[Row]]:
    """Check servers in-process and return what went over the wire, by server."""

    async def one(case: Conforming | Broken) -> list[Row]:
        app = Recorder(case.make())
        await run_check(target_of(case), CheckOptions(level="core", only=only), app=app)
        return app.rows

    async def each() -> dict[str, list[Row]]:
        found = await asyncio.gather(*map(one, cases))
        return dict(zip((case.name for case in cases), found, strict=True))

    with asyncio.Runner(loop_factory=HurriedLoop) as hurried:
        return hurried.run(each())


def as_har(rows: Sequence[Row]) -> str:
    """Write lines as a HAR file does."""
    entries = [
        {
            "startedDateTime": datetime.fromtimestamp(one["at"], UTC).isoformat(),
            "time": one["duration_ms"],
            "request": {
                "method": one.get("method", "POST"),
                "url": one["url"],
                "headers": [{"name": "Authorization", "value": "Bearer sk-recorded-0123456789"}],
                "postData": {"mimeType": "application/json", "text": json.dumps(one["request"])},
            },
            "response": {
                "status": one["status"],
                "headers": [{"name": name, "value": value} for name, value in one.get("headers", {}).items()],
                "content": {"mimeType": "application/json", "text": json.dumps(one["response"])},
            },
        }
        for one in rows
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}})
