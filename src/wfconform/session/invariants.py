"""One function per requirement that a history can show.

Each takes a Step (a 200 answer and the run as it was before) and returns True (held), None (says nothing about this
requirement) or Broken. TABLES names which apply to which kind of step; the ledger walks them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from wfconform.session.history import RunHistory
from wfconform.session.states import (
    CANCELLED,
    NEVER_AN_ERROR,
    PAUSED,
    RESTING,
    SHOULD_HAVE_NO_ERROR,
    STATUSES,
    TERMINAL,
    WAITING,
)
from wfconform.session.values import Answer, Ask, Broken, between

SHOWN = 160  # characters of a value in a message


class StepKind(Enum):
    """What a 200 answer is, by what was asked and what the run was before."""

    OPENED = auto()  # first turn
    EXECUTED = auto()  # a turn on a run that was not known to have ended
    SNAPSHOT = auto()  # a turn on an ended run
    STOPPED = auto()  # stop on a run that was not known to have ended
    STOPPED_AGAIN = auto()  # stop on a cancelled run
    STOPPED_AFTER_END = auto()  # stop on a run that ended by itself
    STOPPED_UNOPENED = auto()  # stop without a run_id
    ENDED_UNSEEN = auto()  # the final state of a run that may have ended while nobody saw it
    ANOTHER_RUN = auto()  # the answer is another run's
    STRAY = auto()  # anything else: only its shape can be judged


@dataclass(frozen=True, slots=True)
class Step:
    """A 200 answer, what asked for it, and the run before it."""

    kind: StepKind
    ask: Ask
    answer: Answer
    run: RunHistory


Outcome = Broken | bool | None
Invariant = Callable[[Step], Outcome]


def _held(holds: bool, expected: str, actual: object, path: str) -> Outcome:  # noqa: FBT001
    return True if holds else Broken(expected, str(actual), path)


# --- run_id


def run_001(step: Step) -> Outcome:
    """The first turn returns an ObjectId."""
    raw = step.answer.raw_run_id
    if raw is None:
        return None
    return _held(step.answer.run_id is not None, "24 hexadecimal digits", repr(raw), "$.run_id")


def run_003(step: Step) -> Outcome:
    """A later 200 carries the run_id of its request."""
    if step.answer.raw_run_id is None:
        return None
    return _held(step.answer.run_id == step.ask.run_id, repr(step.ask.run_id), repr(step.answer.raw_run_id), "$.run_id")


def run_008(step: Step) -> Outcome:
    """The ObjectId's timestamp is the time of creation, within 60 s of the server's clock."""
    if step.answer.run_id is None:
        return None
    stamp = int(step.answer.run_id[:8], 16)
    end = step.answer.server_date or step.ask.received_at
    start = end - (step.ask.received_s - step.ask.sent_s)
    return _held(
        start - 60 <= stamp <= end + 60, f"a timestamp within 60 s of {end:.0f} (server clock)", stamp, "$.run_id"
    )


def run_012(step: Step) -> Outcome:
    """run_id is in lower case."""
    raw = step.answer.raw_run_id
    if step.answer.run_id is None or raw is None:
        return None
    return _held(raw == raw.lower(), "lower-case hexadecimal digits", repr(raw), "$.run_id")


# --- turn_number


def trn_001(step: Step) -> Outcome:
    """The first turn is 1."""
    number = step.answer.turn_number
    return None if number is None else _held(number == 1, "1", number, "$.turn_number")


def next_turn(step: Step) -> Outcome:
    """The turn is the last one plus 1, or as far as the bounds of an uncertain run allow (TRN-002)."""
    number, run = step.answer.turn_number, step.run
    if number is None or not run.judged:
        return None
    low, high = run.lo + 1, run.hi + 1
    return _held(low <= number <= high, between(low, high), number, "$.turn_number")


def trn_006(step: Step) -> Outcome:
    """A stop answers the last turn's number, or that plus 1."""
    number, run = step.answer.turn_number, step.run
    if number is None or not run.judged:
        return None
    return _held(run.lo <= number <= run.hi + 1, between(run.lo, run.hi + 1), number, "$.turn_number")


# --- status and flags


def sts_001(step: Step) -> Outcome:
    """Status is one of the nine, in lower case."""
    raw = step.answer.raw_status
    return None if raw is None else _held(raw in STATUSES, "one of the nine statuses of §7", repr(raw), "$.status")


def sts_002(step: Step) -> Outcome:
    """An executed turn answers a resting status."""
    status = step.answer.status
    return None if status is None else _held(status in RESTING, "a resting status (§8)", repr(status), "$.status")


def sts_003(step: Step) -> Outcome:
    """is_completed is true exactly when the status is terminal."""
    status, flag = step.answer.status, step.answer.is_completed
    if status is None or flag is None:
        return None
    wanted = status in TERMINAL
    return _held(flag is wanted, f"{_json(wanted)} with status {status}", _json(flag), "$.is_completed")


def sts_004(step: Step) -> Outcome:
    """waiting_for_user_input has is_waiting_for_input, and that flag has waiting_for_user_input or paused."""
    status, flag = step.answer.status, step.answer.is_waiting
    if status is None or flag is None:
        return None
    if status == WAITING:
        return _held(flag, f"true with status {status}", _json(flag), "$.is_waiting_for_input")
    if not flag:
        return True
    return _held(status == PAUSED, f"false with status {status}", "true", "$.is_waiting_for_input")


def sts_005(step: Step) -> Outcome:
    """The two flags are never both true."""
    answer = step.answer
    if answer.is_waiting is None or answer.is_completed is None:
        return None
    both = answer.is_waiting and answer.is_completed
    return _held(not both, "not both flags true", "is_waiting_for_input and is_completed are true", "$.is_completed")


def sts_006(step: Step) -> Outcome:
    """Failed has a non-empty error string."""
    if step.answer.status != "failed":
        return None
    error = step.answer.error
    told = isinstance(error, str) and bool(error.strip())
    return _held(told, "a non-empty string with status failed", _quoted(error), "$.error")


def sts_007(step: Step) -> Outcome:
    """The hint is an object when waiting, and null when is_waiting_for_input is false."""
    answer, hint = step.answer, step.answer.hint
    if answer.status == WAITING:
        return _held(isinstance(hint, Mapping), f"an object with status {WAITING}", _quoted(hint), "$.next_input_hint")
    if answer.status == PAUSED:
        return _held(hint is None or isinstance(hint, Mapping), "an object or null", _quoted(hint), "$.next_input_hint")
    if answer.status is None or answer.is_waiting is not False:
        return None
    return _held(hint is None, f"null with status {answer.status}", _quoted(hint), "$.next_input_hint")


def sts_008(step: Step) -> Outcome:
    """The hint is a busy_wait_for_user_message event."""
    hint = step.answer.hint
    if step.answer.status != WAITING or not isinstance(hint, Mapping):
        return None
    kind = hint.get("type")
    return _held(
        kind == "busy_wait_for_user_message", '"busy_wait_for_user_message"', _quoted(kind), "$.next_input_hint.type"
    )


def sts_012(step: Step) -> Outcome:
    """Completed and waiting_for_user_input have no error."""
    return _no_error(step, NEVER_AN_ERROR)


def sts_013(step: Step) -> Outcome:
    """cancelled, paused and aborted_looping_risk have no error."""
    return _no_error(step, SHOULD_HAVE_NO_ERROR)


def _no_error(step: Step, statuses: frozenset[str]) -> Outcome:
    if step.answer.status not in statuses:
        return None
    error = step.answer.error
    return _held(error is None or error == "", f"null with status {step.answer.status}", _quoted(error), "$.error")


def sts_014(step: Step) -> Outcome:
    """The hint is among this turn's events."""
    answer = step.answer
    if answer.status != WAITING or not isinstance(answer.hint, Mapping) or not answer.events:
        return None
    id, hint = answer.hint.get("logical_id"), answer.hint
    found = any((id is not None and event.logical_id == id) or event.content == hint for event in answer.events)
    return _held(found, "one of this turn's events", "an event that is not in $.events", "$.next_input_hint")


# --- the end of a run


def sts_009(step: Step) -> Outcome:
    """An ended run answers a turn with the same terminal status and turn, if with a 200 at all."""
    answer, run = step.answer, step.run
    if answer.status is None or not run.judged:
        return None
    if answer.status != run.status:
        return Broken(f"a refusal, or status {run.status} once more", _quoted(answer.status), "$.status")
    number = answer.turn_number
    if number is None:
        return True
    return _held(run.lo <= number <= run.hi, between(run.lo, run.hi), number, "$.turn_number")


def can_001(step: Step) -> Outcome:
    """A stop answers cancelled, completed, not waiting."""
    answer, run = step.answer, step.run
    if run.status is None or answer.status is None or not run.judged:
        return None
    if answer.status != CANCELLED:
        return Broken(CANCELLED, _quoted(answer.status), "$.status")
    if answer.is_completed is False:
        return Broken("true after a stop", "false", "$.is_completed")
    return _held(not answer.is_waiting, "false after a stop", "true", "$.is_waiting_for_input")


def can_002(step: Step) -> Outcome:
    """A run that was stopped answers a turn with its cancelled state, if with a 200 at all."""
    return sts_009(step) if step.run.status == CANCELLED else None


def can_003(step: Step) -> Outcome:
    """A second stop answers cancelled."""
    if step.answer.status is None:
        return None
    return _held(step.answer.status == CANCELLED, CANCELLED, _quoted(step.answer.status), "$.status")


def can_004(step: Step) -> Outcome:
    """A stop without run_id answers a cancelled run."""
    if step.answer.status is None:
        return None
    return _held(
        step.answer.status == CANCELLED, "a refusal, or a cancelled run", _quoted(step.answer.status), "$.status"
    )


def can_005(step: Step) -> Outcome:
    """A stop on a run that ended by itself shows no other status."""
    status = step.answer.status
    if status is None or not step.run.judged:
        return None
    return _held(
        status == step.run.status, f"a refusal, or status {step.run.status} unchanged", _quoted(status), "$.status"
    )


def _json(flag: bool) -> str:  # noqa: FBT001
    return "true" if flag else "false"


def _quoted(value: object) -> str:
    shown = "null or absent" if value is None else repr(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


Table = tuple[tuple[str, Invariant], ...]
EVERY_ANSWER: Table = (
    ("STS-001", sts_001),
    ("STS-003", sts_003),
    ("STS-004", sts_004),
    ("STS-005", sts_005),
    ("STS-006", sts_006),
    ("STS-007", sts_007),
    ("STS-008", sts_008),
    ("STS-012", sts_012),
    ("STS-013", sts_013),
)
LATER: Table = (("RUN-003", run_003), *EVERY_ANSWER)
