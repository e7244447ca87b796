"""The search as a generator: replay, budget, early ends; and its parts."""

import math
import random
from dataclasses import replace
from statistics import fmean

import pytest
from tests.capacity.searching import TEN, searched, settings_for, ten
from tests.capacity.simulated import Target, a_step, encode

from wfconform.errors import UsageError
from wfconform.load.capacity import edge, latency, model, steady
from wfconform.load.capacity.objectives import objectives_of
from wfconform.load.capacity.running import RecordingDiffers
from wfconform.load.capacity.search import search
from wfconform.load.capacity.values import Judged


def test_recorded_steps_replay_to_the_same_point() -> None:
    """Nine steps from the record, the rest run: the wanted levels are those of the whole search."""
    whole = ten(1)
    target = Target(TEN, seed=1)
    target.calls.extend(step.level for step in whole.steps[:9])
    again = searched(target, recorded=whole.steps[:9])
    assert again.steps == whole.steps
    assert again.edge == whole.edge


def test_the_record_of_another_search_is_refused() -> None:
    """Its second step is at another level."""
    first, second = ten(1).steps[0], ten(1).steps[4]
    with pytest.raises(RecordingDiffers, match="step 2 was run at 128, not at 16"):
        searched(Target(TEN), recorded=[first, second])


def test_the_budget_is_counted_from_what_steps_report() -> None:
    """No step begins that does not fit."""
    target = Target(TEN)
    found = searched(target, budget_s=60.0)
    assert found.spent_s == target.spent_s
    assert found.spent_s <= 60.0 + 15


def test_a_level_far_beyond_ends_early() -> None:
    """Four seconds after its warm-up it is clear that 512 sessions are too many."""
    beyond = next(step for step in ten(1).steps if step.level == 512)
    assert beyond.steady_s <= 5
    assert beyond.broken


def test_mser_drops_a_transient_and_nothing_of_a_flat_series() -> None:
    """Six seconds of rise before thirty flat ones."""
    draws = random.Random(3)
    flat = [100 + draws.gauss(0, 2) for _ in range(30)]
    assert 5 <= steady.truncation([10.0, 20.0, 40.0, 60.0, 75.0, 90.0, *flat]) <= 8
    assert steady.truncation([100.0] * 20) == 0


def test_halves_that_differ_are_not_alike_and_noise_is() -> None:
    """A rise by a third is no noise; a spread of 2 % is."""
    draws = random.Random(4)
    noise = [[100 + draws.gauss(0, 10) for _ in range(10)] for _ in range(200)]
    wrong = sum(not steady.alike(one, other) for one, other in zip(noise[::2], noise[1::2], strict=True))
    assert wrong <= 5
    assert not steady.alike([100.0, 101, 99, 100, 102], [133.0, 132, 134, 131, 135])


def test_the_interval_of_batch_means_covers_a_correlated_mean() -> None:
    """A series whose neighbours resemble each other: at least 85 of 100 intervals hold the true mean."""
    held = 0
    for seed in range(100):
        draws, value, series = random.Random(seed), 0.0, []
        for _ in range(64):
            value = 0.5 * value + draws.gauss(0, 1)
            series.append(value + 50)
        held += abs(fmean(series) - 50) <= steady.half_width_95(series)
    assert held >= 85


def test_a_stalled_turn_stands_for_those_held_up_behind_it() -> None:
    """One of 1 s among turns every 100 ms: nine more, from 900 ms down to 100 ms."""
    taken = list(latency._with_held_up(1_000_000, 100_000))
    assert taken == [1_000_000, *range(900_000, 0, -100_000)]
    assert list(latency._with_held_up(150_000, 100_000)) == [150_000]


def test_the_share_beyond_a_limit_is_counted_exactly() -> None:
    """Three of ten over 50 ms."""
    turns = latency.histogram([encode([0.01] * 7 + [0.06, 0.07, 0.9])])
    assert latency.share_beyond(turns, 0.05) == pytest.approx(0.3)
    assert latency.share_beyond(latency.histogram(), 0.05) == 0.0


def test_percentiles_are_those_of_the_library() -> None:
    """Also of nothing, and of a single turn."""
    draws = random.Random(5)
    for took in ([], [0.2], [draws.expovariate(20) for _ in range(1000)]):
        turns = latency.histogram([encode(took)])
        expected = tuple(turns.get_value_at_percentile(share) / 1000 for share in (50, 95, 99))
        assert latency.percentiles_ms(turns) == expected
        assert latency.median_s(turns) == expected[0] / 1000


def test_the_line_covers_the_truth_as_often_as_it_says() -> None:
    """Inverse prediction on simulated points: 95 % intervals hold the crossing in 90 to 99 % of 400 draws."""
    held = 0
    for seed in range(400):
        draws = random.Random(seed)
        points = [(x, 3 * (x - 0.5) + draws.gauss(0, 0.2), 1.0) for x in (0.1, 0.3, 0.4, 0.6, 0.7, 0.9)]
        line = edge.line_through(points)
        assert line is not None
        held += abs(line.crossing - 0.5) <= line.half_width
    assert 360 <= held <= 396


def test_a_model_is_asked_nothing_beyond_what_it_bears() -> None:
    """Twice the largest level is the end."""
    law = model.fit(ten(1).steps)
    best = next(found for found in law.fits if found.name == law.best)
    assert model.predict(best, 100) == pytest.approx(95, rel=0.1)
    with pytest.raises(ValueError, match="nothing is known of 5000"):
        model.predict(best, 5000)


def test_too_few_levels_bear_no_model() -> None:
    """Four."""
    law = model.fit(ten(1).steps[:4])
    assert (law.best, law.fits) == ("", ())
    assert "too few" in law.explanation


def test_five_steps_at_five_levels_bear_no_model_and_six_have_a_finite_criterion() -> None:
    """Of five, AICc is without end: a report that holds it is no JSON."""
    assert "5 steps are too few" in model.fit(ten(1).steps[:5]).explanation
    fits = model.fit(ten(1).steps[:6]).fits
    assert len(fits) == 2
    assert all(math.isfinite(found.aicc) for found in fits)


def test_violations_are_always_an_objective() -> None:
    """Given or not, once."""
    assert [o.expression for o in objectives_of(())] == ["violations == 0"]
    assert [o.expression for o in objectives_of(("turn.p95 < 1s", "violations == 0"))] == [
        "turn.p95 < 1s",
        "violations == 0",
    ]


def test_a_limit_from_below_is_refused() -> None:
    """More sessions do not come up against it."""
    with pytest.raises(UsageError, match="no limit that more sessions come up against"):
        objectives_of(("turns.rate > 100/s",))


def test_a_bracket_with_contradictions_covers_all_of_them() -> None:
    """100 held, 110 broke, 120 held, 130 broke: the edge is between 100 and 130."""
    found = edge.by_bracket([a_step(level, broken=level in (110, 130)) for level in (100, 110, 120, 130)])
    assert found is not None
    assert (found.low, found.high) == (100, 130)


def test_a_latency_that_chance_may_turn_closes_no_gap() -> None:
    """1 % over its limit and known to 5 %: the edge is somewhere between 74, which clearly holds, and 128."""
    said = ((74, -0.2), (82, 0.01), (128, 0.8))
    steps = [
        replace(
            a_step(level, broken=False),
            judged=(Judged("turn.p95 < 400ms", excess < 0, 1 - math.exp(excess)),),
            excess=excess,
            excess_error=0.05,
        )
        for level, excess in said
    ]
    found = edge.by_bracket(steps)
    assert found is not None
    assert (found.low, found.high) == (74, 128)


def test_a_doubtful_first_level_is_seen_again_for_long_enough_to_stall_again() -> None:
    """A second look of 8 s fell between two stalls of 1 s in 10, and the level held that no longer look lets hold."""
    searching = search(settings_for(("turn.p99 < 500ms",), budget_s=100.0))
    first = next(searching)
    judged = (Judged("turn.p99 < 500ms", False, -0.05),)
    again = searching.send(replace(a_step(first.level, broken=False), judged=judged, excess=0.05))
    assert again.level == first.level
    assert min(first.least_s, again.least_s) >= 11
