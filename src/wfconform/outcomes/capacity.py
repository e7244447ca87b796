"""What a capacity run found, as every report shows it; fields as in the JSON report's `capacity`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Interval = tuple[float, float]
LimitedBy = Literal["slo", "invariant", "refusals", "saturation", ""]


@dataclass(frozen=True, slots=True)
class CapacitySlo:
    """An objective, and what was seen of it at the largest level that held it (in the expression's unit)."""

    expression: str
    actual: float | None
    met: bool


@dataclass(frozen=True, slots=True)
class CapacityStep:
    """One step: level (sessions, or sessions per second), what it gave with half its 95 % interval, why it is left out.

    turn_ms: p50, p95, p99 corrected for omission; raw_ms: as measured.
    """

    level: float
    purpose: str
    turns: int
    turns_per_s: float
    turns_per_s_error: float
    turn_ms: tuple[float, float, float]
    raw_ms: tuple[float, float, float]
    steady: bool
    holds: bool
    missed: tuple[str, ...]
    violations: Mapping[str, int]
    failed: int
    refused: int
    warm_up_s: float
    steady_s: float
    unfit: str


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A law fitted to throughput over sessions; parameters and what follows of them, each with its 95 % interval.

    r_squared: of log throughput; aicc: Akaike's criterion with the correction for few points, the less the better;
    bears_up_to: the largest level that it may be asked about.
    """

    name: Literal["usl", "queue"]
    formula: str
    parameters: Mapping[str, float]
    intervals: Mapping[str, Interval]
    r_squared: float
    aicc: float
    bears_up_to: float


@dataclass(frozen=True, slots=True)
class ModelPart:
    """Which law explains the data; best: empty when neither may be trusted; curve: (level, turns per second) of it."""

    best: str
    explanation: str
    fits: tuple[FittedModel, ...] = ()
    curve: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many deployments like this one hold so many sessions; of_low: by the interval's lower end."""

    target_sessions: float
    replicas: int
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Capacity:
    """The answer; a number never comes without its interval, and none comes when the verdict is "not determined".

    sessions: the largest level at which every objective holds, 0 when even the least does not; unit: `sessions`, or
    `sessions/s` in the open model; limited_by: what breaks beyond it; broken: IDs broken at first_break, the least
    level that showed it.
    """

    verdict: Literal["determined", "not determined"]
    reason: str
    unit: str
    sessions: float | None
    sessions_interval: Interval | None
    saturation_turns_per_s: float | None
    saturation_interval: Interval | None
    limited_by: LimitedBy
    slo: tuple[CapacitySlo, ...]
    model: ModelPart
    steps: tuple[CapacityStep, ...]
    spent_s: float
    how: str = ""
    broken: tuple[str, ...] = ()
    first_break: float | None = None
    replicas: Replicas | None = None
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 determined · 1, 5 an invariant breaks, an SLO is missed at the least load · 3 not determined · 130."""
        if self.interrupted:
            return 130
        if self.sessions is not None and self.sessions > 0:
            return 0
        if self.verdict == "determined":
            return 1 if self.limited_by == "invariant" else 5
        return 3
