"""The load part of a run on a console: what was done, the figures, the SLOs, whether it can be trusted."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wfconform.outcomes import LatencySummary, LoadOutcome, SloOutcome
from wfconform.report.text import plain

ROWS = {
    "turn": "turn",
    "turn_corrected": "turn, corrected",
    "turn_first": "  first turn",
    "turn_next": "  next turns",
    "turn_refused": "turn refused",
    "stop": "stop",
    "session": "session",
}
"""The latencies of a run and how they are called."""
SESSION_ENDS = ("completed", "cancelled", "abandoned", "refused", "lost")


def show_load(load: LoadOutcome, console: Console) -> None:
    """Print the load part: counts, latencies, SLOs, and why the run is not valid."""
    console.print()
    for line in counts(load):
        console.print(Text(line))
    console.print()
    console.print(_latencies(load))
    if load.slo:
        console.print()
        console.print(_slos(load.slo, console))
    console.print()
    console.print(Text(health(load), style="dim"))
    for reason in load.invalid_reasons:
        console.print(Text(f"not valid: {plain(reason)}", style="bold red"))


def counts(load: LoadOutcome) -> Iterator[str]:
    """Yield what was done, a line each."""
    sessions = load.sessions
    ends = ", ".join(f"{sessions[end]:,} {end}" for end in SESSION_ENDS if sessions.get(end))
    yield f"sessions {sessions.get('started', 0):,} started{f': {ends}' if ends else ''}"
    rate = f", {load.turns_per_s:,.1f} turns/s in {load.steady_s:.0f} s of steady stages" if load.turns_per_s else ""
    yield f"calls    {load.turns:,} turns, {load.stops:,} stops, {load.refused:,} refused, {load.failed:,} failed{rate}"
    if load.failures:
        yield f"failures {', '.join(f'{plain(cause)} ({count:,})' for cause, count in load.failures.items())}"


def health(load: LoadOutcome) -> str:
    """Return the generator's state in a line."""
    of = load.health
    reused, opened = int(of.get("connections_reused", 0)), int(of.get("connections_opened", 0))
    parts = [
        f"loop lag p99 {of.get('loop_lag_p99_ms', 0):.1f} ms",
        f"schedule delay p99 {of.get('schedule_delay_p99_ms', 0):.1f} ms",
        f"CPU {of.get('cpu', 0):.0%} of a core",
        f"{opened:,} connections opened, {reused:,} times reused",
    ]
    return f"generator: {', '.join(parts)}"


def milliseconds(value: float | None) -> str:
    """Return a latency with three digits or so; nothing when there was none."""
    if value is None:
        return "–"
    if value >= 60_000:
        return f"{value / 1000:,.0f} s"
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def quantity(value: float | None, unit: str) -> str:
    """Return a figure of an SLO with its unit."""
    if value is None:
        return "no samples"
    if unit == "ms":
        return milliseconds(value)
    space = "" if unit in ("", "/s") else " "
    return f"{value:,.2f}".rstrip("0").rstrip(".") + space + unit


def _latencies(load: LoadOutcome) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("latency", no_wrap=True)
    for name in ("count", "p50", "p95", "p99", "max"):
        table.add_column(name, justify="right", no_wrap=True)
    for key, name in ROWS.items():
        found = load.latency_ms.get(key, LatencySummary())
        if found.count:
            values = (milliseconds(value) for value in (found.p50, found.p95, found.p99, found.max))
            table.add_row(name, f"{found.count:,}", *values)
    return table


def _slos(slos: tuple[SloOutcome, ...], console: Console) -> Table:
    unicode = console.encoding.lower().startswith("utf")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for slo in slos:
        sign = ("✓" if slo.met else "✗") if unicode else ("+" if slo.met else "x")
        word = Text(f"{sign} {'met' if slo.met else 'MISSED'}", style="green" if slo.met else "bold red")
        ended = f", ended the run after {slo.missed_at_s:.0f} s" if slo.missed_at_s is not None else ""
        table.add_row(word, Text(plain(slo.expression)), Text(f"{quantity(slo.actual, slo.unit)}{ended}"))
    return table
