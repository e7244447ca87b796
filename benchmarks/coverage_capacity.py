"""How often a capacity's interval holds the truth, on seeds that no test uses.

Run it with `.venv/bin/python benchmarks/coverage_capacity.py 100 110`; it prints a row for each simulated target: runs
that gave an answer, answers within 5 % of the truth, intervals that hold it (of all runs that enclosed an edge, and of
the answers), the mean error, half the interval in the mean.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.capacity.searching import P95, TEN, searched, settings_for  # noqa: E402
from tests.capacity.simulated import (  # noqa: E402
    Queue,
    Target,
    exact_arrivals,
    exact_sessions,
    simulated_sessions,
)

from wfconform.load.capacity.conclude import conclude  # noqa: E402
from wfconform.load.capacity.values import Found  # noqa: E402

FOUR = Queue(servers=4, service_s=0.02)
STEADY = Queue(servers=10, service_s=0.05, exponential=False)


@dataclass(frozen=True)
class Case:
    """A target, what is asked of it, and what is true; changes: settings other than those of the tests."""

    name: str
    queue: Queue
    slos: tuple[str, ...]
    truth: float
    changes: tuple[tuple[str, Any], ...] = ()


def cases() -> tuple[Case, ...]:
    """Return the cases of the tests."""
    opened = (("arrivals", True), ("first_level", 2.0), ("budget_s", 600.0))
    return (
        Case("10 servers, p95", TEN, P95, exact_sessions(10, 0.05, 1.0, 0.95, 0.5)),
        Case("4 servers, p95", FOUR, ("turn.p95 < 250ms",), exact_sessions(4, 0.02, 1.0, 0.95, 0.25)),
        Case("10 servers, p99", TEN, ("turn.p99 < 500ms",), exact_sessions(10, 0.05, 1.0, 0.99, 0.5)),
        Case("10 servers of exactly 50 ms, p95", STEADY, P95, simulated_sessions(STEADY, 1.0, 0.95, 0.5)),
        Case("10 servers, p95, open model", TEN, P95, exact_arrivals(10, 0.05, 5, 0.95, 0.5), opened),
    )


def covers(found: Found, truth: float, *, arrivals: bool = False) -> bool:
    """Tell whether the interval holds the edge, which lies between the truth and the next session."""
    next_session = 0 if arrivals else 1
    return found.edge is not None and found.edge.low <= truth + next_session and found.edge.high >= truth


def row(case: Case, seeds: Sequence[int]) -> str:
    """Search with each seed and return a row of the table."""
    changes = dict(case.changes)
    settings = settings_for(case.slos, **changes)
    runs = [searched(Target(case.queue, seed=seed), case.slos, **changes) for seed in seeds]
    answers = [conclude(run, settings).sessions for run in runs]
    errors = [answer / case.truth - 1 for answer in answers if answer is not None]
    held = [covers(run, case.truth, arrivals=settings.arrivals) for run in runs if run.edge]
    told = [
        covers(run, case.truth, arrivals=settings.arrivals)
        for run, answer in zip(runs, answers, strict=True)
        if answer is not None
    ]
    half = fmean(run.edge.half_width for run in runs if run.edge)
    return (
        f"| {case.name} | {len(errors)} of {len(runs)} | {sum(abs(e) <= 0.05 for e in errors)} of {len(errors)} | "
        f"{sum(held)} of {len(held)} | {sum(told)} of {len(told)} | {fmean(errors):+.1%} | {half:.1%} |"
    )


def main(first: int, end: int) -> None:
    """Print the table for the seeds from `first` up to, without, `end`."""
    print("| target | answers | within 5 % | edges covered | answers covered | mean error | half interval |")
    print("|---|---|---|---|---|---|---|")
    for case in cases():
        print(row(case, range(first, end)), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
