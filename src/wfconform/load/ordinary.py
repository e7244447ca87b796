"""The quick way to the ledger's verdict: is this answer exactly the ordinary next turn?

`Ordinary.accepts` says yes only where every invariant that the ledger would judge holds, moves the run's history on as
the ledger would, and returns what was exercised as a small number; `exercised` turns that into requirement IDs. At
anything else it changes nothing and says no, and the exchange goes the whole way through `wire.observe`, which says
exactly what is wrong. A property test holds the two together. What only a strict reading of the whole text shows (a key
given twice, a raw control character in a field that nobody looks at) is read on a sample: see `driver`.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from wfconform.load.connection import Reply
from wfconform.load.fields import AnswerFields, EventFields, decode_completed, decode_waiting
from wfconform.load.session import LoadSession, Plain
from wfconform.session import Answer
from wfconform.session.event_rules import CLOCK_SLACK_S, UNKNOWN_SKEW_S
from wfconform.session.history import EventMemory, NodeRun, RunHistory
from wfconform.session.ledger import Ledger
from wfconform.session.states import CLOSING_EVENTS, MAIN_THREAD, NODE_LEAVING_EDGES, NODE_WORK, WAITING
from wfconform.wire.leaks import Leaks
from wfconform.wire.marks import TOKEN_DIGITS

_CREATION_SLACK_S = 60.0


# What an ordinary turn exercised, as bits.
FIRST, ENDS, ECHOED, KEYED, STAMPED, DATED, NODES, WORKED, ACCEPTED = (1 << bit for bit in range(9))

_START, _END, _WORK, _LEFT, _RESTARTED, _CLOSES_WAITING, _CLOSES_COMPLETED = (1 << bit for bit in range(7))
_OF_NODES = _START | _END | _WORK | _LEFT
_MEANING: dict[str, int] = {
    "start_node_run": _START,
    "end_node_run": _END,
    "start_workflow": _RESTARTED,
    **dict.fromkeys(NODE_WORK, _WORK),
    **dict.fromkeys(NODE_LEAVING_EDGES, _LEFT),
    **dict.fromkeys(CLOSING_EVENTS[WAITING], _CLOSES_WAITING),
    **dict.fromkeys(CLOSING_EVENTS["completed"], _CLOSES_COMPLETED),
}
_INPUT_EVENTS = ("user_messages", "start_node_run")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the types of an answer's events, in their order, mean; the same few orders come again and again.

    pairs: the places of each start_node_run and the end_node_run right after it, None where it is not so simple (nodes
    that stay open, edges); speaks: the places of events that may carry what the server says.
    """

    meanings: int
    pairs: tuple[tuple[int, int], ...] | None
    speaks: tuple[int, ...]
    exercised: int

    @classmethod
    def of(cls, kinds: tuple[str, ...]) -> "Shape":
        """Read a sequence of types."""
        meanings = 0
        for kind in kinds:
            meanings |= _MEANING.get(kind, 0)
        places = [place for place, kind in enumerate(kinds) if _MEANING.get(kind, 0) & (_START | _END)]
        starts, ends = places[::2], places[1::2]
        paired = all(kinds[place] == "start_node_run" for place in starts)
        paired = paired and len(starts) == len(ends) and all(kinds[place] == "end_node_run" for place in ends)
        simple = paired and not meanings & _LEFT and (bool(places) or not meanings & _WORK)
        return cls(
            meanings=meanings,
            pairs=tuple(zip(starts, ends, strict=True)) if simple else None,
            speaks=tuple(place for place, kind in enumerate(kinds) if kind not in _INPUT_EVENTS),
            exercised=(NODES if places else 0) | (WORKED if meanings & _WORK else 0),
        )


class Ordinary:
    """Accepts ordinary turns of one target. epoch_s: what perf_counter_ns / 1e9 lacks to epoch seconds."""

    def __init__(self, ledger: Ledger, leaks: Leaks | None, *, echoes: bool, epoch_s: float) -> None:
        self._ledger = ledger
        self._forms = tuple(form for form, _ in leaks.forms) if leaks is not None else ()
        self._basis = ACCEPTED | (KEYED if leaks is not None else 0)
        self._echoes = echoes
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self.epoch_s = epoch_s

    def accepts(self, plain: Plain, reply: Reply) -> int:
        """Return what an ordinary turn exercised, having taken it in; 0 when it must go through the ledger."""
        head, raw, body = reply.head, reply.raw, reply.body
        if head is None or head.status != 200 or not raw:
            return 0
        for form in self._forms:
            if form in raw:
                return 0
        marks = _MARKS(raw)
        if marks and marks.count(plain.session.own) != len(marks):
            return 0
        waits = plain.ends is None
        try:
            answer = decode_waiting(body) if waits else decode_completed(body)
            if not body.isascii():
                body.decode()
        except ValueError:
            return 0
        if answer.is_completed is waits or answer.is_waiting_for_input is not waits:
            return 0
        if answer.has_background_work is True:
            return 0
        return self._went_on(plain, answer, reply) if plain.text is not None else self._opened(plain, answer, reply)

    def _went_on(self, plain: Plain, answer: AnswerFields, reply: Reply) -> int:
        session = plain.session
        run, number = session.history, answer.turn_number
        if run is None or answer.run_id != run.run_id or run.status != WAITING or number != run.lo + 1:
            return 0
        if run.hi >= number or run.shared or run.unseen or run.background or run.pending or run.refusals or run.raced:
            return 0
        exercised = self._events(run, plain, answer, reply)
        if exercised:
            session.turn, session.status = number, run.status
        return exercised

    def _opened(self, plain: Plain, answer: AnswerFields, reply: Reply) -> int:
        id, session, head = answer.run_id, plain.session, reply.head
        if session.history is not None or answer.turn_number != 1 or head is None or not head.json:
            return 0
        if not _OBJECT_ID(id) or self._ledger.knows(id) or not self._made_now(id, reply):
            return 0
        memory = EventMemory(set(), {}, Counter.__new__(Counter))
        run = RunHistory(id, session.workflow_id, session.credential, events=memory)
        exercised = self._events(run, plain, answer, reply)
        if exercised:
            self._ledger.add(run)
            session.history, session.run_id, session.turn, session.status = run, id, 1, WAITING
            exercised |= FIRST
        return exercised

    def _made_now(self, run_id: str, reply: Reply) -> bool:
        """RUN-008: the ObjectId's timestamp is the time of creation, by the server's clock."""
        date = reply.head.date if reply.head is not None else None
        end = date or reply.received_ns / 1e9 + self.epoch_s
        took_s = (reply.received_ns - reply.sent_ns) / 1e9
        return end - took_s - _CREATION_SLACK_S <= int(run_id[:8], 16) <= end + _CREATION_SLACK_S

    def _events(self, run: RunHistory, plain: Plain, answer: AnswerFields, reply: Reply) -> int:
        """Judge the events beside those of earlier turns, and move the history on if all is well."""
        session, hint, events = plain.session, answer.next_input_hint, answer.events
        kinds, ids = tuple(map(_TYPE, events)), tuple(map(_ID, events))
        shape = self._shapes.get(kinds) or self._shape(kinds)
        if not shape.meanings & (_CLOSES_COMPLETED if hint is None else _CLOSES_WAITING):
            return 0
        if hint is not None and hint.logical_id not in ids:
            return 0
        if run.lo and (shape.meanings & _RESTARTED or _sent_before(session, run, ids)):
            return 0
        dated = self._in_time(session, events, reply)
        told = ECHOED if plain.mark is not None and self._echoes else 0
        if dated is None or (told and not _says(events, shape, plain.mark)):
            return 0
        simple = shape.pairs is not None and _pairs(events, shape.pairs)
        noded = shape.exercised
        if not simple or (hint is None and run.events.open_nodes):
            noded = _nodes(run, answer)
            if noded < 0:
                return 0
        run.lo = run.hi = answer.turn_number
        run.status = answer.status
        run.last_received_s = received_s = reply.received_ns / 1e9
        session.told.update(ids)
        session.untold.append((events, received_s))
        return self._basis | dated | noded | told | (0 if hint is not None else ENDS)

    def _shape(self, kinds: tuple[str, ...]) -> Shape:
        if len(self._shapes) >= SHAPES_KEPT:
            self._shapes.clear()
        made = self._shapes[kinds] = Shape.of(kinds)
        return made

    def _in_time(self, session: LoadSession, events: list[EventFields], reply: Reply) -> int | None:
        """EVT-005 and EVT-009, where all events are later than any before; None: look closer."""
        stamps: list[Any] = list(map(_TIME, events))
        first, last = stamps[0], stamps[-1]
        date = reply.head.date if reply.head is not None else None
        try:
            dated = date is not None and date - CLOCK_SLACK_S <= first and last <= date + CLOCK_SLACK_S
            if not dated and not any(low <= first and last <= high for low, high in _spans(reply, self.epoch_s)):
                return None
            if sorted(stamps) != stamps:
                return None
        except TypeError:
            return _without_times(stamps)
        fractions = not (first.is_integer() and all(map(float.is_integer, stamps)))
        if fractions and first <= session.latest_stamp:
            return None
        session.latest_stamp = last
        return STAMPED | DATED if fractions else STAMPED


_TYPE, _ID, _TIME = attrgetter("type"), attrgetter("logical_id"), attrgetter("timestamp")
_MARKS = re.compile(rb"wfm[0-9a-f]{%d}" % TOKEN_DIGITS).findall
_OBJECT_ID = re.compile(r"[0-9a-f]{24}").fullmatch
SHAPES_KEPT = 1024
_LOOK_CLOSER = -1


def settle(session: LoadSession) -> None:
    """Put into the history what the quick way had put off: ids and stamps of events (EVT-004, EVT-009)."""
    run = session.history
    if run is not None:
        known = run.events.stamps
        for events, received_s in session.untold:
            for event in events:
                stamp = event.timestamp
                if stamp is not None and not stamp.is_integer():
                    known.setdefault(hash((event.type, stamp, event.node, event.source_node)), received_s)
        session.told.discard(None)
        run.events.ids.update(map(hash, session.told))
    session.untold.clear()
    session.told.clear()


def _sent_before(session: LoadSession, run: RunHistory, ids: tuple[str | None, ...]) -> bool:
    """EVT-004: one of the ids is that of an event of an earlier turn."""
    if not session.told.isdisjoint(ids) and session.told.intersection(ids) != {None}:
        return True
    known = run.events.ids
    return bool(known) and not known.isdisjoint([hash(id) for id in ids if id is not None])


def follow(session: LoadSession, run: RunHistory | None, answers: Iterable[Answer]) -> None:
    """Let the quick way go on from what the ledger took in."""
    session.history = run
    for answer in answers:
        for event in answer.events or ():
            if event.timestamp is not None and event.timestamp > session.latest_stamp:
                session.latest_stamp = event.timestamp


def _without_times(stamps: list[float | None]) -> int | None:
    """Return that nothing is shown where no event has a time; None: some have."""
    return 0 if all(stamp is None for stamp in stamps) else None


def _spans(reply: Reply, epoch_s: float) -> tuple[tuple[float, float], ...]:
    """EVT-005: when events of this call can have happened, by the server's clock or by ours."""
    date = reply.head.date if reply.head is not None else None
    took_s = (reply.received_ns - reply.sent_ns) / 1e9
    end = reply.received_ns / 1e9 + epoch_s
    if date is None:
        return ((end - took_s - UNKNOWN_SKEW_S, end + UNKNOWN_SKEW_S),)
    return tuple((one - took_s - CLOCK_SLACK_S, one + CLOCK_SLACK_S) for one in (date, end))


def _pairs(events: list[EventFields], pairs: tuple[tuple[int, int], ...]) -> bool:
    """EVT-006 and EVT-010 where each node that started is the one that ended next, in the main thread."""
    for start, end in pairs:
        one, other = events[start], events[end]
        if one.node != other.node or one.node_run != other.node_run:
            return False
        if one.thread not in MAIN_THREAD or other.thread not in MAIN_THREAD:
            return False
    return True


def _nodes(run: RunHistory, answer: AnswerFields) -> int:
    """EVT-006 and EVT-010: nodes start before they end, and what ran or was left shows it; negative: look closer."""
    running = run.events.open_nodes
    changed: dict[NodeRun, int] = {}
    ended: list[str | None] = []
    left: list[str | None] = []
    found = 0
    for event in answer.events:
        meaning = _MEANING.get(event.type, 0) & _OF_NODES
        if not meaning or event.thread not in MAIN_THREAD:
            continue
        found |= meaning
        if meaning & (_START | _END):
            key = (event.node, event.node_run)
            count = changed.get(key, running.get(key, 0)) + (1 if meaning & _START else -1)
            if count < 0:
                return _LOOK_CLOSER
            changed[key] = count
            if meaning & _END:
                ended.append(event.node)
        elif meaning & _LEFT and event.source_node is not None:
            left.append(event.source_node)
    if found & _WORK and not (found & (_START | _END) and set(left).issubset(ended)):
        return _LOOK_CLOSER
    if changed and not _settled(running, changed, ends=answer.next_input_hint is None):
        return _LOOK_CLOSER
    return (NODES if changed else 0) | (WORKED if found & _WORK else 0)


def _settled(running: Counter[NodeRun], changed: dict[NodeRun, int], *, ends: bool) -> bool:
    """Take in what started and ended; not where the run ends with a node that did not."""
    if ends and (any(changed.values()) or any(key not in changed for key in running)):
        return False
    for key, count in changed.items():
        if count:
            running[key] = count
        else:
            running.pop(key, None)
    return True


def _says(events: list[EventFields], shape: Shape, mark: Any) -> bool:
    """TRN-007: what the server says carries the mark."""
    for place in shape.speaks:
        for text in (events[place].message, events[place].content):
            if type(text) is str and mark in text:
                return True
    return False


_EVERY = ("EXE-002", "EVT-001", "EVT-002", "EVT-003", "RUN-012")
_STATUS = ("STS-001", "STS-002", "STS-003", "STS-004", "STS-005", "STS-007", "STS-012")


def exercised_ids(bits: int) -> tuple[str, ...]:
    """Return the requirements that an accepted turn put to the test."""
    first, ends = bool(bits & FIRST), bool(bits & ENDS)
    rows = (
        (True, (*_STATUS, *_EVERY)),
        (first, ("EXE-001", "RUN-001", "RUN-002", "RUN-008", "TRN-001")),
        (not first, ("RUN-003", "TRN-002", "EVT-007")),
        (ends, ("STS-010",)),
        (not ends, ("STS-008", "STS-014")),
        (not first, ("EVT-004",)),
        (bool(bits & KEYED), ("AUT-004",)),
        (bool(bits & STAMPED), ("EVT-005",)),
        (bool(bits & DATED) and not first, ("EVT-009",)),
        (bool(bits & NODES), ("EVT-006",)),
        (bool(bits & WORKED), ("EVT-010",)),
        (bool(bits & ECHOED), ("TRN-007", "EVT-008")),
    )
    return tuple(id for holds, ids in rows if holds for id in ids)
