"""SLOs of the load grammar as objectives of a search."""

from dataclasses import dataclass

from wfconform.errors import UsageError
from wfconform.load.capacity import latency
from wfconform.load.capacity.values import Judged
from wfconform.load.figures import Figures
from wfconform.load.measured import Measured, Tick
from wfconform.load.slo import Slo, parse_slo

NO_VIOLATIONS = "violations == 0"
_BELOW = ("<", "<=")
_SHARES = ("turn", "turn.first", "turn.next")
_OF_TICK = {"p50": 0, "p95": 1, "p99": 2, "max": 3}
_LEAST_SAMPLES = 100
_OF_ENDS = ("turn.first", "stop", "stops", "session", "sessions", "sessions.rate", "lost", "lost.rate")


@dataclass(frozen=True, slots=True)
class SloObjective:
    """An SLO; a limit from above on a latency or a share has a scale, others are only met or not."""

    slo: Slo

    @property
    def expression(self) -> str:
        """The SLO as it is printed."""
        return str(self.slo)

    @property
    def samples(self) -> int:
        """Ten turns beyond a percentile."""
        allowed = self._allowed
        return max(_LEAST_SAMPLES, round(10 / allowed)) if allowed else _LEAST_SAMPLES

    @property
    def scaled(self) -> bool:
        """Whether steps can say how far they are from the limit."""
        return self.slo.kind in ("latency", "share") and self.slo.operator in _BELOW and self.slo.threshold > 0

    @property
    def limit_s(self) -> float | None:
        """The limit on a latency, in seconds; None for an objective on something else."""
        return self.slo.threshold / 1000 if self.slo.kind == "latency" else None

    @property
    def needs_ends(self) -> bool:
        """Whether it is about what only sessions that begin or end while they are measured can show."""
        return self.slo.figure in _OF_ENDS or self.slo.latency[0] in _OF_ENDS

    def judge(self, measured: Measured) -> Judged:
        """Judge a step."""
        figures = Figures.of(measured)
        actual = figures.actual(self.slo)
        name, _ = self.slo.latency
        share = latency.share_beyond(figures.latencies[name], self.slo.threshold / 1000) if self._by_share else None
        return Judged(
            self.expression,
            self.slo.met_by(actual),
            1 - actual / self.slo.threshold if self.scaled and actual is not None else None,
            actual,
            beyond=share,
            allowed=self._allowed if share is not None else None,
        )

    def glance(self, tick: Tick) -> float | None:
        """Return the margin of a second, for the percentiles of turns that a second carries."""
        name, statistic = self.slo.latency
        if not self.scaled or name != "turn" or statistic not in _OF_TICK or tick.turn_us is None:
            return None
        return 1 - tick.turn_us[_OF_TICK[statistic]] / 1000 / self.slo.threshold

    @property
    def _by_share(self) -> bool:
        return self.scaled and self._allowed is not None and self.slo.latency[0] in _SHARES

    @property
    def _allowed(self) -> float | None:
        _, statistic = self.slo.latency
        share = float(statistic[1:]) if statistic.startswith("p") else 100.0
        return 1 - share / 100 if share < 100 else None


def objectives_of(texts: tuple[str, ...]) -> tuple[SloObjective, ...]:
    """Return the objectives of SLOs, `violations == 0` always among them.

    Raises SloError for what is no SLO, and UsageError for one that more load does not come nearer to missing.
    """
    slos = [parse_slo(text) for text in texts]
    for slo in slos:
        if slo.operator in (">", ">="):
            raise UsageError(
                f"--slo: {slo} is no limit that more sessions come up against",
                hint="for capacity give limits from above, for example turn.p95 < 500ms",
            )
    always = [] if NO_VIOLATIONS in map(str, slos) else [parse_slo(NO_VIOLATIONS)]
    return tuple(SloObjective(slo) for slo in (*slos, *always))
