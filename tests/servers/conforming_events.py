"""Conforming servers that differ in their events; all of it is seen in real deployments or allowed by §9 and §12."""

import math
from typing import Any

from tests.servers.model import Ask, Json, Outcome, Run, event, node
from tests.servers.spec import SpecServer
from tests.servers.target import Conforming, variants

TABLE: list[Conforming] = []
variant = variants(TABLE)


def at(moment: float, events: list[Json]) -> list[Json]:
    """The events, all of them at one moment."""
    return [{**each, "timestamp": moment} for each in events]


class _Edited(SpecServer):
    """Passes the events of every turn through `edit`."""

    def play(self, run: Run, number: int, ask: Ask) -> Outcome:
        outcome = super().play(run, number, ask)
        outcome.events = self.edit(outcome.events, run, number)
        return outcome

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        raise NotImplementedError


@variant()
class RealShape(SpecServer):
    """First answers have the shape of §12: 15 events, several nodes that all say run "1", thread ids "0" or null."""

    def converse(self, run: Run, number: int, ask: Ask) -> Outcome:
        outcome = super().converse(run, number, ask)
        if number == 1 and run.role == "conversation":
            lead = [*self._step("welcome"), *self._step("lookup"), *self._step("menu")][:14]
            outcome.events = [*at(outcome.events[0]["timestamp"], lead), outcome.events[-1]]
        return outcome

    def _step(self, name: str) -> list[Json]:
        starts, response, ends = node(name, 1, f"This is {name}.")
        usage = {"provider": "openai", "total_tokens": 17, "finish_reason": "stop", "was_estimated": False}
        says = event("say_llm", message=f"This is {name}.", llm_usage_info=usage, origin_node_run_id="1")
        edge = event("direct_edge", edge_name="", source_node_name=name, reason=None, origin_thread_id=None)
        return [starts, {**says, "thread_reference_id": None}, response, ends, edge]


@variant()
class StartAndMore(_Edited):
    """start_workflow comes on the first turn, with types that no table lists, and events follow the closing one."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        first = ["start_workflow", "start_thread"] if number == 1 else []
        debug = [
            *map(event, first),
            event("workflow_debug_log", log="…"),
            event("x_vendor_span", span={"depth": [1, {"a": None}]}),
        ]
        after = [event("workflow_show_state", thread_id="0", runtime_variables={}), event("workflow_ready_for_input")]
        return [*at(events[0]["timestamp"], debug), *events, *after]


@variant()
class NoLogicalIds(_Edited):
    """Events have no logical_id."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        for each in events:
            del each["logical_id"]
        return events


@variant()
class WholeSeconds(_Edited):
    """Timestamps are whole seconds, rounded down."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        for each in events:
            each["timestamp"] = math.floor(each["timestamp"])
        return events


@variant()
class NoTimestamps(_Edited):
    """Timestamps are null, comments and interruptions left out."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        for each in events:
            each["timestamp"] = None
            del each["comments"], each["interrupted"]
        return events


@variant()
class BareEvents(_Edited):
    """Events have a type, what the user is told, and a node's name."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        kept = ("type", "content", "origin_node_name", "error_message")
        for each in events:
            for key in [key for key in each if key not in kept]:
                del each[key]
        return events


@variant()
class ParkedNodes(SpecServer):
    """The node that waits is started in one turn and ends in the next."""

    def converse(self, run: Run, number: int, ask: Ask) -> Outcome:
        outcome = super().converse(run, number, ask)
        parked = run.notes.get("parked")
        origin = {"origin_node_logical_id": "node_park", "origin_node_name": "park", "origin_node_run_id": str(number)}
        if parked is not None:
            moment = outcome.events[0]["timestamp"]
            outcome.events[:0] = at(moment, [event("end_node_run", **parked)])
        if outcome.status == "waiting_for_user_input":
            moment = outcome.events[-1]["timestamp"]
            outcome.events[-1:-1] = at(moment, [event("start_node_run", **origin)])
            run.notes["parked"] = origin
        return outcome


@variant()
class CompanionThreads(_Edited):
    """A companion thread starts a node that ends in no turn."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        threads = {"origin_thread_id": "7", "thread_reference_id": "7"}
        started = event("start_node_run", origin_node_logical_id="node_bg", origin_node_run_id=f"b{number}", **threads)
        forked = event("companion_edge", destination_node_name="bg")
        return [*at(events[0]["timestamp"], [forked, started]), *events]


@variant()
class SameNodeRunsAgain(_Edited):
    """A node runs twice in a turn under one run id, one run after the other."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        again = [*node("retry", 1, "Once."), *node("retry", 1, "Twice.")]
        return [*at(events[0]["timestamp"], again), *events]


@variant("STS-014")
class PauseEventCloses(SpecServer):
    """A waiting turn closes with pause_event, and the hint is in no event."""

    def wait(self, events: list[Json]) -> Outcome:
        outcome = super().wait(events)
        outcome.events[-1] = event("pause_event")
        return outcome


@variant()
class HintTwice(SpecServer):
    """The hint is sent in the middle of the events, with expected input described in fields of its own."""

    def wait(self, events: list[Json]) -> Outcome:
        parked = event("busy_wait_for_user_message", expects={"kind": "text"}, allow_dynamic_variables=None)
        return Outcome("waiting_for_user_input", [*events, parked, event("pause_thread")], hint=dict(parked))


@variant()
class EchoInManyPlaces(SpecServer):
    """The user's text is also in the hint, and with the earlier texts of the session in its state."""

    def converse(self, run: Run, number: int, ask: Ask) -> Outcome:
        outcome = super().converse(run, number, ask)
        run.notes["texts"] = [*run.notes.get("texts", []), ask.text]
        state = event("workflow_show_state", runtime_variables={"history": list(run.notes["texts"])})
        outcome.events[:0] = at(outcome.events[0]["timestamp"], [state])
        if outcome.hint is not None:
            outcome.hint["last_text"] = ask.text
        return outcome


@variant()
class EchoOnlyInUserMessages(SpecServer):
    """Answers in another event type: say_llm with a message, no assistant_response."""

    def converse(self, run: Run, number: int, ask: Ask) -> Outcome:
        outcome = super().converse(run, number, ask)
        for each in outcome.events:
            if each["type"] == "assistant_response":
                each["type"] = "say_llm"
                each["message"] = each.pop("content")
        return outcome


@variant()
class OddValues(SpecServer):
    """Flags of newer servers inside events, huge and negative numbers, empty strings."""

    def heard(self, text: str) -> Json:
        extra: dict[str, Any] = {"": "", "seq": 2**53, "delta": -1.5e-7, "flags": {"is_completed": False}}
        return event("user_messages", messages=[{"type": "human", "content": text}], **extra)
