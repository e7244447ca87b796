"""SLOs while the run goes on: what ends it, and what does not."""

import pytest
from tests.load_command.measuring import a_tick

from wfconform.load.measured import Tick
from wfconform.load.rolling import MISSES, WINDOW, Watch
from wfconform.load.slo import parse_slo

SLOW = (10_000, 900_000, 950_000, 990_000)


def _ended_at(text: str, ticks: list[Tick]) -> int | None:
    watch = Watch([parse_slo(text)])
    return next((tick.second for tick in ticks if watch.take(tick) is not None), None)


def test_a_noisy_second_ends_nothing() -> None:
    """One second of ten that misses a percentile is noise."""
    ticks = [a_tick(second, turn_us=SLOW if second % WINDOW == 5 else a_tick().turn_us) for second in range(60)]
    assert _ended_at("turn.p95 < 500ms", ticks) is None


def test_a_percentile_that_keeps_missing_ends_the_run() -> None:
    """When most of the last seconds miss it, going on shows nothing more."""
    ticks = [a_tick(second, turn_us=SLOW if second >= 20 else a_tick().turn_us) for second in range(60)]
    assert _ended_at("turn.p95 < 500ms", ticks) == 20 + MISSES - 1


def test_nothing_is_judged_before_the_window_is_full() -> None:
    """The first seconds of a stage are not enough, however slow."""
    ticks = [a_tick(second, turn_us=SLOW) for second in range(60)]
    assert _ended_at("turn.p95 < 500ms", ticks) == WINDOW - 1


def test_a_stage_begins_a_new_window() -> None:
    """Slow seconds of two stages do not add up."""
    ticks = [a_tick(second, stage=f"stage {second // 9}", turn_us=SLOW) for second in range(60)]
    assert _ended_at("turn.p95 < 500ms", ticks) is None


def test_warm_up_is_not_judged() -> None:
    """Latency and rates of other phases end nothing."""
    ticks = [a_tick(second, phase="warm-up", turn_us=SLOW, refused=50) for second in range(60)]
    assert _ended_at("turn.p95 < 500ms", ticks) is None
    assert _ended_at("refused.rate < 1%", ticks) is None


@pytest.mark.parametrize(("text", "ended"), [("violations == 0", 7), ("violations < 2", 8), ("violations <= 2", 9)])
def test_a_count_ends_the_run_once_it_is_passed(text: str, ended: int) -> None:
    """A violation never goes away: its SLO is missed at once, in any phase."""
    ticks = [a_tick(second, violations=int(second >= 7), phase="warm-up") for second in range(12)]
    assert _ended_at(text, ticks) == ended


@pytest.mark.parametrize("text", ["violations > 3", "turns < 5", "turns == 1000", "sessions > 10000"])
def test_a_count_that_may_still_be_met_ends_nothing(text: str) -> None:
    """Counts of what is wanted are judged at the end."""
    assert _ended_at(text, [a_tick(second) for second in range(60)]) is None


def test_a_share_is_judged_over_the_window() -> None:
    """A burst of refusals within the share of ten seconds ends nothing; a lasting one does."""
    burst = [a_tick(second, refused=1 if second == 15 else 0) for second in range(60)]
    lasting = [a_tick(second, refused=1 if second >= 15 else 0) for second in range(60)]
    assert _ended_at("refused.rate < 5%", burst) is None
    assert _ended_at("refused.rate < 5%", lasting) == 20


def test_a_rate_is_judged_over_the_window() -> None:
    """Throughput that stays too low ends the run; a pause of some seconds does not."""
    pause = [a_tick(second, turns=0 if 15 <= second < 18 else 10) for second in range(60)]
    low = [a_tick(second, turns=1) for second in range(60)]
    assert _ended_at("turns.rate > 5/s", pause) is None
    assert _ended_at("turns.rate > 5/s", low) == WINDOW - 1


def test_seconds_without_turns_miss_no_percentile() -> None:
    """No samples is judged at the end, not while waiting for slow answers."""
    assert _ended_at("turn.p95 < 500ms", [a_tick(second, turns=0, turn_us=None) for second in range(60)]) is None
