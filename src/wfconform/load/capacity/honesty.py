"""When the search has no answer: each reason as a rule, and the first that applies is told."""

import math
from collections.abc import Callable, Sequence

from wfconform.load.capacity import edge
from wfconform.load.capacity.search import ALL_BROKE, NEVER_BROKE, UNFIT
from wfconform.load.capacity.values import Estimate, Found, Settings, StepResult

WIDER, WIDEST = 5.0, 0.15
"""When the budget is spent, half an interval may be so many times the tolerance that was asked for, at most 15 %."""
DRIFT = 0.05
_RATE_DRIFT = 0.1
_MEDIAN_DRIFT = 0.5
_UNSTEADY = 0.5
_NEAR = 0.1

Rule = Callable[[Found, Settings], str]


def undetermined(found: Found, settings: Settings) -> str:
    """Return why there is no answer, with what to do about it; empty when there is one."""
    return next((reason for rule in RULES if (reason := rule(found, settings))), "")


def _no_steps(found: Found, _settings: Settings) -> str:
    return "" if found.steps else "no step was run"


def _unfit(found: Found, settings: Settings) -> str:
    if found.ended != UNFIT:
        return ""
    last = found.steps[-1]
    advice = "; more --processes make more load" if "generator" in last.unfit else ""
    return f"at {last.level:g} {_unit(settings)} {last.unfit}{_held(found)}{advice}"


def _never_broke(found: Found, settings: Settings) -> str:
    if found.ended != NEVER_BROKE:
        return ""
    most = max(step.level for step in found.steps)
    return f"every objective held up to {most:g} {_unit(settings)}: it holds at least so many; raise --max-sessions"


def _open(found: Found, _settings: Settings) -> str:
    if found.edge is not None:
        return ""
    return f"the edge was not enclosed before the search ended{_held(found)}; a longer --budget may tell"


def _wide(found: Found, settings: Settings) -> str:
    if found.edge is None or not too_wide(found.edge, settings):
        return ""
    low, high = found.edge.low, found.edge.high
    so_far = f"the interval was still {low:.4g} to {high:.4g} {_unit(settings)} when the budget was spent"
    return f"{so_far}; raise --budget, or --tolerance"


def _seen_once(found: Found, _settings: Settings) -> str:
    """A bracket's end that one step alone shows may be chance; another step close to it bears it out."""
    if found.edge is None or found.edge.how != edge.BRACKET:
        return ""
    met, broken = edge.levels(found.steps)
    held = [level for level in met if level >= (1 - _NEAR) * max(met)]
    past = [level for level in broken if level <= (1 + _NEAR) * found.edge.high]
    if len(held) >= edge.SEEN and len(past) >= edge.SEEN:
        return ""
    return (
        f"a single step shows the edge (at {found.edge.high if len(past) < edge.SEEN else max(met):g}); raise --budget"
    )


def _few(found: Found, settings: Settings) -> str:
    if found.edge is None or found.edge.how != edge.REGRESSION:
        return ""
    turns = sum(step.turns for step in near_edge(found))
    if turns >= settings.samples:
        return ""
    return f"only {turns} turns were measured near the edge, {settings.samples} are needed; raise --budget"


def _unsteady(found: Found, _settings: Settings) -> str:
    near = near_edge(found)
    unsteady = sum(not step.steady for step in near)
    if not near or unsteady <= _UNSTEADY * len(near):
        return ""
    return f"{unsteady} of {len(near)} steps near the edge did not reach a steady state"


def _drifting_edge(found: Found, _settings: Settings) -> str:
    moved = edge.drift(found.steps)
    return "" if abs(moved) <= DRIFT else f"the edge moved by {moved:+.0%} while it was measured: the target drifts"


def _drifting_repeat(found: Found, settings: Settings) -> str:
    """Compare the repeat at the end with the first steps at its level."""
    again = next((step for step in reversed(found.steps) if step.purpose == "repeat" and step.fit), None)
    before = [s for s in found.steps if again and s.level == again.level and s.fit and s is not again]
    if again is None or not before:
        return ""
    return next((said for step in before if (said := _differ(step, again, settings))), "")


def _differ(before: StepResult, again: StepResult, settings: Settings) -> str:
    chance = 2 * math.hypot(*(s.turns_per_s_error / max(s.turns_per_s, 1e-9) for s in (before, again)))
    rate = math.log(again.turns_per_s / before.turns_per_s) if before.turns_per_s and again.turns_per_s else 0.0
    median = math.log(max(again.raw_ms[0], 1e-3) / max(before.raw_ms[0], 1e-3))
    noisy = _MEDIAN_DRIFT + 3 / math.sqrt(max(min(before.turns, again.turns), 1))
    if abs(rate) <= _RATE_DRIFT + chance and abs(median) <= noisy:
        return ""
    return (
        f"{again.level:g} {_unit(settings)} gave {before.turns_per_s:.4g} turns/s at p50 {before.raw_ms[0]:.0f} ms at "
        f"first and {again.turns_per_s:.4g} at {again.raw_ms[0]:.0f} ms in the end: the target drifts"
    )


RULES: tuple[Rule, ...] = (
    _no_steps,
    _unfit,
    _never_broke,
    _open,
    _wide,
    _seen_once,
    _few,
    _unsteady,
    _drifting_edge,
    _drifting_repeat,
)


def breaks_at_once(found: Found) -> bool:
    """Tell whether even the least load broke something, which is an answer: none."""
    return found.ended == ALL_BROKE


def too_wide(found: Estimate, settings: Settings) -> bool:
    """Tell whether an interval says too little; a single session is never too wide."""
    if found.high - found.low <= (0 if settings.arrivals else 1):
        return False
    known_too_kind = edge.TOO_KIND / 2 if settings.arrivals else 0.0
    allowed = min(WIDER * settings.tolerance, WIDEST) + known_too_kind
    return (found.high - found.low) / (found.high + found.low) > allowed


def near_edge(found: Found) -> Sequence[StepResult]:
    """Return the steps that the edge rests on."""
    if found.edge is None or found.edge.value <= 0 or found.edge.how != edge.REGRESSION:
        return ()
    return [s for s in edge.within(found.steps, math.log(found.edge.value), 0.16) if s.purpose == "edge"]


def _held(found: Found) -> str:
    met, _ = edge.levels(found.steps)
    return f" (every objective held up to {max(met):g})" if met else ""


def _unit(settings: Settings) -> str:
    return "sessions/s" if settings.arrivals else "sessions"
