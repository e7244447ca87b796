"""What one process counts: plain dictionaries on the hot path, handed on as a Delta once a second.

Latencies are whole microseconds in the cells of an HdrHistogram of three significant digits (1 us wide up to 2,047 us),
so that nothing is lost when they are merged, sent to a master and recorded at the end.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wfconform.load.measured import Violation

Cells = dict[int, int]
VIOLATIONS_KEPT = 20
RUN_IDS_AT_ONCE = 100_000
_EXACT = 2048
_DIGITS = 11
LAST_TURN = 64  # turns beyond it are counted with it in the figures by turn


def cell(us: int) -> int:
    """Return the lowest value of the histogram cell that a latency falls into."""
    if us < _EXACT:
        return us
    shift = us.bit_length() - _DIGITS
    return us >> shift << shift


def add_cells(total: Cells, more: Mapping[int, int]) -> None:
    """Add counts to others."""
    for us, count in more.items():
        total[us] = total.get(us, 0) + count


def percentile(cells: Mapping[int, int], share: float) -> int:
    """Return the value that a share of the counts lies at or below; 0 where there is none."""
    wanted = share * sum(cells.values())
    reached = 0
    for us in sorted(cells):
        reached += cells[us]
        if reached >= wanted:
            return us
    return 0


@dataclass(slots=True)
class Delta:
    """What was counted since the last one; all of it adds up. Rows: `turn 1`, `turn 2` …, `refused`, `stop`, `session`.

    whole: the second is over; wanted: the level of the plan (sessions, or arrivals a second) that fell to this
    process; gauges: values of this moment that add up over processes; run_ids: of the sessions that were opened,
    12 bytes each, for the check that no other process has them.
    """

    second: int
    stage: str
    phase: str
    whole: bool = True
    seconds: float = 1.0
    wanted: float = 0.0
    gauges: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    latency: dict[str, Cells] = field(default_factory=dict)
    corrected: dict[str, Cells] = field(default_factory=dict)
    delays: dict[str, Cells] = field(default_factory=dict)
    violations: dict[str, int] = field(default_factory=dict)
    exercised: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    kept: tuple[Violation, ...] = ()
    run_ids: bytes = b""
    cpu: float = 0.0
    loop_lag_us: int = 0
    notes: tuple[str, ...] = ()


class Tally:
    """Counts of one process since the last Delta.

    times_slow: latencies of turns on the role slow are kept, too; else they are counted alone, for what they measure is
    how long the test workflow sleeps.
    """

    def __init__(self, ids_of: Any) -> None:
        self._ids_of = ids_of
        self.times_slow = False
        self._medians: dict[int, int] = {}
        self._served: list[Cells] = [{} for _ in range(LAST_TURN + 1)]  # of the whole run: a stall must not move it
        self.kept = 0
        self.kept_ids: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self.counts: Counter[str] = Counter()
        self.turn_cells: list[Cells] = [{} for _ in range(LAST_TURN + 1)]
        self.corrected_cells: list[Cells] = [{} for _ in range(LAST_TURN + 1)]
        self.rows: dict[str, Cells] = {"refused": {}, "stop": {}, "session": {}}
        self.delays: dict[str, Cells] = {"loop lag": {}, "schedule": {}}
        self.violations: Counter[str] = Counter()
        self.exercised: Counter[str] = Counter()
        self.bits: defaultdict[int, int] = defaultdict(int)
        self.failures: Counter[str] = Counter()
        self.first: list[Violation] = []
        self.opened: list[bytes] = []
        self.notes: list[str] = []

    def turn(self, number: int, us: int, corrected_us: int) -> None:
        """Count an executed turn by its number."""
        index = min(LAST_TURN, number)
        if us >= _EXACT:
            us = cell(us)
        cells = self.turn_cells[index]
        cells[us] = cells.get(us, 0) + 1
        if corrected_us >= _EXACT:
            corrected_us = cell(corrected_us)
        cells = self.corrected_cells[index]
        cells[corrected_us] = cells.get(corrected_us, 0) + 1

    def untimed_turn(self) -> None:
        """Count an executed turn whose latency says nothing of the target."""
        self.counts["untimed turns"] += 1

    def row(self, name: str, us: int) -> None:
        """Count a refused turn, a stop or a session."""
        cells, us = self.rows[name], cell(us)
        cells[us] = cells.get(us, 0) + 1

    def delay(self, name: str, us: int) -> None:
        """Count how late the generator itself was."""
        cells, us = self.delays[name], cell(us)
        cells[us] = cells.get(us, 0) + 1

    def median_ns(self, number: int) -> int:
        """Return the median service time of turns of that number, up to the last second."""
        return self._medians.get(min(LAST_TURN, number), 0)

    def note(self, text: str) -> None:
        """Keep a remark on the run, once."""
        if text not in self.notes:
            self.notes.append(text)

    def cut(self, delta: Delta) -> Delta:
        """Fill a Delta with what was counted, and begin anew."""
        for index, cells in enumerate(self.turn_cells):
            if cells:
                delta.latency[f"turn {index}"] = cells
                delta.corrected[f"turn {index}"] = self.corrected_cells[index]
                add_cells(self._served[index], cells)
                self._medians[index] = percentile(self._served[index], 0.5) * 1000
        delta.latency.update({name: cells for name, cells in self.rows.items() if cells})
        delta.delays = {name: cells for name, cells in self.delays.items() if cells}
        for bits, count in self.bits.items():
            for id in self._ids_of(bits):
                self.exercised[id] += count
        delta.counts, delta.violations = dict(self.counts), dict(self.violations)
        delta.exercised, delta.failures = dict(self.exercised), dict(self.failures)
        delta.kept, delta.run_ids = tuple(self.first), b"".join(self.opened)
        delta.loop_lag_us = max(self.delays["loop lag"], default=0)
        delta.notes = tuple(self.notes)
        self._begin()
        return delta


def merged(many: Iterable[Mapping[int, int]]) -> Cells:
    """Return the sum of several histograms."""
    total: Cells = {}
    for cells in many:
        add_cells(total, cells)
    return total
