"""Response bytes to an Answer: one strict parse, then the fields with the JSON types of §7."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from wfconform.session import Answer, Broken, Event, Finding
from wfconform.session.states import STATUSES

_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_LATEST_S = 1e13  # what lies beyond is no time, and may be no finite number
_DEEPEST = 400  # levels of nesting; far below what would exhaust the interpreter's stack
# Possessive, and a string may end with the text: reading is linear, and keeps no stack, whatever the bytes are.
_NESTING = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)
_LONGEST_INTEGER = 4000  # Python refuses to convert longer ones; no field of the contract comes near
# Events that carry the input back: what they hold says nothing about what the server made of it.
_INPUT_EVENTS = frozenset({"user_messages", "start_node_run"})


@dataclass(frozen=True, slots=True)
class Parsed:
    """A body as JSON; fault: why it is not strict RFC 8259 JSON, "" when it is; value: None when it is no JSON."""

    value: Any
    fault: str = ""


def parse(body: bytes) -> Parsed:
    """Parse a body strictly, and where that fails as leniently as helps to go on."""
    faults: list[str] = []
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        return Parsed(None, f"not UTF-8: byte 0x{body[error.start]:02x} at {error.start}")
    if text.startswith("\ufeff"):
        faults.append("a byte order mark")
        text = text[1:]
    if _too_deep(text):
        return Parsed(None, f"nested more than {_DEEPEST} levels deep")
    try:
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: _without_duplicates(pairs, faults),
            parse_constant=lambda name: faults.append(f"{name} is no JSON number"),
            parse_int=lambda digits: int(digits) if len(digits) < _LONGEST_INTEGER else float("inf"),
        )
    except ValueError as error:
        return Parsed(None, f"not JSON: {error}" if text.strip() else "an empty body")
    return Parsed(value, "; ".join(faults))


def _too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= _DEEPEST:
        return False
    level = 0
    for found in _NESTING.finditer(text):
        if found.group() in "[{":
            level += 1
        elif found.group() in "]}":
            level -= 1
        if level > _DEEPEST:
            return True
    return False


def _without_duplicates(pairs: list[tuple[str, Any]], faults: list[str]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        faults.append(f"key {twice!r} given twice")
    return made


_NAMES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
    float: "a number that is no integer",
    type(None): "null",
}
_REQUIRED = {
    "run_id": str,
    "status": str,
    "turn_number": int,
    "events": list,
    "is_waiting_for_input": bool,
    "is_completed": bool,
}


def answer_of(value: Mapping[str, Any], *, date: str | None = None) -> tuple[Answer, list[Finding]]:
    """Return the answer in a 200's JSON object, with the findings on EXE-002 and EVT-001."""
    fields: dict[str, Any] = {}
    broken: Broken | None = None
    for name, wanted in _REQUIRED.items():
        fields[name], wrong = _typed(value, name, wanted)
        broken = broken or wrong
    events, bad_event = _events(fields["events"])
    if fields["events"] is None:
        bad_event = Broken("an array of objects", _shown(value, "events"), "$.events")
    raw_id, raw_status = fields["run_id"], fields["status"]
    answer = Answer(
        run_id=raw_id.lower() if raw_id is not None and _OBJECT_ID.fullmatch(raw_id) else None,
        status=raw_status.lower() if raw_status is not None and raw_status.lower() in STATUSES else None,
        turn_number=fields["turn_number"],
        events=events,
        is_waiting=fields["is_waiting_for_input"],
        is_completed=fields["is_completed"],
        error=value.get("error"),
        hint=value.get("next_input_hint"),
        background=value.get("has_background_work") is True,
        raw_run_id=raw_id,
        raw_status=raw_status,
        server_date=epoch(date),
    )
    return answer, [Finding("EXE-002", broken), Finding("EVT-001", bad_event)]


def _typed(value: Mapping[str, Any], name: str, wanted: type) -> tuple[Any, Broken | None]:
    found = value.get(name)
    if type(found) is wanted:
        return found, None
    return None, Broken(_NAMES[wanted], _shown(value, name), f"$.{name}")


def _shown(value: Mapping[str, Any], name: str) -> str:
    if name not in value:
        return "absent"
    found = value[name]
    return f"{_NAMES.get(type(found), 'something else')}: {json.dumps(found, default=str)[:80]}"


def _events(items: list[Any] | None) -> tuple[tuple[Event, ...] | None, Broken | None]:
    if items is None:
        return None, None
    events, broken = [], None
    for index, item in enumerate(items):
        if isinstance(item, dict) and isinstance(item.get("type"), str):
            events.append(_event(item))
        elif broken is None:
            shown = json.dumps(item, default=str)[:80]
            broken = Broken("an object with a string `type`", shown, f"$.events[{index}]")
    return (None if broken else tuple(events)), broken


def _event(item: dict[str, Any]) -> Event:
    return Event(
        type=item["type"],
        logical_id=_text(item.get("logical_id")),
        timestamp=_seconds(item.get("timestamp")),
        thread=_text(item.get("thread_reference_id")),
        node=_text(item.get("origin_node_logical_id")),
        node_run=_text(item.get("origin_node_run_id")),
        source_node=_text(item.get("source_node_logical_id")),
        content=item,
    )


def _seconds(value: object) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and abs(value) < _LATEST_S else None  # type: ignore[arg-type]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def epoch(date: str | None) -> float | None:
    """Return a Date header in epoch seconds, None when it is none."""
    try:
        parsed = parsedate_to_datetime(date) if date else None
        # A date without a zone is in UTC: HTTP knows no other.
        return None if parsed is None else (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def spoken(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield every string that the server said: events and hint, without the events that carry the input back."""
    events = value.get("events")
    for event in events if isinstance(events, list) else ():
        if not (isinstance(event, dict) and _text(event.get("type")) in _INPUT_EVENTS):
            yield from strings(event)
    yield from strings(value.get("next_input_hint"))


def strings(root: Any) -> Iterator[str]:
    """Yield every string value below a JSON value, without recursion."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
