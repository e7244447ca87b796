"""The knee as a picture: throughput and latency over sessions, the fitted law, the interval, the limit."""

from typing import TYPE_CHECKING

from wfconform.outcomes.capacity import Capacity, CapacityStep
from wfconform.report import charts
from wfconform.report.capacity import COLUMNS, row, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


def capacity_chart(capacity: Capacity) -> charts.Chart:
    """Return the chart of a capacity run: throughput above, latency below, both over the level."""
    shown = sorted((step for step in capacity.steps if not step.unfit), key=lambda step: step.level)
    limits = [limit for slo in capacity.slo if (limit := limit_ms(slo.expression)) is not None]

    def draw(axes: "Sequence[Axes]") -> None:
        _throughput(axes[0], capacity, shown)
        _latency(axes[1], capacity, shown, limits)
        axes[1].set_xlabel(capacity.unit)

    return charts.Chart(
        id="capacity",
        title="Throughput and latency by level",
        description=sentence(capacity),
        svg=charts.drawn("capacity", draw, panels=2) if shown else "",
        columns=(capacity.unit, *COLUMNS[1:]),
        rows=tuple(row(step) for step in sorted(capacity.steps, key=lambda step: step.level)),
    )


def _throughput(axes: "Axes", capacity: Capacity, steps: "Sequence[CapacityStep]") -> None:
    levels, rates = [step.level for step in steps], [step.turns_per_s for step in steps]
    errors = [step.turns_per_s_error for step in steps]
    axes.errorbar(levels, rates, yerr=errors, fmt="o", markersize=4, color=charts.SERIES[0], label="measured")
    if capacity.model.curve:
        curve = zip(*capacity.model.curve, strict=True)
        axes.plot(*curve, color=charts.SERIES[1], label=f"fit: {capacity.model.best}")
    if capacity.saturation_turns_per_s is not None:
        axes.axhline(
            capacity.saturation_turns_per_s, color=charts.SERIES[2], linestyle=(0, (1.5, 1.5)), label="saturation"
        )
    _interval(axes, capacity)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("turns/s")


def _latency(axes: "Axes", capacity: Capacity, steps: "Sequence[CapacityStep]", limits: list[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    levels = [step.level for step in steps]
    for index, name in enumerate(("p50", "p95", "p99")):
        values = [step.turn_ms[index] for step in steps]
        axes.plot(
            levels,
            values,
            color=charts.SERIES[index],
            linestyle=charts.DASHES[index],
            marker=charts.MARKERS[index],
            markersize=3,
            label=name,
        )
    for limit in limits:
        axes.axhline(limit, color=charts.INK, linewidth=1.0, linestyle=(0, (5, 2)), label=f"{limit:,g} ms")
    _interval(axes, capacity)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5), numticks=9))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: f"{value:,g}"))  # the page has no mathtext
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("ms")


def _interval(axes: "Axes", capacity: Capacity) -> None:
    """Shade the interval of the answer, and mark the answer."""
    if capacity.sessions is None or capacity.sessions_interval is None or not capacity.sessions:
        return
    low, high = capacity.sessions_interval
    axes.axvspan(low, max(high, low), color=charts.SHADE)
    axes.axvline(capacity.sessions, color=charts.INK, linewidth=1.0)


def limit_ms(expression: str) -> float | None:
    """Return the limit of an SLO on turns in milliseconds, None for other SLOs."""
    figure, _, limit = expression.partition(" < ")
    units = {"us": 0.001, "ms": 1.0, "min": 60_000.0, "s": 1000.0}
    unit = next((unit for unit in units if limit.endswith(unit)), None)
    number = limit.removesuffix(unit) if unit else ""
    fits = figure.startswith("turn") and unit is not None and number.replace(".", "", 1).isdigit()
    return float(number) * units[unit] if fits and unit else None
