"""A comparison of two reports, on a console and as Markdown for a pull request."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from wfconform.outcomes import Verdict
from wfconform.report.comparison import Became, Change, Comparison
from wfconform.report.latency_change import LatencyChange
from wfconform.report.markdown import code_span, prose
from wfconform.report.text import clipped, plain
from wfconform.report.verdicts import WORDS
from wfconform.requirements import catalogue

_LOOK = {
    Became.NEW: ("✗", "x", "bold red"),
    Became.STILL: ("·", ".", "red"),
    Became.FIXED: ("✓", "+", "green"),
    Became.UNTESTED: ("?", "?", "yellow"),
    Became.WARNS: ("!", "!", "yellow"),
    Became.SILENT: ("✓", "+", "green"),
}
_SURE = {True: "significant", False: "by chance", None: "cannot be told"}
_LIMIT = 300


def headline(comparison: Comparison) -> str:
    """Return the comparison in one sentence."""
    counts = [f"{len(comparison.of(became))} {became.value}" for became in Became if comparison.of(became)]
    slower = sum(change.significant is True and change.after_ms > change.before_ms for change in comparison.latency)
    counts += [f"{slower} latencies significantly higher"] if slower else []
    return ", ".join(counts) if counts else "no verdict changed, nothing fails"


def show(comparison: Comparison, console: Console, *, quiet: bool = False) -> None:
    """Print the comparison; quiet: the sentence alone."""
    if not quiet:
        for note in comparison.notes:
            console.print(Text(f"note: {plain(note)}", style="yellow"), soft_wrap=True)
        for change in comparison.changes:
            _show_change(change, console)
        for latency in comparison.latency:
            console.print(Text(_latency_line(latency)), soft_wrap=True)
    style = "bold red" if comparison.exit_code else "bold green"
    console.print(Text(f"{headline(comparison)} (exit {comparison.exit_code})", style=style), soft_wrap=True)


def _show_change(change: Change, console: Console) -> None:
    unicode, ascii_only, style = _LOOK[change.became]
    symbol = unicode if console.encoding.lower().startswith("utf") else ascii_only
    line = Text(f"{symbol} {change.became.value} {change.id}", style=style)
    line.append(f" ({_word(change.before)} -> {_word(change.after)}): ", style="dim not bold")
    line.append(clipped(change.message or catalogue()[change.id].statement, _LIMIT), style="not bold default")
    console.print(line, soft_wrap=True)


def _word(verdict: Verdict | None) -> str:
    return "absent" if verdict is None else WORDS[verdict]


def _latency_line(change: LatencyChange) -> str:
    return f"  {plain(change.step)} p{change.percentile:g}: {_ms(change)} ({_SURE[change.significant]})"


def _ms(change: LatencyChange) -> str:
    ratio = f", {change.ratio - 1:+.1%}" if change.ratio is not None else ""
    return f"{change.before_ms:.1f} -> {change.after_ms:.1f} ms{ratio}"


def markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown; whatever came from a target is in code spans."""
    sections = [
        f"## wfconform diff: {prose(headline(comparison))}",
        _about(comparison),
        "\n".join(f"- {prose(note)}" for note in comparison.notes),
        _changes(comparison.changes),
        _latencies(comparison.latency),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _about(comparison: Comparison) -> str:
    times = [f"{report.started_at} (exit {report.exit_code})" for report in (comparison.before, comparison.after)]
    target = code_span(str(comparison.after.target.get("base_url", "")))
    return f"Target {target} · {prose(times[0])} → {prose(times[1])}"


def _changes(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    rows = ["| | requirement | before | after | what it asks | message |", "|---|---|---|---|---|---|"]
    for change in changes:
        requirement = catalogue()[change.id]
        cells = [
            change.became.value,
            f"**{change.id}** {requirement.level.value} {requirement.clause}",
            _word(change.before),
            _word(change.after),
            prose(requirement.statement),
            code_span(change.message),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _latencies(changes: Sequence[LatencyChange]) -> str:
    if not changes:
        return ""
    rows = ["| latency | before | after | change | |", "|---|--:|--:|--:|---|"]
    for change in changes:
        ratio = f"{change.ratio - 1:+.1%}" if change.ratio is not None else ""
        step = code_span(f"{change.step} p{change.percentile:g}")
        sure = _SURE[change.significant]
        rows.append(f"| {step} | {change.before_ms:.1f} ms | {change.after_ms:.1f} ms | {ratio} | {sure} |")
    return "\n".join(rows)
