"""Variants in runs: ids, turns at once, stops, pauses."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from wfconform.reference.calls import Call, Handler, Json, Layer, Reply, refusal
from wfconform.reference.events import new_event_id
from wfconform.reference.parts import Change, When, answers, remembering
from wfconform.reference.variants.variant import Variant, variant

_TURN_S = 0.03
_LOOP = "aborted_looping_risk"


def _busy(refuse: Reply) -> Change:
    """Let every turn take a while, and refuse a second one meanwhile."""

    def make() -> Layer:
        busy: set[str | None] = set()

        async def layer(call: Call, go: Handler) -> Reply:
            if not call.goes_on:
                return await go(call)
            if call.run_id in busy:
                return refuse
            busy.add(call.run_id)
            try:
                await asyncio.sleep(_TURN_S)
                return await go(call)
            finally:
                busy.discard(call.run_id)

        return layer

    return remembering(make)


def _in_turn() -> Layer:
    """Let every turn take a while, and a second one wait for it."""
    locks: defaultdict[str | None, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def layer(call: Call, go: Handler) -> Reply:
        if not call.goes_on:
            return await go(call)
        async with locks[call.run_id]:
            await asyncio.sleep(_TURN_S)
            return await go(call)

    return layer


def _stop_takes_turns(*, every: bool) -> Change:
    """Count the first stop as a turn, or each."""

    def make() -> Layer:
        stops: Counter[str] = Counter()

        async def layer(call: Call, go: Handler) -> Reply:
            reply = await go(call)
            if not reply.answer or not call.stops:
                return reply
            run = reply.json["run_id"]
            stops[run] += 1
            return reply.with_json(turn_number=reply.json["turn_number"] + (stops[run] if every else 1))

        return layer

    return remembering(make)


def _second_stop_refused() -> Layer:
    """Refuse a stop on a run that was stopped."""
    stopped: set[str | None] = set()

    async def layer(call: Call, go: Handler) -> Reply:
        if call.stops and call.run_id in stopped:
            reply = await go(call)
            return refusal(409, "the run is cancelled") if reply.answer else reply
        reply = await go(call)
        if reply.answer and call.stops:
            stopped.add(call.run_id)
        return reply

    return layer


def _beside_a_turn(stop: Callable[[asyncio.Lock, Call, Handler], Any]) -> Change:
    """Treat a stop that meets a running turn in another way; the turn holds the run's lock."""

    def make() -> Layer:
        locks: defaultdict[str | None, asyncio.Lock] = defaultdict(asyncio.Lock)

        async def layer(call: Call, go: Handler) -> Reply:
            lock = locks[call.run_id]
            if call.goes_on:
                async with lock:
                    return await go(call)
            if call.stops and lock.locked():
                reply: Reply = await stop(lock, call, go)
                return reply
            return await go(call)

        return layer

    return remembering(make)


async def _refused(_: asyncio.Lock, __: Call, ___: Handler) -> Reply:
    return refusal(423, "a turn is running")


async def _after_the_turn(lock: asyncio.Lock, call: Call, go: Handler) -> Reply:
    async with lock:
        return await go(call)


def _stop_makes_a_run() -> Layer:
    """Answer a stop without a run_id with a run that was made to be cancelled."""

    async def layer(call: Call, go: Handler) -> Reply:
        if call.command != "stop" or call.json.get("run_id") is not None:
            return await go(call)
        opened = await go(call.with_input(command="start"))
        return await go(call.with_json(run_id=opened.json["run_id"])) if opened.answer else opened

    return layer


def _has(status: str) -> When:
    return lambda answer, _: answer["status"] == status


def _paused_waits(answer: Json, _: Call) -> None:
    hint = {"type": "pause_event", "logical_id": new_event_id()}
    answer.update(is_waiting_for_input=True, next_input_hint=hint)


def _paused_hints(answer: Json, _: Call) -> None:
    answer["next_input_hint"] = answer["events"][-1]


def _shouted(answer: Json, _: Call) -> None:
    answer["run_id"] = answer["run_id"].upper()


def _loop_error(answer: Json, _: Call) -> None:
    answer["events"] = [{**answer["events"][-1], "type": "workflow_error", "error_message": "loop"}]


def _cut_off(answer: Json, call: Call) -> bool:
    return call.goes_on and answer["status"] == "cancelled"


def _traced(answer: Json, _: Call) -> None:
    answer["error"] = 'Traceback (most recent call last):\n  "x" \\ ☂ ' + "deep " * 500


VARIANTS: tuple[Variant, ...] = (
    variant(
        "upper-case-run-ids",
        "run_ids are answered in upper case, and taken in either.",
        answers(_shouted),
        "RUN-001",
        "RUN-003",
        warns=("RUN-012",),
    ),
    variant("busy-is-409", "A second turn on a busy run is 409.", _busy(refusal(409, "the run is busy")), "TRN-005"),
    variant("busy-is-423", "A second turn on a busy run is 423.", _busy(refusal(423, "locked")), "TRN-005"),
    variant(
        "busy-is-429",
        "A second turn on a busy run is 429 with Retry-After 0.",
        _busy(refusal(429, "one at a time", retry_after="0")),
        "TRN-005",
    ),
    variant("turns-wait", "Every turn takes 30 ms, and a second one waits for it.", remembering(_in_turn), "TRN-005"),
    variant("stop-takes-a-turn", "A stop counts as a turn.", _stop_takes_turns(every=False)),
    variant(
        "every-stop-takes-a-turn", "Each stop counts as a turn, the second one too.", _stop_takes_turns(every=True)
    ),
    variant("second-stop-refused", "A stop on a cancelled run is 409.", remembering(_second_stop_refused)),
    variant(
        "stop-refused-in-flight",
        "A stop is 423 while a turn is in flight, and cancels when it is sent after it.",
        _beside_a_turn(_refused),
        "CAN-006",
    ),
    variant(
        "stop-waits-for-the-turn",
        "A turn in flight finishes first and is answered, then the stop cancels.",
        _beside_a_turn(_after_the_turn),
        "CAN-006",
    ),
    variant(
        "cut-off-without-events",
        "A turn that a stop cuts off has no events.",
        answers(lambda answer, _: answer.update(events=[]), _cut_off),
        "EVT-002",
        "CAN-006",
    ),
    variant(
        "stop-without-run-is-one",
        "A stop without run_id answers a run that was made cancelled.",
        remembering(_stop_makes_a_run),
    ),
    variant(
        "paused-waits",
        "A paused run waits for input, and has a hint.",
        answers(_paused_waits, _has("paused")),
        "STS-004",
        "STS-007",
    ),
    variant(
        "paused-hints", "A paused run does not wait, and has a hint.", answers(_paused_hints, _has("paused")), "STS-007"
    ),
    variant(
        "loop-is-an-error", "A run that loops closes with workflow_error.", answers(_loop_error, _has(_LOOP)), "EVT-003"
    ),
    variant(
        "long-errors", "Errors are long, with line ends, quotes and a stack trace.", answers(_traced, _has("failed"))
    ),
)
