"""Sessions of a load run: the scenarios' own Session, with what the quick way needs beside it.

The quick way writes a turn's body from a template cut at the run_id and the text, and makes a whole Request only where
one is looked at: by the ledger, or as evidence.
"""

import json
from dataclasses import dataclass, field
from math import inf
from typing import Any

from wfconform.scenarios import Client, Send, Session
from wfconform.scenarios.expectations import EndsAs
from wfconform.session import Expectation, Intent
from wfconform.session.history import RunHistory
from wfconform.wire import make_mark, minimal_body

_RUN, _TEXT = "wfconform-run-id-here", "wfconform-text-here"
TOKEN_PREFIX = b"wfm"


@dataclass(frozen=True, slots=True)
class Bodies:
    """Bodies of plain requests, cut where a run_id and a text go."""

    first: bytes
    turn: tuple[tuple[bytes, ...], ...]
    stop: tuple[bytes, ...]

    @classmethod
    def of(cls, client: Client) -> "Bodies":
        """Cut the bodies that the client would send."""
        said = _dumped(minimal_body(client.input.with_text(_TEXT), run_id=_RUN))
        stop = _dumped(minimal_body(client.input.without_text(), run_id=_RUN, command="stop"))
        return cls(
            first=_dumped(minimal_body(client.input.without_text())),
            turn=tuple(tuple(part.split(_TEXT.encode())) for part in said.split(_RUN.encode())),
            stop=tuple(stop.split(_RUN.encode())),
        )

    def say(self, run_id: str, text: str) -> bytes:
        """Return the body of a turn."""
        written = text.encode() if text.isalnum() and text.isascii() else _escaped(text)
        return run_id.encode().join([written.join(parts) for parts in self.turn])


def _dumped(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _escaped(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")


class Plain:
    """A valid first turn, or a valid text that says nothing else: what the quick way sends."""

    __slots__ = ("_send", "body", "ends", "mark", "session", "text")

    def __init__(
        self, session: "LoadSession", body: bytes, text: str | None, mark: str | None, ends: EndsAs | None = None
    ) -> None:
        self.session, self.body, self.text, self.mark, self.ends = session, body, text, mark, ends
        self._send: Send | None = None

    @property
    def send(self) -> Send:
        """The same as a scenario's Send."""
        if self._send is None:
            self._send = self.session.whole(self)
        return self._send


@dataclass(slots=True)
class LoadSession(Session):
    """A Session that yields Plain where nothing but the ordinary is asked.

    history: what the ledger keeps of its run; untold: events that the quick way has not yet put into it, and when
    they came; told: their ids; latest_stamp: of all events so far.
    """

    bodies: Bodies | None = None
    history: RunHistory | None = None
    untold: list[tuple[Any, float]] = field(default_factory=list)
    told: set[str | None] = field(default_factory=set)
    latest_stamp: float = -inf
    own: bytes = b""
    plainly: bool = False

    def __post_init__(self) -> None:
        self.own = TOKEN_PREFIX + self.token.encode()
        self.plainly = self.bodies is not None and self.role == "conversation"

    def start(self, *, intent: Intent | None = None, expects: tuple[Expectation, ...] = (), **request: Any) -> Any:
        """Open a run."""
        if self.plainly and intent is None and not expects and not request and self.bodies:
            return Plain(self, self.bodies.first, None, None)
        return Session.start(self, intent=intent, expects=expects, **request)

    def say(
        self,
        text: str | None = None,
        *,
        intent: Intent | None = None,
        expects: tuple[Expectation, ...] | None = None,
        command: str | None = None,
        **request: Any,
    ) -> Any:
        """Send a user's text, a mark when none is given."""
        ends = _end_in(expects)
        ordinary = intent is None and (expects is None or ends is not None) and command is None and not request
        if not (self.plainly and ordinary and self.bodies and self.run_id):
            return Session.say(self, text, intent=intent, expects=expects, command=command, **request)
        mark = None
        if text is None:
            self.texts += 1
            text = mark = make_mark(self.token, self.texts)
        return Plain(self, self.bodies.say(self.run_id, text), text, mark, ends)

    def whole(self, plain: Plain) -> Send:
        """Return the Send that a Plain stands for."""
        if plain.text is None:
            return Session.start(self)
        marked: dict[str, Any] = {} if plain.mark is None else {"mark": plain.mark}
        expects = None if plain.ends is None else (plain.ends,)
        return Session.say(self, plain.text, expects=expects, **marked)


def _end_in(expects: tuple[Expectation, ...] | None) -> EndsAs | None:
    """Return the one expectation, if it is that the run completes."""
    if expects is None or len(expects) != 1:
        return None
    only = expects[0]
    return only if isinstance(only, EndsAs) and only.status == "completed" else None


@dataclass(frozen=True, slots=True)
class LoadClient(Client):
    """The client of a load run: its sessions take the quick way where they can."""

    bodies: Bodies | None = field(default=None)

    def session(self, role: str = "conversation", **options: Any) -> LoadSession:
        """Return a new session on the workflow that plays a role."""
        made = Client.session(self, role, **options)
        return LoadSession(self, role, made.workflow_id, made.token, made.credential, bodies=self.bodies)
