"""Reports of several targets on one page: a row for each requirement, a column for each target."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wfconform.outcomes import Verdict
from wfconform.report.json import Report
from wfconform.report.markdown import code_span, prose
from wfconform.report.text import clipped, plain, sentence
from wfconform.report.verdicts import LOAD_MUSTS
from wfconform.requirements import LEVELS, Level, catalogue, groups, required_at

_LOOK = {
    Verdict.PASS: ("✓", "pass", "green"),
    Verdict.NOT_TESTED: ("·", "", "dim"),
    Verdict.EXPECTED_FAILURE: ("~", "expected", "magenta"),
    Verdict.WARN: ("!", "warning", "yellow"),
    Verdict.FAIL: ("✗", "**FAIL**", "bold red"),
    Verdict.ERROR: ("‼", "**ERROR**", "bold red"),
}
_ASCII = {"✓": "+", "·": ".", "✗": "x", "‼": "E"}
_WORDS = "✓ pass  ✗ FAIL  ! warning  ~ expected failure  · not tested  ‼ ERROR"
_NAME_LIMIT, _STATEMENT_LIMIT = 40, 60


@dataclass(frozen=True, slots=True)
class Column:
    """One target, by the name that its column has."""

    name: str
    report: Report

    def verdict(self, id: str) -> Verdict:
        """Return the verdict on a requirement; one that the report lacks was not tested."""
        found = (result.verdict for result in self.report.requirements if result.id == id)
        return next(found, Verdict.NOT_TESTED)


def columns(reports: Sequence[tuple[str, Report]]) -> tuple[Column, ...]:
    """Return a column for each report: the target's name, else its URL, with the file's where that is no name yet."""
    named = [str(report.target.get("name") or report.target.get("base_url") or stem) for stem, report in reports]
    return tuple(
        Column(name if named.count(name) == 1 else f"{name} ({stem})", report)
        for name, (stem, report) in zip(named, reports, strict=True)
    )


def show(targets: Sequence[Column], console: Console) -> None:
    """Print the page: verdicts by group, what differs in bold, then each target's sums."""
    for number, target in enumerate(targets, 1):
        console.print(Text(f"{number} {clipped(target.name, 100)}: {_sum(target)}"), soft_wrap=True)
    utf = console.encoding.lower().startswith("utf")
    for group, ids in groupby(catalogue(), key=itemgetter(slice(3))):
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False, expand=True)
        table.add_column(width=9, no_wrap=True)
        for _ in targets:
            table.add_column(width=2, no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for id in ids:
            table.add_row(*_row(id, targets, utf=utf))
        console.print()
        numbers = " ".join(f"{number:<2}" for number in range(1, len(targets) + 1))
        console.print(Text(f"{group:<9} {numbers} {groups().get(group, '')}", style="bold"), soft_wrap=True)
        console.print(table)
    words = _WORDS if utf else "".join(_ASCII.get(char, char) for char in _WORDS)
    console.print(Text(f"\n{words}", style="dim"), soft_wrap=True)


def _row(id: str, targets: Sequence[Column], *, utf: bool) -> list[Text]:
    verdicts = [target.verdict(id) for target in targets]
    cells = []
    for verdict in verdicts:
        symbol, _, style = _LOOK[verdict]
        cells.append(Text(symbol if utf else _ASCII.get(symbol, symbol), style=style))
    style = "bold" if len(set(verdicts)) > 1 else "dim"
    return [Text(id, style=style), *cells, Text(plain(catalogue()[id].statement), style=style)]


def _sum(target: Column) -> str:
    report = target.report
    asked = _asked(report)
    musts = [id for id, one in catalogue().items() if one.level is Level.MUST and (asked is None or id in asked)]
    passed = sum(target.verdict(id) is Verdict.PASS for id in musts)
    counts = {verdict: sum(target.verdict(id) is verdict for id in catalogue()) for verdict in Verdict}
    return (
        f"exit {report.exit_code} at level {report.level}, {passed} of {len(musts)} MUSTs passed, "
        f"{counts[Verdict.FAIL]} failed, {counts[Verdict.WARN]} warnings, {counts[Verdict.NOT_TESTED]} not tested"
    )


def _asked(report: Report) -> frozenset[str] | None:
    """Return the MUSTs that the report's level asks for, None when there is no saying."""
    if report.level in LEVELS:
        return required_at(report.level)
    certified_under_load = report.certified is not None and report.load is not None
    return required_at("full") | LOAD_MUSTS if certified_under_load else None


def markdown(targets: Sequence[Column]) -> str:
    """Return the page as Markdown."""
    head = [code_span(clipped(target.name, _NAME_LIMIT)) for target in targets]
    sums = [f"- {name}: {prose(_sum(target))}" for name, target in zip(head, targets, strict=True)]
    rows = [f"| requirement | {' | '.join(head)} |", f"|---|{':-:|' * len(head)}"]
    for id, requirement in catalogue().items():
        verdicts = " | ".join(_LOOK[target.verdict(id)][1] for target in targets)
        said = prose(sentence(requirement.statement, _STATEMENT_LIMIT))
        rows.append(f"| **{id}** {requirement.level.value} {said} | {verdicts} |")
    return "\n\n".join([f"## wfconform: {len(targets)} targets", "\n".join(sums), "\n".join(rows)]) + "\n"
