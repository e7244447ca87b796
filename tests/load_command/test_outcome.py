"""From what was measured to verdicts, figures and the exit code."""

from dataclasses import replace

import pytest
from tests.load_command.measuring import CLOSED, HEALTHY, a_tick, a_violation, measured
from tests.report.runs import a_run

from wfconform.load.measured import Measured
from wfconform.load.outcome import load_outcome, load_results
from wfconform.load.plan import Plan
from wfconform.load.rolling import Miss
from wfconform.load.slo import parse_slo
from wfconform.outcomes import Problem, RequirementResult, Run, Verdict

VIOLATED = measured(violations={"TRN-002": 3}, first_violations=(a_violation(),))
LOST = measured(sessions={"started": 20, "completed": 18, "lost": 2}, failures={"timeout": 2})
SATURATED = measured(health=replace(HEALTHY, cpu=1.0))
SLOW = replace(CLOSED, slos=("turn.p95 < 1ms",))


def _run(found: Measured, plan: Plan = CLOSED, **changes: object) -> Run:
    return replace(
        a_run(*load_results(found, {}), level="load"),
        load=load_outcome(found, plan),
        **changes,  # type: ignore[arg-type]
    )


def _verdicts(results: tuple[RequirementResult, ...]) -> dict[str, Verdict]:
    return {result.id: result.verdict for result in results}


def test_what_was_exercised_and_held_passes() -> None:
    """Each session requirement that was put to the test has a result, and both of LOD."""
    verdicts = _verdicts(load_results(measured(), {}))
    ids = ["TRN-001", "TRN-002", "STS-001", "EVT-005", "LOD-001", "LOD-002"]
    assert verdicts == dict.fromkeys(ids, Verdict.PASS)


def test_a_violation_fails_its_requirement_and_the_load_itself() -> None:
    """TRN-002 fails with its turns; LOD-001 fails and names it."""
    results = {result.id: result for result in load_results(VIOLATED, {})}
    trn, lod = results["TRN-002"], results["LOD-001"]
    assert (trn.verdict, lod.verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert trn.evidence[0].turns[0].response_body == '{"turn_number": 2}'
    assert lod.message == "violated with up to 5 sessions at once: TRN-002 (3)"


def test_a_broken_should_is_a_warning_and_no_failure_of_the_load() -> None:
    """EVT-005 is a SHOULD: LOD-001 is about MUSTs."""
    verdicts = _verdicts(load_results(measured(violations={"EVT-005": 3}), {}))
    assert (verdicts["EVT-005"], verdicts["LOD-001"]) == (Verdict.WARN, Verdict.PASS)


def test_a_violation_of_another_group_is_its_own_failure_alone() -> None:
    """LOD-001 is about RUN, TRN, STS, EVT and CAN."""
    verdicts = _verdicts(load_results(measured(violations={"VER-002": 1}), {}))
    assert (verdicts["VER-002"], verdicts["LOD-001"]) == (Verdict.FAIL, Verdict.PASS)


def test_a_lost_session_fails_with_its_causes() -> None:
    """LOD-002 counts those that did not reach their end, and says why."""
    lost = {result.id: result for result in load_results(LOST, {})}["LOD-002"]
    assert lost.verdict is Verdict.FAIL
    assert lost.message == "2 of 20 sessions did not reach their end: timeout (2)"


def test_a_refused_start_is_no_lost_session() -> None:
    """Refusals as not processed are allowed; with nothing else nothing was tested."""
    some = measured(sessions={"started": 20, "completed": 5, "refused": 15, "lost": 0})
    none = measured(sessions={"started": 20, "refused": 20}, turns=0, exercised={}, steady_turns=0)
    assert _verdicts(load_results(some, {}))["LOD-002"] is Verdict.PASS
    verdicts = _verdicts(load_results(none, {}))
    assert verdicts == {"LOD-001": Verdict.NOT_TESTED, "LOD-002": Verdict.NOT_TESTED}


def test_an_expected_failure_is_reported_as_such() -> None:
    """A known failure fails neither its requirement nor the load; one that does not show is left as it is."""
    verdicts = _verdicts(load_results(VIOLATED, {"TRN-002": "ticket 7", "TRN-001": "ticket 8"}))
    assert verdicts["TRN-002"] is Verdict.EXPECTED_FAILURE
    assert verdicts["LOD-001"] is Verdict.PASS
    assert verdicts["TRN-001"] is Verdict.PASS


@pytest.mark.parametrize(
    ("found", "plan", "code"),
    [
        (measured(), CLOSED, 0),
        (measured(), SLOW, 5),
        (VIOLATED, CLOSED, 1),
        (VIOLATED, SLOW, 1),
        (LOST, SLOW, 1),
        (SATURATED, CLOSED, 3),
        (SATURATED, SLOW, 3),
        (replace(VIOLATED, health=SATURATED.health), SLOW, 1),
    ],
)
def test_the_worst_decides_the_exit_code(found: Measured, plan: Plan, code: int) -> None:
    """A broken invariant before an invalid run, that before a missed SLO."""
    assert _run(found, plan).exit_code == code


def test_the_harness_and_the_user_come_first() -> None:
    """A failure of the harness is 4 whatever else there is, and an interrupted run 130."""
    assert _run(VIOLATED, SLOW, problems=(Problem(4, "broken"),)).exit_code == 4
    assert _run(VIOLATED, SLOW, interrupted=True).exit_code == 130


def test_the_figures_are_of_all_turns() -> None:
    """`turn` is first and next turns together, in milliseconds, to three digits."""
    outcome = load_outcome(measured(), CLOSED)
    turn = outcome.latency_ms["turn"]
    assert (turn.count, turn.p50, turn.p95, turn.p99, turn.max) == (100, 50.015, 95.039, 99.007, 100.031)
    assert outcome.turns_per_s == 10.0
    assert list(outcome.by_turn) == ["1", "2"]
    assert outcome.spectrum["turn"][-1] == (100.0, 100.031)


def test_an_slo_that_ended_the_run_is_missed() -> None:
    """Whatever the whole run's figure came to be."""
    plan = replace(CLOSED, slos=("turn.p95 < 1s",))
    outcome = load_outcome(measured(), plan, miss=Miss(parse_slo("turn.p95 < 1s"), 12.0, "missed in 8 of 10 seconds"))
    assert [(slo.met, slo.missed_at_s) for slo in outcome.slo] == [(False, 12.0)]


def test_a_second_without_turns_has_no_latency() -> None:
    """None, not 0: there was nothing to measure."""
    outcome = load_outcome(measured(series=(a_tick(turn_us=None, turns=0),)), CLOSED)
    assert outcome.series[0].p99_ms is None
