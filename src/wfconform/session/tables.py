"""Which invariants apply to which kind of step, and which kind of step an answer is."""

from wfconform.session import invariants as rule
from wfconform.session.event_rules import EVENTS
from wfconform.session.history import RunHistory
from wfconform.session.invariants import EVERY_ANSWER, LATER, StepKind, Table
from wfconform.session.states import CANCELLED, TERMINAL
from wfconform.session.values import Answer, Kind

TURN_RULES: Table = (("STS-002", rule.sts_002), ("STS-013", rule.sts_013), ("STS-014", rule.sts_014), *EVENTS)

# Every answer has a shape (EVT-001, EXE-002: judged where it is decoded); these are the rules beyond it.
RULES: dict[StepKind, Table] = {
    StepKind.OPENED: (
        ("RUN-001", rule.run_001),
        ("RUN-008", rule.run_008),
        ("RUN-012", rule.run_012),
        ("TRN-001", rule.trn_001),
        *EVERY_ANSWER,
        *TURN_RULES,
    ),
    StepKind.EXECUTED: (("TRN-002", rule.next_turn), ("RUN-012", rule.run_012), *LATER, *TURN_RULES),
    StepKind.SNAPSHOT: (("STS-009", rule.sts_009), ("CAN-002", rule.can_002), *LATER),
    StepKind.STOPPED: (("CAN-001", rule.can_001), ("TRN-006", rule.trn_006), ("STS-013", rule.sts_013), *LATER),
    StepKind.STOPPED_AGAIN: (("CAN-003", rule.can_003), ("TRN-006", rule.trn_006), *LATER),
    StepKind.STOPPED_AFTER_END: (("CAN-005", rule.can_005), *LATER),
    StepKind.STOPPED_UNOPENED: (("CAN-004", rule.can_004), *EVERY_ANSWER),
    StepKind.ENDED_UNSEEN: LATER,
    StepKind.ANOTHER_RUN: LATER,
    StepKind.STRAY: EVERY_ANSWER,
}

# What speaks of a request to an ended run, by what was asked and whether a stop had ended it.
AFTER_END = {
    (Kind.TURN, True): ("STS-009", "CAN-002"),
    (Kind.TURN, False): ("STS-009",),
    (Kind.STOP, True): ("CAN-003",),
    (Kind.STOP, False): ("CAN-005",),
}

# What explains a wrong turn_number, or a valid request that got no answer, where it is broken in plainer circumstances.
COUNTING = ("TRN-002", "TRN-004", "CAN-007")
ROOTS = {
    Kind.FIRST: ("EXE-001",),
    Kind.TURN: ("TRN-002", "CAN-007", "RUN-009"),
    Kind.STOP: ("CAN-001", "RUN-009"),
    Kind.OTHER: (),
}

# The requirement that a valid request broke when it was refused, unless its scenario names others.
DEFAULT_BLAME = {Kind.FIRST: ("EXE-001",), Kind.TURN: ("TRN-002",), Kind.STOP: ("CAN-001",), Kind.OTHER: ()}
# … and when it ended in a 5xx (EXE-008 is reported in any case): only what is certain.
BLAME_5XX = {Kind.FIRST: ("EXE-001",), Kind.TURN: (), Kind.STOP: ("CAN-001",), Kind.OTHER: ()}


def step_kind(kind: Kind, run: RunHistory | None, answer: Answer) -> StepKind:
    """Classify a 200 answer."""
    if kind is Kind.FIRST:
        return StepKind.OPENED
    if kind is Kind.STOP and run is None:
        return StepKind.STOPPED_UNOPENED
    if run is None or kind is Kind.OTHER:
        return StepKind.STRAY
    if answer.run_id not in (None, run.run_id):
        return StepKind.ANOTHER_RUN
    if kind is Kind.TURN and run.status is None and answer.status in TERMINAL and _known(run, answer.turn_number):
        return StepKind.ENDED_UNSEEN
    if not run.terminal:
        return StepKind.STOPPED if kind is Kind.STOP else StepKind.EXECUTED
    if kind is Kind.TURN:
        return StepKind.SNAPSHOT
    return StepKind.STOPPED_AGAIN if run.status == CANCELLED else StepKind.STOPPED_AFTER_END


def _known(run: RunHistory, number: int | None) -> bool:
    """Tell whether a turn of that number may have been executed before."""
    return number is None or run.lo <= number <= run.hi
