"""The figures of a load run as CSV: a row for each second, and a second table of totals, latencies and SLOs.

Cells that a spreadsheet would take for a formula begin with an apostrophe.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import fields
from io import StringIO

from wfconform.outcomes import LatencySummary, LoadOutcome, Run, Second
from wfconform.report.text import plain

SECOND_COLUMNS = tuple(field.name for field in fields(Second))
FIGURE_COLUMNS = ("kind", "name", "statistic", "value", "unit")
_FORMULA = ("=", "+", "-", "@", "\t")


def render(run: Run) -> str:
    """Return a row for each second of the run; the header alone when it was no load run."""
    series = run.load.series if run.load else ()
    return _table(SECOND_COLUMNS, ([getattr(second, name) for name in SECOND_COLUMNS] for second in series))


def render_figures(run: Run) -> str:
    """Return a row for each figure: counts, latencies, latency by turn index, SLOs, the generator's health."""
    return _table(FIGURE_COLUMNS, _figures(run.load) if run.load else ())


def _figures(load: LoadOutcome) -> Iterable[Sequence[object]]:
    counts = {"turns": load.turns, "stops": load.stops, "refused": load.refused, "failed": load.failed}
    yield from (("count", name, "", value, "") for name, value in counts.items())
    yield from (("sessions", name, "", value, "") for name, value in load.sessions.items())
    yield from (("violations", id, "", value, "") for id, value in load.violations.items())
    yield from (("warnings", id, "", value, "") for id, value in load.warnings.items())
    yield ("rate", "turns", "mean", load.turns_per_s, "/s")
    for name, found in load.latency_ms.items():
        yield from _latency("latency", name, found)
    for turn, found in load.by_turn.items():
        yield from _latency("latency by turn", turn, found)
    for slo in load.slo:
        yield ("slo", slo.expression, "met" if slo.met else "missed", slo.actual, slo.unit)
    yield from (("generator", name, "", value, "") for name, value in load.health.items())
    yield ("run", "valid", "", str(load.valid).lower(), "")
    yield from (("run", "invalid", "", reason, "") for reason in load.invalid_reasons)


def _latency(kind: str, name: str, found: LatencySummary) -> Iterable[Sequence[object]]:
    for statistic in ("count", "p50", "p95", "p99", "max", "mean"):
        yield (kind, name, statistic, getattr(found, statistic), "" if statistic == "count" else "ms")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return "" if value is None else value
    shown = plain(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
