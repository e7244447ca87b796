"""Builds load runs for the tests of reports."""

from dataclasses import replace

from tests.load_command.measuring import CLOSED, VIOLATING, a_tick, measured
from tests.report.runs import a_run

from wfconform.load.outcome import load_outcome, load_results
from wfconform.load.plan import Plan
from wfconform.outcomes import Run

WITH_SLOS = replace(CLOSED, slos=("turn.p95 < 500ms", "turn.p50 < 1ms", "stop.p95 < 1s"))


def a_load_run(plan: Plan = WITH_SLOS, *, seconds: int = 30, **changes: object) -> Run:
    """A run with a violation, SLOs that are met, missed and without samples, and a row of seconds."""
    phases = ("warm-up", "steady", "steady", "drain")
    series = tuple(
        a_tick(at, phase=phases[4 * at // seconds], stage=phases[4 * at // seconds], violations=at % 2)
        for at in range(seconds)
    )
    found = measured(**{"series": series, **VIOLATING, **changes})
    results = load_results(found, {})
    return replace(a_run(*results, level="load"), load=load_outcome(found, plan))
