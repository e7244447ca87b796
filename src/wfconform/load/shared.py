"""What all sessions of one process share: the target, the ledger, the connections, the counts."""

import json
from collections.abc import Callable
from random import Random
from time import perf_counter_ns, time
from typing import Any

from wfconform.load.connection import Connection, Reply, Wires
from wfconform.load.evidence import Evidence
from wfconform.load.heads import place_of, request_head
from wfconform.load.ordinary import Ordinary, exercised_ids
from wfconform.load.session import Bodies, LoadClient
from wfconform.load.tally import Tally
from wfconform.load.uniqueness import SeenIds
from wfconform.session import Ledger
from wfconform.target import Target
from wfconform.wire import Exchange, Request
from wfconform.wire.leaks import Leaks

ABANDONED_KEPT = 200_000
Told = Callable[[str, int, int, str | None], None]


def _nobody(_row: str, _us: int, _length: int, _failed: str | None) -> None:
    pass


class Shared:
    """One process's view of one target.

    told: is told of each finished row (its name, microseconds, bytes of the answer, the ID or failure, if any): plain
    Locust hands it on to `events.request`.
    """

    def __init__(self, target: Target, *, seed: int, told: Told = _nobody) -> None:
        self.target, self.told = target, told
        self.tells = told is not _nobody
        self.place = place_of(target.access)
        self.wires = Wires(self.place, target.access.timeout_s)
        self.ledger = Ledger(session_ttl_s=target.session_ttl_s)
        self.leaks = Leaks.of(target.access)
        self.epoch_s = time() - perf_counter_ns() / 1e9
        echoes = target.workflows.echoes
        self.ordinary = Ordinary(self.ledger, self.leaks, echoes=echoes, epoch_s=self.epoch_s)
        self.tally = Tally(exercised_ids)
        self.seen = SeenIds()
        self.evidence = Evidence(target.access)
        self.random = Random(f"{seed}")  # noqa: S311 - repeatable, not secret
        bare = LoadClient(target.workflows, self._hexes, target.input)
        self.client = LoadClient(target.workflows, self._hexes, target.input, bodies=Bodies.of(bare))
        self._heads: dict[Any, bytes] = {}
        self._idle: list[Connection] = []
        self.begun_ns = perf_counter_ns()
        self.ending = False
        self.logs = True
        self.leave_open = self.one_each = False
        self.left_open = 0
        self.answers = 0
        self.abandoned: list[tuple[str, str]] = []

    def _hexes(self, count: int) -> str:
        return f"{self.random.getrandbits(4 * count):0{count}x}"

    def head(self, path: str, query: tuple[tuple[str, str], ...] = ()) -> bytes:
        """Return a request's head, up to its length."""
        key = (path, query)
        made = self._heads.get(key)
        if made is None:
            made = self._heads[key] = request_head(self.place, self.target.access, path, query)
        return made

    def bytes_of(self, request: Request) -> bytes:
        """Return a whole request as it goes over the wire."""
        body = request.raw
        if body is None:
            body = b"" if request.json is None else _dumped(request.json)
        return b"%s%d\r\n\r\n%s" % (self.head(request.target_path, request.query), len(body), body)

    def exchange_of(self, request: Request, reply: Reply) -> Exchange:
        """Return what came of a request, for the ledger and for evidence."""
        head = reply.head
        fields = head.fields if head is not None else ()
        body = reply.body or reply.raw.partition(b"\r\n\r\n")[2]
        return Exchange(
            request=request,
            status=head.status if head is not None else None,
            headers=fields,
            body=body,
            sent_s=reply.sent_ns / 1e9,
            received_s=reply.received_ns / 1e9,
            sent_at=reply.sent_ns / 1e9 + self.epoch_s,
            failure=reply.failure,
            detail=reply.detail,
            leaked=self._leaked(fields, body),
        )

    def _leaked(self, fields: tuple[tuple[str, str], ...], body: bytes) -> bool | None:
        if self.leaks is None:
            return None
        headers = (part.encode("latin-1", "replace") for field in fields for part in field)
        return any(map(self.leaks.found_in, (body, *headers)))

    def borrow(self) -> Connection:
        """Return an idle connection, or a new one; a session has it to itself until it gives it back."""
        return self._idle.pop() if self._idle else Connection(self.wires)

    def give_back(self, connection: Connection) -> None:
        """Let another session have the connection."""
        self._idle.append(connection)

    def abandon(self, workflow_id: str, run_id: str) -> None:
        """Remember a run that its user left, to be stopped at the end."""
        if len(self.abandoned) < ABANDONED_KEPT:
            self.abandoned.append((workflow_id, run_id))
        else:
            self.left_open += 1

    def set_clock(self) -> None:
        """Follow the wall clock; once a second is enough."""
        self.epoch_s = self.ordinary.epoch_s = time() - perf_counter_ns() / 1e9


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
