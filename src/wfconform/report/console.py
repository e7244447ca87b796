"""The report on a console: a table by group, each failure with its turns, the verdict last.

Everything is printed as rich `Text` made plain before, so that neither a terminal escape nor rich markup in a
target's answer has any effect.
"""

import re
from collections.abc import Callable, Iterable
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from wfconform.outcomes import Evidence, RequirementResult, Run, TurnRecord, Verdict
from wfconform.report.load_console import show_load
from wfconform.report.text import clipped, lines, plain
from wfconform.report.verdicts import WORDS, exit_meaning, summary_line
from wfconform.requirements import catalogue, groups

_LOOK = {
    Verdict.PASS: ("✓", "+", "green"),
    Verdict.NOT_TESTED: ("·", ".", "dim"),
    Verdict.EXPECTED_FAILURE: ("~", "~", "magenta"),
    Verdict.WARN: ("!", "!", "yellow"),
    Verdict.FAIL: ("✗", "x", "bold red"),
    Verdict.ERROR: ("‼", "E", "bold red"),
}
_TABLE_WORDS = WORDS | {Verdict.EXPECTED_FAILURE: "expected"}
_IN_DETAIL = (Verdict.ERROR, Verdict.FAIL, Verdict.WARN)
_WITH_REASON = (Verdict.NOT_TESTED, Verdict.EXPECTED_FAILURE)
_WORKFLOW_ID = re.compile(r"(?<=/workflows/)[0-9a-f]{18}(?=[0-9a-f]{6}/)")
_EVIDENCE_SHOWN = 3
_TURNS_SHOWN = 6
_VALUE_LIMIT = 600
_BODY_LIMIT = 300


def show(run: Run, console: Console, *, quiet: bool = False, reproducers: Callable[[str], str] | None = None) -> None:
    """Print the report; quiet: problems and the verdict alone.

    reproducers: what to say of a requirement's reproducer instead of printing it: where it is, how to get it.
    """
    if not quiet:
        _print_head(run, console)
        if any(result.exercised for result in run.results) or not run.problems:
            _print_table(run, console)
        for verdict in _IN_DETAIL:
            for result in run.results:
                if result.verdict is verdict:
                    _print_detail(result, console, reproducers)
        if run.load is not None:
            show_load(run.load, console)
        console.print()
        for note in run.notes:
            console.print(Text(f"note: {plain(note)}", style="dim"))
    for problem in run.problems:
        console.print(Text(f"problem: {plain(problem.message)}", style="bold red"))
        if problem.hint:
            console.print(Text(f"         {plain(problem.hint)}"))
    _print_verdict(run, console)


def symbol(verdict: Verdict, console: Console) -> str:
    """Return a verdict's symbol, in ASCII where the console knows no more."""
    unicode, ascii_only, _ = _LOOK[verdict]
    return unicode if console.encoding.lower().startswith("utf") else ascii_only


def _print_head(run: Run, console: Console) -> None:
    target = " ".join(str(part) for part in (run.target.get("name"), run.target.get("base_url")) if part)
    console.print(Text(f"target {plain(target)}", style="bold"))
    level = f"level {run.level}" if run.load is None else f"load profile {plain(run.load.profile)}"
    facts = [level, f"seed {run.seed}", f"{run.calls} calls in {run.sessions} sessions"]
    console.print(Text(f"{', '.join(facts)}, {run.duration_s:.1f} s"))


def _print_table(run: Run, console: Console) -> None:
    for group, results in groupby(run.results, key=lambda result: result.id[:3]):
        table = Table(box=None, show_header=False, pad_edge=False, expand=True, padding=(0, 1, 0, 0))
        table.add_column(width=9, no_wrap=True)
        table.add_column(width=12, no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for result in results:
            table.add_row(*_row(result, console))
        console.print()
        console.print(Text(f"{group} {groups().get(group, '')}", style="bold"))
        console.print(table)


def _row(result: RequirementResult, console: Console) -> Iterable[Text]:
    style = _LOOK[result.verdict][2]
    statement = catalogue()[result.id].statement
    said = result.message or statement if result.verdict in _WITH_REASON else statement
    return (
        Text(f"  {result.id}"),
        Text(f"{symbol(result.verdict, console)} {_TABLE_WORDS[result.verdict]}", style=style),
        Text(plain(said), style="dim" if result.verdict in _WITH_REASON else ""),
    )


def _print_detail(result: RequirementResult, console: Console, reproducers: Callable[[str], str] | None) -> None:
    requirement = catalogue()[result.id]
    head = Text(
        f"{symbol(result.verdict, console)} {WORDS[result.verdict]} {result.id}", style=_LOOK[result.verdict][2]
    )
    head.append(f" ({result.level.value}, {requirement.clause}) ", style="not bold not dim default")
    head.append(plain(requirement.statement), style="not bold default")
    console.print()
    console.print(head)
    if result.message:
        console.print(Padding(Text(plain(result.message)), (0, 0, 0, 2)))
    for evidence in result.evidence[:_EVIDENCE_SHOWN]:
        _print_evidence(evidence, console)
        _print_reproducer(evidence, console, reproducers(result.id) if reproducers else None)
    hidden = len(result.evidence) - _EVIDENCE_SHOWN
    if hidden > 0:
        console.print(Text(f"  and {hidden} more in the JSON report", style="dim"))


def _print_evidence(evidence: Evidence, console: Console) -> None:
    where = f" at {evidence.path}" if evidence.path else ""
    rows = {"expected": evidence.expected, f"actual{where}": evidence.actual, "scenario": evidence.scenario}
    for label, value in rows.items():
        if value:
            text = Text(f"{plain(label)}: ", style="bold").append(clipped(value, _VALUE_LIMIT), style="not bold")
            console.print(Padding(text, (0, 0, 0, 2)))
    _print_turns(evidence, console)


def _print_turns(evidence: Evidence, console: Console) -> None:
    end = len(evidence.turns) if evidence.at_turn is None else evidence.at_turn + 1
    start = max(0, end - _TURNS_SHOWN)
    if start:
        console.print(Text(f"    … {start} earlier turns", style="dim"))
    for index in range(start, min(end, len(evidence.turns))):
        _print_turn(evidence.turns[index], index, console, marked=index == evidence.at_turn)


def _print_turn(turn: TurnRecord, index: int, console: Console, *, marked: bool) -> None:
    """Print a call and its answer, a line each; the marked turn in full, request and body apart."""
    arrow = ("→" if console.encoding.lower().startswith("utf") else ">") if marked else " "
    answer = f"no answer: {turn.failure}" if turn.status is None else f"{turn.status} {turn.response_body}"
    request = f"{arrow} {index + 1:>2} {_WORKFLOW_ID.sub('…', turn.request)}"
    answered = f"{turn.elapsed_ms:.0f} ms: {answer}"
    if not marked:
        for row in (f"{request} {turn.request_body}", f"     {answered}"):
            console.print(Text(f"  {clipped(row, _VALUE_LIMIT)}", style="dim"), no_wrap=True, overflow="ellipsis")
        return
    console.print(Text(f"  {plain(request)}"))
    for row in (turn.request_body, answered):
        console.print(Padding(Text(clipped(row, _BODY_LIMIT)), (0, 0, 0, 7)))


def _print_reproducer(evidence: Evidence, console: Console, instead: str | None) -> None:
    if evidence.reproducer and instead is not None:
        if evidence.reproduced:
            said = Text("re-run: ", style="bold").append(plain(evidence.reproduced), style="not bold")
            console.print(Padding(said.append(f" ({plain(instead)})", style="dim not bold"), (0, 0, 0, 2)))
    elif evidence.reproducer:
        console.print(
            Text(f"  reproducer{f' ({plain(evidence.reproduced)})' if evidence.reproduced else ''}:", style="bold")
        )
        for line in lines(evidence.reproducer):
            console.print(Text(f"    {line}"), soft_wrap=True)


def _print_verdict(run: Run, console: Console) -> None:
    style = "bold green" if run.exit_code == 0 else "bold red"
    console.print(Text(f"{summary_line(run)} ({exit_meaning(run)})", style=style), soft_wrap=True)
