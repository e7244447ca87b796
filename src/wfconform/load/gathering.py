"""Gathers the Deltas of all processes: a Tick for each second, and the totals. Merging loses nothing."""

from collections import Counter
from collections.abc import Callable

from wfconform.load.measured import Measured, Tick, Violation, violations_in
from wfconform.load.tally import Cells, Delta, merged, percentile
from wfconform.load.totals import ENDED, OUTCOMES, RUNNING, Totals, Worker, add_counts
from wfconform.load.uniqueness import SeenIds

LATE_SECONDS = 5  # how long a second waits for the process that is behind
_ID_BYTES = 12


class Gathering:
    """All that the processes of a run have counted. write: takes each Tick once its second is complete."""

    def __init__(self, write: Callable[[Tick], None]) -> None:
        self._write = write
        self._seconds: dict[int, dict[str, list[Delta]]] = {}
        self._told = -1
        self._seen: SeenIds | None = None
        self.totals = Totals()
        self.series: list[Tick] = []

    def join(self, name: str) -> None:
        """Expect Deltas of a process."""
        self.totals.workers[name] = Worker(name)
        if len(self.totals.workers) > 1 and self._seen is None:
            self._seen = SeenIds()

    def lose(self, name: str) -> None:
        """A process is gone: what it told stays, what it did since is unknown."""
        self.totals.lose(name)
        self._advance()

    def end(self, name: str) -> None:
        """A process has told all."""
        worker = self.totals.workers[name]
        if worker.state == RUNNING:
            worker.state = ENDED
        self._advance()

    @property
    def running(self) -> list[str]:
        """The processes that have more to tell."""
        return self.totals.running

    def take(self, name: str, delta: Delta) -> None:
        """Add what a process counted."""
        self.totals.add(name, delta)
        self._unique(name, delta)
        self._seconds.setdefault(max(delta.second, self._told + 1), {}).setdefault(name, []).append(delta)
        self._advance()

    def _unique(self, name: str, delta: Delta) -> None:
        """RUN-002 over the sessions of all processes; one process alone has looked itself."""
        if self._seen is None:
            return
        ids = delta.run_ids
        for start in range(0, len(ids), _ID_BYTES):
            id = ids[start : start + _ID_BYTES]
            if self._seen.add(id) and not _told_of(delta, id.hex()):
                add_counts(self.totals.violations, {"RUN-002": 1})
                shown = f"{id.hex()!r} again, in a session of {name}"
                expected = "a run_id that no other session has"
                self.totals.keep(Violation("RUN-002", "", expected, shown, "$.run_id", id.hex(), float(delta.second)))

    # --- ticks

    def _advance(self) -> None:
        """Write the ticks of the seconds that every process has told of, or that have waited long enough."""
        live = self.running
        newest = max((worker.seconds for worker in self.totals.workers.values()), default=0)
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

    def measured(self, *, duration_s: float, interrupted: bool) -> Measured:
        """Return the whole run, at its end."""
        for second in sorted(self._seconds):
            self._tell(second, [delta for deltas in self._seconds.pop(second).values() for delta in deltas])
        return self.totals.measured(self.series, duration_s=duration_s, interrupted=interrupted)


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


def _told_of(delta: Delta, run_id: str) -> bool:
    return any(one.id == "RUN-002" and run_id in one.actual for one in delta.kept)
