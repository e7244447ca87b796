"""The generated phases of a check: which requests they make, how many, and what they can show."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from wfconform.conformance.abilities import phases_of
from wfconform.conformance.generated.bridge import Bridge
from wfconform.conformance.generated.cases import CHUNK, Case, Mode, chosen, drawn
from wfconform.conformance.generated.explored import Exploration
from wfconform.conformance.generated.interleaved import interleaving
from wfconform.conformance.generated.sessions import BATCH, Plays, beside_a_session, plain_session
from wfconform.conformance.http import HttpDriver
from wfconform.conformance.options import CheckOptions
from wfconform.conformance.play import Played, Player
from wfconform.conformance.record import Recorder
from wfconform.outcomes import Phase, Problem
from wfconform.scenarios import Client, Scenario, ScenarioSpec
from wfconform.session import Finding, Kind
from wfconform.wire import Exchange

BOUNDARIES = 4  # boundary cases beside each drawn one; they cost nothing to make
INTERLEAVED_SHARE = 2  # one interleaving for so many examples
_GIVEN_UP_AFTER = 3  # scenarios in a row that could not be finished

Over = Callable[[], bool]
PlayPhase = Callable[[str, float], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Lent:
    """What the suite lends its generated phases."""

    options: CheckOptions
    player: Player
    recorder: Recorder
    new_driver: Callable[[], HttpDriver]
    client_for: Callable[[str], Client]
    told: Callable[[str, int, int], None]


@dataclass(slots=True)
class Tally:
    """One phase as it goes. lost: how many scenarios in a row could not be finished, and why the last one."""

    name: str
    planned: int
    begun_s: float = field(default_factory=time.monotonic)
    requests: int = 0
    sessions: int = 0
    done: int = 0
    broken: set[str] = field(default_factory=set)
    lost: int = 0
    reason: str = ""
    timed_out: bool = False

    def take(self, played: Played) -> None:
        """Count a scenario that was played."""
        self.requests += len(played.exchanges)
        self.sessions += sum(one.request.kind is Kind.FIRST and one.status == 200 for one in played.exchanges)
        self.done += 1
        self.lost = self.lost + 1 if played.retry else 0
        self.reason = played.cut_short if played.retry else self.reason

    def made(self, examples: int) -> Phase:
        """Return the phase as reports show it."""
        return Phase(
            name=self.name,
            examples=examples,
            requests=self.requests,
            sessions=self.sessions,
            findings=len(self.broken),
            duration_s=round(time.monotonic() - self.begun_s, 3),
            note=self._note(),
        )

    def _note(self) -> str:
        if self.given_up:
            return f"given up: {self.reason}"
        return f"out of time after {self.done} of {self.planned} scenarios" if self.timed_out else ""

    @property
    def given_up(self) -> bool:
        """Too many scenarios in a row could not be finished."""
        return self.lost >= _GIVEN_UP_AFTER


class GeneratedPhases:
    """Plays what is due within the time budget; each phase gets an equal share of what is left."""

    def __init__(self, lent: Lent) -> None:
        self._lent = lent
        self._options = lent.options
        self._ended = lent.player.ended
        self._end_s = time.monotonic() + lent.options.time_budget_s
        self._bridge: Bridge | None = None
        self.phases: list[Phase] = []

    async def run(self) -> None:
        """Play the phases; what they find goes to the recorder."""
        due = self._due()
        for index, (name, play) in enumerate(due):
            if self._ended.is_set():
                return
            left_s = max(0.0, self._end_s - time.monotonic())
            await play(name, time.monotonic() + left_s / (len(due) - index))

    def close(self) -> None:
        """End what runs in another thread; the rest is ended by cancelling `run`."""
        if self._bridge is not None:
            self._bridge.close()

    @property
    def problems(self) -> list[Problem]:
        """What makes the phases worth nothing: one that made no request, one that had to be given up."""
        more_time = "give more time (--time-budget), or leave generated requests out (--no-generated)"
        return [
            Problem(3, f"the generated phase {one.name} {one.note or 'made no requests'}", more_time)
            for one in self.phases
            if not one.requests or one.note.startswith("given up")
        ]

    def _due(self) -> list[tuple[str, PlayPhase]]:
        options = self._options
        plays = {"valid": self._drawn, "invalid": self._drawn, "interleaved": self._interleaved}
        wanted = {**(plays if options.examples else {}), **({"explored": self._explored} if options.explore else {})}
        named = phases_of(options.scenarios) if options.scenarios else wanted.keys()
        return [(name, play) for name, play in wanted.items() if name in named]

    # --- the phases

    async def _drawn(self, name: str, end_s: float) -> None:
        """Send the boundary cases and the drawn ones, a few of them beside each session."""
        mode, count = Mode(name), self._options.examples
        over = self._over(end_s)
        planned = (1 + BOUNDARIES) * -(-count // BATCH)
        await self._play(name, planned, self._batches(mode, count, over), over)

    async def _batches(self, mode: Mode, count: int, over: Over) -> AsyncIterator[tuple[str, Plays]]:
        if mode is Mode.VALID:
            yield "generated plain session", plain_session
        number = 0
        async for cases in self._cases(mode, count, over):
            for at in range(0, len(cases), BATCH):
                number += 1
                yield f"generated {mode} {number}", beside_a_session(cases[at : at + BATCH])

    async def _cases(self, mode: Mode, count: int, over: Over) -> AsyncIterator[tuple[Case, ...]]:
        seed = self._options.seed
        yield await asyncio.to_thread(chosen, mode, seed, BOUNDARIES * count)
        for chunk in range(-(-count // CHUNK)):
            if over():
                return
            cases = await asyncio.to_thread(drawn, mode, seed, chunk, over=over)
            yield cases[: count - chunk * CHUNK]

    async def _interleaved(self, name: str, end_s: float) -> None:
        """Play random interleavings of several sessions."""
        count = max(1, self._options.examples // INTERLEAVED_SHARE)

        async def plans() -> AsyncIterator[tuple[str, Plays]]:
            for number in range(1, count + 1):
                title = f"generated interleaving {number}"
                yield title, interleaving(f"{self._options.seed}:{title}")

        await self._play(name, count, plans(), self._over(end_s))

    async def _explored(self, name: str, end_s: float) -> None:
        """Explore, and shrink what is found."""
        tally = Tally(name, self._options.explore)
        over = self._over(end_s)
        self._bridge = Bridge(asyncio.get_running_loop())

        def finished(played: Played) -> None:
            tally.take(played)
            self._drop(played)
            self._lent.told(name, tally.done, max(tally.done, tally.planned))

        exploration = Exploration(
            player=self._counting(tally),
            new_driver=self._lent.new_driver,
            client_for=self._lent.client_for,
            known=self._known,
            over=over,
            finished=finished,
        )
        try:
            await exploration.run(seed=self._options.seed, examples=self._options.explore, bridge=self._bridge)
        finally:
            tally.timed_out = over() and not self._ended.is_set()
            self.phases.append(tally.made(self._options.explore))

    # --- playing

    async def _play(self, name: str, planned: int, plans: AsyncIterator[tuple[str, Plays]], over: Over) -> None:
        tally = Tally(name, planned)
        player, running = self._counting(tally), set[asyncio.Task[None]]()
        try:
            async for title, play in plans:
                if over() or tally.given_up:
                    break
                if not self._wanted(title):
                    continue
                spec = ScenarioSpec(title, _until(play, over), ())
                running.add(asyncio.create_task(self._one(spec, player, tally)))
                if tally.done == 0 or len(running) >= self._options.concurrency:  # the first one is played alone
                    _, running = await _some(running)
            while running:
                _, running = await _some(running)
        finally:
            for task in running:
                task.cancel()
            tally.timed_out = over() and not self._ended.is_set()
            self.phases.append(tally.made(self._options.examples))

    async def _one(self, spec: ScenarioSpec, player: Player, tally: Tally) -> None:
        async with player.admission.slot():
            if self._ended.is_set():
                return
            played = Played(spec.name)
            async with self._lent.new_driver() as driver:
                await player.play(spec, driver, played)
        tally.take(played)
        self._drop(played)
        self._lent.told(spec.name, tally.done, max(tally.done, tally.planned))

    def _wanted(self, title: str) -> bool:
        named = self._options.scenarios
        return not named or title in named

    def _drop(self, played: Played) -> None:
        """Forget a scenario's runs and traffic: nobody will ask about them again."""
        self._lent.player.ledger.forget(id.lower() for id in played.runs)
        played.exchanges.clear()

    def _counting(self, tally: Tally) -> Player:
        """Return the suite's player, which counts for a phase what it finds broken."""
        found = self._lent.player.on_finding

        def take(played: Played, exchange: Exchange, finding: Finding) -> None:
            if finding.broken is not None:
                tally.broken.add(finding.id)
            found(played, exchange, finding)

        return replace(self._lent.player, on_finding=take)

    def _known(self, finding: Finding) -> bool:
        """Tell whether a violation was found before, or follows from one that was."""
        found, roots = self._lent.recorder, finding.broken.roots if finding.broken else ()
        return found.standing(finding.id)[0] > 0 or not found.established.isdisjoint(roots)

    def _over(self, end_s: float) -> Over:
        return lambda: self._ended.is_set() or time.monotonic() >= end_s


async def _some(running: set["asyncio.Task[None]"]) -> tuple[set["asyncio.Task[None]"], set["asyncio.Task[None]"]]:
    """Wait for one or more of them, and raise what they raised."""
    done, left = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return done, left


def _until(play: Plays, over: Over) -> Plays:
    """Return a scenario that ends early once the time is over."""

    def bounded(client: Client) -> Scenario:
        scenario = play(client)
        reply = None
        try:
            while not over():
                reply = yield scenario.send(reply)
        except StopIteration:
            pass
        finally:
            scenario.close()

    return bounded
