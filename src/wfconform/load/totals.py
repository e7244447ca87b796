"""What all processes of a load run have counted, added up: it makes the result, and can be written down midway."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hdrh.histogram import HdrHistogram

from wfconform.load.measured import Health, Measured, Tick, Violation
from wfconform.load.tally import VIOLATIONS_KEPT, Cells, Delta, add_cells, percentile

LONGEST_US = 3_600_000_000
OUTCOMES = ("completed", "cancelled", "abandoned", "refused", "lost", "unfinished")
RUNNING, ENDED, LOST = "running", "ended", "lost"
_ROWS = {"refused": "turn refused", "stop": "stop", "session": "session"}


@dataclass(slots=True)
class Worker:
    """One process, as far as it has told of itself."""

    name: str
    seconds: int = 0
    turns: int = 0
    sessions: int = 0
    gauges: dict[str, int] = field(default_factory=dict)
    state: str = RUNNING

    def as_row(self) -> dict[str, object]:
        """Return its row in the result; `through_s`: the second up to which its numbers are there."""
        return {
            "name": self.name,
            "state": self.state,
            "turns": self.turns,
            "sessions": self.sessions,
            "through_s": self.seconds,
            "connections_opened": self.gauges.get("connections opened", 0),
        }


@dataclass(slots=True)
class Totals:
    """Counts of a whole run; latency, corrected and delays are of its steady stages, steady_s and cpu_s by process.

    second: the last one of the series when they were written down.
    """

    workers: dict[str, Worker] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    latency: dict[str, Cells] = field(default_factory=dict)
    corrected: dict[str, Cells] = field(default_factory=dict)
    delays: dict[str, Cells] = field(default_factory=dict)
    violations: dict[str, int] = field(default_factory=dict)
    exercised: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    kept: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steady_s: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    second: int = -1

    def add(self, name: str, delta: Delta) -> None:
        """Add what a process counted."""
        turns = sum(sum(cells.values()) for row, cells in delta.latency.items() if row.startswith("turn "))
        turns += delta.counts.pop("untimed turns", 0)
        delta.counts["turns"] = turns
        delta.counts["requests"] = delta.counts.get("requests", 0) + turns
        worker = self.workers[name]
        worker.seconds, worker.gauges = max(worker.seconds, delta.second), delta.gauges
        worker.turns += turns
        worker.sessions += delta.counts.get("started", 0)
        for total, more in (
            (self.counts, delta.counts),
            (self.violations, delta.violations),
            (self.exercised, delta.exercised),
            (self.failures, delta.failures),
        ):
            add_counts(total, more)
        for violation in delta.kept:
            self.keep(violation)
        for note in delta.notes:
            self.note(note)
        if delta.phase == "steady":
            self._add_figures(name, delta)

    def _add_figures(self, name: str, delta: Delta) -> None:
        self.steady_s[name] = self.steady_s.get(name, 0.0) + delta.seconds
        self.cpu_s[name] = self.cpu_s.get(name, 0.0) + delta.cpu * delta.seconds
        add_counts(self.counts, {"steady turns": delta.counts["turns"]})
        for total, more in (
            (self.latency, delta.latency),
            (self.corrected, delta.corrected),
            (self.delays, delta.delays),
        ):
            for row, cells in more.items():
                add_cells(total.setdefault(row, {}), cells)

    def keep(self, violation: Violation) -> None:
        """Keep the first violations, and one of each requirement."""
        if len(self.kept) < VIOLATIONS_KEPT or all(one.id != violation.id for one in self.kept):
            self.kept.append(violation)

    def note(self, text: str) -> None:
        """Keep a remark, once."""
        if text not in self.notes:
            self.notes.append(text)

    def lose(self, name: str) -> None:
        """A process is gone: what it told stays, what it did since is unknown."""
        self.workers[name].state = LOST
        self.note(f"the process {name} was lost in second {self.workers[name].seconds}; its last numbers are missing")

    @property
    def running(self) -> list[str]:
        """The processes that have more to tell."""
        return [worker.name for worker in self.workers.values() if worker.state == RUNNING]

    # --- the result

    def measured(self, series: Sequence[Tick], *, duration_s: float, interrupted: bool) -> Measured:
        """Return the whole run."""
        counts = Counter(self.counts)
        return Measured(
            duration_s=round(duration_s, 3),
            steady_s=round(max(self.steady_s.values(), default=0.0), 3),
            sessions={"started": counts["started"], **{name: counts[name] for name in OUTCOMES}},
            turns=counts["turns"],
            stops=counts["stops"],
            refused=counts["refused calls"],
            failed=counts["failed"],
            violations=dict(self.violations),
            exercised=dict(self.exercised),
            latency={row: encoded(cells) for row, cells in by_step(self.latency).items()},
            corrected={row: encoded(cells) for row, cells in by_step(self.corrected).items()},
            by_turn={
                row.removeprefix("turn "): encoded(cells)
                for row, cells in sorted(self.latency.items(), key=lambda one: _number(one[0]))
                if row.startswith("turn ")
            },
            health=self._health(),
            steady_turns=counts["steady turns"],
            first_violations=tuple(self.kept),
            series=tuple(series),
            workers=tuple(worker.as_row() for worker in self.workers.values()),
            failures=dict(self.failures),
            left_open=self._gauge("left open"),
            interrupted=interrupted,
            notes=tuple(self.notes),
            requests=counts["requests"],
        )

    def _gauge(self, name: str) -> int:
        return sum(worker.gauges.get(name, 0) for worker in self.workers.values())

    def _health(self) -> Health:
        counts, gauges = Counter(self.counts), [worker.gauges for worker in self.workers.values()]
        shares = [self.cpu_s.get(name, 0.0) / steady_s for name, steady_s in self.steady_s.items() if steady_s]
        return Health(
            loop_lag_p99_us=percentile(self.delays.get("loop lag", {}), 0.99),
            schedule_delay_p99_us=percentile(self.delays.get("schedule", {}), 0.99),
            cpu=round(max(shares, default=0.0), 4),
            connections_opened=self._gauge("connections opened"),
            connections_reused=self._gauge("connections reused"),
            open_files=max((one.get("open files", 0) for one in gauges), default=0),
            open_files_limit=min((one.get("open files limit", 0) for one in gauges), default=0),
            late_starts=counts["late"],
            requested_sessions=counts["requested"],
            achieved_sessions=counts["requested"] - counts["dropped"],
        )


def add_counts(total: dict[str, int], more: Mapping[str, int]) -> None:
    """Add counts to others."""
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


def by_step(rows: Mapping[str, Cells]) -> dict[str, Cells]:
    """Return histograms by the rows of every figure: turns are first or next."""
    steps: dict[str, Cells] = {}
    for row, cells in rows.items():
        name = _ROWS.get(row) or ("turn first" if _number(row) == 1 else "turn next")
        add_cells(steps.setdefault(name, {}), cells)
    return steps


def _number(row: str) -> int:
    return int(row.removeprefix("turn ")) if row.startswith("turn ") else 0


def encoded(cells: Mapping[int, int]) -> str:
    """Return a histogram in HdrHistogram's own base64 form: 1 us to 1 h, three significant digits."""
    histogram = HdrHistogram(1, LONGEST_US, 3)
    for us, count in cells.items():
        histogram.record_value(min(max(1, us), LONGEST_US), count)
    text: bytes = histogram.encode()
    return text.decode("ascii")
