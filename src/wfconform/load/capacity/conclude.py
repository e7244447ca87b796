"""The answer from all steps: verdict, sessions with their interval, saturation, model, replicas."""

import math
from collections.abc import Sequence

from wfconform.load.capacity import edge, honesty, model
from wfconform.load.capacity.running import INTERRUPTED
from wfconform.load.capacity.search import SATURATED
from wfconform.load.capacity.values import Estimate, Found, Settings, StepResult
from wfconform.outcomes.capacity import (
    Capacity,
    CapacitySlo,
    CapacityStep,
    LimitedBy,
    ModelPart,
    Replicas,
)

ASSUMPTIONS = (
    "Each replica is a deployment like the measured one, on machines of its own, and behaves as it did.",
    "Sessions are spread evenly over the replicas, and a session's turns reach its own.",
    "Nothing that the replicas share (database, model provider, gateway) is a limit: this run cannot tell.",
    "Users are like the simulated ones: as many turns, the same texts, the same think time.",
    "The lower end of the interval is what a replica holds; nothing is kept in reserve for a lost replica or a peak.",
)


def conclude(found: Found, settings: Settings, *, target_sessions: float | None = None) -> Capacity:
    """Return what a search has found, or why it has found nothing; never a number without its interval."""
    law = model.fit(found.steps)
    if not settings.scaled and found.ended == SATURATED:
        found = Found(found.steps, _knee(law, found.steps, settings), found.spent_s, found.ended)
    nothing = honesty.breaks_at_once(found)
    reason = "" if nothing else honesty.undetermined(found, settings)
    if found.ended == INTERRUPTED:
        reason = f"interrupted{f'; {reason}' if reason else ''}"
    answer = (0.0, (0.0, 0.0)) if nothing else (None, None) if reason else _answer(found.edge, settings)
    peak = model.saturation(law, found.steps)
    broken = [step for step in found.steps if step.fit and step.violations]
    first = min(broken, key=lambda step: step.level, default=None)
    return Capacity(
        verdict="not determined" if reason else "determined",
        reason=reason,
        unit="sessions/s" if settings.arrivals else "sessions",
        sessions=answer[0],
        sessions_interval=answer[1],
        saturation_turns_per_s=peak.value if peak else None,
        saturation_interval=(peak.low, peak.high) if peak else None,
        limited_by="" if reason else _limit(found, settings),
        slo=_slos(found, answer[0]),
        model=law,
        steps=tuple(map(_shown, found.steps)),
        spent_s=found.spent_s,
        how=found.edge.how if found.edge else "",
        broken=tuple(sorted({id for step in broken for id, _ in step.violations})),
        first_break=first.level if first else None,
        replicas=_replicas(answer[1], target_sessions),
        interrupted=found.ended == INTERRUPTED,
    )


def _answer(found: Estimate | None, settings: Settings) -> tuple[float | None, tuple[float, float] | None]:
    """Return the largest level that holds, and its interval; whole sessions, rates to three digits."""
    if found is None:
        return None, None
    if settings.arrivals:
        value, low, high = (float(f"{number:.3g}") for number in (found.value, found.low, found.high))
        return value, (low, high)
    high = found.high - 1 if found.how == edge.BRACKET else math.ceil(found.high)
    return float(math.floor(found.value)), (float(math.floor(found.low)), float(high))


def _knee(law: ModelPart, steps: Sequence[StepResult], settings: Settings) -> Estimate | None:
    """Return from where on throughput grows no more, if the steps reach past it."""
    found = model.knee(law)
    reached = max((step.level for step in steps), default=0.0)
    return found if found and model.saturation(law, steps) and found.value < min(reached, settings.max_level) else None


def _limit(found: Found, settings: Settings) -> LimitedBy:
    """Return what breaks just past the edge."""
    if not settings.scaled and found.ended == SATURATED:
        return "saturation"
    edge_level = found.edge.high * 1.001 if found.edge else math.inf
    past = [step for step in found.steps if step.fit and step.broken and step.level <= edge_level]
    by_line = found.edge is not None and found.edge.how == edge.REGRESSION
    if not by_line and any(step.violations for step in past):
        return "invariant"
    return "refusals" if not by_line and any(step.refusing for step in past) else "slo"


def _slos(found: Found, sessions: float | None) -> tuple[CapacitySlo, ...]:
    """Return each objective as the largest level at or below the answer showed it, else the least level."""
    fit = [step for step in found.steps if step.fit and step.judged]
    below = [step for step in fit if sessions is not None and step.level <= sessions and not step.broken]
    shown = max(below, key=lambda step: step.level, default=min(fit, key=lambda step: step.level, default=None))
    return tuple(CapacitySlo(j.expression, j.actual, j.met) for j in shown.judged) if shown else ()


def _replicas(interval: tuple[float, float] | None, target_sessions: float | None) -> Replicas | None:
    if target_sessions is None or interval is None or interval[0] <= 0:
        return None
    return Replicas(target_sessions, math.ceil(target_sessions / interval[0]), ASSUMPTIONS)


def _shown(step: StepResult) -> CapacityStep:
    return CapacityStep(
        level=step.level,
        purpose=step.purpose,
        turns=step.turns,
        turns_per_s=step.turns_per_s,
        turns_per_s_error=step.turns_per_s_error,
        turn_ms=step.turn_ms,
        raw_ms=step.raw_ms,
        steady=step.steady,
        holds=step.fit and not step.broken,
        missed=step.missed,
        violations=dict(step.violations),
        failed=step.failed,
        refused=step.refused,
        warm_up_s=step.warm_up_s,
        steady_s=step.steady_s,
        unfit=step.unfit,
    )
