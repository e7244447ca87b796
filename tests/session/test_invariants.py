"""Each invariant holds for a plain session, and is broken by the plainest violation of it."""

from dataclasses import dataclass
from typing import Any

import pytest
from tests.session.shapes import EPOCH_S, WAITING, Json
from tests.session.talk import ABSENT, OTHER_RUN, RUN, Talk, body, broken, event

from wfconform.session import Indeterminate, Kind, Refusal, Reply

WAIT = event("busy_wait_for_user_message", timestamp=EPOCH_S + 102.5)
OLD_RUN = "5eb7cf5a86d9755df3a6c594"
NODE = {"origin_node_logical_id": "node_1", "origin_node_run_id": "1"}


def waits(turn: int, *events: Json, **changes: Any) -> Json:
    """Return a waiting answer with these events before its last one."""
    return body(turn, WAITING, events=[*events, WAIT], next_input_hint=WAIT, **changes)


@dataclass(frozen=True, slots=True)
class Case:
    """asked: first, turn or stop; good and bad: replies; before: the first answer of the session."""

    id: str
    asked: str
    good: Json | Reply
    bad: Json | Reply
    before: Json | None = None
    also: frozenset[str] = frozenset()


def case(id: str, asked: str, good: Json | Reply, bad: Json | Reply, *also: str, before: Json | None = None) -> Case:
    """Return a case; also: what else the bad reply violates."""
    return Case(id, asked, good, bad, before, frozenset(also))


COMPLETED, CANCELLED, PAUSED = body(1, "completed"), body(1, "cancelled"), body(1, "paused")
SEEN = body(
    1,
    WAITING,
    events=[event("user_messages", logical_id="event_seen", timestamp=EPOCH_S + 100.5), WAIT],
    next_input_hint=WAIT,
)
RESENT = {"type": "user_messages", "thread_reference_id": "0", "timestamp": EPOCH_S + 100.5}

CASES = (
    case("RUN-001", "first", body(1), body(1, run_id="1")),
    case("RUN-003", "turn", body(2), body(2, run_id=OTHER_RUN)),
    case("RUN-003", "turn", body(2), body(2, run_id="")),
    case("RUN-003", "stop", body(1, "cancelled"), body(1, "cancelled", run_id=OTHER_RUN)),
    case("RUN-008", "first", body(1), body(1, run_id=OLD_RUN)),
    case("RUN-012", "first", body(1), body(1, run_id=RUN.upper())),
    case("RUN-012", "turn", body(2), body(2, run_id=RUN.upper())),
    case("TRN-001", "first", body(1), body(2)),
    case("TRN-001", "first", body(1), body(0)),
    case("TRN-002", "turn", body(2), body(1)),
    case("TRN-002", "turn", body(2), body(3)),
    case("TRN-002", "turn", body(2), Refusal(409)),
    case("TRN-006", "stop", body(1, "cancelled"), body(0, "cancelled")),
    case("TRN-006", "stop", body(2, "cancelled"), body(3, "cancelled")),
    case("TRN-006", "stop", body(2, "cancelled"), body(3, "cancelled"), before=CANCELLED),
    case("STS-001", "first", body(1), body(1, status="waiting")),
    case("STS-001", "first", body(1), body(1, status="WAITING_FOR_USER_INPUT")),
    case("STS-002", "turn", body(2), body(2, "running"), "EVT-002"),
    case("STS-002", "turn", body(2), body(2, "not_started"), "EVT-002"),
    case("STS-003", "turn", body(2, "completed"), body(2, "completed", is_completed=False)),
    case("STS-003", "turn", body(2), body(2, is_completed=True), "STS-005"),
    case("STS-004", "turn", body(2), body(2, is_waiting_for_input=False)),
    case("STS-004", "turn", body(2, "paused"), body(2, "completed", is_waiting_for_input=True), "STS-005"),
    case("STS-005", "turn", body(2), body(2, is_completed=True), "STS-003"),
    case("STS-006", "turn", body(2, "failed"), body(2, "failed", error=None)),
    case("STS-006", "turn", body(2, "failed"), body(2, "failed", error="")),
    case("STS-007", "turn", body(2), body(2, next_input_hint=None)),
    case("STS-007", "turn", body(2, "completed", next_input_hint=ABSENT), body(2, "completed", next_input_hint=WAIT)),
    case("STS-008", "turn", body(2), body(2, next_input_hint=event("pause_event")), "STS-014"),
    case("STS-009", "turn", COMPLETED, body(2), before=COMPLETED),
    case("STS-009", "turn", Refusal(410), body(2, "completed"), before=COMPLETED),
    case("STS-009", "turn", Refusal(422), Indeterminate(500), before=COMPLETED),
    case("STS-012", "turn", body(2), body(2, error="oops")),
    case("STS-012", "turn", body(2, "completed"), body(2, "completed", error="oops")),
    case("STS-013", "stop", body(1, "cancelled"), body(1, "cancelled", error="cancelled by user")),
    case("STS-013", "turn", body(2, "paused"), body(2, "paused", error="oops")),
    case("STS-014", "turn", body(2), body(2, next_input_hint=event("busy_wait_for_user_message"))),
    case("EVT-001", "turn", body(2), body(2, events=["llm"]), "STS-014", "EVT-002", "EVT-003"),
    case("EVT-002", "turn", body(2), body(2, events=[]), "EVT-003"),
    case("EVT-003", "turn", body(2), body(2, events=[event("end_workflow")]), "STS-014"),
    case(
        "EVT-003",
        "turn",
        body(2, "paused", events=[event("pause_thread")]),
        body(2, "paused", events=[event("user_messages")]),
    ),
    case("EVT-003", "turn", body(2, "completed"), body(2, "completed", events=[event("end_thread")])),
    case("EVT-003", "turn", body(2, "failed"), body(2, "failed", events=[event("workflow_warning")])),
    case(
        "EVT-004",
        "turn",
        body(2),
        body(2, "completed", events=[event("end_workflow", logical_id="event_seen")]),
        before=SEEN,
    ),
    case(
        "EVT-005",
        "first",
        waits(1, event("a", timestamp=EPOCH_S + 100.1)),
        waits(1, event("a", timestamp=EPOCH_S + 102.9)),
    ),
    case("EVT-006", "turn", waits(2, event("start_node_run", **NODE)), waits(2, event("end_node_run", **NODE))),
    case("EVT-007", "turn", body(2), waits(2, event("start_workflow"))),
    case("EVT-009", "turn", body(2), body(2, "completed", events=[RESENT, event("end_workflow")]), before=SEEN),
    case(
        "EVT-010",
        "first",
        waits(1, event("say_llm", **NODE), event("start_node_run", **NODE)),
        waits(1, event("say_llm", **NODE)),
    ),
    case("CAN-001", "stop", body(1, "cancelled"), body(1)),
    case("CAN-001", "stop", body(1, "cancelled"), body(2, "cancelled", is_completed=False), "STS-003"),
    case("CAN-001", "stop", body(2, "cancelled"), Refusal(409)),
    case("CAN-001", "stop", body(1, "cancelled"), body(1, "completed"), before=PAUSED),
    case("CAN-003", "stop", body(1, "cancelled"), body(1, "completed"), before=CANCELLED),
    case("CAN-003", "stop", Refusal(409), Indeterminate(500), before=CANCELLED),
    case("CAN-005", "stop", COMPLETED, CANCELLED, before=COMPLETED),
    case("CAN-005", "stop", Refusal(404), Indeterminate(502), before=COMPLETED),
    case("EXE-002", "turn", body(2, error=ABSENT), body(2, turn_number="2")),
)


def answered(case: Case, reply: Json | Reply) -> dict[str, Any]:
    """Return what the reply shows in a session that began as the case says."""
    talk = Talk(opened=False)
    if case.asked == "first":
        return talk.first(reply)
    talk.first(case.before or body(1))
    return talk.turn(reply) if case.asked == "turn" else talk.stop(reply)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.asked}")
def test_the_good_reply_breaks_nothing(case: Case) -> None:
    """A reply that keeps the requirement breaks no other one."""
    assert broken(answered(case, case.good)) == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.asked}")
def test_the_bad_reply_breaks_it(case: Case) -> None:
    """A reply that violates the requirement breaks it, and nothing beyond what it violates too."""
    shown = broken(answered(case, case.bad))
    assert case.id in shown
    assert shown <= {case.id, *case.also, *_AFTER_END}


# What a request to an ended run may break beside each other: the same sentence said of a run that a stop ended.
_AFTER_END = {"STS-009", "CAN-002", "CAN-003", "TRN-006"}


def test_what_held_is_reported_as_exercised() -> None:
    """Pass means exercised and not violated: a plain later turn exercises what it can show."""
    shown = Talk().turn(body(2))
    expected = {"RUN-003", "TRN-002", "STS-001", "STS-002", "STS-003", "STS-004", "STS-005", "STS-007", "STS-008"}
    assert expected <= {id for id, how in shown.items() if how is None}


def test_a_reply_in_the_other_letter_case_is_the_same_run() -> None:
    """RUN-003 allows the other letter case; RUN-012 alone, a SHOULD, is broken."""
    assert broken(Talk().turn(body(2, run_id=RUN.upper()))) == {"RUN-012"}


def test_a_broken_finding_names_the_field() -> None:
    """Expected, actual and the JSON path of a wrong turn_number."""
    how = Talk().turn(body(7))["TRN-002"]
    assert how is not None
    assert (how.expected, how.actual, how.path) == ("2", "7", "$.turn_number")


def test_each_id_is_named_once_and_broken_wins() -> None:
    """Two first turns sent at once, one of them wrong: one finding on TRN-001, broken."""
    talk = Talk(opened=False)
    good, bad = talk.ask(Kind.FIRST), talk.ask(Kind.FIRST)
    shown = talk.show((good, body(1)), (bad, body(5, run_id=OTHER_RUN)))
    assert broken(shown) == {"TRN-001"}
