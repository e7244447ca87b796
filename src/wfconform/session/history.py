"""What is remembered of one run: bounds of its turn number, its status, hashes of its events. Small."""

from collections import Counter
from dataclasses import dataclass, field

from wfconform.session.states import MAIN_THREAD, TERMINAL
from wfconform.session.values import Answer, Ask, Event, Refused

NodeRun = tuple[str | None, str | None]


@dataclass(slots=True)
class EventMemory:
    """Hashes (8 bytes each) of the events of earlier turns, and the node runs that are still open."""

    ids: set[int] = field(default_factory=set)
    stamps: dict[int, float] = field(default_factory=dict)
    open_nodes: Counter[NodeRun] = field(default_factory=Counter)

    def has_any(self, events: tuple[Event, ...]) -> bool:
        """Tell whether one of these events was sent before."""
        return any(event.logical_id is not None and hash(event.logical_id) in self.ids for event in events)

    def add(self, events: tuple[Event, ...], received_s: float) -> None:
        """Take in the events of one executed turn."""
        for event in events:
            if event.logical_id is not None:
                self.ids.add(hash(event.logical_id))
            key = stamp_key(event)
            if key is not None:
                self.stamps.setdefault(key, received_s)
            if event.thread in MAIN_THREAD and event.type in ("start_node_run", "end_node_run"):
                self.open_nodes[(event.node, event.node_run)] += 1 if event.type == "start_node_run" else -1
        for node_run in [node_run for node_run, count in self.open_nodes.items() if count <= 0]:
            del self.open_nodes[node_run]


def stamp_key(event: Event) -> int | None:
    """Return what identifies an event but for its id (EVT-009); None for whole-second or absent timestamps."""
    if event.timestamp is None or event.timestamp == int(event.timestamp):
        return None
    return hash((event.type, event.timestamp, event.node, event.source_node))


@dataclass(slots=True)
class RunHistory:
    """One run. `lo` to `hi` bound the number of its last turn (equal when it is certain); status None: not certain.

    pending: turns that were lost and may still run; unseen: what ran in it was not all told (background work, a turn
    without events); stranger: known only from another run's answer; shared: nothing of it is certain (its id was given
    to others, it expired, or it is a stranger).
    """

    run_id: str
    workflow_id: str
    credential: str
    lo: int = 0
    hi: int = 0
    status: str | None = None
    background: bool = False
    shared: bool = False
    raced: bool = False
    stopped_after_end: bool = False
    left_its_end: bool = False
    stranger: bool = False
    unseen: bool = False
    pending: int = 0
    last_received_s: float = 0.0
    refusals: list[Refused] = field(default_factory=list)
    events: EventMemory = field(default_factory=EventMemory)

    @property
    def terminal(self) -> bool:
        """The run is known to have ended."""
        return self.status in TERMINAL

    @property
    def judged(self) -> bool:
        """Transitions can be judged: nothing but our own requests moves the run."""
        return not (self.background or self.shared)

    def executed(self, ask: Ask, answer: Answer) -> None:
        """Take in an executed turn or a stop."""
        self.unseen |= answer.turn_number != self.lo + 1
        if answer.turn_number is not None:
            self.lo = answer.turn_number
            self.hi = answer.turn_number + self.pending
        else:
            self.hi += 1
        self.status = None if self.pending and answer.status not in TERMINAL else answer.status
        self.settle(ask, answer)

    def settle(self, ask: Ask, answer: Answer) -> None:
        """Take in what does not move the turn number."""
        self.background = answer.background
        self.unseen |= answer.background or not answer.events or self.events.has_any(answer.events)
        self.refusals.clear()
        self.raced = False
        self.last_received_s = max(self.last_received_s, ask.received_s)
        self.events.add(answer.events or (), ask.received_s)

    def ended(self, answer: Answer) -> None:
        """Take in the final state of a run that ended unseen."""
        self.hi = max(self.hi, answer.turn_number or 0)
        self.status = answer.status
        self.background = answer.background

    def loosen(self, answer: Answer | None = None) -> None:
        """After something that may or may not have moved the run: widen the bounds, forget the status (§10)."""
        self.hi += 1
        self.unseen = True
        if answer is None:
            self.pending += 1
        elif answer.turn_number is not None:
            self.hi = max(self.hi, answer.turn_number)
        self.status = None
        self.refusals.clear()
