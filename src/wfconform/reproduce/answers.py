"""What every script's last part consists of: how it reads the answers that it got, and how it concludes.

Scripts carry the source of these functions, so everything here is standard library.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any


class Unplayed(Exception):
    """The session did not get as far as the call that is judged."""


def read(folder: str, number: int) -> dict[str, Any]:
    """Return what the script kept of a call; status 0: no complete answer."""

    def part(name: str) -> Path:
        return Path(folder, f"{number}.{name}")

    said = (part("status").read_text() if part("status").exists() else "").split() or ["0", "0"]
    code = part("exit").read_text().strip() if part("exit").exists() else "none"
    failed = code != "0"
    error = part("error").read_bytes().decode("utf-8", "replace").strip() if part("error").exists() else "not sent"
    body = part("answer").read_bytes() if part("answer").exists() else b""
    blocks = part("headers").read_bytes().decode("latin-1").replace("\r", "") if part("headers").exists() else ""
    lines = [line.partition(":") for line in blocks.strip().split("\n\n")[-1].split("\n")[1:]]
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    return {
        "status": 0 if failed else int(said[0]),
        "exit": code,
        "error": (error or "curl ended with " + code) if failed else "",
        "elapsed_s": float(said[1]),
        "headers": [(name.strip().lower(), text.strip()) for name, _, text in lines],
        "body": body,
        "json": value if isinstance(value, dict) else {},
        "number": number,
    }


def at(value: Any, path: str) -> Any:
    """Return what stands at a JSON path, None where there is nothing."""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        try:
            value = value[name] if name else value[int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def answered(call: dict[str, Any]) -> dict[str, Any]:
    """Return the answer that a judged call must have got for anything to be said."""
    if call["status"] != 200:
        raise Unplayed(f"call {call['number']} was answered {call['status'] or call['error']}")
    body: dict[str, Any] = call["json"]
    return body


def spoken(body: dict[str, Any]) -> str:
    """Return what the server said: its events and hint, without the events that carry the input back."""
    events = body.get("events")
    kept = [e for e in events if isinstance(e, dict)] if isinstance(events, list) else []
    stack: list[Any] = [e for e in kept if e.get("type") not in ("user_messages", "start_node_run")]
    stack.append(body.get("next_input_hint"))
    said = []
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            said.append(node)
        else:
            stack += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return "\n".join(said)


def events_of(body: dict[str, Any], main: bool = False) -> list[dict[str, Any]]:  # noqa: FBT001, FBT002
    """Return the events that are objects; main: of the main thread only."""
    events = body.get("events")
    found = [e for e in events if isinstance(e, dict)] if isinstance(events, list) else []
    return [e for e in found if not main or e.get("thread_reference_id") in (None, "0")]


def conclude(judge: Any, calls: dict[int, Any], then: dict[int, int], keyed: list[int], **judged: Any) -> int:
    """Print each answer, what was expected and what came; return 1 when the violation shows, 0 or 2 when not."""
    number, expected, arguments = judged["call"], judged["expected"], judged["arguments"]

    def shown(text: str) -> str:
        for name in ("KEY", "SECOND_KEY"):
            text = text.replace(os.environ.get(name) or "***", "***")
        return ascii(text)[1:-1]

    for call in calls.values():
        body = shown(call["body"].decode("utf-8", "replace"))
        print(f"{call['number']:3d}  {call['status'] or '---'}  {body[:200]}")  # noqa: T201
    try:
        for n, call in calls.items():
            if call["exit"] in ("none", "2", "3", "5", "6", "7", "35", "60", "77", "126", "127"):
                raise Unplayed(f"call {n} could not be made: {call['error']}")
            if n != number and then[n] and not call["status"]:
                raise Unplayed(f"call {n} got no answer: {call['error']}")
            if n in keyed and call["status"] == 401 and then[n] != 401:
                raise Unplayed(f"call {n}: the target refuses the key")
        if judged["may_be_refused"] and 400 <= calls[number]["status"] < 500:
            holds, actual = True, f"refused with {calls[number]['status']}"
        else:
            holds, actual = judge(calls[number], calls, **arguments)
    except Unplayed as reason:
        print(f"could not be replayed: {shown(str(reason))}")  # noqa: T201
        return 2
    print(f"expected: {shown(expected)}\nactual:   call {number}: {shown(actual)}")  # noqa: T201
    print("not reproduced" if holds else "reproduced")  # noqa: T201
    return 0 if holds else 1


READING = (Unplayed, read, at, answered, spoken, events_of)
