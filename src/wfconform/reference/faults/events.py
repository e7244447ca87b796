"""Faults in events: EVT."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from urllib.parse import quote

from wfconform.reference.calls import Call, Handler, Json, Layer, Reply
from wfconform.reference.events import new_event_id
from wfconform.reference.faults.fault import (
    Fault,
    both,
    fault,
    first,
    has_status,
    later,
    of_role,
    stopped,
    turn_from,
    waiting_later,
)
from wfconform.reference.parts import Change, When, answers, remembering

Events = list[Json]


def _edited(edit: Callable[[Events], Events], when: When) -> Change:
    """Replace the events of the answers that `when` picks out."""
    return answers(lambda answer, _: answer.update(events=edit(answer["events"])), when)


def _shifted(seconds: Callable[[int, float], float]) -> Callable[[Events], Events]:
    """Move the timestamps, by an event's place among the others."""

    def edit(events: Events) -> Events:
        return [{**event, "timestamp": seconds(at, event["timestamp"])} for at, event in enumerate(events)]

    return edit


def _null_type(events: Events) -> Events:
    """Name the type of the one event that nothing else depends on otherwise."""
    return [{**event, "type": None} if event["type"] == "workflow_show_state" else event for event in events]


def _ends_twice(events: Events) -> Events:
    return [
        copy
        for event in events
        for copy in ((event, {**event, "logical_id": new_event_id()}) if event["type"] == "end_node_run" else (event,))
    ]


def _retyped(was: str, now: str) -> Callable[[Events], Events]:
    return lambda events: [{**event, "type": now} if event["type"] == was else event for event in events]


def _without(*types: str) -> Callable[[Events], Events]:
    return lambda events: [event for event in events if event["type"] not in types]


def _starts_again(events: Events) -> Events:
    return [{**events[0], "type": "start_workflow", "logical_id": new_event_id()}, *events]


def _numbered(answer: Json, _: Call) -> None:
    for index, event in enumerate(answer["events"]):
        event["logical_id"] = f"event_{answer['run_id']}_{index}"
    if answer["next_input_hint"]:
        answer["next_input_hint"] = answer["events"][-1]


def _resent(pick: Callable[[Events], Events], from_turn: int = 2) -> Change:
    """Send, before a turn's own events, what `pick` takes of all those before."""

    def make() -> Layer:
        sent: defaultdict[str, Events] = defaultdict(list)

        async def layer(call: Call, go: Handler) -> Reply:
            reply = await go(call)
            if not reply.answer or call.stops:
                return reply
            events, before = reply.json["events"], sent[reply.json["run_id"]]
            again = pick(before) if reply.json["turn_number"] >= from_turn else []
            before.extend(events)
            return reply.with_json(events=[*again, *events])

        return layer

    return remembering(make)


def _under_new_ids(events: Events) -> Events:
    return [{**event, "logical_id": new_event_id()} for event in events if event["type"] == "assistant_response"]


def _one_buffer() -> Layer:
    """Keep the current text on the server: sessions at once answer each other's."""
    current = ""

    async def layer(call: Call, go: Handler) -> Reply:
        nonlocal current
        if not call.goes_on or not (call.text or "").startswith("wfm"):
            return await go(call)
        current = call.text or ""
        await asyncio.sleep(0.02)
        return await go(call.saying(current))

    return layer


def _last_text(show: Callable[[Reply, str], Reply], when: Callable[[Reply, Call], bool]) -> Change:
    """Show the text that any session sent before."""

    def make() -> Layer:
        last = ""

        async def layer(call: Call, go: Handler) -> Reply:
            nonlocal last
            reply = await go(call)
            shown = show(reply, last) if when(reply, call) else reply
            last = call.text or last
            return shown

        return layer

    return remembering(make)


def _in_hint(reply: Reply, text: str) -> Reply:
    return reply.with_json(next_input_hint={**reply.json["next_input_hint"], "previous": text})


def _in_first_event(reply: Reply, text: str) -> Reply:
    events = reply.json["events"]
    return reply.with_json(events=[{**events[0], "comments": text}, *events[1:]])


def _waits(reply: Reply, _: Call) -> bool:
    return bool(reply.answer.get("next_input_hint"))


FAULTS: tuple[Fault, ...] = (
    fault(
        "null-type-from-turn-10",
        "From turn 10 on an event has null for its type.",
        _edited(_null_type, turn_from(10)),
        "EVT-001",
    ),
    fault(
        "numbered-type-on-stops",
        "The events of a stop have numbers for types.",
        _edited(lambda events: [{**event, "type": 7} for event in events], stopped),
        "EVT-001",
    ),
    fault(
        "null-type-in-the-second-version",
        "The second version sends an event with null for its type.",
        _edited(_null_type, lambda answer, call: of_role("versioned")(answer, call) and "version=1" in call.query),
        "EVT-001",
    ),
    fault(
        "no-events-when-paused",
        "A turn that pauses has no events.",
        _edited(lambda _: [], has_status("paused")),
        "EVT-002",
        "EVT-003",
    ),
    fault(
        "no-events-when-completed",
        "A turn that completes has no events.",
        _edited(lambda _: [], both(has_status("completed"), of_role("completes"))),
        "EVT-002",
        "EVT-003",
    ),
    fault(
        "no-closing-event",
        "The event that a later turn closes with is emitted after the answer was written.",
        _edited(lambda events: events[:-1], waiting_later),
        "EVT-003",
        "STS-014",
        reason="that event is the hint",
    ),
    fault(
        "completes-without-end",
        "A completed run has no end_workflow.",
        _edited(_without("end_workflow"), has_status("completed")),
        "EVT-003",
    ),
    fault(
        "fails-with-end",
        "A failed run says end_workflow instead of workflow_error.",
        _edited(_retyped("workflow_error", "end_workflow"), has_status("failed")),
        "EVT-003",
    ),
    fault(
        "pauses-without-pause",
        "A paused run has no pause_event.",
        _edited(_without("pause_event"), has_status("paused")),
        "EVT-003",
    ),
    fault(
        "all-events-again",
        "Each turn sends the events of all earlier turns too.",
        _resent(list),
        "EVT-004",
        "EVT-007",
        reason="start_workflow is among them",
    ),
    fault(
        "last-event-again",
        "Each turn begins with the last event of the turn before.",
        _resent(lambda events: events[-1:]),
        "EVT-004",
    ),
    fault(
        "event-again-from-turn-10",
        "From turn 10 on the last event comes twice.",
        _resent(lambda events: events[-1:], from_turn=10),
        "EVT-004",
    ),
    fault(
        "numbered-event-ids",
        "logical_ids are numbered from one in each turn.",
        answers(_numbered, lambda _, call: not call.stops),
        "EVT-004",
    ),
    fault(
        "timestamps-run-backwards",
        "Timestamps fall by half a second from event to event.",
        _edited(_shifted(lambda at, stamp: stamp - at / 2), later),
        "EVT-005",
    ),
    fault(
        "timestamps-in-milliseconds",
        "Timestamps are milliseconds.",
        _edited(_shifted(lambda _, stamp: stamp * 1000), later),
        "EVT-005",
        live=True,
    ),
    fault(
        "timestamps-in-local-time",
        "Timestamps are two hours ahead.",
        _edited(_shifted(lambda _, stamp: stamp + 7200), later),
        "EVT-005",
        live=True,
    ),
    fault("nodes-end-twice", "Each end_node_run is sent twice.", _edited(_ends_twice, later), "EVT-006"),
    fault("starts-each-turn", "start_workflow is sent on every turn.", _edited(_starts_again, later), "EVT-007"),
    fault(
        "one-buffer-for-all",
        "The current text is kept on the server: sessions at once answer each other's.",
        remembering(_one_buffer),
        "EVT-008",
        "TRN-007",
    ),
    fault(
        "last-text-in-the-hint",
        "The hint shows the text that any session sent before.",
        _last_text(_in_hint, _waits),
        "EVT-008",
    ),
    fault(
        "last-text-in-a-header",
        "A header shows the text that any session sent before.",
        _last_text(
            lambda reply, text: reply.with_headers(x_previous=quote(text[:100])), lambda reply, _: reply.status == 200
        ),
        "EVT-008",
    ),
    fault(
        "last-text-in-the-error",
        "The error of a failed run shows the text that any session sent before.",
        _last_text(
            lambda reply, text: reply.with_json(error=f"failed after {text[:100]}"),
            lambda reply, _: reply.answer.get("status") == "failed",
        ),
        "EVT-008",
    ),
    fault(
        "last-text-on-stops",
        "A stop shows the text that any session sent before.",
        _last_text(_in_first_event, lambda reply, call: bool(reply.answer and call.stops)),
        "EVT-008",
    ),
    fault(
        "events-again-under-new-ids",
        "Each turn sends the answers of earlier turns under new logical_ids.",
        _resent(_under_new_ids),
        "EVT-009",
        live=True,
    ),
    fault(
        "nodes-unseen",
        "What nodes say is sent, that they ran is not.",
        _edited(_without("start_node_run", "end_node_run"), lambda _, call: not call.stops),
        "EVT-010",
    ),
    fault(
        "no-events-on-first-turns",
        "The first turn of the conversation has no events.",
        _edited(lambda _: [], both(first, of_role("conversation"))),
        "EVT-002",
        "EVT-003",
    ),
)
