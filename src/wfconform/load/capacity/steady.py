"""Whether a step has reached its steady state, and how precisely a series is known.

The rule: MSER (White 1997) on one-second batches. Of all seconds of a step, warm-up included, those are dropped whose
omission gives the mean of the rest the least standard error, at most half. A step is steady when dropping what MSER
drops beyond the warm-up would not move the mean of what was measured, and the two halves of what was measured agree:
each within 5 % for throughput and 15 % for the median turn, the halves also when chance explains the gap (Welch's t,
99 %). Standard errors are those of batch means, so that seconds that follow each other may depend on each other.
"""

import math
from collections.abc import Sequence
from statistics import fmean, variance

from wfconform.load.measured import Tick

ALIKE_RATE = 0.05
ALIKE_LATENCY = 0.15
"""How far means may lie apart, as a share, and still count as the same: a queue's length wanders, its rate hardly."""

_BATCHES = 8
_T_99 = (63.66, 9.92, 5.84, 4.60, 4.03, 3.71, 3.50, 3.36, 3.25, 3.17)
_T_95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


def truncation(series: Sequence[float]) -> int:
    """Return how many values at the start MSER drops, at most half of them."""
    best, dropped = math.inf, 0
    for start in range(len(series) // 2 + 1):
        kept = series[start:]
        mean = fmean(kept) if kept else 0.0
        error = sum((value - mean) ** 2 for value in kept) / max(len(kept), 1) ** 2
        if error < best:
            best, dropped = error, start
    return dropped


def mean_error(series: Sequence[float]) -> float:
    """Return the standard error of a series' mean by batch means; infinite for fewer than two values."""
    if len(series) < 2:
        return math.inf
    means = batches(series)
    return math.sqrt(variance(means) / len(means))


def half_width_95(series: Sequence[float]) -> float:
    """Return half the 95 % interval of a series' mean, by batch means."""
    if len(series) < 2:
        return math.inf
    return t_95(len(batches(series)) - 1) * mean_error(series)


def batches(series: Sequence[float]) -> list[float]:
    """Return the means of at most eight batches of equal length; what is left over at the start is dropped."""
    size = max(1, len(series) // _BATCHES)
    count = len(series) // size
    start = len(series) - count * size
    return [fmean(series[start + size * index : start + size * (index + 1)]) for index in range(count)]


def t_95(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t."""
    return _quantile(_T_95, degrees, beyond=2.0)


def alike(first: Sequence[float], second: Sequence[float], *, allowed: float = ALIKE_RATE) -> bool:
    """Tell whether two stretches have the same mean, as far as it matters (`allowed`: a share) or shows (99 %)."""
    if len(first) < 2 or len(second) < 2:
        return True
    gap = abs(fmean(first) - fmean(second))
    if gap <= allowed * fmean([*first, *second]):
        return True
    error = math.hypot(mean_error(first), mean_error(second))
    degrees = len(batches(first)) + len(batches(second)) - 2
    return gap <= _quantile(_T_99, degrees, beyond=2.8) * error


def transient_s(ticks: Sequence[Tick]) -> int:
    """Return how many of the seconds are transient, by the worse of throughput and median turn."""
    return max(truncation(series) for series in _series(ticks)) if ticks else 0


def is_steady(ticks: Sequence[Tick]) -> bool:
    """Apply the rule of this module to the seconds of a step, warm-up included."""
    warm_up = sum(tick.phase == "warm-up" for tick in ticks)
    kept = [tick for tick in ticks if tick.phase != "drain"]
    if len(kept) - warm_up < 2:
        return False
    rates, medians = _series(kept)
    return _settled(rates, warm_up, ALIKE_RATE) and _settled(medians, warm_up, ALIKE_LATENCY)


def _settled(series: Sequence[float], warm_up: int, allowed: float) -> bool:
    measured = series[warm_up:]
    rest = measured[max(truncation(series) - warm_up, 0) :]
    middle = len(measured) // 2
    unmoved = abs(fmean(rest) - fmean(measured)) <= allowed * fmean(measured)
    return unmoved and alike(measured[:middle], measured[middle:], allowed=allowed)


def _series(ticks: Sequence[Tick]) -> tuple[list[float], list[float]]:
    """Return throughput and median turn, second by second; a second without turns repeats the median before it."""
    medians: list[float] = []
    for tick in ticks:
        known = float(tick.turn_us[0]) if tick.turn_us else None
        medians.append(known if known is not None else medians[-1] if medians else 0.0)
    return [float(tick.turns) for tick in ticks], medians


def _quantile(table: Sequence[float], degrees: int, *, beyond: float) -> float:
    """Look a quantile up; past the table it is taken a little large, which is the safe side."""
    if degrees < 1:
        return math.inf
    return table[degrees - 1] if degrees <= len(table) else max(beyond, table[-1] * (1 - 0.01 * (degrees - 10)))
