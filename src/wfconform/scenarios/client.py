"""The client's side of a session: makes requests as values, remembers what the answers told."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeAlias, TypeVar

from wfconform.scenarios.expectations import RoleWaits
from wfconform.session import Answer, Broken, Expectation, Intent, Kind, Valid
from wfconform.session.states import TERMINAL
from wfconform.target import Input, Versioned, Workflows
from wfconform.wire import Connection, Credential, Exchange, Request, make_mark, minimal_body, reply_to


@dataclass(frozen=True, slots=True)
class Send:
    """One request; `session` learns from the exchange."""

    request: Request
    session: "Session"

    def but(self, **changes: Any) -> "Send":
        """Return the same with fields of the request changed."""
        return replace(self, request=replace(self.request, **changes))


@dataclass(frozen=True, slots=True)
class Together:
    """Requests that are sent at once, each after its own delay in seconds, over connections of their own."""

    sends: tuple[tuple[float, Send], ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stored:
    """What the deployment's storage holds of a run; status: as it stands there, None where the field is missing."""

    found: bool
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Look a run up in the storage, again and again until `until` holds of it or the time is over.

    The scenario is sent the last Stored.
    """

    run_id: str
    until: Callable[[Stored], bool]
    within_s: float


@dataclass(frozen=True, slots=True)
class Census:
    """Count the run records that were made lately; the scenario is sent the number."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Restart the deployment and wait until it is ready."""


@dataclass(frozen=True, slots=True)
class Shows:
    """What the scenario itself has found out about a requirement; broken: None when it holds."""

    id: str
    session: "Session"
    broken: Broken | None = None


Operation = Send | Together | Wait | Probe | Census | Restart | Shows
_T = TypeVar("_T")
Steps: TypeAlias = Generator[Operation, Any, _T]
Scenario = Steps[None]


def at_once(*sends: Send) -> Together:
    """Send all with no delay."""
    return Together(tuple((0.0, send) for send in sends))


@dataclass(slots=True)
class Session:
    """One session as a client holds it; token: 12 hex digits that its marks carry."""

    client: "Client"
    role: str
    workflow_id: str
    token: str
    credential: Credential = Credential.FIRST
    run_id: str | None = None
    turn: int = 0
    status: str | None = None
    texts: int = 0

    @property
    def live(self) -> bool:
        """It has a run that is not known to have ended."""
        return self.run_id is not None and self.status not in TERMINAL

    def learn(self, exchange: Exchange) -> None:
        """Take in what an exchange told; the driver calls it before the scenario goes on."""
        reply = reply_to(exchange)
        if not isinstance(reply, Answer):
            return
        if self.run_id is None and reply.run_id is not None:
            self.run_id = reply.raw_run_id  # sent back as it came; a server may tell letter cases apart
        self.turn = reply.turn_number or self.turn
        self.status = reply.status

    def mark(self) -> str:
        """Return a new mark of this session."""
        self.texts += 1
        return make_mark(self.token, self.texts)

    def start(self, *, intent: Intent | None = None, expects: tuple[Expectation, ...] = (), **request: Any) -> Send:
        """Open a run."""
        body = minimal_body(self.client.input.without_text())
        return self.send(Kind.FIRST, body, intent=intent or Valid(), expects=(*self._waits(), *expects), **request)

    def say(
        self,
        text: str | None = None,
        *,
        intent: Intent | None = None,
        expects: tuple[Expectation, ...] | None = None,
        command: str | None = None,
        **request: Any,
    ) -> Send:
        """Send a user's text, a mark when none is given; expects None: that the session goes on waiting."""
        mark = self.mark() if text is None else None
        run_input = self.client.input.with_text(mark or text or "")
        more = {} if command is None else {"command": command}
        body = minimal_body(run_input, run_id=self.run_id, **more)
        expected = self._waits() if expects is None else expects
        echoed = self.client.workflows.echoes and self.role == "conversation"
        fields = {"mark": mark, "echoed": echoed, **request}
        return self.send(Kind.TURN, body, intent=intent or Valid(), expects=expected, **fields)

    def stop(self, *, intent: Intent | None = None, **request: Any) -> Send:
        """Cancel the run."""
        body = minimal_body(self.client.input.without_text(), run_id=self.run_id, command="stop")
        return self.send(Kind.STOP, body, intent=intent or Valid(), **request)

    def send(self, kind: Kind, json: Mapping[str, Any] | None, **request: Any) -> Send:
        """Send a body as it is, in this session's name."""
        named = None if kind is Kind.FIRST or self.run_id is None else self.run_id.lower()
        fields = {"workflow_id": self.workflow_id, "credential": self.credential, "run_id": named, **request}
        return Send(Request(kind=kind, json=json, token=self.token, **fields), self)

    def _waits(self) -> tuple[Expectation, ...]:
        return (RoleWaits(self.role),) if self.role in ("conversation", "slow") else ()


@dataclass(frozen=True, slots=True)
class Client:
    """What a scenario may know of the target, and where its random digits come from (seeded by the driver).

    hexes: returns that many random hexadecimal digits. team_id, user_id: the first tenant's own, when its headers name
    them.
    """

    workflows: Workflows
    hexes: Callable[[int], str]
    input: Input = field(default_factory=Input)
    second_workflow: str | None = None
    team_id: str | None = None
    user_id: str | None = None

    def session(
        self,
        role: str = "conversation",
        *,
        credential: Credential = Credential.FIRST,
        workflow_id: str | None = None,
    ) -> Session:
        """Return a new session on the workflow that plays a role."""
        chosen = workflow_id or self.workflows.id_of(role) or _unplayed(role)
        return Session(self, role, chosen, self.hexes(12), credential)

    @property
    def versioned(self) -> Versioned:
        """The versioned role; a scenario that needs it runs only where it is there."""
        return self.workflows.versioned or _unplayed("versioned")

    def object_id(self) -> str:
        """Return a well-formed id that nobody has issued."""
        return "5f" + self.hexes(22)


def _unplayed(role: str) -> NoReturn:
    raise LookupError(f"no workflow plays the role {role!r}")


def fresh(send: Send) -> Send:
    """Return the same over a connection of its own."""
    return send.but(connection=Connection.FRESH)
