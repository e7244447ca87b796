"""A step's measurements as what the search is told: rates with errors, objectives, and whether it bears judgement."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

from wfconform.load.capacity import latency, steady
from wfconform.load.capacity.values import (
    ERRORS_ALLOWED,
    SATURATED_CPU,
    Judged,
    Objective,
    Settings,
    StepResult,
    StepWanted,
)
from wfconform.load.measured import Measured, Tick
from wfconform.requirements import by_level

LEAST_TURNS = 20
"""With fewer turns a step tells nothing; how many it takes for an answer is judged over all steps together."""
_LAG_FLOOR_S = 0.02
_LAG_SHARE = 0.1
_ACHIEVED = 0.98
_LEAST_RATIO = 1e-6
_PILES_UP = 1.1
_KEEPS_UP = 0.98
"""In the open model the target does not keep up when surely fewer turns end than this share of those due."""
_SURELY = 3.0
"""So many standard deviations of what comes by chance: a search looks at a dozen steps."""
_CLEARLY_BEYOND = math.log(1.25)
_T_999 = 4.6
"""Two-sided 99.9 % for nine seconds and more: the price of looking each second."""
_LEAST_SECONDS_TO_TELL = 4


def digest(measured: Measured, wanted: StepWanted, objectives: Sequence[Objective], settings: Settings) -> StepResult:
    """Return what a step showed; turns are judged on latency corrected for omission, invariants by their MUSTs."""
    measured, warned = _musts(measured)
    raw = latency.of_turns(measured.latency)
    fair = latency.corrected(measured, think_s=settings.think_s)
    judged = tuple(objective.judge(fair) for objective in objectives)
    ticks = [tick for tick in measured.series if tick.phase == "steady"]
    rate, rate_error = _rate(measured, ticks)
    worst, excess, excess_error = _excess(judged, objectives, ticks)
    return StepResult(
        level=wanted.level,
        purpose=wanted.purpose,
        spent_s=measured.duration_s,
        steady_s=measured.steady_s,
        warm_up_s=wanted.warm_up_s,
        turns=measured.steady_turns,
        turns_per_s=rate,
        turns_per_s_error=rate_error,
        steady=steady.is_steady(measured.series),
        transient_s=float(steady.transient_s([t for t in measured.series if t.phase != "drain"])),
        inside=rate * latency.mean_s(raw),
        turn_ms=latency.percentiles_ms(latency.of_turns(fair.latency)),
        raw_ms=latency.percentiles_ms(raw),
        judged=judged,
        excess=excess,
        excess_error=excess_error,
        beyond=worst.beyond if worst else None,
        allowed=worst.allowed if worst else None,
        violations=tuple(sorted(measured.violations.items())),
        warned=warned,
        failed=measured.failed,
        refused=measured.refused,
        piling_up=settings.arrivals and (_piles_up(ticks) or _falls_behind(measured, wanted, settings)),
        unfit=next((reason for check in _UNFIT if (reason := check(measured, wanted, settings))), ""),
    )


def _musts(measured: Measured) -> tuple[Measured, tuple[tuple[str, int], ...]]:
    """Return the measurements with violations of MUSTs alone, and the others: a SHOULD is a warning, as anywhere."""
    musts, warned = by_level(measured.violations)
    return replace(measured, violations=musts), tuple(warned.items())


def is_enough(ticks: Sequence[Tick], wanted: StepWanted, objectives: Sequence[Objective]) -> bool:
    """Tell, second by second, whether a step may end: it is precise enough, or it is clear that it is beyond."""
    measured = [tick for tick in ticks if tick.phase == "steady"]
    if _clearly_beyond(measured, objectives):
        return True
    if len(measured) < wanted.least_s or sum(tick.turns for tick in measured) < wanted.samples:
        return False
    if math.isinf(wanted.precision):
        return True
    rates = [float(tick.turns) for tick in measured]
    return steady.half_width_95(rates) <= wanted.precision * fmean(rates) and steady.is_steady(ticks)


def _clearly_beyond(ticks: Sequence[Tick], objectives: Sequence[Objective]) -> bool:
    """A sequential test: the 99.9 % interval of some objective's excess lies beyond a quarter over its limit."""
    return any(_beyond(_glances(objective, ticks)) for objective in objectives)


def _beyond(excesses: Sequence[float]) -> bool:
    if len(excesses) < _LEAST_SECONDS_TO_TELL:
        return False
    return fmean(excesses) - _T_999 * steady.mean_error(excesses) > _CLEARLY_BEYOND


def _glances(objective: Objective, ticks: Sequence[Tick]) -> list[float]:
    margins = [objective.glance(tick) for tick in ticks]
    return [_log_ratio(margin) for margin in margins if margin is not None]


def _log_ratio(margin: float) -> float:
    return math.log(max(1 - margin, _LEAST_RATIO))


def _rate(measured: Measured, ticks: Sequence[Tick]) -> tuple[float, float]:
    """Return turns per second and half its 95 % interval, never less than counting itself is uncertain."""
    rate = measured.steady_turns / measured.steady_s if measured.steady_s else 0.0
    counted = 1.96 * math.sqrt(measured.steady_turns) / measured.steady_s if measured.steady_s else 0.0
    by_batches = steady.half_width_95([float(tick.turns) for tick in ticks])
    return rate, max(counted, by_batches) if math.isfinite(by_batches) else counted


def _excess(
    judged: Sequence[Judged], objectives: Sequence[Objective], ticks: Sequence[Tick]
) -> tuple[Judged | None, float | None, float]:
    """Return the worst objective with a scale, its log(actual / limit), and the standard error of that."""
    scaled = [(_log_ratio(j.margin), j, o) for j, o in zip(judged, objectives, strict=True) if j.margin is not None]
    if not scaled:
        return None, None, 0.0
    excess, worst, objective = max(scaled, key=lambda row: row[0])
    error = steady.mean_error(_glances(objective, ticks))
    return worst, excess, error if math.isfinite(error) else 0.0


def _piles_up(ticks: Sequence[Tick]) -> bool:
    """Tell whether ever more sessions are open: in the open model, the target is past what it can do.

    By chance alone their number is Poisson's, and seconds apart it is nearly the same: both halves are one draw each.
    """
    opened = [float(tick.sessions_open) for tick in ticks]
    middle = len(opened) // 2
    if middle < 2:
        return False
    first, second = fmean(opened[:middle]), fmean(opened[middle:])
    return second - first > max((_PILES_UP - 1) * first, _SURELY * math.sqrt(2 * max(first, 1.0)))


def _falls_behind(measured: Measured, wanted: StepWanted, settings: Settings) -> bool:
    """Tell whether fewer turns end than are due; sessions come by chance, and each brings all of its turns."""
    due = wanted.level * settings.turns_per_session * measured.steady_s
    chance = _SURELY * math.sqrt(due * max(settings.turns_per_session, 1.0))
    return measured.steady_turns + chance < _KEEPS_UP * due


def _no_turns(measured: Measured, _wanted: StepWanted, _settings: Settings) -> str:
    return "" if measured.steady_turns else "no turn ended while it was measured"


def _busy_generator(measured: Measured, _wanted: StepWanted, _settings: Settings) -> str:
    cpu = measured.health.cpu
    return f"the load generator was saturated (CPU {cpu:.0%})" if cpu >= SATURATED_CPU else ""


def _lagging_generator(measured: Measured, _wanted: StepWanted, settings: Settings) -> str:
    """A lag matters by what it adds to what is judged: the limit, and the median that the laws are fitted to."""
    lag_s = measured.health.loop_lag_p99_us / 1e6
    median_s = latency.median_s(latency.of_turns(measured.latency))
    late = lag_s > max(_LAG_FLOOR_S, _LAG_SHARE * max(median_s, settings.limit_s))
    return f"the load generator was late itself (event loop lag p99 {lag_s * 1000:.0f} ms)" if late else ""


def _late_starts(measured: Measured, _wanted: StepWanted, settings: Settings) -> str:
    asked, got = measured.health.requested_sessions, measured.health.achieved_sessions
    short = settings.arrivals and got < _ACHIEVED * asked
    return f"the load generator started only {got} of {asked} sessions" if short else ""


def _lost_worker(measured: Measured, _wanted: StepWanted, _settings: Settings) -> str:
    lost = sum(row.get("state") == "lost" for row in measured.workers)
    return f"{lost} of {len(measured.workers)} load processes were lost" if lost else ""


def _errors(measured: Measured, _wanted: StepWanted, _settings: Settings) -> str:
    share = measured.failed / max(measured.turns + measured.failed, 1)
    return f"{share:.1%} of the turns failed" if share > ERRORS_ALLOWED else ""


def _too_few(measured: Measured, wanted: StepWanted, _settings: Settings) -> str:
    few = wanted.purpose != "rise" and measured.steady_turns < LEAST_TURNS
    return f"only {measured.steady_turns} turns were measured" if few else ""


_UNFIT: tuple[Callable[[Measured, StepWanted, Settings], str], ...] = (
    _no_turns,
    _busy_generator,
    _lagging_generator,
    _late_starts,
    _lost_worker,
    _errors,
    _too_few,
)
"""What makes a step unfit to judge, the first that applies; each returns the reason or nothing."""
