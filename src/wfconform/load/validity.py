"""Whether a load run's figures can be trusted: a table of rules with their thresholds.

An invalid run is never a pass: what is wrong here is the generator's or the run's, not the target's.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wfconform.load.measured import Measured
from wfconform.load.plan import Plan

LOOP_LAG_P99_MS = 20.0
SCHEDULE_DELAY_P99_MS = 20.0
CPU_SHARE = 0.9
FILES_SHARE = 0.95
ACHIEVED_SHARE = 0.99
LATE_SHARE = 0.01
FEW_ARRIVALS = 20  # below this, one arrival is more than the share that may be missing

Check = Callable[[Measured, Plan], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A reason for not trusting a run. sentence: what it asks, and its threshold; check: what is wrong, or nothing."""

    name: str
    sentence: str
    check: Check


def invalid_reasons(measured: Measured, plan: Plan) -> tuple[str, ...]:
    """Return why the figures of a run cannot be trusted, in the order of the table; () when they can."""
    return tuple(said for rule in RULES if (said := rule.check(measured, plan)))


def _no_samples(measured: Measured, _plan: Plan) -> str:
    if measured.steady_turns:
        return ""
    calls = measured.turns + measured.refused + measured.failed
    whole = f"; {measured.turns} turns, {measured.refused} refusals and {measured.failed} failures in the whole run"
    return f"no turn was answered in the steady stages{whole if calls else ''}: there is nothing to judge"


def _loop_lag(measured: Measured, _plan: Plan) -> str:
    lag_ms = measured.health.loop_lag_p99_us / 1000
    if lag_ms <= LOOP_LAG_P99_MS:
        return ""
    return f"the generator's event loop lagged {lag_ms:.1f} ms at p99 (limit {LOOP_LAG_P99_MS:g} ms): {_SATURATED}"


def _schedule_delay(measured: Measured, _plan: Plan) -> str:
    delay_ms = measured.health.schedule_delay_p99_us / 1000
    if delay_ms <= SCHEDULE_DELAY_P99_MS:
        return ""
    return f"requests left {delay_ms:.1f} ms late at p99 (limit {SCHEDULE_DELAY_P99_MS:g} ms): {_SATURATED}"


def _cpu(measured: Measured, _plan: Plan) -> str:
    if measured.health.cpu <= CPU_SHARE:
        return ""
    return f"a generating process used {measured.health.cpu:.0%} of a core (limit {CPU_SHARE:.0%}): {_SATURATED}"


def _files(measured: Measured, _plan: Plan) -> str:
    used, limit = measured.health.open_files, measured.health.open_files_limit
    if not limit or used <= FILES_SHARE * limit:
        return ""
    return f"{used} of {limit} open files were in use: raise `ulimit -n`, or spread the load with --processes"


def _lost_worker(measured: Measured, _plan: Plan) -> str:
    lost = [
        str(worker.get("name", worker.get("id", "?"))) for worker in measured.workers if worker.get("state") == "lost"
    ]
    return f"lost in mid-run, with its last figures: worker {', '.join(lost)}" if lost else ""


def _arrivals(measured: Measured, plan: Plan) -> str:
    wanted, achieved = measured.health.requested_sessions, measured.health.achieved_sessions
    is_open = any(stage.model == "open" for stage in plan.stages)
    if not is_open or wanted < FEW_ARRIVALS or achieved >= ACHIEVED_SHARE * wanted:
        return ""
    share = achieved / wanted
    said = f"{achieved} of {wanted} sessions asked for were started"
    return f"{said} ({share:.1%}; limit {ACHIEVED_SHARE:.0%}): {_SATURATED}"


def _late(measured: Measured, plan: Plan) -> str:
    wanted, late = measured.health.requested_sessions, measured.health.late_starts
    is_open = any(stage.model == "open" for stage in plan.stages)
    if not is_open or wanted < FEW_ARRIVALS or late <= LATE_SHARE * wanted:
        return ""
    return f"{late} of {wanted} arrivals started late (limit {LATE_SHARE:.0%}): {_SATURATED}"


_SATURATED = "the generator was too slow for this load; spread it with --processes, or ask for less"

RULES = (
    Rule("no samples", "at least one turn is answered in a steady stage", _no_samples),
    Rule("loop lag", f"p99 of the event loop's lag is at most {LOOP_LAG_P99_MS:g} ms", _loop_lag),
    Rule("schedule delay", f"p99 of how late requests leave is at most {SCHEDULE_DELAY_P99_MS:g} ms", _schedule_delay),
    Rule("cpu", f"no generating process uses more than {CPU_SHARE:.0%} of a core", _cpu),
    Rule("open files", f"at most {FILES_SHARE:.0%} of the limit of open files is in use", _files),
    Rule("workers", "no generating process is lost", _lost_worker),
    Rule("arrivals", f"open: at least {ACHIEVED_SHARE:.0%} of the sessions asked for are started", _arrivals),
    Rule("late starts", f"open: at most {LATE_SHARE:.0%} of the arrivals start late", _late),
)
