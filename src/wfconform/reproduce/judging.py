"""The predicates, one function each: whether a requirement holds in the answers that a script got, and what it saw.

Scripts carry the source of the one that they need: each stands alone but for the standard library and `answers`. It
raises Unplayed when the replay says nothing about the requirement.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from wfconform.reproduce.answers import Unplayed, answered, at, events_of, spoken

# --- HTTP


def http_status(call: dict[str, Any], _: dict[int, Any], allowed: list[list[int]]) -> tuple[bool, str]:
    """The HTTP status lies in one of the ranges."""
    if call["status"] in (0, 429):
        raise Unplayed(f"call {call['number']}: {call['error'] or '429, not processed'}")
    return any(low <= call["status"] <= high for low, high in allowed), f"HTTP status {call['status']}"


def complete(call: dict[str, Any], _: dict[int, Any]) -> tuple[bool, str]:
    """There is a complete answer below 500; what was not processed counts as one."""
    later = call["status"] == 503 and any(name == "retry-after" for name, _value in call["headers"])
    return 0 < call["status"] < 500 or later, call["error"] or f"HTTP status {call['status']}"


def one_object(call: dict[str, Any], _: dict[int, Any], strict: bool = False, media: str = "") -> tuple[bool, str]:  # noqa: FBT001, FBT002
    """The answer is 200 with one JSON object; strict: as RFC 8259 has it; media: its content type."""
    faults = []

    def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            faults.append("a key given twice")
        return dict(pairs)

    if call["status"] != 200:
        return False, f"HTTP status {call['status'] or call['error']}"
    try:
        value = json.loads(call["body"].decode("utf-8"), object_pairs_hook=no_twins, parse_constant=faults.append)
    except ValueError as error:
        return False, str(error)
    if not isinstance(value, dict):
        return False, f"no object: {str(value)[:80]}"
    kind = dict(call["headers"]).get("content-type", "none").partition(";")[0].strip().lower()
    if media and kind != media:
        return False, kind
    return not (strict and faults), ", ".join(faults) or "one JSON object"


def has_header(call: dict[str, Any], _: dict[int, Any], name: str, statuses: list[int]) -> tuple[bool, str]:
    """An answer with such a status carries the header."""
    if call["status"] not in statuses:
        raise Unplayed(f"call {call['number']} was answered {call['status'] or call['error']}")
    found = dict(call["headers"]).get(name)
    return found is not None, f"{name}: {found}"


def readable_refusal(call: dict[str, Any], _: dict[int, Any]) -> tuple[bool, str]:
    """A refusal is JSON with a human-readable string."""
    if not 400 <= call["status"] < 500:
        raise Unplayed(f"call {call['number']} was answered {call['status'] or call['error']}")
    try:
        stack, shown = [json.loads(call["body"])], repr(call["body"][:80])
    except ValueError as error:
        return False, str(error)
    while stack:
        node = stack.pop()
        if isinstance(node, str) and re.search(r"[^\W\d_]{3}", node):
            return True, shown
        stack += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return False, shown


def no_key(call: dict[str, Any], _: dict[int, Any], variables: list[str]) -> tuple[bool, str]:
    """The keys, as the environment has them, are not in the answer."""
    shown = call["body"] + b"\n".join(value.encode("latin-1", "replace") for _name, value in call["headers"])
    there = [name for name in variables if os.environ.get(name) and os.environ[name].encode() in shown]
    return not there, f"the value of {there[0]} is in it" if there else "no key in it"


def no_foreign_mark(call: dict[str, Any], _: dict[int, Any], token: str) -> tuple[bool, str]:
    """No mark of another session is in the answer."""
    shown = call["body"] + str(call["headers"]).encode()
    marks = [mark for mark in re.findall(rb"wfm([0-9a-f]{12})n[0-9a-f]{4}z", shown) if mark != token.encode()]
    return not marks, f"a mark of session {marks[0].decode()}" if marks else "no foreign mark"


# --- fields


def value_in(
    call: dict[str, Any],
    _: dict[int, Any],
    path: str,
    values: list[Any],
    refusals: list[list[int]] = [],  # noqa: B006 - never changed
) -> tuple[bool, str]:
    """The value is one of these, or the call is refused as it may be."""
    if any(low <= call["status"] <= high for low, high in refusals):
        return True, f"refused with {call['status']}"
    if call["status"] >= 500 and refusals:
        return False, f"HTTP status {call['status']}"
    found = at(answered(call), path)
    return any(found == value and type(found) is type(value) for value in values), json.dumps(found)


def in_bounds(
    call: dict[str, Any],
    calls: dict[int, Any],
    path: str,
    low: int,
    high: int,
    after: list[list[int]],
    refusals: list[list[int]] = [],  # noqa: B006 - never changed
) -> tuple[bool, str]:
    """The number lies so far above the highest one of the last calls in `after` that were answered."""
    if any(first <= call["status"] <= last for first, last in refusals):
        return True, f"refused with {call['status']}"
    number = at(answered(call), path)
    base = 0
    for group in after:
        told = [at(calls[n]["json"], path) for n in group if calls[n]["status"] == 200]
        base = max([n for n in told if isinstance(n, int)], default=base)
    span = f"{base + low}" if low == high else f"{base + low} to {base + high}"
    holds = isinstance(number, int) and base + low <= number <= base + high
    return holds, f"{json.dumps(number)} ({span} is right)"


def stays_ended(
    call: dict[str, Any], calls: dict[int, Any], before: list[list[int]], refusals: list[list[int]]
) -> tuple[bool, str]:
    """The status is the one that the run had ended with, or the call is refused."""
    if any(low <= call["status"] <= high for low, high in refusals):
        return True, f"refused with {call['status']}"
    ended = ""
    for group in before:
        told = [str(calls[n]["json"].get("status")) for n in group if calls[n]["status"] == 200]
        ends = [one for one in told if one in ("completed", "failed", "cancelled", "aborted_looping_risk")]
        ended = ends[0] if ends else ended
    if not ended:
        raise Unplayed("the run had not ended before")
    if call["status"] >= 500:
        return False, f"HTTP status {call['status']}"
    status = answered(call).get("status")
    return status == ended, f"{json.dumps(status)} after {ended}"


def typed(call: dict[str, Any], _: dict[int, Any], path: str, kind: str) -> tuple[bool, str]:
    """The value has that JSON type."""
    wanted = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}[kind]
    found = at(answered(call), path)
    return type(found) is wanted, json.dumps(found)[:80]


def by_status(call: dict[str, Any], _: dict[int, Any], path: str, wanted: dict[str, str]) -> tuple[bool, str]:
    """The value is what goes with the status."""
    body = answered(call)
    found, status = at(body, path), str(body.get("status")).lower()
    holds = {
        "true": found is True,
        "false": found is False,
        "object": isinstance(found, dict),
        "null": found is None,
        "none": found in (None, ""),
        "text": isinstance(found, str) and bool(found.strip()),
        "": True,
    }[wanted.get(status, "")]
    return holds, f"{json.dumps(found)[:80]} with status {status}"


def not_both(call: dict[str, Any], _: dict[int, Any]) -> tuple[bool, str]:
    """The two flags are not both true."""
    flags = [answered(call).get(name) for name in ("is_waiting_for_input", "is_completed")]
    return flags != [True, True], "is_waiting_for_input, is_completed: " + json.dumps(flags)


def matches(call: dict[str, Any], _: dict[int, Any], path: str, pattern: str) -> tuple[bool, str]:
    """The string matches."""
    found = at(answered(call), path)
    return isinstance(found, str) and bool(re.fullmatch(pattern, found)), json.dumps(found)


def same_run(call: dict[str, Any], calls: dict[int, Any], of: int) -> tuple[bool, str]:
    """The run_id is that of an earlier call; a session that goes on does not start again with turn 1."""
    run, before = answered(call).get("run_id"), calls[of]["json"].get("run_id")
    same = str(run).lower() == str(before).lower()
    again = same and call["json"].get("turn_number") == 1
    return same and not again, "turn 1 again" if again else f"{json.dumps(run)} after {json.dumps(before)}"


def distinct(_: dict[str, Any], calls: dict[int, Any], path: str, among: list[int]) -> tuple[bool, str]:
    """No two of these calls were answered with the same value."""
    found = [at(calls[n]["json"], path) for n in among if calls[n]["status"] == 200]
    if len(found) < 2:
        raise Unplayed("fewer than two of the calls were answered")
    return len(set(map(str, found))) == len(found), ", ".join(map(str, found))


def contiguous(_: dict[str, Any], calls: dict[int, Any], among: list[int], after: list[list[int]]) -> tuple[bool, str]:
    """The turn numbers of calls sent at once follow on from the last one, each once."""
    base = 0
    for group in after:
        told = [calls[n]["json"].get("turn_number") for n in group if calls[n]["status"] == 200]
        base = max([n for n in told if isinstance(n, int)], default=base)
    found = sorted(int(calls[n]["json"].get("turn_number", 0)) for n in among if calls[n]["status"] == 200)
    lost = sum(calls[n]["status"] in (0, 500, 502, 504) for n in among)
    fits = len(set(found)) == len(found) and all(base < n <= base + len(found) + lost for n in found)
    return fits, f"{', '.join(map(str, found)) or 'none'} after {base}"


def created_now(call: dict[str, Any], _: dict[int, Any]) -> tuple[bool, str]:
    """The ObjectId's timestamp is the time of the call, by the server's clock."""
    import time
    from email.utils import parsedate_to_datetime

    run = str(answered(call).get("run_id"))
    date = dict(call["headers"]).get("date")
    end = parsedate_to_datetime(date).timestamp() if date else time.time()
    stamp = int(run[:8], 16)
    return end - call["elapsed_s"] - 60 <= stamp <= end + 60, f"{stamp} at {end:.0f}"


def says(call: dict[str, Any], _: dict[int, Any], text: str, others: list[str] = []) -> tuple[bool, str]:  # noqa: B006
    """The server says the text, and none of the others in its place."""
    said = spoken(answered(call))
    for other in sorted(others, key=len, reverse=True):
        said = said.replace(other, "") if text in other else said
    return text in said, repr(said[:120])


def same_as_then(call: dict[str, Any], _: dict[int, Any], status: int, path: str, value: Any) -> tuple[bool, str]:
    """The answer is another one than the one that was wrong: its status class, or the value."""
    found = at(call["json"], path) if path else value
    return not (call["status"] // 100 == status // 100 and found == value), json.dumps(found)[:120]


# --- events


def told_end(call: dict[str, Any], _: dict[int, Any], wanted: dict[str, list[str]]) -> tuple[bool, str]:
    """An event tells the turn's end; wanted: which ones, by status."""
    body = answered(call)
    types = [event.get("type") for event in events_of(body)]
    fitting = wanted.get(str(body.get("status")).lower())
    return fitting is None or any(one in fitting for one in types), f"{body.get('status')}: {types[-3:]}"


def some_events(call: dict[str, Any], _: dict[int, Any]) -> tuple[bool, str]:
    """There are events."""
    events = answered(call).get("events")
    return bool(events), f"{len(events if isinstance(events, list) else [])} events"


def event_objects(call: dict[str, Any], _: dict[int, Any]) -> tuple[bool, str]:
    """Events is an array of objects with a string type."""
    events = answered(call).get("events")
    if not isinstance(events, list):
        return False, json.dumps(events)[:80]
    odd = [one for one in events if not (isinstance(one, dict) and isinstance(one.get("type"), str))]
    return not odd, json.dumps(odd[0])[:80] if odd else "objects with a string type"


def new_events(
    call: dict[str, Any],
    calls: dict[int, Any],
    before: list[int],
    keys: list[str],
) -> tuple[bool, str]:
    """No event has what an event of an earlier turn had in these fields."""
    known = {json.dumps([e.get(k) for k in keys]) for n in before for e in events_of(calls[n]["json"])}
    mine = [json.dumps([e.get(k) for k in keys]) for e in events_of(answered(call)) if e.get(keys[0]) is not None]
    again = [one for one in mine if one in known]
    return not again, f"{again[0]} again" if again else "new ones only"


def in_time(call: dict[str, Any], _: dict[int, Any]) -> tuple[bool, str]:
    """Timestamps do not run backwards within a thread, and lie within the call."""
    from email.utils import parsedate_to_datetime

    latest: dict[Any, float] = {}
    date = dict(call["headers"]).get("date")
    end = parsedate_to_datetime(date).timestamp() if date else None
    for event in events_of(answered(call)):
        stamp, thread = event.get("timestamp"), event.get("thread_reference_id")
        if isinstance(stamp, bool) or not isinstance(stamp, (int, float)):
            continue
        if stamp < latest.get(thread, stamp) - 0.001:
            return False, f"{stamp!r} after {latest[thread]!r}"
        if end is not None and not end - call["elapsed_s"] - 5 <= stamp <= end + 5:
            return False, f"{stamp!r}, at {end:.0f} by the server's clock"
        latest[thread] = max(stamp, latest.get(thread, stamp))
    return True, f"{len(latest)} timestamps in order"


def paired(call: dict[str, Any], calls: dict[int, Any], before: list[int]) -> tuple[bool, str]:
    """start_node_run and end_node_run pair up."""
    body = answered(call)
    running: dict[Any, int] = {}
    for source in [calls[n]["json"] for n in before] + [body]:
        for event in events_of(source, main=True):
            key = (str(event.get("origin_node_logical_id")), str(event.get("origin_node_run_id")))
            change = {"start_node_run": 1, "end_node_run": -1}.get(str(event.get("type")), 0)
            running[key] = running.get(key, 0) + change
            if running[key] < 0 and source is body:
                return False, f"end_node_run of {json.dumps(key)} without its start"
            running[key] = max(0, running[key])
    left = [one for one, count in running.items() if count > 0]
    return not (left and body.get("status") == "completed"), f"unfinished: {json.dumps(left[:1])}"


def no_event(call: dict[str, Any], _: dict[int, Any], type: str) -> tuple[bool, str]:
    """No event is of this type."""
    types = [event.get("type") for event in events_of(answered(call))]
    return type not in types, json.dumps(types[:3])


def node_events(call: dict[str, Any], _: dict[int, Any], work: list[str]) -> tuple[bool, str]:
    """A turn that ran a node has its start_node_run and end_node_run."""
    events = events_of(answered(call), main=True)
    types = {event.get("type") for event in events}
    if types & set(work) and not types & {"start_node_run", "end_node_run"}:
        return False, "neither start_node_run nor end_node_run"
    ended = {e.get("origin_node_logical_id") for e in events if e.get("type") == "end_node_run"}
    edges = [e for e in events if e.get("type") in ("direct_edge", "conditional_edge")]
    left = [e.get("source_node_logical_id") for e in edges]
    missing = [node for node in left if node is not None and node not in ended]
    return not missing, f"no end_node_run of {json.dumps(missing[:1])}"


def hint_among_events(call: dict[str, Any], _: dict[int, Any]) -> tuple[bool, str]:
    """The hint is one of this turn's events."""
    body = answered(call)
    hint = body.get("next_input_hint")
    if not isinstance(hint, dict):
        return True, "no hint"
    id = hint.get("logical_id")
    found = [e for e in events_of(body) if e == hint or (id is not None and e.get("logical_id") == id)]
    return bool(found), f"hint {json.dumps(id)}"


# What is said of a 200 alone.
OF_ANSWERS = frozenset(
    function.__name__
    for function in (
        *(value_in, in_bounds, typed, by_status, not_both, matches, same_run, says, told_end, some_events),
        *(event_objects, new_events, in_time, paired, no_event, node_events, hint_among_events),
    )
)
PREDICATES = {
    function.__name__: function
    for function in (
        *(http_status, complete, one_object, has_header, readable_refusal, no_key, no_foreign_mark),
        *(value_in, in_bounds, stays_ended, typed, by_status, not_both, matches, same_run, distinct, contiguous),
        created_now,
        *(says, same_as_then, told_end, some_events, event_objects, new_events, in_time, paired, no_event),
        *(node_events, hint_among_events),
    )
}
