"""When a load run's figures are not to be trusted: each rule, on both sides of its threshold."""

from dataclasses import replace

import pytest
from tests.load_command.measuring import CLOSED, HEALTHY, OPEN, measured

from wfconform.load.plan import Plan
from wfconform.load.validity import RULES, invalid_reasons


def _with_health(**changes: object) -> dict[str, object]:
    return {"health": replace(HEALTHY, **changes)}  # type: ignore[arg-type]


_BAD: list[tuple[str, Plan, dict[str, object], str]] = [
    ("no samples", CLOSED, {"steady_turns": 0}, "no turn was answered in the steady stages"),
    ("loop lag", CLOSED, _with_health(loop_lag_p99_us=20_100), "event loop lagged 20.1 ms"),
    ("schedule delay", CLOSED, _with_health(schedule_delay_p99_us=20_100), "left 20.1 ms late"),
    ("cpu", CLOSED, _with_health(cpu=0.91), "used 91% of a core"),
    ("open files", CLOSED, _with_health(open_files=1000), "1000 of 1024 open files"),
    ("workers", CLOSED, {"workers": ({"name": "w2", "state": "lost"},)}, "worker w2"),
    ("arrivals", OPEN, _with_health(achieved_sessions=98), "98 of 100 sessions asked for were started (98.0%"),
    ("late starts", OPEN, _with_health(late_starts=2), "2 of 100 arrivals started late"),
]
_GOOD: list[tuple[str, Plan, dict[str, object]]] = [
    ("no samples", CLOSED, {"steady_turns": 1}),
    ("loop lag", CLOSED, _with_health(loop_lag_p99_us=20_000)),
    ("schedule delay", CLOSED, _with_health(schedule_delay_p99_us=20_000)),
    ("cpu", CLOSED, _with_health(cpu=0.9)),
    ("open files", CLOSED, _with_health(open_files=900)),
    ("open files", CLOSED, _with_health(open_files=900, open_files_limit=0)),
    ("workers", CLOSED, {"workers": ({"name": "w2", "state": "ended"},)}),
    ("arrivals", OPEN, _with_health(achieved_sessions=99)),
    ("arrivals", CLOSED, _with_health(achieved_sessions=50)),
    ("arrivals", OPEN, _with_health(requested_sessions=10, achieved_sessions=9)),
    ("late starts", OPEN, _with_health(late_starts=1)),
]


@pytest.mark.parametrize(("name", "plan", "changes", "said"), _BAD)
def test_each_rule_makes_a_run_invalid(name: str, plan: Plan, changes: dict[str, object], said: str) -> None:
    """Beyond a threshold that rule, and no other one, says why."""
    reasons = invalid_reasons(measured(**changes), plan)
    assert len(reasons) == 1
    assert said in reasons[0]


@pytest.mark.parametrize(("name", "plan", "changes"), _GOOD)
def test_at_its_threshold_a_rule_says_nothing(name: str, plan: Plan, changes: dict[str, object]) -> None:
    """What is just within the limits is valid."""
    assert invalid_reasons(measured(**changes), plan) == ()


def test_every_rule_is_tested() -> None:
    """A rule without a run that breaks it could not fail."""
    assert {name for name, *_ in _BAD} == {rule.name for rule in RULES}
