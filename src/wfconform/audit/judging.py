"""Recorded calls through ledgers: which session broke which requirement.

A recording lacks things: calls before it began, calls that others made, answers. So each ledger is told that any number
of calls may be unseen; calls that overlap, or whose clocks cannot tell, are judged as a set.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from wfconform.audit.exchanges import Seen, without_repeats
from wfconform.session import ANY_NUMBER, Broken, Finding, Kind, Ledger
from wfconform.session.states import TERMINAL, WAITING
from wfconform.wire import Exchange, observe, reply_to

JUDGED_GROUPS = frozenset({"RUN", "TRN", "STS", "EVT", "CAN"})
OVERLAP_S = 0.001  # recordings round to milliseconds
_BY_OUR_CLOCK = {"RUN-008", "EVT-005"}  # without a Date header they compare with the recorder's clock


@dataclass(frozen=True, slots=True)
class Violation:
    """A requirement that a session broke; where: the entry or line that showed it."""

    id: str
    where: str
    broken: Broken


@dataclass(slots=True)
class Session:
    """One run of one deployment; from_start: its first turn is in the recording, so that its history can be judged."""

    run_id: str
    base_url: str
    workflow_id: str
    from_start: bool = False
    calls: int = 0
    violations: list[Violation] = field(default_factory=list)

    @property
    def explained(self) -> tuple[Violation, ...]:
        """The violations, each ID once, without those that another one of the session explains."""
        broken = {violation.id for violation in self.violations}
        first: dict[str, Violation] = {}
        for violation in self.violations:
            if broken.isdisjoint(set(violation.broken.roots) - {violation.id}):
                first.setdefault(violation.id, violation)
        return tuple(first.values())


@dataclass(frozen=True, slots=True)
class Judged:
    """What a recording shows; exercised: ID to how often it was tested; lost: calls without a telling answer."""

    sessions: tuple[Session, ...]
    exercised: dict[str, int]
    calls: int
    lost: int
    repeats: int


def judge(calls: Sequence[Seen], *, slack_s: float = OVERLAP_S) -> Judged:
    """Judge the calls of the endpoint, in any order; slack_s: how far the clocks of the recording may be apart."""
    once = list(without_repeats(list(calls)))
    book = _Book()
    for base_url, members in _by_deployment(once).items():
        ledger = Ledger(unseen_calls=ANY_NUMBER)
        for group in _in_order(members, slack_s):
            book.take(base_url, group, ledger)
    return Judged(
        sessions=tuple(book.sessions.values()),
        exercised=dict(book.exercised),
        calls=len(once),
        lost=sum(bool(one.lost) for one in once),
        repeats=len(calls) - len(once),
    )


def _by_deployment(calls: Iterable[Seen]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = defaultdict(list)
    for one in calls:
        found[one.base_url].append(one)
    return found


def _in_order(calls: Sequence[Seen], slack_s: float) -> Iterator[list[Seen]]:
    """Yield the calls by time; those on one run that overlap, one after the other, together."""
    open_groups: dict[str, list[Seen]] = {}
    groups: list[list[Seen]] = []
    for one in sorted(calls, key=lambda one: one.exchange.sent_s):
        run_id = one.exchange.request.run_id
        group = open_groups.get(run_id or "")
        ends = max((other.exchange.received_s for other in group), default=0.0) if group else 0.0
        if run_id is not None and group is not None and one.exchange.sent_s < ends + slack_s:
            group.append(one)
            continue
        groups.append([one])
        if run_id is not None:
            open_groups[run_id] = groups[-1]
    yield from groups


class _Book:
    """Sessions and counts, filled group by group."""

    def __init__(self) -> None:
        self.sessions: dict[tuple[str, str], Session] = {}
        self.exercised: dict[str, int] = defaultdict(int)
        self._resting: dict[tuple[str, str], str | None] = {}

    def take(self, base_url: str, group: Sequence[Seen], ledger: Ledger) -> None:
        """Feed one call, or calls that overlap, and keep what they show."""
        apart = _wide(group)
        found = [(by, finding) for by, finding in observe(ledger, *apart) if finding.id[:3] in JUDGED_GROUPS]
        where = {id(exchange): one for exchange, one in zip(apart, group, strict=True)}
        for one in group:
            self._note(base_url, one)
        for exchange, finding in found:
            self._found(base_url, where[id(exchange)], finding)
        if len(group) == 1:
            self._stop(base_url, group[0])
        self._rest(base_url, group)

    def _note(self, base_url: str, one: Seen) -> None:
        session = self._session(base_url, one)
        if session is not None:
            session.calls += 1
            session.from_start |= one.exchange.request.kind is Kind.FIRST

    def _found(self, base_url: str, one: Seen, finding: Finding) -> None:
        if finding.broken is not None and finding.id in _BY_OUR_CLOCK and one.exchange.header("date") is None:
            return
        self.exercised[finding.id] += 1
        if finding.broken is not None:
            session = self._session(base_url, one) or self._nameless(base_url, one)
            session.violations.append(Violation(finding.id, one.call.where, finding.broken))

    def _stop(self, base_url: str, one: Seen) -> None:
        """CAN-001: a stop on a run that was waiting ends it; whatever call is missing, it cannot go on waiting."""
        request, reply = one.exchange.request, reply_to(one.exchange)
        status = getattr(reply, "status", None)
        key = (base_url, request.run_id or "")
        if request.kind is not Kind.STOP or status is None or self._resting.get(key) not in (WAITING, "paused"):
            return
        broken = None if status in TERMINAL else Broken("cancelled", repr(status), "$.status")
        self._found(base_url, one, Finding("CAN-001", broken))

    def _rest(self, base_url: str, group: Sequence[Seen]) -> None:
        for one in group:
            run_id = one.exchange.request.run_id or getattr(reply_to(one.exchange), "run_id", None)
            if run_id:
                told = getattr(reply_to(one.exchange), "status", None) if len(group) == 1 else None
                self._resting[(base_url, run_id)] = told

    def _session(self, base_url: str, one: Seen) -> Session | None:
        """Return the session that a call belongs to: that of its request, else the one that its answer names."""
        request = one.exchange.request
        run_id = request.run_id or getattr(reply_to(one.exchange), "run_id", None)
        if run_id is None:
            return None
        made = Session(run_id, base_url, request.workflow_id)
        return self.sessions.setdefault((base_url, run_id), made)

    def _nameless(self, base_url: str, one: Seen) -> Session:
        """Return a session for a call that neither names a run nor is answered with one."""
        made = Session(f"(none, {one.call.where})", base_url, one.exchange.request.workflow_id, calls=1)
        return self.sessions.setdefault((base_url, made.run_id), made)


def _wide(group: Sequence[Seen]) -> list[Exchange]:
    """Return the exchanges of a group, widened so that the ledger sees each of them overlap."""
    if len(group) == 1:
        return [group[0].exchange]
    start = min(one.exchange.sent_s for one in group)
    end = max(one.exchange.received_s for one in group) + OVERLAP_S
    return [replace(one.exchange, sent_s=min(one.exchange.sent_s, start), received_s=end) for one in group]
