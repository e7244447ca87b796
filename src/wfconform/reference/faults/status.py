"""Faults in status, flags, error and hint: STS."""

from dataclasses import replace

from wfconform.reference.calls import Call, Handler, Json, Layer, Reply, refusal
from wfconform.reference.events import new_event_id
from wfconform.reference.faults.fault import (
    Fault,
    both,
    fault,
    first,
    has_status,
    of_role,
    sets,
    turn_from,
    waiting_later,
)
from wfconform.reference.parts import Change, When, always, answers, remembering, stored
from wfconform.reference.records import Record
from wfconform.reference.status import Status

_NOT_WAITING = {"is_waiting_for_input": False, "next_input_hint": None}


def _shouted(answer: Json, _: Call) -> None:
    answer["status"] = answer["status"].upper()


def _runs_on(record: Record) -> Record:
    return replace(record, status=Status.WAITING) if record.status is Status.COMPLETED else record


def _stale_hint(answer: Json, _: Call) -> None:
    answer["next_input_hint"] = {"type": "busy_wait_for_user_message", "logical_id": new_event_id()}


def _hint_is_another(answer: Json, _: Call) -> None:
    answer["next_input_hint"] = answer["events"][-2]


def _hint_of_its_own(answer: Json, _: Call) -> None:
    answer["next_input_hint"] = {**answer["next_input_hint"], "logical_id": new_event_id()}


def _after_end(reply: Reply, ends: tuple[str, ...]) -> Change:
    """Answer a turn on a run that ended in one of these ways with this."""

    def make() -> Layer:
        ended: set[str | None] = set()

        async def layer(call: Call, go: Handler) -> Reply:
            if call.goes_on and call.run_id in ended:
                return reply
            answered = await go(call)
            if answered.answer.get("status") in ends:
                ended.add(answered.json["run_id"])
            return answered

        return layer

    return remembering(make)


def _opens_another_run() -> Layer:
    ended: set[str | None] = set()

    async def layer(call: Call, go: Handler) -> Reply:
        anew = call.goes_on and call.run_id in ended
        answered = await go(call.with_json(run_id=None) if anew else call)
        if answered.answer.get("status") == "completed":
            ended.add(answered.json["run_id"])
        return answered

    return layer


def _counts_on() -> Layer:
    """Answer a turn on a completed run with its state under the next number."""
    last: dict[str | None, Json] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        if call.goes_on and call.run_id in last:
            last[call.run_id]["turn_number"] += 1
            return Reply(200).with_json(**last[call.run_id])
        reply = await go(call)
        if reply.answer.get("status") == "completed":
            last[reply.json["run_id"]] = dict(reply.json)
        return reply

    return layer


def _says_failed_after_the_end() -> Layer:
    """Answer a turn on a completed run as failed."""
    last: dict[str | None, Json] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        if call.goes_on and call.run_id in last:
            return Reply(200).with_json(**{**last[call.run_id], "status": "failed", "error": "the run has ended"})
        reply = await go(call)
        if reply.answer.get("status") == "completed":
            last[reply.json["run_id"]] = dict(reply.json)
        return reply

    return layer


def _paused_is_stuck() -> Layer:
    """Refuse every turn on a paused run."""
    paused: set[str | None] = set()

    async def layer(call: Call, go: Handler) -> Reply:
        if call.goes_on and call.run_id in paused:
            return refusal(409, "the run is paused")
        reply = await go(call)
        if reply.answer.get("status") == "paused":
            paused.add(reply.json["run_id"])
        return reply

    return layer


def _ends_as(role: str, status: str, closing: str, **fields: object) -> Change:
    """End a role's first turn otherwise; what is answered is coherent."""

    def edit(answer: Json, _: Call) -> None:
        ended = {"status": status, "is_completed": status != "paused", "error": None, **_NOT_WAITING, **fields}
        answer.update(ended)
        answer["events"][-1] = {**answer["events"][-1], "type": closing}

    return answers(edit, both(first, of_role(role)))


def _set(when: When, **fields: object) -> Change:
    return answers(sets(**fields), when)


FAULTS: tuple[Fault, ...] = (
    fault("status-in-upper-case", "The status is in upper case.", answers(_shouted, always), "STS-001"),
    fault(
        "status-of-its-own-from-turn-10",
        "From turn 10 on a waiting run says `waiting`.",
        _set(both(turn_from(10), waiting_later), status="waiting"),
        "STS-001",
    ),
    fault(
        "answered-too-soon",
        "A later turn is answered while it is still running.",
        _set(waiting_later, status="running", **_NOT_WAITING),
        "STS-002",
    ),
    fault(
        "stays-started",
        "The status of a versioned workflow is never updated on later turns.",
        _set(both(waiting_later, of_role("versioned")), status="started", **_NOT_WAITING),
        "STS-002",
    ),
    fault(
        "aborted-is-not-completed",
        "is_completed forgets aborted_looping_risk.",
        _set(has_status("aborted_looping_risk"), is_completed=False),
        "STS-003",
    ),
    fault(
        "failed-is-not-completed",
        "is_completed forgets failed.",
        _set(has_status("failed"), is_completed=False),
        "STS-003",
    ),
    fault(
        "cancelled-is-not-completed",
        "is_completed forgets cancelled.",
        _set(has_status("cancelled"), is_completed=False),
        "STS-003",
        "CAN-001",
    ),
    fault(
        "paused-is-completed",
        "is_completed is true for everything that does not wait.",
        _set(has_status("paused"), is_completed=True),
        "STS-003",
    ),
    fault(
        "turn-completed-flag",
        "is_completed speaks of the turn, not of the run.",
        _set(waiting_later, is_completed=True),
        "STS-003",
        "STS-005",
    ),
    fault(
        "waits-without-the-flag",
        "is_waiting_for_input is lost on later turns.",
        _set(waiting_later, is_waiting_for_input=False),
        "STS-004",
    ),
    fault(
        "completed-still-waits",
        "is_waiting_for_input stays true on a completed run.",
        _set(has_status("completed"), is_waiting_for_input=True),
        "STS-004",
        "STS-005",
    ),
    fault("fails-without-an-error", "A failed run has no error.", _set(has_status("failed"), error=None), "STS-006"),
    fault(
        "fails-with-a-blank-error",
        "A failed run has an error of spaces.",
        _set(has_status("failed"), error="  "),
        "STS-006",
    ),
    fault(
        "no-hint-from-turn-10",
        "From turn 10 on there is no hint.",
        _set(both(turn_from(10), waiting_later), next_input_hint=None),
        "STS-007",
    ),
    fault(
        "hint-as-a-sentence",
        "The hint of a later turn is a sentence.",
        _set(waiting_later, next_input_hint="Say something."),
        "STS-007",
    ),
    fault(
        "hint-after-the-end",
        "A completed run still has a hint.",
        answers(_stale_hint, has_status("completed")),
        "STS-007",
    ),
    fault(
        "hint-of-another-type",
        "The hint is the last event but one.",
        answers(_hint_is_another, waiting_later),
        "STS-008",
    ),
    fault(
        "hint-without-a-type",
        "The hint is the event without its type.",
        answers(lambda answer, _: answer["next_input_hint"].pop("type"), waiting_later),
        "STS-008",
    ),
    fault(
        "completed-runs-on",
        "A completed run takes further turns.",
        stored(read=_runs_on),
        "STS-009",
        "CAN-005",
        reason="and it can be stopped, too",
    ),
    fault(
        "turn-after-the-end-crashes",
        "A turn on a completed run is a 500.",
        _after_end(Reply(500, b'{"detail": "no such transition"}'), ("completed",)),
        "STS-009",
        "EXE-008",
    ),
    fault(
        "turn-after-a-failure-crashes",
        "A turn on a failed run is a 500.",
        _after_end(Reply(500, b'{"detail": "no such transition"}'), ("failed",)),
        "STS-009",
        "EXE-008",
    ),
    fault(
        "turn-after-the-end-counts",
        "A turn on a completed run answers its state under the next number.",
        remembering(_counts_on),
        "STS-009",
    ),
    fault(
        "turn-after-the-end-opens-another-run",
        "A turn on a completed run opens a new one.",
        remembering(_opens_another_run),
        "STS-009",
        "RUN-003",
    ),
    fault(
        "turn-after-the-end-fails",
        "A turn on a completed run answers failed.",
        remembering(_says_failed_after_the_end),
        "STS-009",
    ),
    fault(
        "loops-complete",
        "A run that loops is called completed.",
        _ends_as("loops", "completed", "end_workflow"),
        "STS-010",
    ),
    fault(
        "loops-fail",
        "A run that loops is called failed.",
        _ends_as("loops", "failed", "workflow_error", error="too many steps"),
        "STS-010",
    ),
    fault(
        "failures-complete",
        "A run that fails is called completed.",
        _ends_as("fails", "completed", "end_workflow"),
        "STS-010",
    ),
    fault(
        "completes-paused",
        "A run that completes is called paused.",
        _ends_as("completes", "paused", "pause_event"),
        "STS-010",
    ),
    fault("paused-is-stuck", "A paused run is never resumed.", remembering(_paused_is_stuck), "STS-011"),
    fault("error-while-waiting", "A waiting run has the error `OK`.", _set(waiting_later, error="OK"), "STS-012"),
    fault(
        "error-on-completed",
        "A completed run has the error `no error`.",
        _set(has_status("completed"), error="no error"),
        "STS-012",
    ),
    fault(
        "error-on-cancelled",
        "A cancelled run has an error.",
        _set(has_status("cancelled"), error="cancelled by the user"),
        "STS-013",
    ),
    fault("error-on-paused", "A paused run has an error.", _set(has_status("paused"), error="paused"), "STS-013"),
    fault(
        "hint-of-its-own",
        "The hint is an event that was never emitted.",
        answers(_hint_of_its_own, waiting_later),
        "STS-014",
    ),
)
