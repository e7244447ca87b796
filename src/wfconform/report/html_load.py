"""The load part of a run as a page tells it: figures, SLOs, charts, what the generator was like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wfconform.outcomes import LatencySummary, LoadOutcome, SloOutcome
from wfconform.report.charts import Chart, charts
from wfconform.report.load_console import ROWS, counts, health, milliseconds, quantity
from wfconform.report.text import plain
from wfconform.report.words import MET, MISSED, Word

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first cell of each row names it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class SloRow:
    """One SLO; ended: that it ended the run, and when."""

    expression: str
    word: Word
    actual: str
    ended: str


@dataclass(frozen=True, slots=True)
class LoadPage:
    """All that the template shows of a load run."""

    invalid: tuple[str, ...]
    headline: Pairs
    counts: tuple[str, ...]
    slos: tuple[SloRow, ...]
    latency: Grid
    violations: tuple[tuple[str, ...], ...]
    charts: tuple[Chart, ...]
    health: str
    workers: Grid | None
    configuration: Pairs
    stages: Grid


def load_page(load: LoadOutcome) -> LoadPage:
    """Return the load part as text, and its charts."""
    counted = {**load.violations, **load.warnings}
    violations = ((id, f"{count:,}", f"{load.exercised.get(id, 0):,}") for id, count in counted.items())
    return LoadPage(
        invalid=tuple(map(plain, load.invalid_reasons)),
        headline=_headline(load),
        counts=tuple(map(plain, counts(load))),
        slos=tuple(map(_slo, load.slo)),
        latency=_latency(load),
        violations=tuple(violations),
        charts=charts(load),
        health=plain(health(load)),
        workers=_workers(load.workers),
        configuration=_configuration(load.configuration),
        stages=_stages(load.configuration),
    )


def _headline(load: LoadOutcome) -> Pairs:
    turn = load.latency_ms.get("turn", LatencySummary())
    corrected = load.latency_ms.get("turn_corrected", LatencySummary())
    most = max((second.sessions_open for second in load.series), default=0)
    return (
        ("Sessions at once, at most", f"{most:,}"),
        ("Turns per second", "–" if load.turns_per_s is None else f"{load.turns_per_s:,.1f}"),
        ("p95 of a turn", milliseconds(turn.p95)),
        ("p99 of a turn", milliseconds(turn.p99)),
        ("p99, corrected", milliseconds(corrected.p99)),
        ("Violations", f"{sum(count for id, count in load.violations.items() if not id.startswith('LOD')):,}"),
        ("Lost sessions", f"{load.sessions.get('lost', 0):,}"),
    )


def _slo(slo: SloOutcome) -> SloRow:
    ended = "" if slo.missed_at_s is None else f"ended the run after {slo.missed_at_s:.0f} s"
    return SloRow(plain(slo.expression), MET if slo.met else MISSED, quantity(slo.actual, slo.unit), ended)


def _latency(load: LoadOutcome) -> Grid:
    found = [(name.strip(), load.latency_ms[key]) for key, name in ROWS.items() if key in load.latency_ms]
    rows = [
        (name, f"{one.count:,}", *(milliseconds(value) for value in (one.mean, one.p50, one.p95, one.p99, one.max)))
        for name, one in found
        if one.count
    ]
    return Grid(("Of a", "Count", "Mean", "p50", "p95", "p99", "Max"), tuple(rows))


def _workers(workers: Sequence[Mapping[str, object]]) -> Grid | None:
    columns = tuple(dict.fromkeys(key for worker in workers for key in worker))
    if not columns:
        return None
    rows = tuple(tuple(plain(str(worker.get(key, ""))) for key in columns) for worker in workers)
    return Grid(tuple(map(plain, columns)), rows)


def _configuration(configuration: Mapping[str, Any]) -> Pairs:
    told = {name: value for name, value in configuration.items() if name != "stages"}
    return tuple((plain(name.replace("_", " ")), plain(_said(value))) for name, value in told.items())


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _stages(configuration: Mapping[str, Any]) -> Grid:
    rows = [
        (
            plain(str(stage["name"])),
            plain(str(stage["phase"])),
            f"{stage['duration_s']:g} s",
            f"{stage['start']:g}" if stage["start"] == stage["end"] else f"{stage['start']:g} to {stage['end']:g}",
            "sessions at once" if stage["model"] == "closed" else "arrivals per second",
        )
        for stage in configuration.get("stages", ())
    ]
    return Grid(("Stage", "Phase", "Lasts", "Level", "Of"), tuple(rows))
