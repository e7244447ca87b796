"""What the search finds, beside what is exactly true of the target: many runs with fixed seeds."""

from functools import cache
from statistics import fmean

import pytest
from tests.capacity.searching import BUDGET_S, P95, TEN, answered, searched, settings_for, ten
from tests.capacity.simulated import (
    Queue,
    Shared,
    Target,
    exact_beyond,
    exact_sessions,
    exact_throughput,
    simulated_sessions,
)

from wfconform.load.capacity import model
from wfconform.load.capacity.conclude import conclude
from wfconform.load.capacity.values import Found

SEEDS, FEW = range(6), range(4)
FOUR = Queue(servers=4, service_s=0.02)
STEADY = Queue(servers=10, service_s=0.05, exponential=False)
LAW = Shared(alone_per_s=40.0, contention=0.02, coherency=0.0008)


P99 = ("turn.p99 < 500ms",)
CASES = ((TEN, P95, 0.95, 0.5), (FOUR, ("turn.p95 < 250ms",), 0.95, 0.25), (TEN, P99, 0.99, 0.5))


@cache
def _runs(queue: Queue, slo: tuple[str, ...]) -> tuple[Found, ...]:
    """Searches of a target, kept: two tests look at them."""
    if (queue, slo) == (TEN, P95):
        return tuple(ten(seed) for seed in SEEDS)
    return tuple(searched(Target(queue, seed=seed), slo) for seed in FEW)


def _covers(found: Found, truth: float) -> bool:
    """Whether the interval holds the edge, which lies between the truth and the next session."""
    return found.edge is not None and found.edge.low <= truth + 1 and found.edge.high >= truth


def test_the_exact_model_is_that_of_a_textbook() -> None:
    """One server, Z = 1 s, S = 1 s, N = 2: P(busy) is 0.8; without waiting a turn is exponential."""
    assert exact_throughput(2, 1, 1.0, 1.0) == pytest.approx(0.8)
    assert exact_beyond(1, 1, 1.0, 1.0, 3.0) == pytest.approx(0.0498, abs=1e-4)


@pytest.mark.parametrize(
    ("queue", "slo", "quantile", "limit_s"),
    CASES,
    ids=["10 servers p95", "4 servers p95", "10 servers p99"],
)
def test_the_sessions_at_an_slo_are_those_of_the_exact_model(
    queue: Queue, slo: tuple[str, ...], quantile: float, limit_s: float
) -> None:
    """Within 5 %, in the mean within 2 %."""
    truth = exact_sessions(queue.servers, queue.service_s, 1.0, quantile, limit_s)
    runs = _runs(queue, slo)
    found = [conclude(run, settings_for(slo)) for run in runs]
    errors = [one.sessions / truth - 1 for one in found if one.sessions is not None]
    assert len(errors) >= len(runs) - 1
    assert sum(abs(error) <= 0.05 for error in errors) >= len(errors) - 1
    assert abs(fmean(errors)) <= 0.02
    assert all(run.spent_s <= BUDGET_S + 15 for run in runs)


def test_the_intervals_hold_the_truth_in_nine_of_ten_runs() -> None:
    """Of all three targets together; benchmarks/coverage_capacity.py counts on other seeds."""
    held = [
        _covers(run, exact_sessions(queue.servers, queue.service_s, 1.0, quantile, limit_s))
        for queue, slo, quantile, limit_s in CASES
        for run in _runs(queue, slo)
    ]
    assert len(held) == 14
    assert sum(held) >= 0.9 * len(held)


def test_deterministic_service_is_found_as_a_long_simulation_says() -> None:
    """Ten servers of exactly 50 ms."""
    truth = simulated_sessions(STEADY, 1.0, 0.95, 0.5)
    runs = [searched(Target(STEADY, seed=seed)) for seed in range(3)]
    assert all(_covers(run, truth) for run in runs)
    assert all(run.edge is not None and abs(run.edge.value / truth - 1) <= 0.06 for run in runs)


def test_saturation_is_servers_over_service_time() -> None:
    """C / S within 5 %, and contention is named as the limit."""
    for seed in SEEDS:
        law = model.fit(ten(seed).steps)
        peak = model.saturation(law, ten(seed).steps)
        assert law.best == "queue"
        assert peak is not None
        assert peak.value == pytest.approx(200.0, rel=0.05)
        assert peak.low < peak.value < peak.high


def test_the_peak_of_a_law_is_found_and_coherency_named() -> None:
    """Throughput that falls past its peak: peak within 10 %, in turns per second and in sessions."""
    at, highest = LAW.peak
    for seed in range(2):
        found = answered(Target(LAW, seed=seed), (), think_s=0.0)
        assert found.model.best == "usl"
        assert found.saturation_turns_per_s == pytest.approx(highest, rel=0.10)
        assert found.sessions == pytest.approx(at, rel=0.10)
        assert found.model.explanation.startswith("coherency is the limit")


def test_a_stall_is_judged_on_corrected_latency() -> None:
    """1 s of standstill every 10 s: uncorrected, p99 would be met at the least load; corrected, nowhere."""
    stalling = Queue(servers=8, service_s=0.01, exponential=False, stall=(1.0, 10.0))
    found = answered(Target(stalling), ("turn.p99 < 400ms",), think_s=0.05)
    long = [step for step in found.steps if step.steady_s >= 9]
    assert (found.sessions, found.exit_code) == (0.0, 5)
    assert long
    assert all(step.turn_ms[2] > 600 for step in long)
    assert min(step.raw_ms[1] for step in long) < 100


def test_no_limit_is_named_where_none_was_reached() -> None:
    """A target that is never full, up to the most sessions that are allowed: its throughput grows with them."""
    found = answered(Target(Queue(servers=100_000, service_s=0.02, exponential=False)), (), think_s=1.0)
    assert found.model.explanation.startswith("no limit was reached")
    assert found.saturation_turns_per_s is None
