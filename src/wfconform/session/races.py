"""Several requests on one run at once: judged as a set, by what really overlapped (TRN-005, TRN-006, CAN-006)."""

from collections.abc import Callable, Sequence
from itertools import combinations

from wfconform.session.event_rules import evt_002, evt_003, evt_004
from wfconform.session.history import RunHistory
from wfconform.session.invariants import Step, StepKind, run_003, sts_002
from wfconform.session.states import BUSY_REFUSALS, CANCELLED, TERMINAL
from wfconform.session.tables import COUNTING
from wfconform.session.values import Answer, Ask, Broken, Finding, Indeterminate, Kind, Observed, Refusal, Unreadable

Shape = Callable[[Ask, Answer, RunHistory], list[Finding]]
# Rules that hold for an executed turn whatever ran beside it; EVT-003 and EVT-002 spare a turn that a stop cut off.
TURN_RULES = (
    ("RUN-003", run_003),
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
    executed = sorted(
        ((seen.ask, seen.reply) for seen in turns if isinstance(seen.reply, Answer)),
        key=lambda pair: pair[1].turn_number or 0,
    )
    findings = [
        finding for seen in members if isinstance(seen.reply, Answer) for finding in shape(seen.ask, seen.reply, run)
    ]
    findings += _numbers(run, turns, executed) if not stops else _stop_in_flight(run, turns, stops)
    uncertain = sum(isinstance(seen.reply, Indeterminate | Unreadable) for seen in turns)
    start = run.lo
    for ask, answer in executed:
        findings += _turn_rules(run, ask, answer)
        if not stops or answer.status == CANCELLED:
            run.executed(ask, answer)
        else:
            run.settle(ask, answer)
    run.pending += uncertain
    run.hi += uncertain
    run.raced = bool(executed) and not stops
    if stops:
        _close(run, start, turns, stops)
    return findings


def _turn_rules(run: RunHistory, ask: Ask, answer: Answer) -> list[Finding]:
    step = Step(StepKind.EXECUTED, ask, answer, run)
    outcomes = ((id, rule(step)) for id, rule in TURN_RULES)
    return [Finding(id, out if isinstance(out, Broken) else None) for id, out in outcomes if out is not None]


def _numbers(run: RunHistory, turns: Sequence[Observed], executed: Sequence[tuple[Ask, Answer]]) -> list[Finding]:
    """TRN-005: distinct, and contiguous with the last one."""
    numbers = [answer.turn_number for _, answer in executed if answer.turn_number is not None]
    if not numbers or not run.judged or len(numbers) < len(executed):
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


def _stop_in_flight(run: RunHistory, turns: Sequence[Observed], stops: Sequence[Observed]) -> list[Finding]:
    """CAN-006 and TRN-006 for a stop that met a running turn."""
    if not run.judged:
        return []
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
    return findings


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
    return [Finding("TRN-006", Broken(f"{low} to {high}", str(answer.turn_number), "$.turn_number", COUNTING))]


def _stop_outcome(seen: Observed, ended: str | None) -> Broken | None:
    match seen.reply:
        case Answer(status=status) if status not in (None, CANCELLED, ended):
            return Broken(f"{CANCELLED}: the stop met a running turn", repr(status), "$.status", ("CAN-001",))
        case Refusal(http_status=code) if code not in BUSY_REFUSALS and not ended:
            return Broken("200 cancelled, or 409, 423, 429 while the turn runs", f"refused with {code}")
        case Indeterminate(http_status=int(code)) | Unreadable(http_status=code):
            return Broken("200 cancelled, or 409, 423, 429 while the turn runs", str(code))
        case _:
            return None


def _turn_beside_stop(run: RunHistory, turn: Observed, turns: int) -> Broken | None:
    """The turn's own answer is coherent: a number it can have, a refusal, no fault."""
    match turn.reply:
        case Answer(turn_number=int(number)) if not run.lo <= number <= run.hi + turns + 1:
            return Broken(f"{run.lo} to {run.hi + turns + 1}", str(number), "$.turn_number", COUNTING)
        case Indeterminate(http_status=int(code)) | Unreadable(http_status=code):
            return Broken("an answer or a refusal of the turn that the stop met", str(code))
        case _:
            return None


def _close(run: RunHistory, start: int, turns: Sequence[Observed], stops: Sequence[Observed]) -> None:
    """Set what is certain after a stop in flight: bounds over all answers, and the final status if one was told."""
    answers = [seen.reply for seen in (*turns, *stops) if isinstance(seen.reply, Answer)]
    numbers = [answer.turn_number for answer in answers if answer.turn_number is not None]
    run.lo, run.hi = start, max([run.hi, start + len(turns) + len(stops), *numbers])
    ends = [answer.status for answer in answers if answer.status in TERMINAL]
    told = [answer.status for answer in answers if answer.status is not None]
    certain = len(told) == len(stops) + len(turns)
    run.status = ends[0] if ends else (told[-1] if certain else None)
