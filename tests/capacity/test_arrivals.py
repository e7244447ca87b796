"""The open model: the highest rate of new sessions, from the command's own first level and budget."""

import math
from dataclasses import replace
from typing import Any

import pytest
from tests.capacity.searching import P95, TEN, searched, settings_for
from tests.capacity.simulated import Target, a_step, exact_arrivals
from tests.load_command.measuring import a_tick

from wfconform.load.capacity import digest, edge
from wfconform.load.capacity.conclude import conclude
from wfconform.load.capacity.search import search
from wfconform.load.capacity.values import Judged, Settings, StepResult, StepWanted
from wfconform.load.measured import Tick

OPEN: dict[str, Any] = {"arrivals": True, "first_level": 2.0, "budget_s": 600.0}
TRUTH = exact_arrivals(10, 0.05, 5, 0.95, 0.5)
WANTED = StepWanted(8.0, "edge", 20.0, 20.0, 40.0, 200, 0.05)


def test_the_exact_rate_is_below_saturation() -> None:
    """Ten servers of 50 ms do 200 turns/s, 40 sessions of five turns; p95 reaches 500 ms a little before."""
    assert pytest.approx(38.69, abs=0.01) == TRUTH


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_rate_is_found_with_an_interval_that_holds_the_truth(seed: int) -> None:
    """Seed 2 once took a few sessions more than usual for a queue that grows, and answered 1.9."""
    found = searched(Target(TEN, seed=seed), **OPEN)
    told = conclude(found, settings_for(P95, **OPEN))
    assert found.edge is not None
    assert found.edge.low <= TRUTH <= found.edge.high
    assert found.edge.value == pytest.approx(TRUTH, rel=0.06)
    assert told.unit == "sessions/s"
    assert found.spent_s <= 600


def test_a_short_budget_encloses_the_edge_too() -> None:
    """400 s ended "not enclosed" when steps were too short for a session to live in."""
    found = searched(Target(TEN, seed=1), **{**OPEN, "budget_s": 400.0})
    assert found.edge is not None
    assert found.edge.value == pytest.approx(TRUTH, rel=0.08)


def test_a_step_warms_up_for_as_long_as_sessions_live() -> None:
    """Five turns and a second of thought each: ten seconds at least, while a closed step takes two."""
    settings = Settings(max_level=100, think_s=1.0, turns_per_session=5.0)
    assert next(search(replace(settings, arrivals=True))).warm_up_s == 10
    assert next(search(settings)).warm_up_s == 2


def _opened(counts: list[int]) -> list[Tick]:
    return [a_tick(second, sessions_open=count) for second, count in enumerate(counts)]


def test_a_few_sessions_more_are_chance_and_ever_more_are_not() -> None:
    """From 8 to 14 within 12 s happens by chance; from 200 to 500 does not."""
    assert not digest._piles_up(_opened([8] * 6 + [14] * 6))
    assert digest._piles_up(_opened(list(range(200, 500, 10))))


def test_turns_that_are_due_and_do_not_end_show_a_target_that_falls_behind() -> None:
    """8 sessions/s of 5 turns: 800 in 20 s; 720 may be chance (16 sessions fewer came), 500 are not."""
    settings = Settings(max_level=100, arrivals=True, turns_per_session=5.0)
    measured = Target(TEN)._measured(8.0, [], [], 0)
    for turns, behind in ((800, False), (720, False), (500, True)):
        given = replace(measured, steady_s=20.0, steady_turns=turns)
        assert digest._falls_behind(given, WANTED, settings) is behind


def test_a_break_that_its_own_level_outvotes_does_not_close_the_gap() -> None:
    """Once broken by latency, three times held: chance; an invariant that broke is never outvoted."""
    held, slow = _step(32, excess=-0.5), _step(32, excess=0.1)
    above = _step(40, excess=0.6)
    found = edge.by_bracket([held, held, held, slow, above])
    assert found is not None
    assert (found.low, found.high) == (32, 40)
    broken = replace(held, violations=(("TRN-002", 1),))
    assert edge.by_bracket([held, held, held, broken, above]) is not None
    assert edge.by_bracket([_step(16, excess=-1), held, held, held, broken, above]).low == 16  # type: ignore[union-attr]


def test_a_search_whose_only_break_was_chance_goes_on_up() -> None:
    """32 broke and then held: the next level lies above it."""
    searching = search(settings_for(P95, **OPEN))
    wanted, wanted_levels = next(searching), list[float]()
    while len(wanted_levels) < 12:
        wanted_levels.append(wanted.level)
        chance = wanted.level == 32 and wanted_levels.count(32) == 1
        excess = 0.4 if chance or wanted.level > 60 else -0.5
        wanted = searching.send(replace(_step(wanted.level, excess=excess), purpose=wanted.purpose, piling_up=chance))
    assert max(wanted_levels) > 32
    assert math.isfinite(max(wanted_levels))


def _step(level: float, *, excess: float) -> StepResult:
    judged = (Judged("turn.p95 < 500ms", excess < 0, 1 - math.exp(excess), 500 * math.exp(excess)),)
    return replace(a_step(level, broken=False), judged=judged, excess=excess)
