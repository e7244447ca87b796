"""Plays one scenario through a driver: sends what it yields, hands all traffic to the ledger, stops what stays open."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from wfconform.conformance.admission import Admission
from wfconform.conformance.durability import Durability, NotToBeSeen
from wfconform.conformance.http import HttpDriver
from wfconform.scenarios import Census, Client, Probe, Restart, ScenarioSpec, Send, Shows, Stored, Together, Wait
from wfconform.session import (
    Answer,
    Broken,
    Busy,
    Finding,
    Indeterminate,
    Kind,
    Ledger,
    Lenient,
    NotProcessed,
    NotSent,
    Valid,
)
from wfconform.session.states import TERMINAL
from wfconform.wire import Connection, Credential, Exchange, Failure, Request, minimal_body, observe, reply_to
from wfconform.wire.retrying import BUSY_STARTS, FIRST_PAUSE_S, LONGEST_PAUSE_S, wait_before_retry

PATIENCE_S = 20.0  # for a request that was not processed, while others hold runs open
PATIENCE_ALONE_S = 6.0
HASTE_S = 5.0  # for stopping what is open, once the user wants to stop

Sleep = Callable[[float], Awaitable[None]]
OnFinding = Callable[["Played", Exchange, Finding], None]


@dataclass(slots=True)
class Played:
    """A scenario as it went. cut_short: why it did not reach its end, "" when it did; retry: worth another try.

    dropped: a kept connection was closed under a request, which proves nothing: over new connections it would.
    left_open: how many of its runs could not be stopped; runs: all that it opened, as they were named.
    """

    name: str
    exchanges: list[Exchange] = field(default_factory=list)
    cut_short: str = ""
    retry: bool = False
    dropped: bool = False
    waited: int = 0
    left_open: int = 0
    runs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Player:
    """What all scenarios of a run share. ended: set when the user wants to stop; unseen: why, where the storage could
    not be looked into, or the deployment not be restarted; dropped: how often a connection was closed under a request.
    """

    ledger: Ledger
    client_for: Callable[[str], Client]
    admission: Admission
    on_finding: OnFinding
    ended: asyncio.Event
    sleep: Sleep = asyncio.sleep
    durability: Durability = field(default_factory=Durability)
    unseen: dict[str, NotToBeSeen] = field(default_factory=dict)
    dropped: int = 0

    async def play(self, spec: ScenarioSpec, driver: HttpDriver, played: Played) -> None:
        """Run a scenario to its end, or to the first valid request that got no answer; `played` tells how it went."""
        client = self.client_for(spec.name)
        scenario = spec.run(client)
        opened: dict[str, Request] = {}
        try:
            reply: Any = None
            while not self.ended.is_set():
                operation = scenario.send(reply)
                reply = await self.do(operation, driver, played, opened)
                if played.cut_short:
                    break
        except StopIteration:
            pass
        finally:
            scenario.close()
            await self.stop_open(played, driver, client, opened)
            played.runs = list(opened)

    async def do(self, operation: Any, driver: HttpDriver, played: Played, opened: dict[str, Request]) -> Any:
        """Do one operation of a scenario and return what it is sent for it; `opened` takes in what runs it opens."""
        if isinstance(operation, Wait):
            await self._pause(operation.seconds)
            return None
        if isinstance(operation, Probe | Census | Restart | Shows):
            return await self._beside(operation, played)
        timed = operation.sends if isinstance(operation, Together) else ((0.0, operation),)
        exchanges = await asyncio.gather(*(self.deliver(driver, played, send, delay) for delay, send in timed))
        for send, exchange in zip((send for _, send in timed), exchanges, strict=True):
            played.exchanges.append(exchange)
            _note_run(exchange, opened)
            send.session.learn(exchange)
        for exchange, finding in observe(self.ledger, *exchanges):
            self.on_finding(played, exchange, finding)
        played.cut_short, played.retry = _cut(exchanges)
        dropped = sum(exchange.failure is Failure.CLOSED_IDLE for exchange in exchanges)
        self.dropped += dropped
        played.dropped |= bool(dropped)
        if dropped and isinstance(operation, Send):
            await self._look_behind(operation, exchanges[0], driver, played)
        return exchanges if isinstance(operation, Together) else exchanges[0]

    async def _look_behind(self, send: Send, lost: Exchange, driver: HttpDriver, played: Played) -> None:
        """Take one more turn where a kept connection was closed under one: a number that is skipped is its answer's.

        A server that closes an idle connection has not seen the request that crossed that; one that executed it owed an
        answer (EXE-008).
        """
        run = self.ledger.history(lost.request.run_id or "")
        valid = lost.request.kind is Kind.TURN and isinstance(lost.request.intent, Valid)
        if not valid or run is None or run.status is not None or run.hi != run.lo + 1:
            return
        before = run.lo
        after = await self.deliver(
            driver, played, send.session.say(intent=Lenient(), expects=(), connection=Connection.FRESH)
        )
        played.exchanges.append(after)
        send.session.learn(after)
        for exchange, finding in observe(self.ledger, after):
            self.on_finding(played, exchange, finding)
        reply = reply_to(after)
        if isinstance(reply, Answer) and reply.turn_number == before + 2:
            said = f"none, but the turn was executed: after turn {before} the next answer was turn {before + 2}"
            broken = Broken("a complete response to a turn that is executed", said, roots=("TRN-002",))
            self.on_finding(played, lost, Finding("EXE-008", broken))

    async def _beside(self, operation: Any, played: Played) -> Any:
        """Do what is not a call; where that fails the scenario is cut short, and the target is not blamed."""
        storage, restarter = self.durability.storage, self.durability.restarter
        try:
            if isinstance(operation, Shows):
                self._take(operation, played)
            elif isinstance(operation, Restart) and restarter is not None:
                await restarter.restart()
            elif isinstance(operation, Census) and storage is not None:
                return await storage.count_lately()
            elif isinstance(operation, Probe) and storage is not None:
                return await self._probe(operation, storage.find)
            else:
                played.cut_short = "this run has no access to the storage, or cannot restart the deployment"
        except NotToBeSeen as error:
            played.cut_short = str(error)
            self.unseen[str(error)] = error
        return None

    async def _probe(self, probe: Probe, find: Callable[[str], Awaitable[Stored]]) -> Stored:
        waited_s, pause_s = 0.0, FIRST_PAUSE_S / 4
        while True:
            stored = await find(probe.run_id)
            if probe.until(stored) or waited_s >= probe.within_s or self.ended.is_set():
                return stored
            await self._pause(pause_s)
            waited_s += pause_s
            pause_s = min(pause_s * 2, probe.within_s - waited_s or pause_s, FIRST_PAUSE_S * 4)

    def _take(self, shows: Shows, played: Played) -> None:
        """Take in what a scenario found out itself; the session's last call stands for it."""
        token = shows.session.token
        calls = [one for one in played.exchanges if one.request.token == token] or played.exchanges
        if calls:
            self.on_finding(played, calls[-1], Finding(shows.id, shows.broken))

    async def _pause(self, seconds: float) -> None:
        waiting = asyncio.ensure_future(self.ended.wait())
        sleeping = asyncio.ensure_future(self.sleep(seconds))
        await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (waiting, sleeping):
            task.cancel()

    async def deliver(self, driver: HttpDriver, played: Played, send: Send, delay_s: float = 0.0) -> Exchange:
        """Send after a delay; send again, as a new attempt and for a while, what the target says it did not process."""
        if delay_s:
            await self.sleep(delay_s)
        request, waited_s, pause_s = send.request, 0.0, FIRST_PAUSE_S
        while True:
            exchange = await driver.send(request)
            wait_s = wait_before_retry(exchange, pause_s)
            patience_s = PATIENCE_ALONE_S if self.admission.alone else PATIENCE_S
            if wait_s is None or waited_s + wait_s > patience_s or self.ended.is_set():
                return self._spared(exchange, played) if wait_s is not None else exchange
            played.exchanges.append(exchange)
            played.waited += 1
            for _, finding in observe(self.ledger, replace(exchange, request=replace(request, intent=Busy()))):
                self.on_finding(played, exchange, finding)
            if request.kind is Kind.FIRST:
                self.admission.lower()
            await self._pause(wait_s)
            waited_s += wait_s
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            request = replace(request, attempt=request.attempt + 1)

    def _spared(self, exchange: Exchange, played: Played) -> Exchange:
        """Hold a start that stays refused against nobody while other runs of ours are open: there may be a limit."""
        opened = any(one.request.kind is Kind.FIRST and one.status == 200 for one in played.exchanges)
        if exchange.status not in BUSY_STARTS or (self.admission.alone and not opened):
            return exchange
        return replace(exchange, request=replace(exchange.request, intent=Busy()))

    async def stop_open(self, played: Played, driver: HttpDriver, client: Client, opened: dict[str, Request]) -> None:
        """Stop every run that this scenario was told of and that has not ended; in haste when the user waits."""
        left = [id for id in opened if self.ledger.status_of(id.lower()) not in TERMINAL]
        if not left:
            return
        played.left_open += len(left)
        stopping = asyncio.ensure_future(self._stop_all(left, played, driver, client, opened))
        ended = asyncio.ensure_future(self.ended.wait())
        try:
            await asyncio.wait({stopping, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:  # also when the scenario was cancelled
            try:
                done, _ = await asyncio.wait({stopping}, timeout=HASTE_S)
            finally:
                ended.cancel()
                stopping.cancel()
        for one in done:
            one.result()

    async def _stop_all(
        self, left: list[str], played: Played, driver: HttpDriver, client: Client, opened: dict[str, Request]
    ) -> None:
        for run_id in left:
            body = minimal_body(client.input.without_text(), run_id=run_id, command="stop")
            second = opened[run_id].credential is Credential.SECOND
            stop = Request(
                Kind.STOP,
                opened[run_id].workflow_id,
                intent=Lenient(),
                run_id=run_id.lower(),
                json=body,
                credential=Credential.SECOND if second else Credential.FIRST,
            )
            exchange = await self.deliver(driver, played, Send(stop, client.session()))
            played.exchanges.append(exchange)
            reply = reply_to(exchange)
            if isinstance(reply, NotSent):
                return
            played.left_open -= not isinstance(reply, Indeterminate | NotProcessed)


def _note_run(exchange: Exchange, opened: dict[str, Request]) -> None:
    reply = reply_to(exchange)
    if isinstance(reply, Answer) and reply.raw_run_id:
        opened.setdefault(reply.raw_run_id, exchange.request)


def _cut(exchanges: list[Exchange]) -> tuple[str, bool]:
    """Tell why a scenario cannot go on, if so, and whether another try may help."""
    valid = [exchange for exchange in exchanges if isinstance(exchange.request.intent, Valid)]
    lost = [exchange for exchange in valid if not isinstance(reply_to(exchange), Answer)]
    crowded = [exchange for exchange in exchanges if _crowded_out(exchange)]
    unreached = [exchange for exchange in exchanges if exchange.failure is Failure.NOT_SENT]
    if unreached:
        return f"no connection: {unreached[0].detail}", True
    if crowded and len(crowded) == len(exchanges):
        return f"the target would open no more runs (status {crowded[0].status})", True
    if not lost:
        return _cut_without_id(valid), False
    if len(lost) < len(valid):
        return "", False
    last = lost[0]
    what = f"{last.failure}: {last.detail}" if last.failure else f"status {last.status}"
    retry = last.failure is Failure.CLOSED_IDLE or isinstance(reply_to(last), NotProcessed)
    return f"a valid request was not executed ({what})", retry


def _crowded_out(exchange: Exchange) -> bool:
    request = exchange.request
    return request.kind is Kind.FIRST and isinstance(request.intent, Busy) and exchange.status in BUSY_STARTS


def _cut_without_id(valid: list[Exchange]) -> str:
    replies = [reply_to(exchange) for exchange in valid if exchange.request.kind is Kind.FIRST]
    nameless = any(isinstance(reply, Answer) and reply.run_id is None for reply in replies)
    return "a first turn was answered without a usable run_id" if nameless else ""


def random_digits(seed: str) -> Callable[[int], str]:
    """Return a source of hexadecimal digits that a seed repeats."""
    source = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return lambda count: f"{source.getrandbits(4 * count):0{count}x}"
