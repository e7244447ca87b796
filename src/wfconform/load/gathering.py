"""Gathers the Deltas of all processes: a Tick for each second, and the Measured at the end. Merging loses nothing."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hdrh.histogram import HdrHistogram

from wfconform.load.measured import Health, Measured, Tick, Violation, violations_in
from wfconform.load.tally import VIOLATIONS_KEPT, Cells, Delta, add_cells, merged, percentile
from wfconform.load.uniqueness import SeenIds

LONGEST_US = 3_600_000_000
OUTCOMES = ("completed", "cancelled", "abandoned", "refused", "lost", "unfinished")
LATE_SECONDS = 5  # how long a second waits for the process that is behind
_ID_BYTES = 12
_ROWS = {"refused": "turn refused", "stop": "stop", "session": "session"}


@dataclass(slots=True)
class Worker:
    """One process, as far as it has told of itself."""

    name: str
    seconds: int = 0
    turns: int = 0
    sessions: int = 0
    gauges: Mapping[str, int] = field(default_factory=dict)
    state: str = "running"

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


class Gathering:
    """All that the processes of a run have counted. write: takes each Tick once its second is complete."""

    def __init__(self, write: Callable[[Tick], None]) -> None:
        self._write = write
        self._workers: dict[str, Worker] = {}
        self._seconds: dict[int, dict[str, list[Delta]]] = {}
        self._told = -1
        self._seen: SeenIds | None = None
        self.series: list[Tick] = []
        self._counts: Counter[str] = Counter()
        self._latency: defaultdict[str, Cells] = defaultdict(dict)
        self._corrected: defaultdict[str, Cells] = defaultdict(dict)
        self._delays: defaultdict[str, Cells] = defaultdict(dict)
        self._violations: Counter[str] = Counter()
        self._exercised: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._kept: list[Violation] = []
        self._notes: list[str] = []
        self._steady_s: defaultdict[str, float] = defaultdict(float)
        self._cpu_s: defaultdict[str, float] = defaultdict(float)

    def join(self, name: str) -> None:
        """Expect Deltas of a process."""
        self._workers[name] = Worker(name)
        if len(self._workers) > 1 and self._seen is None:
            self._seen = SeenIds()

    def lose(self, name: str) -> None:
        """A process is gone: what it told stays, what it did since is unknown."""
        self._workers[name].state = "lost"
        self._note(f"the process {name} was lost in second {self._workers[name].seconds}; its last numbers are missing")
        self._advance()

    def end(self, name: str) -> None:
        """A process has told all."""
        if self._workers[name].state == "running":
            self._workers[name].state = "ended"
        self._advance()

    @property
    def running(self) -> list[str]:
        """The processes that have more to tell."""
        return [worker.name for worker in self._workers.values() if worker.state == "running"]

    def take(self, name: str, delta: Delta) -> None:
        """Add what a process counted."""
        worker = self._workers[name]
        turns = sum(sum(cells.values()) for row, cells in delta.latency.items() if row.startswith("turn "))
        turns += delta.counts.pop("untimed turns", 0)
        delta.counts["turns"] = turns
        delta.counts["requests"] = delta.counts.get("requests", 0) + turns
        worker.seconds, worker.gauges = max(worker.seconds, delta.second), delta.gauges
        worker.turns += turns
        worker.sessions += delta.counts.get("started", 0)
        self._add(name, delta)
        self._unique(name, delta)
        self._seconds.setdefault(max(delta.second, self._told + 1), {}).setdefault(name, []).append(delta)
        self._advance()

    def _add(self, name: str, delta: Delta) -> None:
        self._counts.update(delta.counts)
        self._violations.update(delta.violations)
        self._exercised.update(delta.exercised)
        self._failures.update(delta.failures)
        for violation in delta.kept:
            self._keep(violation)
        for note in delta.notes:
            self._note(note)
        if delta.phase == "steady":
            self._steady_s[name] += delta.seconds
            self._counts["steady turns"] += delta.counts["turns"]
            self._cpu_s[name] += delta.cpu * delta.seconds
            for total, more in ((self._latency, delta.latency), (self._corrected, delta.corrected)):
                for row, cells in more.items():
                    add_cells(total[row], cells)
            for row, cells in delta.delays.items():
                add_cells(self._delays[row], cells)

    def _keep(self, violation: Violation) -> None:
        """Keep the first violations, and one of each requirement."""
        if len(self._kept) < VIOLATIONS_KEPT or all(one.id != violation.id for one in self._kept):
            self._kept.append(violation)

    def _unique(self, name: str, delta: Delta) -> None:
        """RUN-002 over the sessions of all processes; one process alone has looked itself."""
        if self._seen is None:
            return
        ids = delta.run_ids
        for start in range(0, len(ids), _ID_BYTES):
            id = ids[start : start + _ID_BYTES]
            if self._seen.add(id) and not _told_of(delta, id.hex()):
                self._violations["RUN-002"] += 1
                shown = f"{id.hex()!r} again, in a session of {name}"
                expected = "a run_id that no other session has"
                self._keep(Violation("RUN-002", "", expected, shown, "$.run_id", id.hex(), float(delta.second)))

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    # --- ticks

    def _advance(self) -> None:
        """Write the ticks of the seconds that every process has told of, or that have waited long enough."""
        live = self.running
        newest = max((worker.seconds for worker in self._workers.values()), default=0)
        for second in sorted(self._seconds):
            told = self._seconds[second]
            whole = all(any(delta.whole for delta in told.get(name, ())) for name in live)
            if not whole and newest - second < LATE_SECONDS:
                return
            self._told = second
            self._tell(second, [delta for deltas in self._seconds.pop(second).values() for delta in deltas])

    def _tell(self, second: int, deltas: list[Delta]) -> None:
        tick = _tick(second, deltas)
        self.series.append(tick)
        self._write(tick)

    # --- the end

    def measured(self, *, duration_s: float, interrupted: bool) -> Measured:
        """Return the whole run."""
        for second in sorted(self._seconds):
            self._tell(second, [delta for deltas in self._seconds.pop(second).values() for delta in deltas])
        counts = self._counts
        return Measured(
            duration_s=round(duration_s, 3),
            steady_s=round(max(self._steady_s.values(), default=0.0), 3),
            sessions={"started": counts["started"], **{name: counts[name] for name in OUTCOMES}},
            turns=counts["turns"],
            stops=counts["stops"],
            refused=counts["refused calls"],
            failed=counts["failed"],
            violations=dict(self._violations),
            exercised=dict(self._exercised),
            latency={row: encoded(cells) for row, cells in by_step(self._latency).items()},
            corrected={row: encoded(cells) for row, cells in by_step(self._corrected).items()},
            by_turn={
                row.removeprefix("turn "): encoded(cells)
                for row, cells in sorted(self._latency.items(), key=lambda one: _number(one[0]))
                if row.startswith("turn ")
            },
            health=self._health(),
            steady_turns=counts["steady turns"],
            first_violations=tuple(self._kept),
            series=tuple(self.series),
            workers=tuple(worker.as_row() for worker in self._workers.values()),
            failures=dict(self._failures),
            left_open=self._gauge("left open"),
            interrupted=interrupted,
            notes=tuple(self._notes),
            requests=counts["requests"],
        )

    def _gauge(self, name: str) -> int:
        return sum(worker.gauges.get(name, 0) for worker in self._workers.values())

    def _health(self) -> Health:
        limits = [worker.gauges.get("open files limit", 0) for worker in self._workers.values()]
        shares = [self._cpu_s[name] / steady_s for name, steady_s in self._steady_s.items() if steady_s]
        return Health(
            loop_lag_p99_us=percentile(self._delays["loop lag"], 0.99),
            schedule_delay_p99_us=percentile(self._delays["schedule"], 0.99),
            cpu=round(max(shares, default=0.0), 4),
            connections_opened=self._gauge("connections opened"),
            connections_reused=self._gauge("connections reused"),
            open_files=max((worker.gauges.get("open files", 0) for worker in self._workers.values()), default=0),
            open_files_limit=min(limits, default=0),
            late_starts=self._counts["late"],
            requested_sessions=self._counts["requested"],
            achieved_sessions=self._counts["requested"] - self._counts["dropped"],
        )


def _tick(second: int, deltas: list[Delta]) -> Tick:
    counts: Counter[str] = Counter()
    for delta in deltas:
        counts.update(delta.counts)
    shown = [delta for delta in deltas if delta.whole] or deltas
    cells = merged(cells for delta in deltas for row, cells in delta.latency.items() if row.startswith("turn "))
    return Tick(
        second=second,
        stage=shown[-1].stage,
        phase=shown[-1].phase,
        sessions_open=sum(delta.gauges.get("open", 0) for delta in shown),
        sessions_started=counts["started"],
        sessions_ended=sum(counts[name] for name in OUTCOMES),
        turns=counts["turns"],
        stops=counts["stops"],
        refused=counts["refused calls"],
        failed=counts["failed"],
        violations=sum(violations_in(delta.violations) for delta in deltas),
        wanted=round(sum(delta.wanted for delta in shown), 3),
        late_starts=counts["late"],
        turn_us=_percentiles(cells) if cells else None,
        loop_lag_us=max((delta.loop_lag_us for delta in deltas), default=0),
        cpu=max((delta.cpu for delta in shown), default=0.0),
    )


def _percentiles(cells: Cells) -> tuple[int, int, int, int]:
    return percentile(cells, 0.5), percentile(cells, 0.95), percentile(cells, 0.99), max(cells)


def by_step(rows: Mapping[str, Cells]) -> dict[str, Cells]:
    """Return histograms by the rows of every figure: turns are first or next."""
    steps: dict[str, Cells] = {}
    for row, cells in rows.items():
        name = _ROWS.get(row) or ("turn first" if _number(row) == 1 else "turn next")
        add_cells(steps.setdefault(name, {}), cells)
    return steps


def _number(row: str) -> int:
    return int(row.removeprefix("turn ")) if row.startswith("turn ") else 0


def _told_of(delta: Delta, run_id: str) -> bool:
    return any(one.id == "RUN-002" and run_id in one.actual for one in delta.kept)


def encoded(cells: Mapping[int, int]) -> str:
    """Return a histogram in HdrHistogram's own base64 form: 1 us to 1 h, three significant digits."""
    histogram = HdrHistogram(1, LONGEST_US, 3)
    for us, count in cells.items():
        histogram.record_value(min(max(1, us), LONGEST_US), count)
    text: bytes = histogram.encode()
    return text.decode("ascii")
