"""Where the edge lies: the largest level at which every objective holds, with its interval.

By regression where the objectives have a scale. For a percentile, what is fitted is the share of turns beyond the
limit, by probit regression over log(level) (weighted by turns, with overdispersion, for turns that follow each other
share their queue): a share is unbiased however short the step, the percentile of a short step is not. For other
objectives log(actual / limit) is taken as a straight line. The edge is where the fitted line crosses what is allowed;
the interval is that of inverse prediction (95 %, Student's t with as many degrees of freedom as there are steps less
two). The scatter between steps is never taken for less than the seconds within them say, and 1 % is added either way,
for the truth is a little curved and the line is not.

In the open model the lower end is 6 % lower still: within a few percent of saturation an open queue takes minutes to
fill, so a step of a minute finds levels to hold that would not hold for long.

By bracket where no line fits (a cliff, a count that must be zero): between the largest level that held, with none below
it that broke, and the smallest that broke, with none above it that held.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean

from wfconform.load.capacity.steady import t_95
from wfconform.load.capacity.values import Estimate, StepResult

REGRESSION, BRACKET = "regression", "bracket"
SEEN = 2
"""How often each end of a bracket must have been seen."""
_OUTVOTED_BY = 2
_CLEAR = 2.0
_WINDOWS = ((0.16, 6), (0.25, 5), (0.4, 4))
"""How far from the edge, in log(level), steps are used, and how many that takes."""
_WITHIN = 1.0
_MISFIT = 0.01
"""What is added to half the interval: near the edge the truth is a little curved, the line is not."""
TOO_KIND = 0.06
"""By how much a step in the open model may overrate the edge; simulated M/M/c queues: by 3 % in the mean."""
_ROUNDS = 30
_NORMAL = NormalDist()
_FARTHEST = 3.5


@dataclass(frozen=True, slots=True)
class Line:
    """A weighted least-squares line through points, about its middle; scatter: sd of a point of average weight."""

    slope: float
    middle: float
    height: float
    scatter: float
    spread: float
    points: int

    @property
    def crossing(self) -> float:
        """Where it crosses zero."""
        return self.middle - self.height / self.slope

    @property
    def rises(self) -> bool:
        """Whether the slope is above zero by more than chance explains (95 %)."""
        return self.slope > t_95(self.points - 2) * self.scatter / math.sqrt(self.spread)

    @property
    def half_width(self) -> float:
        """Half the 95 % interval of the crossing."""
        lever = 1 / self.points + (self.crossing - self.middle) ** 2 / self.spread
        return t_95(self.points - 2) * self.scatter / self.slope * math.sqrt(lever)

    def at(self, x: float) -> float:
        """Return the line's value."""
        return self.height + self.slope * (x - self.middle)


def line_through(points: Sequence[tuple[float, float, float]]) -> Line | None:
    """Return the least-squares line through (x, y, weight), None for fewer than three points or all at one x."""
    whole = sum(weight for _, _, weight in points)
    if len(points) < 3 or whole <= 0:
        return None
    rows = [(x, y, weight * len(points) / whole) for x, y, weight in points]
    middle = fmean([x * weight for x, _, weight in rows])
    height = fmean([y * weight for _, y, weight in rows])
    spread = sum(weight * (x - middle) ** 2 for x, _, weight in rows)
    if spread <= 1e-12:
        return None
    slope = sum(weight * (x - middle) * (y - height) for x, y, weight in rows) / spread
    squares = sum(weight * (y - height - slope * (x - middle)) ** 2 for x, y, weight in rows)
    return Line(slope, middle, height, math.sqrt(squares / (len(rows) - 2)), spread, len(rows))


def estimate(steps: Sequence[StepResult]) -> Estimate | None:
    """Return where the edge lies, by regression if that holds, else by bracket; None when it is open on a side."""
    by_line = by_regression(steps)
    hard = [step.level for step in steps if step.fit and (step.violations or step.refusing or step.piling_up)]
    if by_line is not None and min(hard, default=math.inf) > by_line.high:
        return by_line
    return by_bracket(steps)


def in_open_model(found: Estimate | None) -> Estimate | None:
    """Return an estimate of a rate with what steps in the open model may overrate it by."""
    return None if found is None else replace(found, low=found.low * (1 - TOO_KIND))


def by_regression(steps: Sequence[StepResult]) -> Estimate | None:
    """Return where the line through the steps near the edge crosses what is allowed; None when no line fits."""
    usable = [step for step in steps if step.measures_latency and abs(step.excess or 0.0) <= _WITHIN]
    rough = fitted(usable)
    if rough is None or rough.slope <= 0:
        return None
    for width, needed in _WINDOWS:
        inside = within(usable, rough.crossing, width)
        line = fitted(inside)
        if line is not None and len(inside) >= needed and line.rises and _straddles(inside):
            half = line.half_width + _MISFIT
            value, low, high = (math.exp(line.crossing + side * half) for side in (0, -1, 1))
            return Estimate(value, low, high, REGRESSION, line.points)
    return None


def within(steps: Iterable[StepResult], log_level: float, width: float) -> list[StepResult]:
    """Return the steps whose level lies so far from another, both as logarithms."""
    return [step for step in steps if abs(math.log(step.level) - log_level) <= width]


def fitted(steps: Sequence[StepResult]) -> Line | None:
    """Fit the line that crosses zero where the objective stops to hold."""
    by_excess = line_through([(math.log(s.level), s.excess, 1.0) for s in steps if s.excess is not None])
    if by_excess is None:
        return None
    own = math.sqrt(fmean([step.excess_error**2 for step in steps]))
    shares = [step for step in steps if step.beyond is not None and step.allowed is not None]
    by_share = _probit(shares) if len(shares) == len(steps) else None
    if by_share is None or by_excess.slope <= 0:
        return _scattered(by_excess, own)
    return _scattered(by_share, own * by_share.slope / by_excess.slope)


def guess(steps: Sequence[StepResult]) -> float | None:
    """Return about where the edge lies, as soon as three steps to both sides of it hint at it."""
    usable = [step for step in steps if step.measures_latency and abs(step.excess or 0.0) <= _WITHIN]
    line = fitted(usable)
    if line is None or line.slope <= 0 or not _straddles(usable):
        return None
    ends = [step.level for step in usable]
    return min(max(math.exp(line.crossing), min(ends)), max(ends))


def by_bracket(steps: Sequence[StepResult]) -> Estimate | None:
    """Return the gap between what surely held and what surely broke; the value is its lower end."""
    met, broken = levels(steps)
    low, high = _certain_gap(steps)
    return None if math.isinf(high) else Estimate(low, low, high, BRACKET, min(met.count(low), broken.count(high)))


def gap(steps: Sequence[StepResult]) -> tuple[float, float]:
    """Return the largest level that held with none below it broken, 0 for none, and the smallest that broke likewise.

    A level that was seen several times is what it was more often.
    """
    seen: dict[float, int] = {}
    for step in steps:
        if step.fit:
            seen[step.level] = seen.get(step.level, 0) + (1 if step.broken else -1)
    met, broken = [level for level, net in seen.items() if net < 0], [level for level, net in seen.items() if net > 0]
    low = max((level for level in met if level < min(broken, default=math.inf)), default=0.0)
    high = min((level for level in broken if level > max(met, default=0.0)), default=math.inf)
    return low, high


def levels(steps: Sequence[StepResult]) -> tuple[list[float], list[float]]:
    """Return the levels that held and those that broke, each as often as it was seen."""
    judged = [step for step in steps if step.fit]
    return [s.level for s in judged if not s.broken], [s.level for s in judged if s.broken]


def drift(steps: Sequence[StepResult]) -> float:
    """Return by what share the edge moved from the first to the last step near it, 0 if chance explains it (99.9 %)."""
    found = by_regression(steps)
    if found is None or found.points < 6:
        return 0.0
    near = within((s for s in steps if s.measures_latency), math.log(found.value), _WINDOWS[0][0])
    points = [(math.log(s.level), s.excess, 1.0) for s in near if s.excess is not None]
    line = line_through(points)
    if line is None or line.slope <= 0:
        return 0.0
    trend = line_through([(float(index), y - line.at(x), 1.0) for index, (x, y, _) in enumerate(points)])
    if trend is None or abs(trend.slope) <= 2.5 * t_95(trend.points - 3) * trend.scatter / math.sqrt(trend.spread):
        return 0.0
    return -trend.slope * (len(points) - 1) / line.slope


def _certain_gap(steps: Sequence[StepResult]) -> tuple[float, float]:
    """Return the gap with every step counting: no step below it broke, none above it held.

    Only what was plainly chance does not count: what the other steps at its own level outvote; and what chance may
    turn: a latency so near its limit that the step's own error reaches across it closes no gap.
    """
    met, broken = levels([step for step in steps if not _outvoted(step, steps) and _is_clear(step)])
    low = max((level for level in met if level < min(broken, default=math.inf)), default=0.0)
    return low, min((level for level in broken if level > max(met, default=0.0)), default=math.inf)


def _is_clear(step: StepResult) -> bool:
    """Tell whether a step would have come out the same again: by what has no scale, or by two standard errors."""
    if step.violations or step.refusing or step.piling_up or step.excess is None:
        return True
    return abs(step.excess) >= _CLEAR * step.excess_error


def _outvoted(step: StepResult, steps: Sequence[StepResult]) -> bool:
    """Tell whether the others at the level of a step contradict it; an invariant that broke once is broken."""
    if step.violations or step.refusing:
        return False
    votes = [one.broken == step.broken for one in steps if one.fit and one.level == step.level]
    return votes.count(False) - votes.count(True) >= _OUTVOTED_BY


def _probit(steps: Sequence[StepResult]) -> Line | None:
    """Fit probit(share beyond) - probit(share allowed) as a line over log(level), by reweighted least squares."""
    line: Line | None = None
    for _ in range(_ROUNDS):
        rows = [_working(step, line) for step in steps]
        before, line = line, line_through(rows)
        if line is None or line.slope <= 0:
            return None
        if before is not None and abs(line.at(before.middle) - before.height) < 1e-9:
            break
    return line


def _working(step: StepResult, line: Line | None) -> tuple[float, float, float]:
    """Return a step's log(level), working response and weight, given the line so far."""
    x, threshold = math.log(step.level), _NORMAL.inv_cdf(step.allowed or 0.5)
    share = step.beyond or 0.0
    if line is None:
        eta = _NORMAL.inv_cdf((share * step.turns + 0.5) / (step.turns + 1))
    else:
        eta = min(max(line.at(x) + threshold, -_FARTHEST), _FARTHEST)
    expected, density = _NORMAL.cdf(eta), _NORMAL.pdf(eta)
    return x, eta + (share - expected) / density - threshold, step.turns * density**2 / (expected * (1 - expected))


def _scattered(line: Line, least: float) -> Line:
    return Line(line.slope, line.middle, line.height, max(line.scatter, least), line.spread, line.points)


def _straddles(steps: Sequence[StepResult]) -> bool:
    return min(step.excess or 0.0 for step in steps) < 0 < max(step.excess or 0.0 for step in steps)
