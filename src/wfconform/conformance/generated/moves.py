"""What a client may do next when it holds several sessions: the moves of random interleavings and of the exploration.

A move is chosen by two numbers: whose turn it is, and how it is made. So a plan is numbers, and can be shrunk.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wfconform.scenarios import Client, Operation, Send, Session
from wfconform.scenarios.client import at_once, fresh
from wfconform.scenarios.expectations import EndsAs, SaysVersion
from wfconform.session import Busy, Ended, Kind, Lenient, Refused, Valid
from wfconform.session.states import PAUSED, WAITING
from wfconform.target import OTHER_ROLES
from wfconform.wire import Connection, full_form_body, minimal_body

MOST_LIVE = 3
MOST_ENDED = 3
_ENDING = {"completes": "completed", "fails": "failed", "loops": "aborted_looping_risk", "pauses": "paused"}
_EXTRA = {"x_wfconform": {"nested": [1, None]}, "unknown": None}
_VERSION_ROOTS = ("VER-001", "VER-002")


@dataclass(slots=True)
class Held:
    """A session that the client holds. version: the one that it was opened on.

    owed: its next turn must be a plain one, so that what came before (a refusal, turns at once) explains it alone.
    """

    session: Session
    version: int | None = None
    owed: bool = False

    @property
    def status(self) -> str | None:
        """The last one that was answered."""
        return self.session.status


@dataclass(slots=True)
class Board:
    """All sessions that the client holds."""

    client: Client
    held: list[Held] = field(default_factory=list)

    @property
    def live(self) -> list[Held]:
        """Those that go on: waiting, or paused."""
        return [one for one in self.held if one.session.live]

    @property
    def waiting(self) -> list[Held]:
        """Those that wait for a text."""
        return [one for one in self.held if one.session.live and one.status == WAITING]

    @property
    def ended(self) -> list[Held]:
        """The last few that have ended."""
        return [one for one in self.held if one.session.run_id is not None and not one.session.live]

    def hold(self, session: Session, version: int | None = None) -> Session:
        """Keep a new session, and forget the oldest of those that have ended."""
        self.held.append(Held(session, version))
        for old in self.ended[:-MOST_ENDED]:
            self.held.remove(old)
        return session


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to do. can: whether it makes sense now; do: what to send; weight: how often it is chosen."""

    name: str
    can: Callable[[Board], bool]
    do: Callable[[Board, int, int], Operation]
    weight: int = 1


def _pick(items: Sequence[Any], number: int) -> Any:
    return items[number % len(items)]


# --- opening


def _open(board: Board, _: int, how: int) -> Operation:
    """Open the conversation: in short, with run_id null, in the full form, over a new connection."""
    start = board.hold(board.client.session()).start()
    forms: tuple[dict[str, Any], ...] = (
        {},
        {"json": {"run_id": None, **(start.request.json or {})}, "intent": Valid(("RUN-004",))},
        {"json": full_form_body(run_id=None, text=None), "intent": Valid(("EXE-012",))},
    )
    send = start.but(**_pick(forms, how))
    return fresh(send) if how % 2 else send


def _open_another(board: Board, who: int, _: int) -> Operation:
    """Open a workflow that ends, or pauses, in its first turn."""
    role = _pick(_offered(board), who)
    session = board.hold(board.client.session(role))
    return session.start(intent=Valid(blames=(f"role:{role}",)), expects=(EndsAs(role, _ENDING[role]),))


def _offered(board: Board) -> list[str]:
    return [role for role in _ENDING if board.client.workflows.id_of(role) is not None]


def _open_version(board: Board, who: int, _: int) -> Operation:
    """Open a session on one of the declared versions."""
    number = _pick(sorted(board.client.versioned.versions), who)
    session = board.hold(board.client.session("versioned"), number)
    start = session.start(intent=Valid(blames=("VER-001",)), expects=_says(board, number, "VER-001", settles=False))
    return start.but(query=(("version", str(number)),))


def _says(board: Board, number: int, id: str, *, settles: bool = True) -> tuple[SaysVersion, ...]:
    texts = board.client.versioned.versions
    others = tuple(text for key, text in texts.items() if key != number)
    roots = tuple(root for root in _VERSION_ROOTS if root != id) if id != "VER-001" else ()
    return (SaysVersion(texts[number], others, (id,), settles, roots),)


# --- going on


def _say(board: Board, who: int, how: int) -> Operation:
    """Take a turn: in short, in the full form, with unknown fields, over a new connection, naming a version."""
    held: Held = _pick(board.waiting, who)
    return _turn(board, held, how)


def _turn(board: Board, held: Held, how: int) -> Send:
    if held.version is not None:
        return _versioned_turn(board, held, how)
    if held.owed:
        held.owed = False
        return held.session.say()
    said = held.session.say(intent=Valid(exact=("TRN-004",)))
    body, mark = said.request.json or {}, said.request.mark or ""
    extended = {**body, **_EXTRA, "run_input": {**body["run_input"], **_EXTRA}}
    full = full_form_body(run_id=held.session.run_id, text=mark)
    forms: tuple[dict[str, Any], ...] = (
        {},
        {"json": full, "intent": Valid(("EXE-012",))},
        {"json": extended, "intent": Valid(("EXE-007",))},
        {"connection": Connection.FRESH, "intent": Valid(("RUN-009",))},
        {"query": (("version", str(how)),), "intent": Lenient()},
    )
    return said.but(**_pick(forms, how))


def _versioned_turn(board: Board, held: Held, how: int) -> Send:
    """Take a turn that asks for another version than the session's."""
    number = held.version or 0
    asked: tuple[int | None, ...] = (*sorted(board.client.versioned.versions), None)
    said = held.session.say(intent=Valid(("VER-006",)), expects=_says(board, number, "VER-006"))
    other = _pick(asked, how)
    return said.but(query=() if other is None else (("version", str(other)),))


def _say_data(board: Board, who: int, how: int) -> Operation:
    """Take a turn with the command data or resume."""
    session: Session = _pick(_settled(board.waiting), who).session
    return session.say(command=_pick(("data", "resume", "data"), how), intent=Valid(("RUN-011",)), expects=())


def _resume_paused(board: Board, who: int, _: int) -> Operation:
    """Resume a paused run."""
    paused = [one for one in board.live if one.status == PAUSED]
    return paused[who % len(paused)].session.say(intent=Lenient(), expects=())


def _two_turns(board: Board, who: int, _: int) -> Operation:
    """Send two turns of one session at once."""
    held: Held = _pick(_settled(board.waiting), who)
    held.owed = True
    return at_once(*(held.session.say(intent=Busy()) for _ in range(2)))


def _all_at_once(board: Board, _: int, how: int) -> Operation:
    """Take a turn in every waiting session at once."""
    return at_once(*(_turn(board, held, how) for held in board.waiting))


def _settled(held: Iterable[Held]) -> list[Held]:
    """Those that may take any turn."""
    return [one for one in held if one.version is None and not one.owed]


# --- ending


def _stop(board: Board, who: int, how: int) -> Operation:
    """Stop a session."""
    stop: Send = _pick(board.live, who).session.stop()
    return fresh(stop) if how % 2 else stop


def _two_stops(board: Board, who: int, _: int) -> Operation:
    """Send two stops of one session at once."""
    session = _pick(board.waiting, who).session
    return at_once(session.stop(intent=Busy()), session.stop(intent=Busy()))


def _say_after_end(board: Board, who: int, how: int) -> Operation:
    """Try to go on with a session that has ended."""
    command = _pick((None, "data", "resume", "start"), how)
    session: Session = _pick(board.ended, who).session
    return session.say(command=command, intent=Ended(), expects=())


def _stop_after_end(board: Board, who: int, _: int) -> Operation:
    """Stop a session that has ended."""
    session: Session = _pick(board.ended, who).session
    return session.stop(intent=Ended())


# --- what must be refused


def _refused(board: Board, who: int, how: int) -> Operation:
    """Send a session what must be refused: it goes on as if nothing had happened."""
    held: Held = _pick(board.waiting, who)
    held.owed = held.version is None
    send: Send = _pick(_REFUSED, how)(board, held.session)
    return send


def _unknown_command(board: Board, session: Session) -> Send:
    return session.say(command="cmd" + board.client.hexes(8), intent=Refused(("EXE-006",)), expects=())


def _no_input(_: Board, session: Session) -> Send:
    return session.say(intent=Refused(("EXE-005",)), expects=()).but(json={"run_id": session.run_id})


def _cut_body(_: Board, session: Session) -> Send:
    raw = b'{"run_id": "%s", "run_input": {' % (session.run_id or "").encode()
    return session.say(intent=Refused(("EXE-005",)), expects=()).but(json=None, raw=raw)


def _cut_stop(_: Board, session: Session) -> Send:
    raw = b'{"run_id": "%s", "run_input": {"command": "stop"' % (session.run_id or "").encode()
    return session.stop(intent=Refused(("EXE-005",))).but(json=None, raw=raw)


def _other_path(board: Board, session: Session) -> Send:
    theirs = (board.client.workflows.id_of(role) for role in OTHER_ROLES)
    other = next((id for id in theirs if id not in (None, session.workflow_id)), None)
    intent = Refused(("RUN-007",), unharmed=("RUN-007",))
    if other is None or session.role != "conversation":
        return _unknown_command(board, session)
    return session.say(intent=intent, expects=()).but(workflow_id=other)


def _never_issued(board: Board, session: Session) -> Send:
    id = board.client.object_id()
    body = minimal_body(board.client.input.with_text("anyone there?"), run_id=id)
    return session.send(Kind.TURN, body, intent=Refused(("RUN-005",)), run_id=id)


_REFUSED = (_unknown_command, _no_input, _cut_body, _other_path, _never_issued, _cut_stop)


def _has_versions(board: Board) -> bool:
    return board.client.workflows.versioned is not None and len(board.live) < MOST_LIVE


MOVES = (
    Move("open", lambda board: len(board.live) < MOST_LIVE, _open, 3),
    Move("open_version", _has_versions, _open_version),
    Move("open_another", lambda board: bool(_offered(board)) and len(board.live) < MOST_LIVE, _open_another),
    Move("say", lambda board: bool(board.waiting), _say, 8),
    Move("say_data", lambda board: bool(_settled(board.waiting)), _say_data, 3),
    Move("resume_paused", lambda board: any(one.status == PAUSED for one in board.live), _resume_paused),
    Move("two_turns", lambda board: bool(_settled(board.waiting)), _two_turns),
    Move("all_at_once", lambda board: len(board.waiting) > 1, _all_at_once),
    Move("stop", lambda board: bool(board.live), _stop),
    Move("two_stops", lambda board: bool(board.waiting), _two_stops),
    Move("say_after_end", lambda board: bool(board.ended), _say_after_end, 2),
    Move("stop_after_end", lambda board: bool(board.ended), _stop_after_end),
    Move("refused", lambda board: bool(board.waiting), _refused, 3),
)
