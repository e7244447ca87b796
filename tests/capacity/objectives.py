"""Objectives as a load run's SLO grammar gives them, in their simplest form."""

from dataclasses import dataclass

from wfconform.load.capacity import latency
from wfconform.load.capacity.values import Judged
from wfconform.load.measured import Measured, Tick

_OF_TICK = {50: 0, 95: 1, 99: 2}


@dataclass(frozen=True)
class TurnUnder:
    """A percentile of turns under a limit."""

    percentile: int
    limit_s: float

    @property
    def expression(self) -> str:
        return f"turn.p{self.percentile} < {self.limit_s * 1000:g}ms"

    @property
    def samples(self) -> int:
        return round(10 / (1 - self.percentile / 100))

    def judge(self, measured: Measured) -> Judged:
        turns = latency.of_turns(measured.latency)
        actual_s = turns.get_value_at_percentile(self.percentile) / 1e6
        return Judged(
            self.expression,
            actual_s < self.limit_s,
            1 - actual_s / self.limit_s,
            actual_s * 1000,
            beyond=latency.share_beyond(turns, self.limit_s),
            allowed=1 - self.percentile / 100,
        )

    def glance(self, tick: Tick) -> float | None:
        return 1 - tick.turn_us[_OF_TICK[self.percentile]] / 1e6 / self.limit_s if tick.turn_us else None


@dataclass(frozen=True)
class NoViolations:
    """No invariant broken."""

    expression: str = "violations == 0"
    samples: int = 1

    def judge(self, measured: Measured) -> Judged:
        count = sum(measured.violations.values())
        return Judged(self.expression, not count, None, count)

    def glance(self, tick: Tick) -> float | None:
        return None
