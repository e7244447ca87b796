"""Several requests on one run at once: judged as a set, by what really overlapped (TRN-005, TRN-006, CAN-006)."""

from collections.abc import Callable, Sequence
from itertools import combinations

from wfconform.session.event_rules import evt_002, evt_003, evt_004
from wfconform.session.history import RunHistory
from wfconform.session.invariants import Step, StepKind, Table, run_003, sts_002
from wfconform.session.states import BUSY_REFUSALS, CANCELLED, CLOSING_EVENTS, RESTING, TERMINAL
from wfconform.session.tables import COUNTING, ROOTS
from wfconform.session.values import (
    Answer,
    Ask,
    Broken,
    Finding,
    Indeterminate,
    Kind,
    Observed,
    Refusal,
    Refused,
    Unreadable,
    between,
)

Shape = Callable[[Ask, Answer, RunHistory], list[Finding]]
# Rules that hold for an executed turn whatever ran beside it; EVT-003 and EVT-002 spare a turn that a stop cut off.
_STOPPED_OR_BUSY = "200 cancelled, or 409, 423, 429 while the turn runs"
SHAPE_RULES: Table = (("RUN-003", run_003),)
TURN_RULES: Table = (
    ("STS-002", sts_002),
    ("EVT-002", evt_002),
    ("EVT-003", evt_003),
    ("EVT-004", evt_004),
)


def overlapping(members: Sequence[Observed]) -> bool:
    """Tell whether any two were in flight at one moment."""
    return any(one.ask.overlaps(other.ask) for one, other in combinations(members, 2))


def judge(run: RunHistory, members: Sequence[Observed], shape: Shape) -> list[Finding]:
    """Judge requests that were in flight on one live run at once, and move its history on."""
    turns = [seen for seen in members if seen.ask.kind is Kind.TURN]
    stops = [seen for seen in members if seen.ask.kind is Kind.STOP]
    lost = sum(isinstance(seen.reply, Indeterminate | Unreadable) for seen in members)
    certain = run.judged and run.status is not None and not lost
    executed, end = _executed(turns, certain=certain)
    findings: list[Finding] = []
    for seen in members:
        if isinstance(seen.reply, Answer):
            findings += [*shape(seen.ask, seen.reply, run), *_apply(SHAPE_RULES, run, seen.ask, seen.reply)]
    if stops:
        findings += _stops_among(run, turns, stops) if run.judged and run.status is not None else []
        findings += _each_once(turns) if run.judged else []
    elif run.judged:
        findings += [*_numbers(run, turns, executed), *(_one_end(turns) if certain else [])]
    start = run.lo
    for ask, answer in executed:
        findings += _apply(TURN_RULES, run, ask, answer) if run.judged else []
        if not stops or answer.status == CANCELLED:
            run.executed(ask, answer)
        else:
            run.settle(ask, answer)
    run.pending += lost
    run.hi += lost
    run.raced = bool(executed) and not stops
    run.refusals += [Refused() for seen in turns if isinstance(seen.reply, Refusal) and not stops]
    if stops:
        _close(run, start, turns, stops)
    else:
        _settle_end(run, end, lost)
    return findings


def _settle_end(run: RunHistory, end: Answer | None, lost: int) -> None:
    if end is not None:
        run.ended(end)
    elif lost:
        run.status = None


def _executed(turns: Sequence[Observed], *, certain: bool) -> tuple[list[tuple[Ask, Answer]], Answer | None]:
    """Return the turns that were executed, by number, and an answer that shows the end of the run, if one does.

    Of several answers with a terminal status one was the turn that ended the run, the others tell its final state;
    where a turn was lost, or the run may have ended before, all may.
    """
    pairs = [(seen.ask, seen.reply) for seen in turns if isinstance(seen.reply, Answer)]
    ends = [pair for pair in pairs if pair[1].status in TERMINAL]
    executed = [pair for pair in pairs if pair[1].status not in TERMINAL]
    if ends and certain:
        executed.append(next((pair for pair in ends if _tells_its_end(pair[1])), ends[0]))
    executed.sort(key=lambda pair: pair[1].turn_number or 0)
    return executed, ends[0][1] if ends else None


def _one_end(turns: Sequence[Observed]) -> list[Finding]:
    """STS-009 among turns at once: a run ends once, and nothing runs after that."""
    answers = [seen.reply for seen in turns if isinstance(seen.reply, Answer) and seen.reply.turn_number is not None]
    ends = sorted({(one.turn_number or 0, one.status or "") for one in answers if one.status in TERMINAL})
    if not ends:
        return []
    number, status = ends[0]
    after = [one for one in answers if one.status not in (None, *TERMINAL) and (one.turn_number or 0) > number]
    if len(ends) == 1 and not after:
        return [Finding("STS-009")]
    shown = f"status {ends[1][1]}, turn {ends[1][0]}" if len(ends) > 1 else f"status {after[0].status}"
    return [Finding("STS-009", Broken(f"nothing after status {status} in turn {number}", shown, "$.status"))]


def _tells_its_end(answer: Answer) -> bool:
    closing = CLOSING_EVENTS.get(answer.status or "", frozenset())
    return any(event.type in closing for event in answer.events or ())


def _apply(rules: Table, run: RunHistory, ask: Ask, answer: Answer) -> list[Finding]:
    step = Step(StepKind.EXECUTED, ask, answer, run)
    outcomes = ((id, rule(step)) for id, rule in rules)
    return [Finding(id, out if isinstance(out, Broken) else None) for id, out in outcomes if out is not None]


def _numbers(run: RunHistory, turns: Sequence[Observed], executed: Sequence[tuple[Ask, Answer]]) -> list[Finding]:
    """TRN-005: distinct, and contiguous with the last one."""
    numbers = [answer.turn_number for _, answer in executed if answer.turn_number is not None]
    if not numbers or len(numbers) < len(executed):
        return []
    spare = sum(isinstance(seen.reply, Indeterminate | Unreadable) for seen in turns) + run.hi - run.lo
    low, high = run.lo + 1, run.lo + len(numbers) + spare
    shown = ", ".join(map(str, numbers))
    if len(set(numbers)) < len(numbers):
        return [Finding("TRN-005", Broken("each turn_number once", shown, "$.turn_number", COUNTING))]
    if numbers[0] < low or numbers[-1] > high:
        expected = ", ".join(map(str, range(low, low + len(numbers))))
        return [Finding("TRN-005", Broken(expected, shown, "$.turn_number", COUNTING))]
    return [Finding("TRN-005")]


def _each_once(turns: Sequence[Observed]) -> list[Finding]:
    """TRN-005 beside a stop: turns that it did not cut off have numbers of their own."""
    replies = [seen.reply for seen in turns]
    whole = [one for one in replies if isinstance(one, Answer) and one.status in RESTING - TERMINAL]
    numbers = sorted(one.turn_number for one in whole if one.turn_number is not None)
    if len(set(numbers)) == len(numbers):
        return []
    return [
        Finding("TRN-005", Broken("each turn_number once", ", ".join(map(str, numbers)), "$.turn_number", COUNTING))
    ]


def _stops_among(run: RunHistory, turns: Sequence[Observed], stops: Sequence[Observed]) -> list[Finding]:
    """CAN-006 for a stop that met a running turn, CAN-001 and CAN-003 for stops among themselves, TRN-006 for all."""
    ended = next((end for end in map(_own_end, turns) if end), None)
    findings: list[Finding] = []
    for seen in stops:
        met = [turn for turn in turns if turn.ask.sent_s < seen.ask.sent_s < turn.ask.received_s]
        findings += _stop_answer(run, seen, ended, len(turns) + len(stops))
        if met:
            outcomes = [*(_turn_beside_stop(run, turn, len(turns)) for turn in met), _stop_outcome(seen, ended)]
            broken = next((outcome for outcome in outcomes if outcome), None)
            # A refused stop proves nothing yet: the scenario sends it again, and that one is judged.
            if broken or isinstance(seen.reply, Answer):
                findings.append(Finding("CAN-006", broken))
        if ended and isinstance(seen.reply, Answer) and seen.reply.status not in (None, ended):
            findings.append(Finding("CAN-005", _stop_outcome(seen, ended)))
    return findings if turns else [*findings, *_stops_alone(stops)]


def _stops_alone(stops: Sequence[Observed]) -> list[Finding]:
    """Stops at once and nothing else: one is the first (CAN-001), the others come after it (CAN-003)."""
    told = {seen.reply.status for seen in stops if isinstance(seen.reply, Answer)}
    wrong = sorted(status for status in told if status not in (None, CANCELLED))
    id = "CAN-003" if CANCELLED in told else "CAN-001"
    if wrong:
        return [Finding(id, Broken(CANCELLED, repr(wrong[0]), "$.status"))]
    codes = [seen.reply.http_status for seen in stops if isinstance(seen.reply, Indeterminate | Unreadable)]
    faults = [code for code in codes if code is not None]
    if faults:
        return [Finding(id, Broken("200 cancelled, or a refusal", str(faults[0])))]
    return []


def _own_end(turn: Observed) -> str | None:
    """Return the terminal status that a turn reached before any stop did."""
    status = turn.reply.status if isinstance(turn.reply, Answer) else None
    return status if status in TERMINAL and status != CANCELLED else None


def _stop_answer(run: RunHistory, seen: Observed, ended: str | None, beside: int) -> list[Finding]:
    answer = seen.reply
    if not isinstance(answer, Answer) or answer.turn_number is None or ended:
        return []
    low, high = run.lo, run.hi + beside
    if low <= answer.turn_number <= high:
        return [Finding("TRN-006")]
    return [Finding("TRN-006", Broken(between(low, high), str(answer.turn_number), "$.turn_number", COUNTING))]


def _stop_outcome(seen: Observed, ended: str | None) -> Broken | None:
    match seen.reply:
        case Answer(status=status) if ended and status not in (None, ended):
            return Broken(f"a refusal, or status {ended}, with which the turn ended the run", repr(status), "$.status")
        case Answer(status=status) if status not in (None, CANCELLED, ended):
            return Broken(f"{CANCELLED}: the stop met a running turn", repr(status), "$.status", ("CAN-001",))
        case Refusal(http_status=code) if code not in BUSY_REFUSALS and not ended:
            return Broken(
                "200 cancelled, or 409, 423, 429 while the turn runs", f"refused with {code}", "", ROOTS[Kind.STOP]
            )
        case Indeterminate(http_status=int(code)) | Unreadable(http_status=code):
            return Broken(_STOPPED_OR_BUSY, str(code), "", ROOTS[Kind.STOP])
        case _:
            return None


def _turn_beside_stop(run: RunHistory, turn: Observed, turns: int) -> Broken | None:
    """The turn's own answer is coherent: a number it can have, a refusal, no fault."""
    match turn.reply:
        case Answer(turn_number=int(number)) if not run.lo <= number <= run.hi + turns + 1:
            return Broken(between(run.lo, run.hi + turns + 1), str(number), "$.turn_number", COUNTING)
        case Indeterminate(http_status=int(code)) | Unreadable(http_status=code):
            return Broken("an answer or a refusal of the turn that the stop met", str(code))
        case _:
            return None


def _close(run: RunHistory, start: int, turns: Sequence[Observed], stops: Sequence[Observed]) -> None:
    """Set what is certain after a stop in flight: bounds over all answers, and the final status if one was told."""
    in_turns = [seen.reply for seen in turns if isinstance(seen.reply, Answer)]
    in_stops = [seen.reply for seen in stops if isinstance(seen.reply, Answer)]
    last_turn = max([start, *(answer.turn_number or 0 for answer in in_turns)])
    lowest = min((answer.turn_number or start for answer in in_stops), default=last_turn)
    run.lo = max(start, lowest)
    run.hi = max([last_turn, *(answer.turn_number or 0 for answer in in_stops)]) + run.pending
    ends = [answer.status for answer in (*in_turns, *in_stops) if answer.status in TERMINAL]
    told = [answer.status for answer in in_turns] if not in_stops else []
    certain = len(told) == len(turns) and not run.pending
    run.status = ends[0] if ends else (told[-1] if told and certain else None)
    run.background = any(answer.background for answer in (*in_turns, *in_stops))
