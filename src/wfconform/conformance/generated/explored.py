"""The exploration: a Hypothesis model machine over the same moves; it shrinks what it finds to the shortest session."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from wfconform.conformance.generated.bridge import Bridge
from wfconform.conformance.generated.cases import Enough, quietly
from wfconform.conformance.generated.moves import MOVES, Board, Move
from wfconform.conformance.http import HttpDriver
from wfconform.conformance.play import Played, Player
from wfconform.scenarios import Client
from wfconform.session import Finding
from wfconform.wire import Exchange, Request

DEPTH = 30  # moves of one session at most
_NAME = "explored"
_WHO, _HOW = st.integers(0, 11), st.integers(0, 59)

Violation = tuple[Exchange, Finding]


class ViolatedError(Exception):
    """A requirement was seen broken; each has a class of its own, so that Hypothesis shrinks each on its own."""


@cache
def _violated(id: str) -> type[ViolatedError]:
    return type(f"Violated{id.replace('-', '')}Error", (ViolatedError,), {})


@dataclass(slots=True)
class Exploration:
    """One exploration: what its sessions share, and the shortest session that showed each violation.

    known: tells whether a finding is nothing new; finished: told of each session when it has ended.
    """

    player: Player
    new_driver: Callable[[], HttpDriver]
    client_for: Callable[[str], Client]
    known: Callable[[Finding], bool]
    over: Callable[[], bool]
    finished: Callable[[Played], None]
    shortest: dict[str, tuple[Played, Exchange, Finding]] = field(default_factory=dict)
    seen: list[Violation] = field(default_factory=list)
    sessions: int = 0

    async def run(self, *, seed: int, examples: int, bridge: Bridge) -> None:
        """Explore in a thread of its own until done, or until the bridge is closed; then hand on what was found."""
        async with self.new_driver() as driver:
            machine = _machine_of(self, driver, bridge)
            await asyncio.to_thread(_explore, machine, seed, examples)
        for played, exchange, finding in self.shortest.values():
            self.player.on_finding(played, exchange, finding)

    def collecting(self) -> Player:
        """Return a player that passes on what held and keeps what broke until it is as short as can be."""
        return replace(self.player, on_finding=self._take)

    def _take(self, played: Played, exchange: Exchange, finding: Finding) -> None:
        if finding.broken is None:
            self.player.on_finding(played, exchange, finding)
        else:
            self.seen.append((exchange, finding))

    def judge(self, played: Played) -> None:
        """Keep what the last move broke, where no shorter session did; raises ViolatedError for what is new."""
        seen, self.seen = self.seen, []
        new = [(exchange, finding) for exchange, finding in seen if not self.known(finding)]
        for exchange, finding in new:
            before = self.shortest.get(finding.id)
            if before is None or len(played.exchanges) <= len(before[0].exchanges):
                copied = replace(played, name=_NAME, exchanges=list(played.exchanges))
                self.shortest[finding.id] = (copied, exchange, finding)
        if new:
            id = min(finding.id for _, finding in new)
            raise _violated(id)(id)


class _Machine(RuleBasedStateMachine):
    """One session of a client that holds several sessions; each rule is a move."""

    exploration: Exploration
    driver: HttpDriver
    bridge: Bridge

    def __init__(self) -> None:
        super().__init__()
        self.exploration.sessions += 1
        self.client = self.exploration.client_for(f"{_NAME} {self.exploration.sessions}")
        self.board = Board(self.client)
        self.played = Played(_NAME)
        self.opened: dict[str, Request] = {}
        self.player = self.exploration.collecting()

    def make(self, move: Move, who: int, how: int) -> None:
        """Make a move and judge its answers; nothing more once a valid request was lost."""
        if self.exploration.over():
            raise Enough
        if self.played.cut_short:
            return
        operation = move.do(self.board, who, how)
        self.bridge.run(self.player.do(operation, self.driver, self.played, self.opened))
        self.exploration.judge(self.played)

    def teardown(self) -> None:
        """Stop what is still open; what that shows is judged, too, but nothing is raised any more."""
        try:
            self.bridge.run(self.player.stop_open(self.played, self.driver, self.client, self.opened))
        except Enough:
            return
        finally:
            self.exploration.seen.clear()
            self.played.runs = list(self.opened)
            self.exploration.finished(self.played)


def _rule_of(move: Move) -> Any:
    def make(self: _Machine, who: int, how: int) -> None:
        self.make(move, who, how)

    make.__name__ = move.name
    ruled = rule(who=_WHO, how=_HOW)(make)
    return precondition(lambda self: bool(self.played.cut_short) or move.can(self.board))(ruled)


def _machine_of(exploration: Exploration, driver: HttpDriver, bridge: Bridge) -> type[_Machine]:
    shared = {"exploration": exploration, "driver": driver, "bridge": bridge}
    return type("Session", (_Machine,), {**shared, **{move.name: _rule_of(move) for move in MOVES}})


def _explore(machine: type[_Machine], seed: int, examples: int) -> None:
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=DEPTH,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=True,
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    with quietly():
        try:
            run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=settings)
        except (ViolatedError, HypothesisException, Enough):
            pass  # what was found is kept; a target that answers otherwise the next time makes Hypothesis complain
        except BaseExceptionGroup as several:
            _refuse_others(several)


def _refuse_others(several: BaseExceptionGroup[BaseException]) -> None:
    """Raise what is no violation: a fault of our own."""
    _, others = several.split((ViolatedError, HypothesisException, Enough))
    if others is not None:
        raise others
