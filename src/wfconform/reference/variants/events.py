"""Variants in events; all of it is seen in real deployments or allowed by §9 and §12."""

import math
from collections.abc import Callable
from typing import Any

from wfconform.reference.calls import Call, Json
from wfconform.reference.events import new_event_id
from wfconform.reference.parts import Change, When, answers, together
from wfconform.reference.variants.variant import Variant, variant

Events = list[Json]
_WAITING = "waiting_for_user_input"
_KEPT = ("type", "content", "message", "origin_node_name", "error_message")


def _executed(_: Json, call: Call) -> bool:
    return not call.stops


def _edited(edit: Callable[[Events, Json], Events], when: When = _executed) -> Change:
    """Replace the events of the answers that `when` picks out, and the hint by its new form."""

    def change(answer: Json, _: Call) -> None:
        hint = answer["next_input_hint"]
        at = next((index for index, event in enumerate(answer["events"]) if event == hint), None)
        events = edit(answer["events"], answer)
        if at is not None:
            answer["next_input_hint"] = next(event for event in events if event["type"] == hint["type"])
        answer["events"] = events

    return answers(change, when)


def _each(edit: Callable[[Json], Json]) -> Change:
    return _edited(lambda events, _: [edit(event) for event in events])


def _event(type: str, like: Json, **fields: Any) -> Json:
    common = {"timestamp": like.get("timestamp"), "thread_reference_id": "0", "origin_thread_id": "0"}
    return {"type": type, "logical_id": new_event_id(), **common, **fields}


def _real(event: Json) -> Json:
    """Say "1" of every node run, and null of the threads of edges."""
    changed = {"origin_node_run_id": "1"} if "origin_node_run_id" in event else {}
    threads = {"thread_reference_id": None, "origin_thread_id": None} if "edge_logical_id" in event else {}
    return {**event, **changed, **threads}


def _real_first_answer(events: Events, _: Json) -> Events:
    """Leave start_workflow out, and run a few more nodes first, as in §12."""
    first = events[0]
    lead = [
        _event(type, first, origin_node_logical_id=node, origin_node_name=node, origin_node_run_id="1", **fields)
        for node in ("welcome", "lookup")
        for type, fields in (
            ("start_node_run", {"run_input": {}}),
            ("say_llm", {"message": "One moment.", "llm_usage_info": {"total_tokens": 17, "was_estimated": False}}),
            ("assistant_response", {"content": "One moment.", "response_metadata": {}}),
            ("end_node_run", {"run_output": None}),
        )
    ]
    return [*lead, *(event for event in events if event["type"] != "start_workflow")]


def _with_unknown_types(events: Events, _: Json) -> Events:
    before = [_event("x_vendor_span", events[0], span={"depth": [1, {"a": None}]}, seq=2**53, delta=-1.5e-7)]
    after = [_event("workflow_show_state", events[-1]), _event("workflow_ready_for_input", events[-1])]
    return [*before, *events, *after]


def _with_companions(events: Events, answer: Json) -> Events:
    threads = {"origin_thread_id": "7", "thread_reference_id": "7"}
    origin = {"origin_node_logical_id": "background", "origin_node_run_id": f"b{answer['turn_number']}"}
    forked = _event("companion_edge", events[0], destination_node_name="background")
    return [forked, {**_event("start_node_run", events[0], **origin), **threads}, *events]


def _pause_event_closes(answer: Json, _: Call) -> None:
    answer["events"][-1] = {**answer["events"][-1], "type": "pause_event", "logical_id": new_event_id()}


def _bare(event: Json) -> Json:
    return {name: value for name, value in event.items() if name in _KEPT}


def _without(*names: str) -> Callable[[Json], Json]:
    return lambda event: {name: value for name, value in event.items() if name not in names}


def _in_parts(event: Json) -> Json:
    if event["type"] != "assistant_response":
        return event
    return {**event, "content": [{"type": "text", "text": event["content"]}]}


def _waits(answer: Json, call: Call) -> bool:
    return not call.stops and answer["status"] == _WAITING


def _echoed_in_the_hint(answer: Json, call: Call) -> None:
    answer["events"][-1] = answer["next_input_hint"] = {**answer["next_input_hint"], "last_text": call.text}


VARIANTS: tuple[Variant, ...] = (
    variant(
        "real-first-answer",
        "First answers have the shape of §12: no start_workflow, several node runs that all say 1, null threads.",
        together(_edited(_real_first_answer, lambda _, call: call.opens), _each(_real)),
        "EVT-007",
        "EVT-006",
    ),
    variant("one-node-run", "Every node run says that it is run 1.", _each(_real), "EVT-006"),
    variant(
        "unknown-types-and-more-after",
        "Types that no table lists come first, and events follow the closing one.",
        _edited(_with_unknown_types),
        "EVT-001",
        "EVT-003",
    ),
    variant("no-logical-ids", "Events have no logical_id.", _each(_without("logical_id")), "EVT-004"),
    variant(
        "whole-seconds",
        "Timestamps are whole seconds, rounded down.",
        _each(lambda event: {**event, "timestamp": math.floor(event["timestamp"])}),
        "EVT-009",
    ),
    variant("no-timestamps", "Timestamps are null.", _each(lambda event: {**event, "timestamp": None}), "EVT-009"),
    variant("bare-events", "Events have a type, what is said, and a node's name.", _each(_bare), "EVT-004"),
    variant(
        "companion-threads",
        "A companion thread starts a node that ends in no turn.",
        _edited(_with_companions),
        "EVT-006",
    ),
    variant(
        "pause-event-closes",
        "A waiting turn closes with pause_event, and the hint is in no event.",
        answers(_pause_event_closes, _waits),
        "EVT-003",
        warns=("STS-014",),
    ),
    variant("content-in-parts", "The content of an assistant_response is a list of parts.", _each(_in_parts)),
    variant("echo-in-the-hint", "The user's text is in the hint, too.", answers(_echoed_in_the_hint, _waits)),
)
