"""When sessions begin and how long users think: the plan's stages as functions of time, seeded draws."""

from collections.abc import Callable, Iterator
from math import log
from random import Random

from wfconform.load.plan import Plan, Stage, Think


def level(stage: Stage, elapsed_s: float) -> float:
    """Return what the stage wants so long after its begin: sessions at once, or arrivals per second."""
    share = min(1.0, max(0.0, elapsed_s / stage.duration_s)) if stage.duration_s > 0 else 1.0
    return stage.start + (stage.end - stage.start) * share


def timed(plan: Plan) -> Iterator[tuple[float, Stage]]:
    """Yield each stage with the second at which it begins."""
    begins_s = 0.0
    for stage in plan.stages:
        yield begins_s, stage
        begins_s += stage.duration_s


def share_of(total: int, *, index: int, count: int) -> int:
    """Return how many of a total fall to one of several processes; the shares add up."""
    return total // count + (1 if index < total % count else 0)


def thinker(think: Think, chance: Random) -> Callable[[], float]:
    """Return draws of a think time in seconds, never negative."""
    mean_s, spread = think.mean_s, think.spread
    if mean_s <= 0:
        return lambda: 0.0
    draws: dict[str, Callable[[], float]] = {
        "constant": lambda: mean_s,
        "uniform": lambda: max(0.0, chance.uniform(mean_s - spread, mean_s + spread)),
        "exponential": lambda: chance.expovariate(1.0 / mean_s),
        "lognormal": lambda: chance.lognormvariate(log(mean_s) - spread**2 / 2, spread),
    }
    return draws[think.distribution]


def arrivals(stage: Stage, *, chance: Random, share: float) -> Iterator[float]:
    """Yield the seconds after the stage's begin at which sessions arrive: Poisson, of a rate that may ramp.

    A unit-rate process in "expected arrivals" is mapped back to time, which is exact for a straight line.
    """
    expected, total = 0.0, _expected(stage, stage.duration_s) * share
    while share > 0:
        expected += chance.expovariate(1.0)
        if expected >= total:
            return
        yield _when(stage, expected / share)


def _expected(stage: Stage, elapsed_s: float) -> float:
    slope = (stage.end - stage.start) / stage.duration_s if stage.duration_s else 0.0
    return stage.start * elapsed_s + slope * elapsed_s**2 / 2


def _when(stage: Stage, expected: float) -> float:
    """Return the time by which so many arrivals are expected."""
    slope = (stage.end - stage.start) / stage.duration_s
    root: float = max(0.0, stage.start**2 + 2 * slope * expected) ** 0.5
    return 2 * expected / (stage.start + root)
