"""Faults in cancellation: CAN."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from wfconform.reference.calls import Call, Handler, Json, Layer, Reply, refusal
from wfconform.reference.faults.fault import Fault, both, fault, has_status, of_role, sets, stopped, stops_nothing
from wfconform.reference.parts import Change, Parts, answers, calls, instead, remembering, replies, stored
from wfconform.reference.records import Record
from wfconform.reference.status import Status

_LATER_S = 1.0


def _unwritten(record: Record) -> Record | None:
    return None if record.status is Status.CANCELLED else record


def _revived(when: Callable[[Call, float], bool]) -> Change:
    """Read a cancelled run as a waiting one, where `when` says so of a turn and the seconds since the stop."""

    def change(parts: Parts) -> Parts:
        alive: set[str] = set()
        stopped_s: dict[str, float] = {}

        def read(record: Record) -> Record:
            cancelled = record.status is Status.CANCELLED
            return replace(record, status=Status.WAITING) if cancelled and str(record.id) in alive else record

        async def layer(call: Call, go: Handler) -> Reply:
            now, run = asyncio.get_running_loop().time(), call.run_id or ""
            if call.goes_on and run in stopped_s and when(call, now - stopped_s[run]):
                alive.add(run)
            reply = await go(call)
            if reply.answer and call.stops:
                stopped_s.setdefault(run, now)
            return reply

        return remembering(lambda: layer)(stored(read=read)(parts))

    return change


def _on_second_stop(edit: Callable[[Reply], Reply]) -> Change:
    """Answer a stop on a run that was stopped before otherwise."""

    def make() -> Layer:
        before: set[str | None] = set()

        async def layer(call: Call, go: Handler) -> Reply:
            reply = await go(call)
            again = call.stops and call.run_id in before
            if call.stops and reply.answer:
                before.add(call.run_id)
            return edit(reply) if again else reply

        return layer

    return remembering(make)


def _born_cancelled(answer: Json, _: Call) -> None:
    answer.update(status="cancelled", is_waiting_for_input=False, is_completed=True, next_input_hint=None, events=[])


def _unborn_stop() -> Layer:
    """Answer a stop without a run_id with a run that says it is cancelled, and is not."""

    async def layer(call: Call, go: Handler) -> Reply:
        if not stops_nothing(call):
            return await go(call)
        reply = await go(call.with_input(command="start"))
        if reply.answer:
            _born_cancelled(reply.json, call)
        return reply.with_json()

    return layer


def _full_form_stops_unwritten(parts: Parts) -> Parts:
    """Write nothing down for a stop whose body has every field of the full form."""
    stopping: set[str] = set()

    def write(record: Record) -> Record | None:
        lost = record.status is Status.CANCELLED and str(record.id) in stopping
        return None if lost else record

    async def layer(call: Call, go: Handler) -> Reply:
        if not (call.stops and "dynamic_variables" in call.run_input):
            return await go(call)
        stopping.add(call.run_id or "")
        try:
            return await go(call)
        finally:
            stopping.discard(call.run_id or "")

    return remembering(lambda: layer)(stored(write=write)(parts))


def _overwrites(status: Status) -> Change:
    """Let a stop cancel a run that has ended with this status."""

    def change(parts: Parts) -> Parts:
        stopping: set[str] = set()

        def read(record: Record) -> Record:
            ended = record.status is status and str(record.id) in stopping
            return replace(record, status=Status.WAITING) if ended else record

        async def layer(call: Call, go: Handler) -> Reply:
            stopping.update({call.run_id or ""} if call.stops else ())
            return await go(call)

        return remembering(lambda: layer)(stored(read=read)(parts))

    return change


def _in_flight(reply: Reply) -> Change:
    """Answer a stop that meets a running turn with this."""

    def make() -> Layer:
        flying: Counter[str | None] = Counter()

        async def layer(call: Call, go: Handler) -> Reply:
            if call.stops and flying[call.run_id]:
                return reply
            if not call.goes_on:
                return await go(call)
            flying[call.run_id] += 1
            try:
                return await go(call)
            finally:
                flying[call.run_id] -= 1

        return layer

    return remembering(make)


def _cut_off_turn_crashes(reply: Reply, call: Call) -> bool:
    return call.goes_on and reply.answer.get("status") == "cancelled"


def _lost_in_flight() -> Layer:
    """Answer a stop that meets a running turn, and carry it out on nothing."""
    flying: Counter[str | None] = Counter()

    async def layer(call: Call, go: Handler) -> Reply:
        if call.stops and flying[call.run_id]:
            answer: Json = {"run_id": call.run_id, "status": "cancelled", "turn_number": 1, "events": []}
            flags = {"is_waiting_for_input": False, "is_completed": True, "error": None, "next_input_hint": None}
            return Reply(200).with_json(**answer, **flags)
        if not call.goes_on:
            return await go(call)
        flying[call.run_id] += 1
        try:
            return await go(call)
        finally:
            flying[call.run_id] -= 1

    return layer


def _refuses_fresh() -> Layer:
    """Refuse a stop of a session that has had no later turn."""
    turned: set[str | None] = set()

    async def layer(call: Call, go: Handler) -> Reply:
        if call.goes_on:
            turned.add(call.run_id)
        if call.stops and call.run_id not in turned:
            return refusal(409, "nothing to stop yet")
        return await go(call)

    return layer


FAULTS: tuple[Fault, ...] = (
    fault(
        "stop-answers-completed",
        "A stopped run says that it completed.",
        answers(sets(status="completed"), both(stopped, has_status("cancelled"))),
        "CAN-001",
        "CAN-003",
        reason="a second stop says the same",
    ),
    fault(
        "stopped-still-waits",
        "A stopped run still says that it waits for input.",
        answers(sets(is_waiting_for_input=True), stopped),
        "CAN-001",
        "STS-004",
        "STS-005",
    ),
    fault(
        "stop-is-204",
        "A stop answers 204 and nothing else.",
        replies(lambda _, __: Reply(204, b"", {}), lambda reply, call: call.stops and reply.status == 200),
        "CAN-001",
        "CAN-003",
        reason="so does a second one",
    ),
    fault(
        "paused-cannot-stop",
        "A stop on a paused run is refused.",
        instead(refusal(409, "the run is paused"), lambda call: call.stops and of_role("pauses")({}, call)),
        "CAN-001",
    ),
    fault(
        "stop-needs-a-turn",
        "A stop of a session that has had no later turn is refused.",
        remembering(_refuses_fresh),
        "CAN-001",
    ),
    fault(
        "stop-is-a-turn",
        "The command stop is overlooked on a run: it is a turn like any other.",
        calls(lambda call: call.with_input(command="start"), lambda call: call.stops),
        "CAN-001",
    ),
    fault(
        "canceled-in-american",
        "A cancelled run says `canceled`.",
        answers(sets(status="canceled"), has_status("cancelled")),
        "STS-001",
    ),
    fault(
        "stop-is-not-written",
        "A stop answers cancelled and writes nothing down.",
        stored(write=_unwritten),
        "CAN-002",
        "STS-009",
        "CAN-006",
        reason="nor does a run stay cancelled that a stop cut off",
    ),
    fault(
        "cancelled-comes-back",
        "A second after the stop the stored state is back.",
        _revived(lambda _, since_s: since_s > _LATER_S),
        "CAN-002",
        "STS-009",
        "CAN-006",
        reason="nor does a run stay cancelled that a stop cut off",
    ),
    fault(
        "next-turn-revives",
        "A cancelled run is opened again by the next turn.",
        _revived(lambda _, __: True),
        "CAN-002",
        "STS-009",
        "CAN-006",
        reason="nor does a run stay cancelled that a stop cut off",
    ),
    fault(
        "data-revives",
        "A cancelled run is opened again by the command data.",
        _revived(lambda call, _: call.command == "data"),
        "CAN-002",
        "STS-009",
    ),
    fault(
        "second-stop-crashes",
        "A second stop is a 500.",
        _on_second_stop(lambda _: Reply(500, b'{"detail": "KeyError"}')),
        "CAN-003",
        "EXE-008",
    ),
    fault(
        "second-stop-completes",
        "A second stop answers completed.",
        _on_second_stop(lambda reply: reply.with_json(status="completed") if reply.answer else reply),
        "CAN-003",
    ),
    fault(
        "stop-without-run-starts",
        "A stop without run_id opens a run.",
        calls(lambda call: call.with_input(command="start"), stops_nothing),
        "CAN-004",
    ),
    fault(
        "stop-without-run-crashes",
        "A stop without run_id is a 500.",
        instead(Reply(500, b'{"detail": "KeyError"}'), stops_nothing),
        "CAN-004",
        "EXE-008",
    ),
    fault(
        "stop-without-run-lies",
        "A stop without run_id answers a cancelled run that takes turns.",
        remembering(_unborn_stop),
        "CAN-004",
        "STS-009",
        "CAN-002",
        reason="the run that is answered counts as stopped",
    ),
    fault(
        "full-form-stop-is-not-written",
        "A stop in the full form answers cancelled, and the run goes on.",
        _full_form_stops_unwritten,
        "EXE-012",
        "CAN-002",
        "STS-009",
    ),
    fault(
        "stop-overwrites-completed", "A stop makes a completed run cancelled.", _overwrites(Status.COMPLETED), "CAN-005"
    ),
    fault("stop-overwrites-failed", "A stop makes a failed run cancelled.", _overwrites(Status.FAILED), "CAN-005"),
    fault(
        "stop-lost-in-flight",
        "A stop that meets a running turn is answered, and the turn's end is written over it.",
        remembering(_lost_in_flight),
        "CAN-006",
        "CAN-002",
        "STS-009",
        reason="the run is answered as cancelled, and goes on",
    ),
    fault(
        "stop-in-flight-crashes",
        "A stop that meets a running turn is a 500.",
        _in_flight(Reply(500, b'{"detail": "locked"}')),
        "CAN-006",
        "EXE-008",
    ),
    fault(
        "stop-in-flight-not-found",
        "A stop that meets a running turn finds no run.",
        _in_flight(refusal(404, "there is no such run")),
        "CAN-006",
    ),
    fault(
        "cut-off-turn-crashes",
        "A turn that a stop cuts off is a 500.",
        replies(lambda _, __: Reply(500, b'{"detail": "cancelled"}'), _cut_off_turn_crashes),
        "CAN-006",
        "EXE-008",
    ),
)
