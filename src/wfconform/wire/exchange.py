"""A request as values, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

from wfconform.session import Expectation, Intent, Kind, Valid


class Credential(StrEnum):
    """Whose key a request carries; the driver resolves it, so that scenarios hold no secret."""

    FIRST = "first"
    SECOND = "second"
    NONE = "none"
    WRONG = "wrong"
    WRONG_SCHEME = "wrong_scheme"
    CUT = "cut"  # the first key without its last character
    EXTENDED = "extended"  # the first key with more behind it
    SWAPPED = "swapped"  # the first key in the other letter case
    EMPTY = "empty"  # the scheme alone


class Connection(Enum):
    """KEPT: the scenario's own connection pool; FRESH: a connection of its own, closed afterwards."""

    KEPT = "kept"
    FRESH = "fresh"


class Failure(StrEnum):
    """Why there is no complete response."""

    NOT_SENT = "not sent"  # no connection: nothing can have been processed
    CLOSED_IDLE = "closed idle"  # a kept connection was closed before any byte of a response: HTTP allows it
    TIMEOUT = "timeout"
    TORN = "torn"
    TOO_LARGE = "too large"
    UNDECODABLE = "undecodable"  # the content coding is broken
    NOT_HTTP = "not http"


@dataclass(frozen=True, slots=True)
class Request:
    """One call. kind, run_id: what it asks, for the ledger; json or raw: the body as it is sent.

    path: replaces the endpoint's path below the base URL (a malformed workflow_id, say); token, mark: the session's
    mark prefix and this text's own mark; whole: a text that must come back unchanged; attempt: counts up when a
    request that was not processed is sent again.
    """

    kind: Kind
    workflow_id: str
    intent: Intent = field(default_factory=Valid)
    run_id: str | None = None
    json: Mapping[str, Any] | None = None
    raw: bytes | None = None
    method: str = "POST"
    path: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    credential: Credential = Credential.FIRST
    connection: Connection = Connection.KEPT
    expects: tuple[Expectation, ...] = ()
    token: str | None = None
    mark: str | None = None
    echoed: bool = False
    probes_endpoint: bool = True
    attempt: int = 1

    @property
    def target_path(self) -> str:
        """The path below the base URL (§1)."""
        return self.path if self.path is not None else f"/v1/workflows/{self.workflow_id}/execute"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it. Times: `*_s` monotonic, `*_at` epoch, in seconds.

    headers: lower-case names, in order; body: decoded from its content coding; leaked: whether an API
    key was in the response, None when there is no key to look for.
    """

    request: Request
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    sent_s: float = 0.0
    received_s: float = 0.0
    sent_at: float = 0.0
    failure: Failure | None = None
    detail: str = ""
    leaked: bool | None = None
    kept_reading: Any = field(default=None, init=False, repr=False, compare=False)
    """What `observe` made of it: an exchange is asked for its reply by several, and decoded once."""

    def header(self, name: str) -> str | None:
        """Return the first header of that lower-case name."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def elapsed_s(self) -> float:
        """From the first byte sent to the last byte received."""
        return self.received_s - self.sent_s
