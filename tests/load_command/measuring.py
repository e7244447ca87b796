"""Builds what a load run measured, for the tests of the parent's side."""

from collections.abc import Iterable
from dataclasses import replace

from wfconform.load.figures import new_histogram
from wfconform.load.measured import Health, Measured, Tick, Violation
from wfconform.load.plan import Plan, Stage

CLOSED = Plan(profile="a test", stages=(Stage("steady", "closed", "steady", 10.0, 5.0, 5.0),))
OPEN = replace(CLOSED, stages=(Stage("steady", "open", "steady", 10.0, 10.0, 10.0),))
HEALTHY = Health(cpu=0.4, open_files=40, open_files_limit=1024, requested_sessions=100, achieved_sessions=100)


def encoded(values_us: Iterable[int]) -> str:
    histogram = new_histogram()
    for value in values_us:
        histogram.record_value(value)
    return histogram.encode().decode("ascii")


def a_tick(second: int = 0, **changes: object) -> Tick:
    tick = Tick(
        second=second,
        stage="steady",
        phase="steady",
        sessions_open=5,
        sessions_started=2,
        sessions_ended=2,
        turns=10,
        stops=1,
        refused=0,
        failed=0,
        violations=0,
        wanted=5.0,
        late_starts=0,
        turn_us=(10_000, 20_000, 30_000, 40_000),
        loop_lag_us=500,
        cpu=0.4,
    )
    return replace(tick, **changes)  # type: ignore[arg-type]


def a_violation(**changes: object) -> Violation:
    turn = {
        "request": "POST /v1/workflows/5eb7cf5a86d9755df3a6c593/execute",
        "request_body": '{"run_id": null}',
        "status": 200,
        "response_body": '{"turn_number": 2}',
        "sent_s": 1.0,
        "elapsed_ms": 12.0,
    }
    violation = Violation(
        id="TRN-002",
        scenario="complete",
        expected="turn_number 3",
        actual="turn_number 2",
        path="$.turn_number",
        run_id="5eb7cf5a86d9755df3a6c599",
        at_s=1.0,
        turns=(turn,),
    )
    return replace(violation, **changes)  # type: ignore[arg-type]


def measured(**changes: object) -> Measured:
    """A run of 10 s without a fault: 100 turns of 1 to 100 ms in 20 sessions."""
    spread = range(1_000, 101_000, 1_000)
    latency = {
        "turn first": encoded(spread[:20]),
        "turn next": encoded(spread[20:]),
        "session": encoded([500_000] * 20),
    }
    whole = Measured(
        duration_s=10.0,
        steady_s=10.0,
        sessions={"started": 20, "completed": 20, "cancelled": 0, "abandoned": 0, "refused": 0, "lost": 0},
        turns=100,
        stops=10,
        refused=0,
        failed=0,
        violations={},
        exercised={"TRN-001": 20, "TRN-002": 80, "STS-001": 100, "EVT-005": 100},
        latency=latency,
        corrected={"turn first": latency["turn first"], "turn next": latency["turn next"]},
        by_turn={"1": latency["turn first"], "2": latency["turn next"]},
        health=HEALTHY,
        steady_turns=100,
        series=tuple(a_tick(second) for second in range(10)),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]
