"""Plays one session: sends what its scenario yields, judges every answer, waits out refusals, counts.

An ordinary turn takes the quick way (`ordinary`); everything else becomes Exchanges and goes through `wire.observe`
and the ledger, with the same history.
"""

from collections.abc import Generator
from dataclasses import replace
from time import perf_counter_ns
from typing import Any

import gevent

from wfconform.load.connection import Connection, Reply
from wfconform.load.judging import Judging
from wfconform.load.ordinary import settle
from wfconform.load.session import LoadSession, Plain
from wfconform.load.shared import Shared
from wfconform.scenarios import Send, Together, Wait
from wfconform.scenarios.sessions import Visit, VisitSpec
from wfconform.session import Kind, Lenient
from wfconform.session.history import RunHistory
from wfconform.wire import Connection as Kept
from wfconform.wire import Exchange, Request, minimal_body, parse
from wfconform.wire.retrying import FIRST_PAUSE_S, LONGEST_PAUSE_S, wait_before_retry

STRICTLY_EVERY = 64  # answers; the whole text of one is read strictly
LOGGED = 12  # exchanges of a session that are kept, should one of them break something
SETTLED_S = 1.0  # of thinking: so a waiting session keeps hashes, not events
UNTOLD = 8  # turns whose events are kept as they came
UNANSWERED = 3  # in a row, and the session is given up


class LeavingError(BaseException):
    """The run is over: a session that waits goes home."""


class Playing:
    """One session on its way. outcome: what became of it, by the names of `Measured.sessions`."""

    __slots__ = (
        "_connection",
        "_cut",
        "_head",
        "_in_flight",
        "_judging",
        "_log",
        "_shared",
        "_unanswered",
        "_visit",
        "due_ns",
        "greenlet",
        "log_whole",
        "name",
        "patience_s",
        "session",
        "sleeping",
        "spec",
    )

    def __init__(self, shared: Shared, name: str, spec: VisitSpec, visit: Visit, *, patience_s: float) -> None:
        self._shared, self.name, self.spec, self._visit = shared, name, spec, visit
        self.patience_s = patience_s
        self._connection = shared.borrow()
        self._log: list[tuple[Plain | Request, Reply]] = []
        self.log_whole = True
        self._judging: Judging | None = None
        self._cut = ""
        self._unanswered = 0
        self._in_flight = False
        self._head = b""
        self.due_ns = 0
        self.session: LoadSession | None = None
        self.sleeping = False
        self.greenlet: Any = None

    def play(self) -> str:
        """Play to the end, or as far as it goes, and return what became of the session."""
        shared = self._shared
        scenario: Generator[Any, Any, None] = self.spec.run(self._visit)
        answer: Any = None
        begun_ns = self.due_ns = perf_counter_ns()
        shared.tally.counts["started"] += 1
        ended = ""
        try:
            while not self._cut and not shared.ending:
                operation = scenario.send(answer)
                answer = None
                if type(operation) is Plain:
                    self._plain(operation)
                elif type(operation) is Wait:
                    self._wait(operation.seconds)
                else:
                    answer = self._whole(operation)
        except StopIteration:
            ended = "whole"
        except LeavingError:
            pass
        scenario.close()
        return self._finished(begun_ns, ended)

    def _finished(self, begun_ns: int, ended: str) -> str:
        shared, session = self._shared, self.session
        status = session.status if session is not None else None
        if self._cut:
            outcome = self._cut
        elif not ended:
            outcome = "unfinished"
        elif status in self.spec.ends:
            outcome = self.spec.counts_as
        else:
            outcome = self.judging.lost(f"its run ended with status {status!r}")
        us = (perf_counter_ns() - begun_ns) // 1000
        if outcome == self.spec.counts_as:
            shared.tally.row("session", us)
        if shared.tells:
            shared.told(
                "session", us, 0, None if outcome in (self.spec.counts_as, "unfinished", "refused") else outcome
            )
        shared.tally.counts[outcome] += 1
        self._leave(outcome)
        return outcome

    def _leave(self, outcome: str) -> None:
        """Give the connection back; a run that is still open is stopped now, or remembered for the end."""
        shared, session = self._shared, self.session
        if session is None or session.run_id is None:
            shared.give_back(self._connection)
            return
        id = session.run_id
        if not session.live:
            pass
        elif shared.leave_open:
            shared.left_open += 1
        elif outcome == "abandoned" and not shared.one_each:
            shared.abandon(session.workflow_id, id)
        else:
            try:
                stopped = self.stop_run(session.workflow_id, id)
            except LeavingError:
                stopped = False
            if not stopped:
                shared.abandon(session.workflow_id, id)
        shared.ledger.drop(id.lower())
        for other in self._judging.strangers if self._judging is not None else ():
            shared.ledger.drop(other or "")
        shared.give_back(self._connection)

    @property
    def sleeps_by_design(self) -> bool:
        """The session is on the workflow whose turns are slow on purpose."""
        return self.session is not None and self.session.role == "slow"

    # --- the quick way

    def _plain(self, plain: Plain) -> None:
        shared, session = self._shared, plain.session
        if self.session is not session:
            self.session = session
            self._head = shared.head(f"/v1/workflows/{session.workflow_id}/execute")
        body = plain.body
        self._in_flight = True
        reply = self._connection.call(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
        self._in_flight = False
        bits = shared.ordinary.accepts(plain, reply)
        if not bits:
            self._whole(plain.send, reply)
            return
        tally, number = shared.tally, session.turn
        tally.bits[bits] += 1
        sent_ns, received_ns = reply.sent_ns, reply.received_ns
        started_ns = min(sent_ns, self.due_ns)
        self.due_ns = started_ns + tally.median_ns(number)
        tally.turn(number, (received_ns - sent_ns) // 1000, (received_ns - started_ns) // 1000)
        self._unanswered = 0
        if len(session.untold) > UNTOLD:
            settle(session)
        if number == 1:
            self.opened(session.run_id or "")
        shared.answers += 1
        if not shared.answers % STRICTLY_EVERY:
            self._strictly(plain, reply)
        if shared.logs:
            reply.body = b""  # it is in raw
            self._keep(plain, reply)
        if shared.tells:
            row = "turn first" if number == 1 else "turn next"
            shared.told(row, (received_ns - sent_ns) // 1000, len(reply.raw), None)

    def opened(self, run_id: str) -> None:
        """RUN-002 over all sessions of the run: of this process now, of the others where they are gathered."""
        shared = self._shared
        raw = bytes.fromhex(run_id)
        shared.tally.opened.append(raw)
        if shared.seen.add(raw):
            self.judging.violated("RUN-002", "a run_id that no other session has", f"{run_id!r} again", "$.run_id")

    def _strictly(self, plain: Plain, reply: Reply) -> None:
        """Read one answer in many strictly: what only its whole text shows."""
        parsed = parse(reply.body)
        if parsed.fault:
            id = "EXE-001" if plain.text is None else "EXE-002"
            self._keep(plain, reply)
            self.judging.violated(id, "strict RFC 8259 JSON", parsed.fault, "$")

    # --- the whole way

    @property
    def judging(self) -> Judging:
        """What judges exchanges of this session; made when first needed."""
        if self._judging is None:
            self._judging = Judging(self._shared, self)
        return self._judging

    def _whole(self, operation: Send | Together, first: Reply | None = None) -> Any:
        """Send a request, or several at once, judge what came, and return the exchange or exchanges."""
        timed = operation.sends if isinstance(operation, Together) else ((0.0, operation),)
        if self.session is None:
            self.session = timed[0][1].session  # type: ignore[assignment]
        if self.session is not None and self.session.untold:
            settle(self.session)
        if len(timed) == 1:
            exchanges = [self.deliver(timed[0][1].request, self._connection, first)]
        else:
            exchanges = self._at_once(timed)
        judged = self.judging.take([send for _, send in timed], exchanges)
        self._unanswered = 0 if judged.answered else self._unanswered + 1
        self._cut = judged.cut
        if not self._cut and self._unanswered >= UNANSWERED:
            self._cut = self.judging.lost(f"{UNANSWERED} requests in a row got no answer")
        return exchanges if isinstance(operation, Together) else exchanges[0]

    def _at_once(self, timed: tuple[tuple[float, Send], ...]) -> list[Exchange]:
        """Send over connections of their own, each after its delay; none of them is sent again."""
        lent = [self._connection, *(self._shared.borrow() for _ in timed[1:])]

        def sent(delay_s: float, request: Request, connection: Connection) -> Exchange:
            if delay_s:
                gevent.sleep(delay_s)
            return self.deliver(request, connection)

        jobs = [gevent.spawn(sent, delay, send.request, one) for (delay, send), one in zip(timed, lent, strict=True)]
        try:
            gevent.joinall(jobs)
        except BaseException:
            gevent.killall(jobs)  # or they would go on reading from connections that others are given
            self._in_flight = True
            raise
        for connection in lent[1:]:
            self._shared.give_back(connection)
        return [job.get() for job in jobs]

    def deliver(self, request: Request, connection: Connection, first: Reply | None = None) -> Exchange:
        """Send; send again, as a new attempt and for a while, what the target says it did not process."""
        shared, waited_s, pause_s = self._shared, 0.0, FIRST_PAUSE_S
        fresh = request.connection is Kept.FRESH
        used = Connection(shared.wires) if fresh else connection
        while True:
            self._in_flight = True
            reply = first or used.call(shared.bytes_of(request))
            self._in_flight, first = False, None
            self._keep(request, reply)
            exchange = shared.exchange_of(request, reply)
            wait_s = wait_before_retry(exchange, pause_s)
            over = wait_s is not None and waited_s + wait_s > self.patience_s
            stops = request.kind is Kind.STOP
            if wait_s is None or over or (shared.ending and not stops):
                if fresh:
                    used.close()
                return exchange
            self.judging.refused(exchange)
            (gevent.sleep if stops else self.rest)(wait_s)
            waited_s += wait_s
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            request = replace(request, attempt=request.attempt + 1)
            exchange = replace(exchange, request=request)

    def stop_run(self, workflow_id: str, run_id: str) -> bool:
        """Stop a run that stays open; tell whether the target said anything to it."""
        body = minimal_body(self._shared.client.input.without_text(), run_id=run_id, command="stop")
        request = Request(Kind.STOP, workflow_id, intent=Lenient(), run_id=run_id.lower(), json=body)
        exchange = self.deliver(request, self._connection)
        return self.judging.stopped(exchange)

    def stop_forgotten(self, workflow_id: str, run_id: str) -> bool:
        """Stop a run of which nothing is remembered but that it waited: it may have expired since."""
        ledger = self._shared.ledger
        ledger.add(RunHistory(run_id.lower(), workflow_id, "first", shared=True))
        stopped = self.stop_run(workflow_id, run_id)
        ledger.drop(run_id.lower())
        return stopped

    def stop_open(self) -> None:
        """Stop the run of this session, which its user had to leave."""
        session = self.session
        if session is None or session.run_id is None:
            self._shared.left_open += self._in_flight  # a first turn that was broken off may have opened one
            return
        if session.live:
            if self._in_flight and session.history is not None:
                session.history.loosen()  # the turn that was broken off may have been executed
            if not self.stop_run(session.workflow_id, session.run_id):
                self._shared.abandon(session.workflow_id, session.run_id)

    # --- time and traces

    def _wait(self, seconds: float) -> None:
        """Think; the next turn is due that much after the last one should have ended."""
        if seconds > 0:
            if seconds > SETTLED_S and self.session is not None:
                settle(self.session)
            self.due_ns += int(seconds * 1e9)
            self.rest(seconds)

    def rest(self, seconds: float) -> None:
        """Let time pass, unless the run ends."""
        if self._shared.ending:
            raise LeavingError
        self.sleeping = True
        try:
            gevent.sleep(seconds)
        finally:
            self.sleeping = False

    def _keep(self, sent: Plain | Request, reply: Reply) -> None:
        if self._shared.logs:
            if len(self._log) >= LOGGED:
                del self._log[1]
                self.log_whole = False
            self._log.append((sent, reply))

    def log(self) -> list[Exchange]:
        """Return what this session sent, and what came of it."""
        made = []
        for sent, reply in self._log:
            request = sent.send.request if isinstance(sent, Plain) else sent
            made.append(self._shared.exchange_of(request, reply))
        return made
