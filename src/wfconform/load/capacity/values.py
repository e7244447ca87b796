"""What the capacity search asks for, what it is told, and what it is to find out; all of it values.

A level is a number of concurrent sessions, or in the open model (`arrivals`) of sessions that arrive per second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from wfconform.load.measured import Measured, Tick

Purpose = Literal["rise", "edge", "repeat", "saturation"]

SATURATED_CPU = 0.9
"""From this share of a core on, the load generator measures itself (Locust warns at the same one)."""
ERRORS_ALLOWED = 0.01
"""So many of all turns may fail, or be refused, before a level says nothing about latency any more."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One objective on one step.

    margin: 1 - actual / limit for a limit from above, so 0.1 is a tenth below it and negative is missed; None: the
    objective has no scale (a count that must be zero), it is only met or not. For a percentile, beyond is the share of
    turns over the limit and allowed the share that may be. actual: in the unit of the expression.
    """

    expression: str
    met: bool
    margin: float | None = None
    actual: float | None = None
    beyond: float | None = None
    allowed: float | None = None


class Objective(Protocol):
    """An SLO as the search sees it."""

    @property
    def expression(self) -> str:
        """The objective as it was written."""

    @property
    def samples(self) -> int:
        """How many turns it takes to judge it: ten beyond the percentile."""

    def judge(self, measured: Measured) -> Judged:
        """Judge a whole step."""

    def glance(self, tick: Tick) -> float | None:
        """Return the margin of one second, None when a second cannot tell."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is searched, and within what.

    tolerance: half the interval's width, as a share of its middle, at which the search is content; budget_s: the
    user's time, counted from what steps report; think_s: mean think time, which sets how long a step warms up;
    scaled: some objective has a margin, so there is an edge beyond the point where throughput stops growing;
    turns_per_session: with arrivals, how many turns each is to make, 0 when that is open; limit_s: the least limit on
    a latency, 0 when there is none.
    """

    max_level: float
    budget_s: float = 600.0
    think_s: float = 1.0
    tolerance: float = 0.03
    first_level: float = 8.0
    arrivals: bool = False
    samples: int = 100
    scaled: bool = True
    turns_per_session: float = 0.0
    limit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StepWanted:
    """Run this level: warm up, then measure until it is enough, at least and at most so long (seconds)."""

    level: float
    purpose: Purpose
    warm_up_s: float
    least_s: float
    most_s: float
    samples: int
    precision: float


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step showed; everything that the search, the models and the reports need, so it can be recorded.

    turns_per_s with half its 95 % interval; inside: how many turns were being answered at once (Little's law); turn_ms:
    p50, p95, p99 corrected for omission, raw_ms uncorrected; excess: log(actual / limit) of the worst objective with a
    scale, excess_error its standard error within the step; beyond: of a percentile, the share of turns over the limit,
    and what is allowed; transient_s: what the steady-state test would drop; violations: of MUSTs, warned: of SHOULDs,
    by ID; failed, refused: of the whole step;
    unfit: why the step bears no judgement (the generator, errors, samples), or empty.
    """

    level: float
    purpose: Purpose
    spent_s: float
    steady_s: float
    warm_up_s: float
    turns: int
    turns_per_s: float
    turns_per_s_error: float
    steady: bool
    transient_s: float
    inside: float
    turn_ms: tuple[float, float, float]
    raw_ms: tuple[float, float, float]
    judged: tuple[Judged, ...] = ()
    excess: float | None = None
    excess_error: float = 0.0
    beyond: float | None = None
    allowed: float | None = None
    violations: tuple[tuple[str, int], ...] = ()
    warned: tuple[tuple[str, int], ...] = ()
    failed: int = 0
    refused: int = 0
    piling_up: bool = False
    unfit: str = ""

    @property
    def missed(self) -> tuple[str, ...]:
        """The objectives that were not met."""
        return tuple(judged.expression for judged in self.judged if not judged.met)

    @property
    def broken(self) -> bool:
        """Whether the level is beyond what the target holds."""
        return bool(self.missed or self.violations or self.piling_up or self.refusing)

    @property
    def refusing(self) -> bool:
        """Whether the target refused so much that the level was never reached."""
        return self.refused > ERRORS_ALLOWED * max(self.turns, 1)

    @property
    def fit(self) -> bool:
        """Whether the step may be judged at all."""
        return not self.unfit

    @property
    def measures_latency(self) -> bool:
        """Whether its latency belongs to its level: steady, judged, and neither refused nor piling up."""
        return self.fit and self.steady and self.excess is not None and not (self.refusing or self.piling_up)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval; how: the rule that gave it, points: how many steps it rests on."""

    value: float
    low: float
    high: float
    how: str = ""
    points: int = 0

    @property
    def half_width(self) -> float:
        """Half the interval, as a share of the value; infinite at zero."""
        return (self.high - self.low) / 2 / self.value if self.value > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Found:
    """What the search knows at any moment; ended: why it ended, empty while it goes on."""

    steps: Sequence[StepResult]
    edge: Estimate | None
    spent_s: float
    ended: str = ""
