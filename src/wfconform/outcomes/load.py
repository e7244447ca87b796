"""The load part of a run: what it did to the target, what that showed, whether the figures can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """What one histogram says, in milliseconds; all None when `count` is 0."""

    count: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class SloOutcome:
    """One SLO. actual: None without samples, which is never met; unit: of `actual`; missed_at_s: when it ended the run.

    threshold: in the same unit as `actual`.
    """

    expression: str
    metric: str
    unit: str
    threshold: float
    actual: float | None
    met: bool
    missed_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the run: counts of what ended in it, latencies in milliseconds (None: no turn ended in it).

    wanted: the level asked for (sessions at once, or arrivals per second); cpu: of the busiest generating process, 1 is
    a whole core.
    """

    second: int
    stage: str
    phase: str
    sessions_open: int
    sessions_started: int
    sessions_ended: int
    turns: int
    stops: int
    refused: int
    failed: int
    violations: int
    wanted: float
    late_starts: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    loop_lag_ms: float
    cpu: float


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """A load run. Counts are of the whole run, latencies and turns_per_s of its steady stages only.

    sessions: started, and how they ended (completed, cancelled, abandoned, unfinished, refused, lost) to numbers;
    violations (of MUSTs), warnings (of SHOULDs), exercised: by requirement ID; latency_ms: `turn` (first and next
    together), `turn_corrected`, `turn_first`, `turn_next`, `turn_refused`, `stop`, `session`; by_turn: turn index to
    its latency; histograms: the HdrHistograms behind all of them, base64, microseconds; spectrum: (share in percent,
    milliseconds) points of `turn` and `turn_corrected`; health: of the generator; workers: one row for each of its
    processes.
    """

    profile: str
    model: str
    configuration: Mapping[str, object]
    duration_s: float
    steady_s: float
    turns: int
    steady_turns: int
    stops: int
    refused: int
    failed: int
    sessions: Mapping[str, int]
    violations: Mapping[str, int]
    warnings: Mapping[str, int]
    exercised: Mapping[str, int]
    latency_ms: Mapping[str, LatencySummary]
    turns_per_s: float | None
    valid: bool
    invalid_reasons: tuple[str, ...] = ()
    slo: tuple[SloOutcome, ...] = ()
    series: tuple[Second, ...] = ()
    by_turn: Mapping[str, LatencySummary] = field(default_factory=dict)
    spectrum: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    histograms: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    health: Mapping[str, float] = field(default_factory=dict)
    workers: tuple[Mapping[str, object], ...] = ()
    left_open: int = 0

    @property
    def slo_missed(self) -> tuple[SloOutcome, ...]:
        """The SLOs that were not met."""
        return tuple(slo for slo in self.slo if not slo.met)
