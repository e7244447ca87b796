"""What a load run measured, as values: one Tick per second while it runs, one Measured at its end.

The process that makes the load writes them as JSON lines; the parent reads them. Times are seconds since the load
began on a monotonic clock unless a name says otherwise; latencies are whole microseconds in HdrHistograms (1 us to
1 h, three significant digits), carried in the histogram's own base64 form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wfconform.requirements import by_level

STEPS = ("turn first", "turn next", "turn refused", "stop", "session")
"""The rows of every figure; turns and sessions are never mixed."""


def violations_in(counts: Mapping[str, int]) -> int:
    """Return how often MUSTs were violated: a SHOULD is a warning, and sessions that are lost are counted apart."""
    return sum(count for id, count in by_level(counts)[0].items() if not id.startswith("LOD"))


@dataclass(frozen=True, slots=True)
class Tick:
    """One second. turn_us: p50, p95, p99 and max of the turns that ended in it, None when none did."""

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
    turn_us: tuple[int, int, int, int] | None = None
    loop_lag_us: int = 0
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Violation:
    """One of the first violations, kept whole; turns: rows of (request, status, response body), texts cut.

    predicate: what the reproducer ends with, as JSON values; `race` there: what it shows depends on timing.
    """

    id: str
    scenario: str
    expected: str
    actual: str
    path: str
    run_id: str
    at_s: float
    turns: tuple[Mapping[str, object], ...] = ()
    reproducer: str | None = None
    predicate: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How well the generator itself did: what makes a run invalid when it is bad. cpu: of its busiest process."""

    loop_lag_p99_us: int = 0
    schedule_delay_p99_us: int = 0
    cpu: float = 0.0
    connections_opened: int = 0
    connections_reused: int = 0
    open_files: int = 0
    open_files_limit: int = 0
    late_starts: int = 0
    requested_sessions: int = 0
    achieved_sessions: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """A whole run; latency: step to histogram, of steady stages only; corrected: turns from their intended start.

    sessions: started, completed, cancelled, abandoned, refused, lost, unfinished (the run's end came first) to numbers:
    the first is the sum of the others; violations, exercised: by requirement ID; by_turn: turn index to histogram;
    workers: one row for each process, with its state (`ended`, `lost`); requests: all that were sent, of any kind;
    failure: why the generator itself ended the run early.
    """

    duration_s: float
    steady_s: float
    sessions: Mapping[str, int]
    turns: int
    stops: int
    refused: int
    failed: int
    violations: Mapping[str, int]
    exercised: Mapping[str, int]
    latency: Mapping[str, str]
    corrected: Mapping[str, str]
    by_turn: Mapping[str, str]
    health: Health
    steady_turns: int = 0
    first_violations: tuple[Violation, ...] = ()
    series: tuple[Tick, ...] = ()
    workers: tuple[Mapping[str, object], ...] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    left_open: int = 0
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    requests: int = 0
    failure: str = ""
