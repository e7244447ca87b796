"""What the whole way does with exchanges: the ledger's findings, the figures, what becomes of the session."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import TYPE_CHECKING

from wfconform.load.ordinary import follow
from wfconform.load.shared import Shared
from wfconform.load.tally import VIOLATIONS_KEPT
from wfconform.requirements import Level, catalogue
from wfconform.scenarios import Send
from wfconform.scenarios.expectations import ROLE_PREFIX
from wfconform.session import (
    Answer,
    Broken,
    Busy,
    Ended,
    Finding,
    Indeterminate,
    Kind,
    NotProcessed,
    NotSent,
    Refusal,
    Refused,
    Reply,
    Unreadable,
    Valid,
)
from wfconform.wire import Exchange, Failure, observe, reply_to

if TYPE_CHECKING:
    from wfconform.load.playing import Playing

_BUSY = frozenset({409, 423})
_SHOULDS = frozenset(id for id, requirement in catalogue().items() if requirement.level is Level.SHOULD)


@dataclass(frozen=True, slots=True)
class Judged:
    """What exchanges mean for the session. cut: what became of it, if it cannot go on; answered: any was."""

    cut: str
    answered: bool


class Judging:
    """Judges the exchanges of one session. strangers: runs that the ledger knows only from its answers."""

    __slots__ = ("_crossed", "_lost", "_misplayed", "_playing", "_shared", "strangers")

    def __init__(self, shared: Shared, playing: "Playing") -> None:
        self._shared, self._playing = shared, playing
        self.strangers: list[str | None] = []
        self._lost = False
        self._misplayed = False
        self._crossed = False

    def take(self, sends: Sequence[Send], exchanges: Sequence[Exchange]) -> Judged:
        """Take in what was sent together, and tell whether the session goes on."""
        replies = [reply_to(exchange) for exchange in exchanges]
        opened = [send for send in sends if send.request.kind is Kind.FIRST]
        for send, exchange in zip(sends, exchanges, strict=True):
            send.session.learn(exchange)
        found = observe(self._shared.ledger, *exchanges)
        broken = {finding.id for _, finding in found if finding.broken is not None}
        for exchange, finding in found:
            self._count(exchange, finding)
        for exchange, reply in zip(exchanges, replies, strict=True):
            self._figure(exchange, reply)
        self._remember(replies)
        session = self._playing.session
        if opened and session is not None and session.history is not None and "RUN-002" not in broken:
            self._playing.opened(session.history.run_id)
        cut = self._cut(exchanges, replies)
        return Judged(cut, any(isinstance(reply, Answer | Refusal) for reply in replies))

    def refused(self, exchange: Exchange) -> None:
        """Take in a request that was not processed and will be sent again."""
        busy = replace(exchange, request=replace(exchange.request, intent=Busy()))
        for _, finding in observe(self._shared.ledger, busy):
            self._count(exchange, finding)
        self._row("refused", exchange)

    def stopped(self, exchange: Exchange) -> bool:
        """Take in the stop of a run that a session had left open; tell whether it was answered or refused."""
        for _, finding in observe(self._shared.ledger, exchange):
            self._count(exchange, finding)
        reply = reply_to(exchange)
        self._figure(exchange, reply)
        return not isinstance(reply, Indeterminate | NotProcessed | NotSent | Unreadable)

    def lost(self, why: str) -> str:
        """LOD-002: the session does not reach its end.

        Not held against a target whose role was misdeclared, or that closed an idle connection as a request left.
        """
        if self._misplayed or self._crossed:
            return "unfinished"
        if not self._lost:
            self._lost = True
            self.violated("LOD-002", "the session reaches its scenario's end", why, "")
        return "lost"

    def violated(self, id: str, expected: str, actual: str, path: str) -> None:
        """Take in what no ledger sees."""
        log = self._playing.log()
        self._violation(id, Broken(expected, actual, path), log[-1] if log else None)

    def _count(self, exchange: Exchange, finding: Finding) -> None:
        if finding.id.startswith(ROLE_PREFIX):
            if finding.broken is not None:
                self._misplayed = True
                role = finding.id.removeprefix(ROLE_PREFIX)
                self._shared.tally.failures[f"role {role}"] += 1
                said = f"{finding.broken.actual}, expected {finding.broken.expected}"
                self._shared.tally.note(f"the role {role} does not behave as declared: {said}")
            return
        self._shared.tally.exercised[finding.id] += 1
        if finding.broken is not None:
            self._violation(finding.id, finding.broken, exchange)

    def _violation(self, id: str, broken: Broken, exchange: Exchange | None) -> None:
        tally = self._shared.tally
        tally.violations[id] += 1
        if self._shared.tells:
            self._shared.told("violation", 0, 0, id)
        if id in _SHOULDS and id in tally.kept_ids:
            return  # one of them shows it: the places are for what breaks the contract
        if tally.kept >= VIOLATIONS_KEPT:
            self._shared.logs = False
            if id in tally.kept_ids:
                return
        tally.kept += 1
        tally.kept_ids.add(id)
        playing, log = self._playing, self._playing.log()
        judged = next((one for one in reversed(log) if _same(one, exchange)), exchange)
        if judged is None:
            return
        at_s = (perf_counter_ns() - self._shared.begun_ns) / 1e9
        kept = self._shared.evidence.violation(
            id, broken, log or [judged], judged=judged, scenario=playing.name, at_s=at_s, whole=playing.log_whole
        )
        tally.first.append(kept)

    def _remember(self, replies: Sequence[Reply]) -> None:
        """Let the quick way go on from what the ledger now knows."""
        session = self._playing.session
        if session is None or session.run_id is None:
            return
        own = session.run_id.lower()
        answers = [reply for reply in replies if isinstance(reply, Answer)]
        follow(session, self._shared.ledger.history(own), answers)
        self.strangers += [answer.run_id for answer in answers if answer.run_id not in (None, own)]

    # --- figures

    def _figure(self, exchange: Exchange, reply: Reply) -> None:
        """Count an exchange in its row."""
        tally, intent = self._shared.tally, exchange.request.intent
        match reply:
            case NotSent() | Indeterminate() | Unreadable():
                self._crossed |= exchange.failure is Failure.CLOSED_IDLE
                tally.counts["failed"] += 1
                tally.failures[_named(exchange)] += 1
                if exchange.status is not None or not isinstance(reply, NotSent):
                    tally.counts["requests"] += 1
                self._tell(exchange, _named(exchange))
            case NotProcessed():
                self._row("refused", exchange)
            case Refusal() if isinstance(intent, Busy) or (exchange.request.kind is Kind.FIRST and _busy(reply)):
                self._row("refused", exchange)
            case Refusal() if isinstance(intent, Valid):
                tally.counts["failed"] += 1
                tally.counts["requests"] += 1
                tally.failures[f"status {reply.http_status}"] += 1
                self._tell(exchange, f"status {reply.http_status}")
            case Answer() if exchange.request.kind is Kind.STOP:
                self._row("stop", exchange)
            case Answer() if not isinstance(intent, Ended | Refused):
                self._turn(exchange, reply)
            case _:
                tally.counts["others"] += 1
                tally.counts["requests"] += 1

    def _turn(self, exchange: Exchange, answer: Answer) -> None:
        playing, tally = self._playing, self._shared.tally
        number = max(1, answer.turn_number or 1)
        sent_ns, received_ns = int(exchange.sent_s * 1e9), int(exchange.received_s * 1e9)
        if playing.sleeps_by_design and not tally.times_slow:
            tally.untimed_turn()
            playing.due_ns = received_ns
            return
        started_ns = min(playing.due_ns, sent_ns)
        playing.due_ns = started_ns + tally.median_ns(number)
        tally.turn(number, (received_ns - sent_ns) // 1000, (received_ns - started_ns) // 1000)
        self._tell(exchange, None)

    def _row(self, name: str, exchange: Exchange) -> None:
        tally = self._shared.tally
        tally.counts["stops" if name == "stop" else "refused calls"] += 1
        tally.counts["requests"] += 1
        tally.row(name, int(exchange.elapsed_s * 1e6))
        if self._shared.tells:
            row = "turn refused" if name == "refused" else name
            self._shared.told(row, int(exchange.elapsed_s * 1e6), len(exchange.body), None)

    def _tell(self, exchange: Exchange, failed: str | None) -> None:
        if self._shared.tells:
            rows = {Kind.FIRST: "turn first", Kind.STOP: "stop"}
            row = rows.get(exchange.request.kind, "turn next")
            self._shared.told(row, int(exchange.elapsed_s * 1e6), len(exchange.body), failed)

    # --- what becomes of the session

    def _cut(self, exchanges: Sequence[Exchange], replies: Sequence[Reply]) -> str:
        for exchange, reply in zip(exchanges, replies, strict=True):
            became = self._became(exchange, reply)
            if became:
                return became
        return ""

    def _became(self, exchange: Exchange, reply: Reply) -> str:
        """Return what became of the session, "" when it goes on."""
        request = exchange.request
        first = request.kind is Kind.FIRST
        match reply:
            case NotProcessed() if not isinstance(request.intent, Busy):
                return "refused" if not self._shared.ending else "unfinished"
            case Refusal(http_status=code) if first and code in _BUSY:
                return "refused"
            case NotSent():
                return self.lost(f"no connection: {exchange.detail}")
            case Refusal(http_status=code) if isinstance(request.intent, Valid):
                return self.lost(f"a valid request was refused with {code}")
            case Answer(run_id=None) if first:
                return self.lost("the first turn was answered without a usable run_id")
            case Indeterminate() | Unreadable() if first:
                return self.lost(f"the first turn got no answer ({_named(exchange)})")
            case _:
                return ""


def _named(exchange: Exchange) -> str:
    return str(exchange.failure) if exchange.failure is not None else f"status {exchange.status}"


def _busy(reply: Refusal) -> bool:
    return reply.http_status in _BUSY


def _same(one: Exchange, other: Exchange | None) -> bool:
    return other is not None and one.sent_s == other.sent_s and one.request.kind is other.request.kind
