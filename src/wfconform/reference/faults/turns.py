"""Faults in counting turns, and in which input a turn works on: TRN."""

import asyncio
from collections import Counter
from collections.abc import Callable

from wfconform.reference.calls import Call, Handler, Json, Layer, Reply, refusal
from wfconform.reference.faults.fault import Fault, fault, stopped, turn_from
from wfconform.reference.parts import Change, answers, remembering

_LONG_ENOUGH_S = 0.02  # for what is sent at once to overlap


def _renumbered(number: Callable[[int], int], when: Callable[[Json, Call], bool] | None = None) -> Change:
    """Change turn_number where `when` says so, else on every turn."""

    def edit(answer: Json, _: Call) -> None:
        answer["turn_number"] = number(answer["turn_number"])

    return answers(edit, when) if when else answers(edit)


def _one_counter() -> Layer:
    """Number the later turns of all sessions with one counter."""
    count = 1
    last: dict[str, int] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        nonlocal count
        reply = await go(call)
        if not reply.answer or call.run_id is None:
            return reply
        if call.goes_on:
            count += 1
            last[call.run_id] = count
        return reply.with_json(turn_number=last.get(call.run_id, reply.json["turn_number"]))

    return layer


def _racing() -> Layer:
    """Let two turns that are in flight at once read one number, and write the next: one of them is lost."""
    flying: Counter[str] = Counter()
    lost: Counter[str] = Counter()

    async def layer(call: Call, go: Handler) -> Reply:
        run = call.run_id or ""
        behind = lost[run] + (flying[run] if call.goes_on else 0)
        flying[run] += call.goes_on
        await asyncio.sleep(_LONG_ENOUGH_S)
        reply = await go(call)
        flying[run] -= call.goes_on
        if not reply.answer or call.run_id is None:
            return reply
        lost[run] = max(lost[run], behind)
        return reply.with_json(turn_number=reply.json["turn_number"] - behind)

    return layer


def _busy_counts() -> Layer:
    """Refuse a second turn on a busy run, and count it."""
    busy: set[str] = set()
    lost: Counter[str] = Counter()

    async def layer(call: Call, go: Handler) -> Reply:
        run = call.run_id or ""
        if call.goes_on and run in busy:
            lost[run] += 1
            return refusal(409, "the run is busy")
        if not call.goes_on:
            return await go(call)
        busy.add(run)
        before = lost[run]
        await asyncio.sleep(_LONG_ENOUGH_S)
        reply = await go(call)
        busy.discard(run)
        return reply.with_json(turn_number=reply.json["turn_number"] + before) if reply.answer else reply

    return layer


def _skipping() -> Layer:
    """Leave a number out whenever two turns of a run are in flight at once."""
    flying: Counter[str] = Counter()
    skipped: Counter[str] = Counter()

    async def layer(call: Call, go: Handler) -> Reply:
        if not call.goes_on:
            return await go(call)
        run = call.run_id or ""
        skipped[run] += flying[run] > 0
        flying[run] += 1
        await asyncio.sleep(_LONG_ENOUGH_S)
        reply = await go(call)
        flying[run] -= 1
        return reply.with_json(turn_number=reply.json["turn_number"] + skipped[run]) if reply.answer else reply

    return layer


def _starts_at_once() -> Layer:
    """Count a session from as many as there are first turns in flight."""
    flying = 0
    ahead: Counter[str] = Counter()

    async def layer(call: Call, go: Handler) -> Reply:
        nonlocal flying
        flying += call.opens
        others = flying - 1
        await asyncio.sleep(_LONG_ENOUGH_S if call.opens else 0)
        reply = await go(call)
        flying -= call.opens
        if not reply.answer:
            return reply
        run = reply.json["run_id"]
        ahead[run] += others if call.opens else 0
        return reply.with_json(turn_number=reply.json["turn_number"] + ahead[run])

    return layer


def _after_a_stop() -> Layer:
    """Begin to count at 2 in every session that is opened after any stop."""
    stopped_any = False
    shifted: set[str] = set()

    async def layer(call: Call, go: Handler) -> Reply:
        nonlocal stopped_any
        reply = await go(call)
        if not reply.answer:
            return reply
        if call.opens and stopped_any:
            shifted.add(reply.json["run_id"])
        stopped_any = stopped_any or call.stops
        if reply.json["run_id"] not in shifted:
            return reply
        return reply.with_json(turn_number=reply.json["turn_number"] + 1)

    return layer


def _one_behind(when: Callable[[int], bool]) -> Change:
    """Work on the text before, on the turns that `when` picks out by their number."""

    def make() -> Layer:
        last: dict[str, str] = {}
        turns: Counter[str] = Counter()

        async def layer(call: Call, go: Handler) -> Reply:
            if not call.goes_on or call.text is None:
                return await go(call)
            run = call.run_id or ""
            turns[run] += 1
            before, last[run] = last.get(run), call.text
            return await go(call.saying(before) if before and when(turns[run] + 1) else call)

        return layer

    return remembering(make)


def _first_text_in_full_form() -> Layer:
    """Work on the first text that the session got whenever it comes with further keys."""
    texts: dict[str, str] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        if not call.goes_on or not call.text or b"additional_kwargs" not in call.body:
            return await go(call)
        return await go(call.saying(texts.setdefault(call.run_id or "", call.text)))

    return layer


def _second_stop(number: int) -> Change:
    """Answer a second stop with this number."""

    def make() -> Layer:
        stopped_runs: set[str | None] = set()

        async def layer(call: Call, go: Handler) -> Reply:
            reply = await go(call)
            if not reply.answer or not call.stops:
                return reply
            again = call.run_id in stopped_runs
            stopped_runs.add(call.run_id)
            return reply.with_json(turn_number=number) if again else reply

        return layer

    return remembering(make)


FAULTS: tuple[Fault, ...] = (
    fault("counts-from-zero", "Turns are counted from 0.", _renumbered(lambda number: number - 1), "TRN-001"),
    fault(
        "counts-from-two",
        "The creation of the run counts as a turn.",
        _renumbered(lambda number: number + 1),
        "TRN-001",
    ),
    fault(
        "counts-from-two-after-a-stop",
        "Sessions opened after any stop are counted from 2.",
        remembering(_after_a_stop),
        "TRN-001",
    ),
    fault(
        "counts-to-ten",
        "turn_number stays at 10.",
        _renumbered(lambda number: min(number, 10)),
        "TRN-002",
    ),
    fault(
        "counts-by-two",
        "The user's message and the answer count as a turn each.",
        _renumbered(lambda number: 2 * number - 1),
        "TRN-002",
    ),
    fault("always-turn-one", "Every answer is for turn 1.", _renumbered(lambda _: 1), "TRN-002"),
    fault(
        "lags-from-turn-10",
        "From turn 10 on the number is read before it is written.",
        _renumbered(lambda number: number - 1, turn_from(10)),
        "TRN-002",
    ),
    fault(
        "one-counter-for-all",
        "The later turns of all sessions share one counter.",
        remembering(_one_counter),
        "TRN-002",
        "TRN-004",
    ),
    fault(
        "simultaneous-starts-count-on",
        "First turns that arrive at once are numbered one after another, and so are the turns after them.",
        remembering(_starts_at_once),
        "TRN-001",
    ),
    fault(
        "lost-update", "Two turns at once read one number, and both answer the next.", remembering(_racing), "TRN-005"
    ),
    fault(
        "refused-double-counts",
        "A second turn on a busy run is refused, and counted.",
        remembering(_busy_counts),
        "TRN-003",
        "TRN-005",
        "TRN-002",
        "EXE-010",
    ),
    fault(
        "double-skips-a-number",
        "Of two turns at once the second leaves a number out.",
        remembering(_skipping),
        "TRN-005",
    ),
    fault("stop-is-turn-zero", "A stop is answered as turn 0.", _renumbered(lambda _: 0, stopped), "TRN-006"),
    fault(
        "stop-takes-two", "A stop is answered two turns on.", _renumbered(lambda number: number + 2, stopped), "TRN-006"
    ),
    fault("second-stop-is-turn-zero", "A second stop is answered as turn 0.", _second_stop(0), "TRN-006"),
    fault("second-stop-is-turn-99", "A second stop is answered as turn 99.", _second_stop(99), "TRN-006"),
    fault(
        "one-input-behind-at-turn-12",
        "Turn 12 works on the text before.",
        _one_behind(lambda turn: turn == 12),
        "TRN-007",
    ),
    fault(
        "one-input-behind",
        "Each turn works on the text before.",
        _one_behind(lambda turn: turn > 2),
        "TRN-007",
        "EXE-013",
        "STS-010",
        reason="texts do not come back, and the text that ends the conversation is not heard in its turn",
    ),
    fault(
        "first-text-forever-in-full-form",
        "Of full-form bodies the first text is worked on for good.",
        remembering(_first_text_in_full_form),
        "EXE-012",
        "TRN-007",
    ),
)
