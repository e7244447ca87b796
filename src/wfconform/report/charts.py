"""The charts of a load run as inline SVG without script: drawn by matplotlib, coloured by the page's own CSS.

Lines differ by their dashes and markers too, so no meaning hangs on colour alone; each chart carries a title, a
description and its numbers for those who do not see it. matplotlib is imported when the first chart is drawn.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from wfconform.outcomes import LoadOutcome, Second
from wfconform.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BUCKETS = 150
TABLE_ROWS = 16
_WIDTH_IN, _HEIGHT_IN = 7.6, 2.7
INK, _GRID, SHADE = "#010101", "#020202", "#030303"
SERIES = ("#110000", "#120000", "#130000")
_VARIABLES = {INK: "var(--ink-2)", _GRID: "var(--line)", SHADE: "var(--shade)"} | {
    color: f"var(--c{index})" for index, color in enumerate(SERIES, 1)
}
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
MARKERS = ("o", "s", "^")
_SETTINGS: Any = {  # the stubs of matplotlib want its own literal keys
    "text.parse_math": False,
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": _GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
}

Reduce = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: svg, and the same in words (`description`) and numbers (`columns`, `rows`)."""

    id: str
    title: str
    description: str
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line over time: what of a second it shows, and how several seconds become one point."""

    name: str
    value: Callable[[Second], float | None]
    reduce: Reduce = max


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes: its lines and the label of y."""

    label: str
    lines: tuple[Line, ...]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


_OVER_TIME: Mapping[str, tuple[str, tuple[Panel, ...]]] = {
    "throughput": (
        "Throughput",
        (
            Panel(
                "per second",
                (
                    Line("turns", lambda s: s.turns, _mean),
                    Line("refused", lambda s: s.refused, _mean),
                    Line("failed", lambda s: s.failed, _mean),
                ),
            ),
        ),
    ),
    "latency": (
        "Turn latency over time",
        (
            Panel(
                "ms",
                (
                    Line("p50", lambda s: s.p50_ms),
                    Line("p95", lambda s: s.p95_ms),
                    Line("p99", lambda s: s.p99_ms),
                ),
            ),
        ),
    ),
    "sessions": (
        "Sessions",
        (
            Panel(
                "sessions",
                (
                    Line("open", lambda s: s.sessions_open),
                    Line("started per s", lambda s: s.sessions_started, _mean),
                    Line("asked for", lambda s: s.wanted),
                ),
            ),
        ),
    ),
    "violations": ("Violations", (Panel("per second", (Line("violations", lambda s: s.violations, sum),)),)),
    "generator": (
        "The generator's own health",
        (
            Panel("loop lag, ms", (Line("loop lag, ms", lambda s: s.loop_lag_ms),)),
            Panel("CPU, % of a core", (Line("CPU, % of a core", lambda s: 100 * s.cpu),)),
        ),
    ),
}


def charts(load: LoadOutcome) -> tuple[Chart, ...]:
    """Return every chart that the run has figures for."""
    over_time = tuple(_over_time(id, load.series) for id in _OVER_TIME) if load.series else ()
    return (*over_time, *_by_turn(load), *_spectrum(load))


# --- over time


def _over_time(id: str, series: Sequence[Second]) -> Chart:
    title, panels = _OVER_TIME[id]
    buckets = _buckets(series)
    times = [bucket[0].second for bucket in buckets]
    lines = [line for panel in panels for line in panel.lines]
    points = {line.name: [_point(line, bucket) for bucket in buckets] for line in lines}

    def draw(axes: "Sequence[Axes]") -> None:
        for panel, one in zip(panels, axes, strict=True):
            for index, line in enumerate(panel.lines):
                values = [float("nan") if value is None else value for value in points[line.name]]
                one.plot(times, values, color=SERIES[index], linestyle=DASHES[index], label=line.name)
            one.set_ylabel(panel.label)
            _stages(one, series, named=one is axes[0])
            one.set_ylim(0, max(one.get_ylim()[1], 1.0))
            one.set_xlim(0, max(series[-1].second, 1))
        axes[-1].set_xlabel("seconds since the load began; shaded: not counted in the figures")

    rows = [(f"{time} s", *(_number(points[line.name][at]) for line in lines)) for at, time in enumerate(times)]
    return Chart(
        id=id,
        title=title,
        description=f"{title} over {series[-1].second + 1} seconds. {_in_words(points)}",
        svg=drawn(id, draw, panels=len(panels)),
        columns=("second", *(line.name for line in lines)),
        rows=tuple(_thinned(rows)),
    )


def _buckets(series: Sequence[Second]) -> list[Sequence[Second]]:
    size = -(-len(series) // BUCKETS)
    return [series[at : at + size] for at in range(0, len(series), size)]


def _point(line: Line, bucket: Sequence[Second]) -> float | None:
    values = [value for second in bucket if (value := line.value(second)) is not None]
    return float(line.reduce(values)) if values else None


def _stages(axes: "Axes", series: Sequence[Second], *, named: bool) -> None:
    """Shade what is not steady, and name the stages where there is room."""
    begun = [at for at, second in enumerate(series) if not at or second.stage != series[at - 1].stage]
    ends = [*(series[at].second for at in begun[1:]), series[-1].second + 1]
    for at, end in zip(begun, ends, strict=True):
        first = series[at]
        if first.phase != "steady":
            axes.axvspan(first.second, end, color=SHADE, linewidth=0)
        if named and end - first.second >= len(series) / 8:
            middle = (first.second + end) / 2
            name = plain(first.stage)[:16]
            axes.annotate(name, (middle, 1.02), xycoords=("data", "axes fraction"), ha="center", fontsize=8)


def _in_words(points: Mapping[str, Sequence[float | None]]) -> str:
    said = []
    for name, values in points.items():
        seen = [value for value in values if value is not None]
        low, high = (_number(min(seen)), _number(max(seen))) if seen else ("", "")
        said.append(f"{name} from {low} to {high}" if low != high else f"{name} {low} throughout" if seen else "")
    return f"Lines: {'; '.join(filter(None, said))}." if any(said) else "Nothing was measured."


def _thinned(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    step = -(-len(rows) // TABLE_ROWS)
    return list(rows[::step])


# --- of the whole run


def _by_turn(load: LoadOutcome) -> tuple[Chart, ...]:
    found = {turn: latency for turn, latency in load.by_turn.items() if latency.count}
    if not found:
        return ()
    turns = list(found)[:BUCKETS]
    values = {name: [getattr(found[turn], name) or 0.0 for turn in turns] for name in ("p50", "p95", "p99")}

    def draw(axes: "Sequence[Axes]") -> None:
        for index, (name, points) in enumerate(values.items()):
            style: Any = {
                "color": SERIES[index],
                "linestyle": DASHES[index],
                "marker": MARKERS[index],
                "markersize": 4,
            }
            axes[0].plot(range(len(turns)), points, label=name, **style)
        step = -(-len(turns) // 20)
        axes[0].set_xticks(range(0, len(turns), step), turns[::step])
        axes[0].set_xlabel("turn of the session")
        axes[0].set_ylabel("ms")
        axes[0].set_ylim(bottom=0)

    rows = [
        (turn, f"{found[turn].count:,}", *(_number(values[name][at]) for name in values))
        for at, turn in enumerate(turns)
    ]
    said = _in_words(values)
    chart = Chart(
        id="by-turn",
        title="Latency by turn index",
        description=f"Latency of the first turn, the second, and so on, in milliseconds. {said}",
        svg=drawn("by-turn", draw),
        columns=("turn", "count", "p50, ms", "p95, ms", "p99, ms"),
        rows=tuple(_thinned(rows)),
    )
    return (chart,)


_SPECTRUM_NAMES = {"turn": "measured", "turn_corrected": "corrected"}
_SPECTRUM_TICKS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)


def _spectrum(load: LoadOutcome) -> tuple[Chart, ...]:
    found = {_SPECTRUM_NAMES[key]: load.spectrum[key] for key in _SPECTRUM_NAMES if load.spectrum.get(key)}
    if not found:
        return ()
    longest = max(found.values(), key=len)
    outermost = max((share for share, _ in longest if share < 100), default=0.0)
    end = _nines(outermost) + 0.2

    def draw(axes: "Sequence[Axes]") -> None:
        for index, (name, points) in enumerate(found.items()):
            at = [min(_nines(share), end) for share, _ in points]
            style: Any = {
                "color": SERIES[index],
                "linestyle": DASHES[index],
                "marker": MARKERS[index],
                "markersize": 3,
            }
            axes[0].plot(at, [value for _, value in points], label=name, **style)
        ticks = [share for share in _SPECTRUM_TICKS if _nines(share) <= end]
        axes[0].set_xticks([*map(_nines, ticks), end], [*(f"{share:g} %" for share in ticks), "max"])
        axes[0].set_xlabel("share of turns that took no longer")
        axes[0].set_ylabel("ms")
        axes[0].set_ylim(bottom=0)

    tables = [dict(points) for points in found.values()]
    rows = [(f"{share:g} %", *(_number(table.get(share)) for table in tables)) for share, _ in longest]
    chart = Chart(
        id="spectrum",
        title="Percentiles of turn latency",
        description="How many turns took no longer than so many milliseconds, the slowest at the right. "
        + _in_words({name: [value for _, value in points] for name, points in found.items()}),
        svg=drawn("spectrum", draw),
        columns=("share", *(f"{name}, ms" for name in found)),
        rows=tuple(rows),
    )
    return (chart,)


def _nines(share: float) -> float:
    """Return where a percentile stands: 90 at 1, 99 at 2, 99.9 at 3."""
    from math import log10

    return -log10(max(1 - share / 100, 1e-9))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    digits = 0 if value == int(value) or abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


# --- drawing


def drawn(id: str, draw: Callable[[Any], None], *, panels: int = 1) -> str:
    """Return what `draw` draws on so many axes, one below the other, as an SVG element."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": id}):
        height_in = _HEIGHT_IN if panels == 1 else 1.7 * panels
        figure = Figure(figsize=(_WIDTH_IN, height_in))
        bottom, top = (0.5 / height_in, 1 - 0.25 / height_in)
        figure.subplots_adjust(left=0.1, right=0.8, bottom=bottom, top=top, hspace=0.25)
        axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
        draw(list(axes))
        for one in axes:
            one.grid(visible=True, axis="y")
            one.set_axisbelow(True)
            if len(one.get_lines()) > 1:
                one.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=3)
        figure.patch.set_visible(False)
        for one in axes:
            one.patch.set_visible(False)
        text = StringIO()
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _inlined(id, text.getvalue())


def _inlined(id: str, text: str) -> str:
    """Return matplotlib's document as an element of a page: no prolog, short numbers, the page's colours and font."""
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"(\d+\.\d)\d+", r"\1", svg)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]*; ?", "", svg).replace("xlink:href", "href")
    svg = re.sub(r"\s*\n\s*", " ", svg)
    for sentinel, variable in _VARIABLES.items():
        svg = svg.replace(sentinel, variable)
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    return f'<svg {box.group() if box else ""} role="img" aria-labelledby="{id}-title {id}-desc">{rest.strip()}'
