"""The suite: every scenario that the target can show, played concurrently, judged into a Run."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import wfconform
from wfconform.conformance.abilities import PLAIN, can_show
from wfconform.conformance.admission import Admission
from wfconform.conformance.contact import client_of
from wfconform.conformance.durability import Durability, durability_of
from wfconform.conformance.http import ASGIApp, HttpDriver, tls_context
from wfconform.conformance.lifespan import lifespan
from wfconform.conformance.options import CheckOptions, Progress
from wfconform.conformance.play import Played, Player
from wfconform.conformance.preflight import Verdictless, preflight
from wfconform.conformance.record import Recorder
from wfconform.conformance.scrub import scrubbed
from wfconform.conformance.verdicts import problems, results
from wfconform.errors import UsageError
from wfconform.outcomes import Problem, Run
from wfconform.requirements import catalogue, required_at, select
from wfconform.scenarios import Client, ScenarioSpec, Send
from wfconform.scenarios import catalogue as scenarios
from wfconform.scenarios.registry import ANYWHERE
from wfconform.session import Answer, Finding, Kind, Ledger
from wfconform.target import Target
from wfconform.wire import Exchange, observe, reply_to

if TYPE_CHECKING:
    from wfconform.conformance.generated import GeneratedPhases

_DROPPED = (
    "requests got no answer because their kept connection was closed, which HTTP allows of an idle one: "
    "their scenarios were played again over new connections"
)
GRACE_S = 3.0  # what a call in flight gets when the user wants to stop


async def run_check(
    target: Target,
    options: CheckOptions,
    *,
    app: ASGIApp | None = None,
    progress: Progress | None = None,
    interrupted: asyncio.Event | None = None,
    durability: Durability | None = None,
) -> Run:
    """Check a target and return what was found; an unreachable one is a Run with a problem, not an exception.

    app: call this ASGI application in-process instead of the network. interrupted: set it to end the check early; what
    was found until then is returned. durability: how to look into the storage and restart the deployment, when not by
    what the target says. Raises UsageError for an unknown level or requirement.
    """
    required_at(options.level)
    selected = _selection(options)
    if not selected:
        raise UsageError("--only and --skip leave no requirement", hint="`wfconform requirements` lists them")
    stop = interrupted or asyncio.Event()
    check = _Check(target, options, selected=selected, app=app, progress=progress, interrupted=stop)
    check.player.durability = reach = durability or durability_of(target)
    try:
        async with lifespan(app) if app is not None else contextlib.nullcontext():
            return await check.run()
    finally:
        if reach.storage is not None:
            await reach.storage.close()


def _selection(options: CheckOptions) -> frozenset[str]:
    chosen = select(options.only) if options.only else frozenset(catalogue())
    return (chosen if options.scripted else chosen & can_show()) - select(options.skip)


class _Check:
    """One run: what its parts share."""

    def __init__(
        self,
        target: Target,
        options: CheckOptions,
        *,
        selected: frozenset[str],
        app: ASGIApp | None,
        progress: Progress | None,
        interrupted: asyncio.Event,
    ) -> None:
        self.target, self.options, self.selected = target, options, selected
        self.app, self.progress, self.interrupted = app, progress, interrupted
        self.begun_s = time.monotonic()
        self.started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self.tls = tls_context(target.access)
        self.recorder = Recorder(target.access, begun_s=self.begun_s)
        self.ledger = Ledger(session_ttl_s=target.session_ttl_s)
        self.played: dict[str, Played] = {}
        self.done = self.total = 0
        self.generated: GeneratedPhases | None = None
        self.player = Player(
            ledger=self.ledger,
            client_for=self._client,
            admission=Admission(options.concurrency),
            on_finding=self._found,
            ended=interrupted,
        )

    async def run(self) -> Run:
        work = asyncio.create_task(self._work())
        watch = asyncio.create_task(self._end_when_interrupted(work))
        try:
            fatal = await work
        except asyncio.CancelledError:
            if not self.interrupted.is_set():
                raise
            fatal = None
        finally:
            watch.cancel()
        return self._made(fatal)

    async def _work(self) -> Problem | None:
        fatal = await self._preflight()
        if fatal is None:
            if self.options.scripted:
                await self._play_all()
            await self._play_generated()
            if self.options.scripted:
                await self._look_for_roots()
        return fatal

    async def _end_when_interrupted(self, work: asyncio.Task[Problem | None]) -> None:
        await self.interrupted.wait()
        await asyncio.wait({work}, timeout=GRACE_S)
        if self.generated is not None:
            self.generated.close()
        work.cancel()

    # --- the parts

    async def _preflight(self) -> Problem | None:
        log = Played("first contact")
        self.played[log.name] = log
        found: list[tuple[Exchange, Finding]] = []

        async with self._driver() as driver:

            async def deliver(send: Send) -> Exchange:
                exchange = await self.player.deliver(driver, log, send)
                log.exchanges.append(exchange)
                send.session.learn(exchange)
                found.extend(observe(self.ledger, exchange))
                return exchange

            problem = await preflight(self.target, self._client("first contact"), deliver)
        for exchange, finding in () if isinstance(problem, Verdictless) else found:
            self._found(log, exchange, finding)
        return problem

    async def _play_all(self) -> None:
        specs = self._chosen()
        self.total = len(specs)
        for spec in specs:
            if spec.alone:
                await self._play(spec)
        await asyncio.gather(*(self._play(spec) for spec in specs if not spec.alone))
        for spec in specs:
            first = self.played.get(spec.name, Played(""))
            if (first.retry or first.dropped) and not self.interrupted.is_set():
                await self._play(spec, reuse=False)

    async def _play_generated(self) -> None:
        """Play what is made of the contract, where it can show anything that is asked for."""
        options = self.options
        if not (options.examples or options.explore) or self.selected.isdisjoint(can_show()):
            return
        from wfconform.conformance.generated import GeneratedPhases, Lent

        lent = Lent(options, self.player, self.recorder, self._driver, self._client, self._tell)
        self.generated = GeneratedPhases(lent)
        await self.generated.run()

    def _tell(self, name: str, done: int, total: int) -> None:
        if self.progress:
            self.progress.scenario_done(name=name, done=done, total=total)

    def _chosen(self) -> list[ScenarioSpec]:
        """Return what is played: all that can show one of the requirements asked for, so that none passes for less."""
        named, anywhere = self.options.scenarios, not self.selected.isdisjoint(ANYWHERE)
        shown = [spec for spec in scenarios() if spec.needs <= self.target.offers]
        if named:
            return [spec for spec in shown if spec.name in named]
        return [spec for spec in shown if anywhere or not self.selected.isdisjoint(spec.proves)]

    async def _look_for_roots(self) -> None:
        """Play what a selection left out but what may explain its failures: no verdict depends on the selection."""
        if self.options.scenarios:
            return
        roots = self.recorder.unexplained(self.selected)
        for spec in scenarios():
            left_out = spec.alone and spec.name not in self.played and spec.needs <= self.target.offers
            if left_out and not roots.isdisjoint(spec.proves) and not self.interrupted.is_set():
                await self._play(spec)

    async def _play(self, spec: ScenarioSpec, *, reuse: bool = True) -> None:
        async with self.player.admission.slot():
            if self.interrupted.is_set():
                return
            self.played[spec.name] = played = Played(spec.name)
            async with self._driver(reuse=reuse) as driver:
                await self.player.play(spec, driver, played)
        self.done += 1
        self._tell(spec.name, min(self.done, self.total), self.total)

    def _driver(self, *, reuse: bool = True) -> HttpDriver:
        return HttpDriver(self.target.access, app=self.app, tls=self.tls, reuse=reuse)

    def _client(self, scenario: str) -> Client:
        return client_of(self.target, seed=self.options.seed, scenario=scenario)

    def _found(self, played: Played, exchange: Exchange, finding: Finding) -> None:
        establishes = _ALONE.get(played.name, ())
        new = self.recorder.take(finding, exchange, played.name, played.exchanges, establishes=establishes)
        if new and self.progress and finding.id in self.selected:
            self.progress.violated(requirement_id=finding.id, scenario=played.name)

    # --- the outcome

    def _made(self, fatal: Problem | None) -> Run:
        partial = self.selected != frozenset(catalogue())
        calls = [exchange for played in self.played.values() for exchange in played.exchanges]
        self.recorder.background = any(_moves_on(exchange) for exchange in calls)
        judged = results(self.recorder, self.target, self.selected)
        found = (
            [fatal]
            if fatal
            else []
            if self.interrupted.is_set()
            else problems(
                judged,
                level=self.options.level,
                target=self.target,
                recorder=self.recorder,
                played=self.played,
                partial=partial,
                scripted=self.options.scripted,
            )
        )
        phases = tuple(self.generated.phases) if self.generated else ()
        if self.generated and not self.interrupted.is_set():
            found += self.generated.problems
        run = Run(
            tool={"name": "wfconform", "version": wfconform.__version__},
            target=_described(self.target, self.recorder),
            level=self.options.level,
            seed=self.options.seed,
            started_at=self.started_at,
            duration_s=round(time.monotonic() - self.begun_s, 3),
            results=judged,
            strict=self.options.strict,
            partial=partial,
            interrupted=self.interrupted.is_set(),
            calls=len(calls) + sum(phase.requests for phase in phases),
            sessions=sum(call.request.kind is Kind.FIRST and call.status == 200 for call in calls)
            + sum(phase.sessions for phase in phases),
            phases=phases,
            problems=(*found, *(Problem(3, str(why), why.hint) for why in self.player.unseen.values())),
            notes=tuple(self._notes()),
        )
        return scrubbed(run, self.recorder.secrets)

    def _notes(self) -> list[str]:
        waited = sum(played.waited for played in self.played.values())
        left = sum(played.left_open for played in self.played.values())
        notes = [
            f"the scenario {name} ended early: {played.cut_short}"
            for name, played in self.played.items()
            if played.cut_short and not played.retry
        ]
        if waited:
            notes.append(f"{waited} requests were not processed at first (429, 503, a refused start) and sent again")
        if self.player.admission.limit < self.options.concurrency:
            notes.append(f"ran {self.player.admission.limit} scenarios at once: the target refused to open more runs")
        if self.player.dropped:
            notes.append(f"{self.player.dropped} {_DROPPED}")
        if left:
            notes.append(f"{left} runs could not be stopped at the end")
        return notes


def _moves_on(exchange: Exchange) -> bool:
    reply = reply_to(exchange)
    return isinstance(reply, Answer) and reply.background


def _described(target: Target, recorder: Recorder) -> dict[str, object]:
    """Return the target as reports name it: no secret in it."""
    flows = target.workflows
    roles = {role: flows.id_of(role) for role in ("conversation", *_ROLES)}
    return {
        "name": target.name,
        "base_url": recorder.redact(target.access.base_url),
        "auth": target.access.auth,
        "roles": {role: id for role, id in roles.items() if id is not None},
        "second_tenant": "key2" in target.offers,
        "echoes": flows.echoes,
    }


_ALONE = {spec.name: spec.proves for spec in scenarios() if spec.alone} | {"generated plain session": PLAIN}
_ROLES = ("completes", "fails", "loops", "pauses", "slow", "versioned")
