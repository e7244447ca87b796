"""Tells on stderr how a load run goes: a live table on a terminal, a line every few seconds elsewhere."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from wfconform.load.measured import Tick
from wfconform.load.plan import Plan
from wfconform.report.text import plain

LINE_EVERY_S = 5
_ROWS = 8
_COLUMNS = ("s", "stage", "sessions", "turns/s", "p50", "p95", "p99", "refused", "violations")


class Watcher(Protocol):
    """Told of each second, and of what happens to the run."""

    def tick(self, tick: Tick) -> None:
        """One more second."""

    def say(self, text: str) -> None:
        """Something that the user should know now."""


class _Silent:
    """Tells nothing."""

    def tick(self, tick: Tick) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


class _Lines:
    """A line every few seconds, and one for each message."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._console, self._plan = console, plan
        self._pending: list[Tick] = []

    def tick(self, tick: Tick) -> None:
        """Print a line when enough seconds have come together, or the stage changes."""
        if self._pending and (self._pending[-1].stage != tick.stage or len(self._pending) >= LINE_EVERY_S):
            self._flush()
        self._pending.append(tick)

    def say(self, text: str) -> None:
        """Print it."""
        self._console.print(Text(plain(text)), soft_wrap=True)

    def _flush(self) -> None:
        last, span = self._pending[-1], len(self._pending)
        turns, refused, violations = (
            sum(getattr(tick, name) for tick in self._pending) for name in ("turns", "refused", "violations")
        )
        worst = [tick.turn_us for tick in self._pending if tick.turn_us is not None]
        latency = ", ".join(
            f"{name} {_milliseconds(max(each[place] for each in worst))}"
            for place, name in enumerate(("p50", "p95", "p99"))
            if worst
        )
        parts = [f"{last.sessions_open} sessions", f"{turns / span:.1f} turns/s", latency or "no turn answered"]
        parts += [f"{refused} refused"] * bool(refused) + [f"{violations} VIOLATIONS"] * bool(violations)
        self._console.print(Text(f"{last.second + 1:>5} s {plain(last.stage)}: {', '.join(parts)}"), soft_wrap=True)
        self._pending.clear()


class _Table:
    """A table of the last seconds, with the totals above it."""

    def __init__(self, live: Live, plan: Plan) -> None:
        self._live, self._plan = live, plan
        self._recent: deque[Tick] = deque(maxlen=_ROWS)
        self._totals = dict.fromkeys(("turns", "refused", "violations"), 0)

    def tick(self, tick: Tick) -> None:
        """Redraw."""
        self._recent.append(tick)
        for name in self._totals:
            self._totals[name] += getattr(tick, name)
        self._live.update(Group(self._head(tick), self._table()), refresh=True)

    def say(self, text: str) -> None:
        """Print it above the table."""
        self._live.console.print(Text(plain(text), style="bold yellow"), soft_wrap=True)

    def _head(self, tick: Tick) -> Text:
        left_s = self._plan.duration_s - tick.second - 1
        time_left = f"{_clock(left_s)} left" if left_s > 0 else "waiting for open sessions to end"
        totals = f"{self._totals['turns']:,} turns, {self._totals['refused']:,} refused"
        head = Text(f"{plain(tick.stage)} ({tick.phase}), {time_left}: {totals}, ", style="bold")
        violations = self._totals["violations"]
        return head.append(f"{violations:,} violations", style="bold red" if violations else "bold green")

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in _COLUMNS:
            table.add_column(name, justify="left" if name == "stage" else "right", no_wrap=True, header_style="dim")
        for tick in self._recent:
            table.add_row(*_row(tick), style="red" if tick.violations else None)
        return table


@contextmanager
def watching(console: Console, plan: Plan, *, quiet: bool) -> Iterator[Watcher]:
    """Yield who is told: nobody when quiet, a table on a terminal, else plain lines."""
    if quiet:
        yield _Silent()
    elif not console.is_terminal:
        yield _Lines(console, plan)
    else:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield _Table(live, plan)


def _row(tick: Tick) -> tuple[str, ...]:
    latency = ("", "", "") if tick.turn_us is None else tuple(map(_milliseconds, tick.turn_us[:3]))
    stage = plain(tick.stage)[:12]
    return (
        str(tick.second + 1),
        stage,
        str(tick.sessions_open),
        str(tick.turns),
        *latency,
        str(tick.refused),
        str(tick.violations),
    )


def _milliseconds(us: int) -> str:
    value = us / 1000
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
