"""The quick way to the ledger's verdict: is this answer exactly the ordinary next turn?

`Ordinary.accepts` says yes only where every invariant that the ledger would judge holds, moves the run's history on as
the ledger would, and returns what was exercised as a small number; `exercised` turns that into requirement IDs. At
anything else it changes nothing and says no, and the exchange goes the whole way through `wire.observe`, which says
exactly what is wrong. A property test holds the two together. What only a strict reading of the whole text shows (a key
given twice, a raw control character in a field that nobody looks at) is read on a sample: see `driver`.
"""

import re
from collections import Counter
from typing import Any

import msgspec

from wfconform.load.connection import Reply
from wfconform.load.session import LoadSession, Plain
from wfconform.session.event_rules import BACKWARDS_S, CLOCK_SLACK_S, UNKNOWN_SKEW_S
from wfconform.session.history import NodeRun, RunHistory
from wfconform.session.ledger import Ledger
from wfconform.session.states import CLOSING_EVENTS, NODE_LEAVING_EDGES, NODE_WORK, WAITING
from wfconform.wire.leaks import Leaks

_LATEST_S = 1e13
_CREATION_SLACK_S = 60.0
_HINT = "busy_wait_for_user_message"


class EventFields(msgspec.Struct, gc=False):
    """The fields of an event that invariants look at."""

    type: str
    logical_id: str | None = None
    timestamp: float | None = None
    thread: str | None = msgspec.field(default=None, name="thread_reference_id")
    node: str | None = msgspec.field(default=None, name="origin_node_logical_id")
    node_run: str | None = msgspec.field(default=None, name="origin_node_run_id")
    source_node: str | None = msgspec.field(default=None, name="source_node_logical_id")
    message: Any = None
    content: Any = None


class HintFields(msgspec.Struct, gc=False):
    """The fields of a hint that invariants look at."""

    type: str
    logical_id: str | None = None


class AnswerFields(msgspec.Struct, gc=False):
    """The fields of an answer that invariants look at."""

    run_id: str
    status: str
    turn_number: int
    events: list[EventFields]
    is_waiting_for_input: bool
    is_completed: bool
    error: str | None = None
    next_input_hint: HintFields | None = None
    has_background_work: Any = None


decode_answer = msgspec.json.Decoder(AnswerFields).decode

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


class Ordinary:
    """Accepts ordinary turns of one target. epoch_s: what perf_counter_ns / 1e9 lacks to epoch seconds."""

    def __init__(self, ledger: Ledger, leaks: Leaks | None, *, echoes: bool, epoch_s: float) -> None:
        self._ledger = ledger
        self._forms = tuple(form for form, _ in leaks.forms) if leaks is not None else ()
        self._basis = ACCEPTED | (KEYED if leaks is not None else 0)
        self._echoes = echoes
        self.epoch_s = epoch_s

    def accepts(self, plain: Plain, reply: Reply) -> int:
        """Return what an ordinary turn exercised, having taken it in; 0 when it must go through the ledger."""
        head, raw, session = reply.head, reply.raw, plain.session
        if head is None or head.status != 200 or not raw:
            return 0
        for form in self._forms:
            if form in raw:
                return 0
        if raw.count(b"wfm") != raw.count(session.own):
            return 0
        body = reply.body
        try:
            answer = decode_answer(body)
            if not body.isascii():
                body.decode()
        except ValueError:
            return 0
        if plain.text is None:
            return self._opened(session, answer, reply) if head.json else 0
        return self._went_on(plain, answer, reply)

    def _opened(self, session: LoadSession, answer: AnswerFields, reply: Reply) -> int:
        id = answer.run_id
        if session.history is not None or answer.turn_number != 1 or not _waits(answer):
            return 0
        if not _OBJECT_ID(id) or self._ledger.knows(id) or not self._made_now(id, reply):
            return 0
        run = RunHistory(id, session.workflow_id, session.credential)
        exercised = self._events(run, answer, reply, None)
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

    def _went_on(self, plain: Plain, answer: AnswerFields, reply: Reply) -> int:
        session = plain.session
        run, number = session.history, answer.turn_number
        if run is None or answer.run_id != run.run_id or run.status != WAITING:
            return 0
        if run.lo != run.hi or number != run.lo + 1 or run.shared or run.unseen or run.background:
            return 0
        if run.pending or run.refusals or run.raced:
            return 0
        if not (_completed(answer) if plain.ends else _waits(answer)):
            return 0
        exercised = self._events(run, answer, reply, plain.mark if self._echoes else None)
        if exercised:
            session.turn, session.status = number, run.status
        return exercised

    def _events(self, run: RunHistory, answer: AnswerFields, reply: Reply, mark: str | None) -> int:
        """Judge the events beside those of earlier turns, and move the history on if all is well."""
        known, exercised = run.events, self._basis
        seen = _scan(answer, reply, self.epoch_s)
        if seen is None:
            return 0
        ids, stamps, stamped, meanings = seen
        if run.lo:
            if meanings & _RESTARTED or not known.ids.isdisjoint(ids):
                return 0
            if not known.stamps.keys().isdisjoint(stamps):
                return 0
        if mark is not None:
            if not _says(answer.events, mark):
                return 0
            exercised |= ECHOED
        if meanings & _OF_NODES:
            judged = _nodes(run, answer)
            if judged is None:
                return 0
            exercised |= judged
        run.lo = run.hi = answer.turn_number
        run.status = answer.status
        run.last_received_s = received_s = reply.received_ns / 1e9
        known.ids.update(ids)
        if stamps:
            known.stamps.update(dict.fromkeys(stamps, received_s))
            exercised |= DATED
        return exercised | (STAMPED if stamped else 0) | (0 if answer.is_waiting_for_input else ENDS)


_OBJECT_ID = re.compile(r"[0-9a-f]{24}").fullmatch


def _waits(answer: AnswerFields) -> bool:
    """STS-001 to 005, 007, 008, 012: waiting for input, in every field."""
    hint = answer.next_input_hint
    return (
        answer.status == WAITING
        and answer.is_waiting_for_input
        and not answer.is_completed
        and not answer.error
        and hint is not None
        and hint.type == _HINT
        and hint.logical_id is not None
        and answer.has_background_work is not True
    )


def _completed(answer: AnswerFields) -> bool:
    return (
        answer.status == "completed"
        and answer.is_completed
        and not answer.is_waiting_for_input
        and not answer.error
        and answer.next_input_hint is None
        and answer.has_background_work is not True
    )


Seen = tuple[list[int], list[int], bool, int]


def _scan(answer: AnswerFields, reply: Reply, epoch_s: float) -> Seen | None:
    """Return hashes of ids and of stamped events, whether any had a time, and the events' meanings; None: look closer."""
    ids: list[int] = []
    stamps: list[int] = []
    meanings, stamped = 0, False
    low, high = _span(reply, epoch_s)
    latest = low + BACKWARDS_S
    hint = answer.next_input_hint
    wanted = hint.logical_id if hint is not None else None
    hinted = wanted is None
    for event in answer.events:
        kind = event.type
        meanings |= _MEANING.get(kind, 0)
        id = event.logical_id
        if id is not None:
            ids.append(hash(id))
            if id == wanted:
                hinted = True
        stamp = event.timestamp
        if stamp is not None:
            if stamp < latest - BACKWARDS_S or stamp > high:
                return None
            stamped = True
            if stamp > latest:
                latest = stamp
            if stamp != int(stamp):
                stamps.append(hash((kind, stamp, event.node, event.source_node)))
    closing = _CLOSES_WAITING if answer.is_waiting_for_input else _CLOSES_COMPLETED
    return (ids, stamps, stamped, meanings) if hinted and meanings & closing else None


def _span(reply: Reply, epoch_s: float) -> tuple[float, float]:
    """EVT-005: when events of this call can have happened, by the server's clock."""
    date = reply.head.date if reply.head is not None else None
    took_s = (reply.received_ns - reply.sent_ns) / 1e9
    if date is None:
        end = reply.received_ns / 1e9 + epoch_s
        return end - took_s - UNKNOWN_SKEW_S, end + UNKNOWN_SKEW_S
    return date - took_s - CLOCK_SLACK_S, date + CLOCK_SLACK_S


def _nodes(run: RunHistory, answer: AnswerFields) -> int | None:
    """EVT-006 and EVT-010: nodes start before they end, and what ran or was left shows it; None: look closer."""
    running = run.events.open_nodes
    changed: dict[NodeRun, int] = {}
    ended: list[str | None] = []
    left: list[str | None] = []
    found = 0
    for event in answer.events:
        meaning = _MEANING.get(event.type, 0) & _OF_NODES
        if not meaning or (event.thread is not None and event.thread != "0"):
            continue
        found |= meaning
        if meaning & (_START | _END):
            key = (event.node, event.node_run)
            count = changed.get(key)
            count = (running.get(key, 0) if count is None else count) + (1 if meaning & _START else -1)
            if count < 0:
                return None
            changed[key] = count
            if meaning & _END:
                ended.append(event.node)
        elif meaning & _LEFT and event.source_node is not None:
            left.append(event.source_node)
    if found & _WORK and not (found & (_START | _END) and set(left).issubset(ended)):
        return None
    if changed and not _settled(running, changed, ends=not answer.is_waiting_for_input):
        return None
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


def _says(events: list[EventFields], mark: str) -> bool:
    """TRN-007: what the server says carries the mark."""
    for event in events:
        if event.type not in _INPUT_EVENTS:
            for text in (event.content, event.message):
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
