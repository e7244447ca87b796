"""Two laws of throughput over concurrent sessions, fitted to all steps, and which of them explains the data.

- queue: X = ((N / cycle) ** -p + C ** -p) ** (-1 / p), the bound X <= min(N / (Z + S), C) of a closed queue with its
  knee rounded; cycle is Z + S in seconds, C turns per second, p how sharp the knee is (without end: the bound itself).
- usl: X = alone * n / (1 + contention * (n - 1) + coherency * n * (n - 1)), Gunther's Universal Scalability Law of the
  turns n that are being answered at once; by Little's law n = X * mean latency, and N = n + X * think time.

Both have three parameters and are fitted by least squares to log X, steps weighted by how precisely each knows its
rate. Goodness is R squared of log X; the laws are compared by AICc, and a gap under 2 is called none. Intervals are
95 %: of 2,000 draws from the parameters' normal distribution. A law is asked about nothing beyond twice the largest
level that was run, nor at all when R squared is under 0.95 or there are fewer than five levels.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wfconform.load.capacity.values import Estimate, StepResult
from wfconform.outcomes.capacity import FittedModel, ModelPart

LEAST_LEVELS = 5
LEAST_STEPS = 6
"""AICc needs two more than a law has parameters, its scatter among them."""
LEAST_R_SQUARED = 0.95
BEARS = 2.0
_DRAWS, _SEED = 2000, 7
_ERROR_FLOOR = 0.01
_ALIKE = 2.0
_CURVE = 60
_NO_LIMIT = "no limit was reached, throughput grows with the sessions"
_NOTHING = 1e-6  # of a contention
_CONTENTION = "contention is the limit, not coherency"
_NAMES = {"queue": "a closed queue of fixed capacity", "usl": "the Universal Scalability Law"}


@dataclass(frozen=True, slots=True)
class _Law:
    """regressor: what of a step predicts its throughput; derived: what follows from think time and parameters."""

    name: Literal["usl", "queue"]
    formula: str
    parameters: tuple[str, ...]
    bounds: tuple[tuple[float, ...], tuple[float, ...]]
    predict: Callable[..., Any]
    derived: Callable[..., dict[str, Any]]
    start: Callable[[Any, Any], tuple[float, ...]]
    regressor: Callable[[StepResult], float]


def _queue(n: Any, cycle_s: Any, capacity: Any, sharpness: Any) -> Any:
    import numpy as np

    free, full = np.log(n / cycle_s), np.log(capacity)
    return np.exp(-np.logaddexp(-sharpness * free, -sharpness * full) / sharpness)


def _queue_derived(_think_s: float, cycle_s: Any, capacity: Any, _sharpness: Any) -> dict[str, Any]:
    return {"knee_sessions": cycle_s * capacity}


def _usl(n: Any, alone: Any, contention: Any, coherency: Any) -> Any:
    return alone * n / (1 + contention * (n - 1) + coherency * n * (n - 1))


def _usl_derived(think_s: float, alone: Any, contention: Any, coherency: Any) -> dict[str, Any]:
    import numpy as np

    inside = np.maximum(np.sqrt(np.maximum(1 - contention, 0) / np.maximum(coherency, 1e-15)), 1)
    peak = _usl(inside, alone, contention, coherency)
    return {"peak_inside": inside, "peak_turns_per_s": peak, "peak_sessions": inside + think_s * peak}


_LAWS = (
    _Law(
        "queue",
        "X = ((N / cycle_s)^-sharpness + capacity^-sharpness)^(-1/sharpness)",
        ("cycle_s", "capacity", "sharpness"),
        ((1e-6, 1e-6, 1.0), (1e6, 1e9, 60.0)),
        _queue,
        _queue_derived,
        lambda n, x: (float((n / x).min()), 1.02 * float(x.max()), 4.0),
        lambda step: step.level,
    ),
    _Law(
        "usl",
        "X = alone * n / (1 + contention * (n - 1) + coherency * n * (n - 1)), N = n + think_s * X",
        ("alone", "contention", "coherency"),
        ((1e-9, 0.0, 0.0), (1e9, 1.0, 1.0)),
        _usl,
        _usl_derived,
        lambda n, x: (float((x / n).max()), 0.01, 1 / max(float(n[x.argmax()]), 1.0) ** 2),
        lambda step: max(step.inside, 1e-3),
    ),
)


def fit(steps: Sequence[StepResult]) -> ModelPart:
    """Fit both laws to the throughput of all steps that bear it, and say which explains them."""
    usable = [step for step in steps if step.fit and step.turns_per_s > 0 and not step.refusing and not step.violations]
    levels = {step.level for step in usable}
    if len(levels) < LEAST_LEVELS:
        few = f"{len(levels)} levels are too few to fit a law of throughput to ({LEAST_LEVELS} are needed)"
        return ModelPart("", few)
    if len(usable) < LEAST_STEPS:
        return ModelPart(
            "", f"{len(usable)} steps are too few to compare laws of throughput ({LEAST_STEPS} are needed)"
        )
    fits = tuple(found for law in _LAWS if (found := _fitted(law, usable)) is not None)
    good = [found for found in fits if found.r_squared >= LEAST_R_SQUARED]
    if not good:
        return ModelPart("", "neither the Universal Scalability Law nor a closed queue explains the throughput", fits)
    best = min(good, key=lambda found: found.aicc)
    return ModelPart(best.name, _explained(best, fits), fits, _curve(best, min(levels), max(levels)))


def predict(model: FittedModel, level: float) -> float:
    """Return the throughput of a level; raises ValueError for a level beyond what the model bears."""
    if level > model.bears_up_to or model.r_squared < LEAST_R_SQUARED:
        raise ValueError(f"nothing is known of {level:g}: the model bears statements up to {model.bears_up_to:g}")
    if model.name == "queue":
        return float(_queue(level, *(model.parameters[name] for name in _LAWS[0].parameters)))
    return next((x for at, x in _usl_points(model, BEARS * level) if at >= level), 0.0)


def _usl_points(model: FittedModel, most: float) -> Iterator[tuple[float, float]]:
    """Yield (sessions, throughput) of the law, by the turns that are answered at once."""
    inside, last = 1e-3, 0.0
    while last < most:
        x = float(_usl(inside, *(model.parameters[name] for name in _LAWS[1].parameters)))
        last = inside + model.parameters["think_s"] * x
        yield last, x
        inside *= 1.01


def saturation(part: ModelPart, steps: Sequence[StepResult]) -> Estimate | None:
    """Return the highest throughput: the queue's capacity or the law's peak, if the steps reached so far."""
    best = next((found for found in part.fits if found.name == part.best), None)
    if best is None:
        return None
    name = "capacity" if best.name == "queue" else "peak_turns_per_s"
    at = best.parameters["knee_sessions" if best.name == "queue" else "peak_sessions"]
    reached = max(step.level for step in steps if step.fit)
    value, (low, high) = best.parameters[name], best.intervals[name]
    if reached < 1.2 * at or high - low > 0.5 * value:
        return None
    return Estimate(value, low, high, best.name, len(steps))


def knee(part: ModelPart) -> Estimate | None:
    """Return from how many sessions on throughput grows no more."""
    best = next((found for found in part.fits if found.name == part.best), None)
    if best is None:
        return None
    name = "knee_sessions" if best.name == "queue" else "peak_sessions"
    return Estimate(best.parameters[name], *best.intervals[name], best.name)


def _fitted(law: _Law, steps: Sequence[StepResult]) -> FittedModel | None:
    import numpy as np
    from scipy.optimize import OptimizeWarning, curve_fit

    n = np.array([law.regressor(step) for step in steps])
    think_s = max(float(np.median([(s.level - s.inside) / s.turns_per_s for s in steps])), 0.0)
    x = np.array([step.turns_per_s for step in steps])
    sigma = np.hypot([step.turns_per_s_error / 1.96 / step.turns_per_s for step in steps], _ERROR_FLOOR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        try:
            best, covariance = curve_fit(
                lambda at, *p: np.log(law.predict(at, *p)),
                n,
                np.log(x),
                p0=np.clip(law.start(n, x), *law.bounds),
                sigma=sigma,
                bounds=law.bounds,
                max_nfev=4000,
                x_scale=np.maximum(np.abs(law.start(n, x)), 1e-9),
            )
        except RuntimeError:
            return None
    values, intervals = _with_intervals(law, think_s, best, covariance)
    values["think_s"] = think_s
    residuals = (np.log(x) - np.log(law.predict(n, *best))) / sigma
    r_squared, aicc = _goodness(np.log(x), sigma, residuals, parameters=len(best) + 1)
    return FittedModel(law.name, law.formula, values, intervals, r_squared, aicc, BEARS * max(s.level for s in steps))


def _with_intervals(
    law: _Law, think_s: float, best: Any, covariance: Any
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Return parameters and what follows from them, each with the 95 % interval of draws kept within bounds."""
    import numpy as np

    spread = np.where(np.isfinite(covariance), covariance, 0.0)
    draws = np.random.default_rng(_SEED).multivariate_normal(best, spread, _DRAWS, check_valid="ignore").T
    draws = np.clip(draws, *(np.array(bound)[:, None] for bound in law.bounds))
    named = {**dict(zip(law.parameters, best, strict=True)), **law.derived(think_s, *best)}
    drawn = {**dict(zip(law.parameters, draws, strict=True)), **law.derived(think_s, *draws)}
    values = {name: float(value) for name, value in named.items()}
    intervals = {name: (float(np.quantile(d, 0.025)), float(np.quantile(d, 0.975))) for name, d in drawn.items()}
    return values, {k: (min(low, values[k]), max(high, values[k])) for k, (low, high) in intervals.items()}


def _goodness(logs: Any, sigma: Any, residuals: Any, *, parameters: int) -> tuple[float, float]:
    """Return R squared (weighted) and AICc."""
    import numpy as np

    weights = 1 / sigma**2
    whole = float(np.sum(weights * (logs - np.average(logs, weights=weights)) ** 2))
    squares, count = float(np.sum(residuals**2)), len(logs)
    few = 2 * parameters * (parameters + 1) / (count - parameters - 1) if count > parameters + 1 else math.inf
    return 1 - squares / whole if whole else 0.0, count * math.log(max(squares, 1e-12) / count) + 2 * parameters + few


def _curve(model: FittedModel, low: float, high: float) -> tuple[tuple[float, float], ...]:
    if model.name == "usl":
        return tuple(point for point in _usl_points(model, high) if low <= point[0] <= high)[::5]
    levels = [low * (high / low) ** (index / _CURVE) for index in range(_CURVE + 1)]
    return tuple((level, predict(model, level)) for level in levels)


def _explained(best: FittedModel, fits: Sequence[FittedModel]) -> str:
    """Say what limits the target, and how sure that is."""
    gap = min((found.aicc - best.aicc for found in fits if found.name != best.name), default=math.inf)
    sure = "the other law explains it as well" if gap < _ALIKE else f"AICc better by {gap:.1f}"
    cause = _queue_cause(best) if best.name == "queue" else _usl_cause(best)
    return f"{cause}: {_NAMES[best.name]} explains the throughput (R² {best.r_squared:.3f}, {sure})"


def _queue_cause(best: FittedModel) -> str:
    reached = best.bears_up_to / BEARS
    return _CONTENTION if reached >= best.parameters["knee_sessions"] else _NO_LIMIT


def _usl_cause(best: FittedModel) -> str:
    low, _ = best.intervals["coherency"]
    contention, _ = best.intervals["contention"]
    falls = best.parameters["peak_sessions"] < best.bears_up_to / BEARS
    if low > 0 and falls:
        return "coherency is the limit, throughput falls past its peak"
    return _CONTENTION if contention > _NOTHING else _NO_LIMIT
