"""What the ledger is told: an ask (what was sent, and what it was meant to show) and the reply to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol

ANY_NUMBER = 1_000_000
"""As many unseen calls as nobody counted: a count up to so high has no upper bound to be told."""


def between(low: int, high: int) -> str:
    """Return the counts that are allowed, as a message tells them."""
    if high >= ANY_NUMBER:
        return f"{low} or more"
    return str(low) if low == high else f"{low} to {high}"


class Kind(Enum):
    """What a request asks of the endpoint, by its run_id and command."""

    FIRST = auto()  # no run_id: opens a run
    TURN = auto()  # run_id with start, data or resume
    STOP = auto()
    OTHER = auto()  # nothing that a history can judge: malformed, another method, `pause`


@dataclass(frozen=True, slots=True)
class Valid:
    """The request must be executed.

    ids: broken when it is refused or does not go on with its session; exact: broken, too, when the turn is not the
    very next one; blames: broken when it is refused, shown to hold by something else (an expectation).
    """

    ids: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    blames: tuple[str, ...] = ()

    @property
    def all_ids(self) -> tuple[str, ...]:
        """Everything that a refusal breaks."""
        return (*self.ids, *self.exact, *self.blames)


@dataclass(frozen=True, slots=True)
class Refused:
    """The request must get a 4xx, one of `codes` when there are any.

    unharmed: the IDs that also promise that the run named in it stays as it was.
    """

    ids: tuple[str, ...] = ()
    unharmed: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The run has ended: a 4xx, or its final state once more."""

    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lenient:
    """Executed or refused, both conform.

    ids: held by either; same: held by a refusal, and by an answer that goes on with the session that asked.
    """

    ids: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Busy:
    """Sent while another request on the run is in flight: executed, or refused because of that."""

    ids: tuple[str, ...] = ()


Intent = Valid | Refused | Ended | Lenient | Busy


@dataclass(frozen=True, slots=True)
class Broken:
    """How a requirement was broken; path: where in the answer, as a JSON path.

    roots: requirements that explain this where they are broken in plainer circumstances: a server that never counts
    right has not harmed a run by refusing a request.
    """

    expected: str
    actual: str
    path: str = ""
    roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement that an exchange put to the test; `broken` is None when it held."""

    id: str
    broken: Broken | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an answer, as far as invariants look at it; None: absent or of another type."""

    type: str
    logical_id: str | None = None
    timestamp: float | None = None
    thread: str | None = None
    node: str | None = None
    node_run: str | None = None
    source_node: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 with a JSON object; a required field that is missing or of a wrong type is None, error and hint are raw.

    raw_*: as sent, where the other is normalised; server_date: the Date header in epoch seconds; spoken: the strings
    that the server said (events and hint, without the events that carry the input back).
    """

    run_id: str | None
    status: str | None
    turn_number: int | None
    events: tuple[Event, ...] | None
    is_waiting: bool | None
    is_completed: bool | None
    error: Any = None
    hint: Any = None
    background: bool = False
    raw_run_id: str | None = None
    raw_status: str | None = None
    server_date: float | None = None
    spoken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A 4xx that settles the request: it was not executed."""

    http_status: int


@dataclass(frozen=True, slots=True)
class NotProcessed:
    """429, or 503 with Retry-After: may be sent again."""

    http_status: int


@dataclass(frozen=True, slots=True)
class Indeterminate:
    """It cannot be told whether the request was executed; http_status None: no complete response."""

    http_status: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Neither an answer nor a refusal: a 200 without a JSON object, another 2xx, a 3xx."""

    http_status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing reached the target."""


Reply = Answer | Refusal | NotProcessed | Indeterminate | Unreadable | NotSent


class Expectation(Protocol):
    """What an answer must show beyond the rules of every history: a role's end, a version's text."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The requirements that it proves."""

    def judge(self, answer: Answer) -> Broken | bool | None:
        """Return Broken, True (held) or None (says nothing)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. Times: `*_s` monotonic seconds, `*_at` epoch seconds.

    run_id: in lower case, None when absent or malformed; mark: the text that the answer must carry.
    """

    kind: Kind
    workflow_id: str
    run_id: str | None = None
    intent: Intent = field(default_factory=Valid)
    expects: tuple[Expectation, ...] = ()
    credential: str = "first"
    mark: str | None = None
    sent_s: float = 0.0
    received_s: float = 0.0
    sent_at: float = 0.0
    received_at: float = 0.0

    def overlaps(self, other: "Ask") -> bool:
        """Tell whether both were in flight at one moment."""
        return self.sent_s < other.received_s and other.sent_s < self.received_s


@dataclass(frozen=True, slots=True)
class Observed:
    """One exchange as the ledger sees it."""

    ask: Ask
    reply: Reply
