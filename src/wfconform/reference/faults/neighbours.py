"""Faults of a stop that reaches other sessions: CAN-007."""

from collections.abc import Callable

from wfconform.reference.calls import Call, Handler, Layer, Reply
from wfconform.reference.faults.fault import Fault, fault, of_role, stops_nothing
from wfconform.reference.parts import Change, remembering


def _stops_the_newest() -> Layer:
    """Refuse a stop that names no run, after it has stopped the caller's newest one of that workflow."""
    newest: dict[tuple[str, str], str] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        place = (call.path, call.authorization)
        if reply.answer and call.opens:
            newest[place] = reply.json["run_id"]
        if stops_nothing(call) and place in newest:
            await go(call.with_json(run_id=newest.pop(place)))
        return reply

    return layer


def _stops_every_run(where: Callable[[Call, str], bool]) -> Change:
    """Let a stop cancel other open runs of the workflow and the tenant, too."""

    def make() -> Layer:
        opened: dict[str, str] = {}

        async def layer(call: Call, go: Handler) -> Reply:
            reply = await go(call)
            place = f"{call.path} {call.authorization}"
            if reply.answer and call.opens:
                opened[reply.json["run_id"]] = place
            if reply.answer and call.stops:
                for run in [run for run, at in opened.items() if at == place and where(call, run)]:
                    del opened[run]
                    await go(call.with_json(run_id=run))
            return reply

        return layer

    return remembering(make)


def _stop_counts_for_all() -> Layer:
    """Count a stop as a turn of every session that was opened before it."""
    stops = 0
    seen: dict[str, int] = {}
    last: dict[str, int] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        nonlocal stops
        reply = await go(call)
        if not reply.answer:
            return reply
        run = reply.json["run_id"]
        stops += call.stops
        if not call.stops:
            last[run] = reply.json["turn_number"] + stops - seen.setdefault(run, stops)
        return reply.with_json(turn_number=last.get(run, reply.json["turn_number"]))

    return layer


FAULTS: tuple[Fault, ...] = (
    fault(
        "stop-without-run-stops-the-newest",
        "A stop without run_id is refused, and the newest run is gone.",
        remembering(_stops_the_newest),
        "CAN-007",
        strays=True,
    ),
    fault(
        "stop-cancels-every-conversation",
        "A stop of a conversation cancels every open one of the tenant.",
        _stops_every_run(lambda call, _: of_role("conversation")({}, call)),
        "CAN-007",
    ),
    fault(
        "stop-cancels-its-elders",
        "A stop cancels the open runs of the workflow that are older.",
        _stops_every_run(lambda call, run: run < (call.run_id or "")),
        "CAN-007",
    ),
    fault(
        "stop-counts-for-all",
        "A stop counts as a turn of every other open session.",
        remembering(_stop_counts_for_all),
        "CAN-007",
        "TRN-002",
    ),
)
