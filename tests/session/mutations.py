"""Single defects for conforming histories: what is changed, where it applies, which requirements must notice."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from tests.session.model import History, Said
from tests.session.shapes import TERMINAL, WAITING, Json

from wfconform.session import Indeterminate, Kind, Refusal, Refused

TURNS = frozenset({"opened", "executed", "lenient", "raced", "beside_stop"})
LATER = frozenset({"executed", "lenient"})
STOPS = frozenset({"stopped", "stopped_again", "stopped_after_end", "stopped_unopened", "stopped_in_flight"})
ANSWERS = TURNS | STOPS | {"snapshot", "cut"}
OF_A_RUN = ANSWERS - {"opened", "stopped_unopened"}
STATUSES = (WAITING, "paused", *TERMINAL, "not_started", "started", "running")
CLOSERS = {
    "busy_wait_for_user_message",
    "pause_event",
    "pause_thread",
    "end_workflow",
    "workflow_error",
    "workflow_warning",
}


@dataclass(frozen=True, slots=True)
class Place:
    """One exchange of a history."""

    history: History
    group: int
    member: int

    @property
    def said(self) -> Said:
        """The exchange."""
        return self.history.groups[self.group][self.member]

    @property
    def body(self) -> Json:
        """Its answer; for places that have one."""
        assert self.said.body is not None
        return self.said.body

    @property
    def beside(self) -> tuple[Said, ...]:
        """What was sent together with it on the same run."""
        others = (other for index, other in enumerate(self.history.groups[self.group]) if index != self.member)
        return tuple(other for other in others if other.ask.run_id == self.said.ask.run_id)

    @property
    def idled(self) -> bool:
        """Sessions may have expired before it."""
        first = self.history.groups[0][0].ask
        return self.said.ask.sent_s - first.sent_s > (self.history.ttl_s or float("inf"))

    @property
    def after_stop_in_flight(self) -> bool:
        """A stop and another request met on the run before it."""
        id = self.said.ask.run_id
        groups = ([one for one in group if one.ask.run_id == id] for group in self.history.groups[: self.group])
        return any(len(group) > 1 and any(one.ask.kind is Kind.STOP for one in group) for group in groups)

    @property
    def after_background(self) -> bool:
        """The run had background work before it."""
        return any(body.get("has_background_work") for body in self.others(earlier=True))

    @property
    def beside_a_stop(self) -> bool:
        """It is a stop and was sent together with another request, or beside a stop."""
        asks = [self.said.ask, *(other.ask for other in self.beside)]
        return len(asks) > 1 and any(ask.kind is Kind.STOP for ask in asks)

    def others(self, *, earlier: bool) -> list[Json]:
        """Return the answers on the same run before it; or after it and beside it."""
        id = self.said.ask.run_id or self.body["run_id"]
        groups = self.history.groups[: self.group] if earlier else self.history.groups[self.group + 1 :]
        all_said = [*(() if earlier else self.beside), *(said for group in groups for said in group)]
        return [said.body for said in all_said if said.body is not None and said.body["run_id"] == id]

    def mutated(self, said: Said) -> History:
        """Return the history with this exchange changed."""
        group = list(self.history.groups[self.group])
        group[self.member] = said
        groups = (*self.history.groups[: self.group], tuple(group), *self.history.groups[self.group + 1 :])
        return replace(self.history, groups=groups)


Change = Callable[[Place], Said | None]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A defect; kinds: the model's words for the exchanges that it applies to."""

    name: str
    kinds: frozenset[str]
    ids: frozenset[str]
    change: Change


def _edit(edit: Callable[[Place, Json], Any]) -> Change:
    """Return a change of the answer's body: by `edit` in place, which returns False where it does not apply."""

    def change(place: Place) -> Said | None:
        if place.said.body is None:
            return None
        body = deepcopy(place.body)
        return None if edit(place, body) is False or body == place.body else replace(place.said, body=body)

    return change


def _set(field: str, value: Any) -> Change:
    return _edit(lambda place, body: body.update({field: value}))


def _number(number: Callable[[Place], int]) -> Change:
    return _edit(lambda place, body: body.update(turn_number=number(place)))


def _when(holds: Callable[[Place], bool], change: Change) -> Change:
    return lambda place: change(place) if holds(place) else None


def _refused(place: Place) -> Said:
    return replace(place.said, body=None, reply=Refusal(409))


def _broke(place: Place) -> Said:
    return replace(place.said, body=None, reply=Indeterminate(500))


def _answered(status: str) -> Change:
    """Return a change of a refusal into a 200."""
    wait = {"type": "busy_wait_for_user_message", "logical_id": "event_of_a_mutation"}

    def change(place: Place) -> Said:
        waits = status == WAITING
        body = {
            "run_id": place.said.ask.run_id or f"{int(place.said.ask.sent_at):08x}{'0' * 16}",
            "status": status,
            "turn_number": place.said.last + 1,
            "events": [wait, {"type": "end_workflow"}],
            "is_waiting_for_input": waits,
            "is_completed": not waits,
            "next_input_hint": wait if waits else None,
        }
        return replace(place.said, body=body, reply=None, date=None)

    return change


def _status_is(*statuses: str) -> Callable[[Place], bool]:
    return lambda place: place.body["status"] in statuses


def _without(name: str) -> Callable[[Place, Json], None]:
    def edit(place: Place, body: Json) -> None:
        del body[name]

    return edit


def _is_invalid(place: Place) -> bool:
    return isinstance(place.said.ask.intent, Refused)


def _swap_run_id(place: Place, body: Json) -> bool:
    ids = [said.body["run_id"] for group in place.history.groups[: place.group] for said in group if said.body]
    foreign = [id for id in ids if id != body["run_id"]]
    body["run_id"] = foreign[0] if foreign else body["run_id"]
    return bool(foreign)


def _drop_events(*types: str) -> Callable[[Place, Json], None]:
    def edit(place: Place, body: Json) -> None:
        body["events"] = [event for event in body["events"] if event["type"] not in types]

    return edit


def _repeat_id(place: Place, body: Json) -> bool:
    earlier = [
        event["logical_id"] for one in place.others(earlier=True) for event in one["events"] if "logical_id" in event
    ]
    if not earlier or not body["events"] or body["next_input_hint" if "next_input_hint" in body else "events"] is None:
        return False
    body["events"][0]["logical_id"] = earlier[0]
    return True


def _resend(place: Place, body: Json) -> bool:
    stamped = [
        event
        for one in place.others(earlier=True)
        for event in one["events"]
        if event.get("timestamp", 0) % 1 and event["type"] == "start_node_run"
    ]
    if not stamped or any("timestamp" in event and event["timestamp"] % 1 == 0 for event in body["events"]):
        return False
    body["events"].insert(0, {**stamped[0], "logical_id": "event_under_a_new_id"})
    return True


def _backwards(place: Place, body: Json) -> bool:
    last = body["events"][-1] if body["events"] else {}
    if "timestamp" not in last or len(body["events"]) < 2:
        return False
    first = body["events"][0]
    last["timestamp"] = first["timestamp"] - 0.5
    last["thread_reference_id"] = first.get("thread_reference_id")
    return True


def _years_ago(place: Place, body: Json) -> bool:
    for event in body["events"]:
        event["timestamp"] = 1_000_000_000.5
    return place.said.date is not None


def _duplicate(place: Place, body: Json) -> bool:
    numbers = [said.body["turn_number"] for said in place.beside if said.body and said.what == "raced"]
    body["turn_number"] = numbers[0] if numbers else body["turn_number"]
    return bool(numbers)


def _gap(place: Place, body: Json) -> bool:
    numbers = [said.body["turn_number"] for said in place.beside if said.body and said.what == "raced"]
    body["turn_number"] += 1
    return all(number < body["turn_number"] - 1 for number in numbers)


def _break_hint(place: Place, body: Json) -> None:
    body["next_input_hint"] = {**body["next_input_hint"], "logical_id": "event_of_nobody", "comments": "new"}


def _ids(*ids: str) -> frozenset[str]:
    return frozenset(ids)


_STATUS_IDS = _ids(
    *(f"STS-{number:03d}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13)),
    *("EVT-002", "EVT-003", "CAN-001", "CAN-003", "CAN-004", "CAN-005", "CAN-006"),
)
_WRONG_TYPES: tuple[tuple[str, Any], ...] = (
    ("turn_number", "1"),
    ("turn_number", 1.0),
    ("turn_number", True),
    ("is_completed", 0),
    ("is_waiting_for_input", "false"),
    ("status", 3),
    ("run_id", 5),
    ("events", {}),
)
_WRONG_OPTIONAL: tuple[tuple[str, Any], ...] = (
    ("error", 7),
    ("error", {"message": "oops"}),
    ("next_input_hint", "say something"),
    ("next_input_hint", []),
)
_OPTIONAL_IDS = ("EXE-002", "STS-006", "STS-007", "STS-012", "STS-013")
_REQUIRED = ("run_id", "status", "turn_number", "events", "is_waiting_for_input", "is_completed")
_not_failed = _status_is(WAITING, "paused", "completed", "cancelled", "aborted_looping_risk")
_ENDED = _ids("snapshot_refused")

MUTATIONS: tuple[Mutation, ...] = (
    # turn_number
    Mutation("first turn 2", _ids("opened"), _ids("TRN-001"), _set("turn_number", 2)),
    Mutation("first turn 0", _ids("opened"), _ids("TRN-001"), _set("turn_number", 0)),
    Mutation("turn skipped", LATER, _ids("TRN-002"), _number(lambda p: p.body["turn_number"] + 1)),
    Mutation("turn repeated", LATER, _ids("TRN-002"), _number(lambda p: p.said.last)),
    Mutation("turn before the last", LATER, _ids("TRN-002"), _number(lambda p: p.said.last - 1)),
    Mutation("stop takes two turns", _ids("stopped"), _ids("TRN-006"), _number(lambda p: p.said.last + 2)),
    Mutation(
        "stop loses a turn",
        _ids("stopped", "stopped_in_flight"),
        _ids("TRN-006"),
        _number(lambda p: p.said.last - 1),
    ),
    Mutation("stop loses two turns", _ids("stopped_again"), _ids("TRN-006"), _number(lambda p: p.said.last - 2)),
    Mutation(
        "stop in flight takes three turns",
        _ids("stopped_in_flight"),
        _ids("TRN-006"),
        _number(lambda p: p.said.last + 3),
    ),
    Mutation("snapshot of a later turn", _ids("snapshot"), _ids("STS-009"), _number(lambda p: p.said.last + 4)),
    Mutation("snapshot of an earlier turn", _ids("snapshot"), _ids("STS-009"), _number(lambda p: p.said.last - 3)),
    Mutation("number twice in a race", _ids("raced"), _ids("TRN-005"), _edit(_duplicate)),
    Mutation("gap in a race", _ids("raced"), _ids("TRN-005"), _edit(_gap)),
    # status and flags
    *(Mutation(f"status {status}", ANSWERS, _STATUS_IDS, _set("status", status)) for status in STATUSES),
    Mutation("status in capitals", ANSWERS, _ids("STS-001"), _edit(lambda p, b: b.update(status=b["status"].upper()))),
    Mutation("status unknown", ANSWERS, _ids("STS-001"), _set("status", "waiting")),
    Mutation(
        "is_waiting_for_input flipped",
        ANSWERS,
        _ids("STS-004", "STS-005"),
        _edit(lambda p, b: b.update(is_waiting_for_input=not b["is_waiting_for_input"])),
    ),
    Mutation(
        "is_completed flipped",
        ANSWERS,
        _ids("STS-003"),
        _edit(lambda p, b: b.update(is_completed=not b["is_completed"])),
    ),
    Mutation(
        "both flags",
        ANSWERS,
        _ids("STS-005"),
        _edit(lambda p, b: b.update(is_waiting_for_input=True, is_completed=True)),
    ),
    # hint and error
    Mutation("hint dropped", TURNS, _ids("STS-007"), _when(_status_is(WAITING), _set("next_input_hint", None))),
    Mutation(
        "hint added", ANSWERS, _ids("STS-007"), _when(_status_is(*TERMINAL), _set("next_input_hint", {"type": "x"}))
    ),
    Mutation(
        "hint of another type",
        TURNS,
        _ids("STS-008"),
        _when(_status_is(WAITING), _set("next_input_hint", {"type": "llm"})),
    ),
    Mutation(
        "hint is no event",
        TURNS - {"raced", "beside_stop"},
        _ids("STS-014"),
        _when(_status_is(WAITING), _edit(_break_hint)),
    ),
    Mutation("error added", ANSWERS, _ids("STS-012", "STS-013"), _when(_not_failed, _set("error", "oops"))),
    Mutation("error removed", TURNS, _ids("STS-006"), _when(_status_is("failed"), _set("error", None))),
    Mutation("error blank", TURNS, _ids("STS-006"), _when(_status_is("failed"), _set("error", " "))),
    # run_id
    Mutation("run_id of another run", OF_A_RUN, _ids("RUN-003"), _edit(_swap_run_id)),
    Mutation("run_id used again", _ids("opened"), _ids("RUN-002"), _edit(_swap_run_id)),
    Mutation("run_id too short", OF_A_RUN, _ids("RUN-003"), _set("run_id", "5eb7")),
    Mutation("first run_id too short", _ids("opened"), _ids("RUN-001"), _set("run_id", "5eb7")),
    Mutation("run_id of long ago", _ids("opened"), _ids("RUN-008"), _set("run_id", "5eb7cf5a86d9755df3a6c594")),
    Mutation(
        "run_id in capitals",
        LATER | {"opened"},
        _ids("RUN-012"),
        _edit(lambda p, b: b.update(run_id=b["run_id"].upper())),
    ),
    # events
    Mutation(
        "event without type", ANSWERS, _ids("EVT-001"), _edit(lambda p, b: b["events"].append({"logical_id": "e"}))
    ),
    Mutation("event is a string", ANSWERS, _ids("EVT-001"), _edit(lambda p, b: b["events"].append("llm"))),
    Mutation("events null", ANSWERS, _ids("EVT-001"), _set("events", None)),
    Mutation("events emptied", TURNS, _ids("EVT-002", "EVT-003"), _set("events", [])),
    Mutation("closing event dropped", TURNS, _ids("EVT-003", "EVT-002"), _edit(_drop_events(*CLOSERS))),
    Mutation("event id of an earlier turn", TURNS - {"opened"}, _ids("EVT-004"), _edit(_repeat_id)),
    Mutation("event of an earlier turn", LATER, _ids("EVT-009"), _edit(_resend)),
    Mutation("time runs backwards", LATER | {"opened"}, _ids("EVT-005"), _edit(_backwards)),
    Mutation("time of years ago", LATER | {"opened"}, _ids("EVT-005"), _edit(_years_ago)),
    Mutation(
        "start_workflow again",
        LATER,
        _ids("EVT-007"),
        _edit(lambda p, b: b["events"].insert(0, {"type": "start_workflow"})),
    ),
    Mutation(
        "node ends twice", LATER, _ids("EVT-006"), _edit(lambda p, b: b["events"].append({"type": "end_node_run"}))
    ),
    Mutation(
        "node runs dropped", LATER | {"opened"}, _ids("EVT-010"), _edit(_drop_events("start_node_run", "end_node_run"))
    ),
    # shape
    *(Mutation(f"no {name}", ANSWERS, _ids("EXE-002"), _edit(_without(name))) for name in _REQUIRED),
    *(Mutation(f"{name} {value!r}", ANSWERS, _ids("EXE-002"), _set(name, value)) for name, value in _WRONG_TYPES),
    *(
        Mutation(f"{name} {value!r}", ANSWERS, _ids(*_OPTIONAL_IDS), _set(name, value))
        for name, value in _WRONG_OPTIONAL
    ),
    # refusals and answers
    Mutation("probe executed", _ids("probe"), _ids("EXE-006"), _answered(WAITING)),
    Mutation("invalid start executed", _ids("start_refused"), _ids("EXE-005"), _when(_is_invalid, _answered(WAITING))),
    Mutation("ended run goes on", _ENDED, _ids("STS-009", "TRN-005"), _answered(WAITING)),
    Mutation("completed run cancelled", _ids("stopped_after_end_refused"), _ids("CAN-005"), _answered("cancelled")),
    Mutation("cancelled run completed", _ids("stopped_again_refused"), _ids("CAN-003"), _answered("completed")),
    Mutation("stop opens a run", _ids("unopened_refused"), _ids("CAN-004"), _answered(WAITING)),
    Mutation("ended run breaks", _ENDED | {"snapshot"}, _ids("STS-009"), _broke),
    Mutation("second stop breaks", _ids("stopped_again", "stopped_again_refused"), _ids("CAN-003"), _broke),
    Mutation("probe breaks", _ids("probe"), _ids("EXE-006"), _broke),
    Mutation("first turn refused", _ids("opened"), _ids("EXE-001"), _refused),
    Mutation("valid turn refused", _ids("executed"), _ids("TRN-002", "RUN-009", "TRN-004", "EXE-010"), _refused),
    Mutation("stop refused", _ids("stopped"), _ids("CAN-001", "EXE-010"), _refused),
)
