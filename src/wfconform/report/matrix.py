"""The matrix of the self-test: which fault breaks which requirement, by declaration or as measured."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wfconform.report.text import plain
from wfconform.requirements import catalogue, groups

CAUGHT, MISSED, FALSE_ALARM = "●", "missed", "false alarm"
_STYLE = {CAUGHT: "green", MISSED: "bold red", FALSE_ALARM: "bold red"}
_NO_SERVER = frozenset({"LOD"})


@dataclass(frozen=True, slots=True)
class Row:
    """One server: what was expected of it, and what was found, None when it was not run.

    problems: why its run cannot be trusted; messages: what was said about the IDs that should not have been reported.
    """

    name: str
    kind: str
    sentence: str
    expected: frozenset[str]
    reason: str = ""
    found: frozenset[str] | None = None
    problems: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    took_s: float = 0.0

    @property
    def missed(self) -> frozenset[str]:
        """What should have been reported and was not."""
        return frozenset() if self.found is None else self.expected - self.found

    @property
    def false_alarms(self) -> frozenset[str]:
        """What was reported and should not have been."""
        return frozenset() if self.found is None else self.found - self.expected

    @property
    def as_it_should(self) -> bool:
        """Exactly what was expected was reported, and the run can be trusted."""
        return not (self.missed or self.false_alarms or self.problems)

    def mark(self, id: str) -> str:
        """Return the cell of a requirement."""
        if id in self.missed:
            return MISSED
        if id in self.false_alarms:
            return FALSE_ALARM
        return CAUGHT if id in self.expected else ""

    @property
    def touched(self) -> frozenset[str]:
        """Every requirement with a mark."""
        return self.expected | (self.found or frozenset())


def summary(rows: Sequence[Row]) -> str:
    """Return the outcome in one sentence."""
    faults = [row for row in rows if row.kind == "fault"]
    others = [row for row in rows if row.kind != "fault"]
    caught = sum(row.as_it_should for row in faults)
    passed = sum(row.as_it_should for row in others)
    return (
        f"{caught} of {len(faults)} faults caught by exactly what they break, "
        f"{passed} of {len(others)} conforming servers pass"
    )


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the matrix group by group, then what is not as it should be."""
    for group, title in groups().items():
        members = _members(rows, group)
        if members:
            console.print()
            console.print(Text(f"{group} {title}", style="bold"))
            console.print(_grid(members, group))
    for row in rows:
        if not row.as_it_should:
            _show_wrong(row, console)
    console.print()
    good = all(row.as_it_should for row in rows)
    console.print(Text(summary(rows), style="bold green" if good else "bold red"))


def as_json(rows: Sequence[Row], *, seed: int) -> str:
    """Return the outcome as JSON."""
    document = {
        "seed": seed,
        "ok": all(row.as_it_should for row in rows),
        "cases": [_described(row) for row in rows],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def as_markdown(rows: Sequence[Row], *, title: str, lead: str) -> str:
    """Return the matrix as a document: a table for each group of requirements, then the conforming servers."""
    parts = [f"# {title}", lead]
    for group, words in groups().items():
        members = _members(rows, group)
        if members:
            parts += [f"## {group}: {words}", _markdown_grid(members, group)]
    conforming = [row for row in rows if row.kind == "variant"]
    if conforming:
        parts += ["## Conforming variants", _markdown_variants(conforming)]
    reasons = [f"- `{row.name}`: {row.reason}" for row in rows if row.reason]
    if reasons:
        parts += ["## Why more than one", "\n".join(reasons)]
    return "\n\n".join(parts) + "\n"


def _members(rows: Iterable[Row], group: str) -> list[Row]:
    return [row for row in rows if any(id.startswith(group) for id in row.touched) and row.kind == "fault"]


def _columns(group: str) -> list[str]:
    return [id for id in catalogue() if id.startswith(group) and group not in _NO_SERVER]


def _grid(rows: Sequence[Row], group: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("fault", no_wrap=True, overflow="ellipsis", ratio=1)
    for id in _columns(group):
        table.add_column(id[4:], no_wrap=True)
    table.add_column("also")
    for row in rows:
        cells = [_cell(row.mark(id)) for id in _columns(group)]
        table.add_row(Text(row.name), *cells, Text(", ".join(_others(row, group)), style="dim"))
    return table


def _cell(mark: str) -> Text:
    short = {MISSED: "-", FALSE_ALARM: "!"}.get(mark, mark)
    return Text(short, style=_STYLE.get(mark, ""))


def _others(row: Row, group: str) -> list[str]:
    return sorted(id for id in row.touched if not id.startswith(group))


def _show_wrong(row: Row, console: Console) -> None:
    console.print()
    console.print(Text(f"{row.kind} {row.name}: ", style="bold red").append(plain(row.sentence), style="not bold"))
    lines = [f"{id} missed" for id in sorted(row.missed)]
    lines += [f"{plain(message)}" for message in row.messages]
    lines += [f"problem: {plain(problem)}" for problem in row.problems]
    for line in lines:
        console.print(Text(f"  {line}"), soft_wrap=True)


def _described(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "sentence": row.sentence,
        "breaks": sorted(row.expected),
        "found": None if row.found is None else sorted(row.found),
        "missed": sorted(row.missed),
        "false_alarms": sorted(row.false_alarms),
        "problems": list(row.problems),
        "messages": list(row.messages),
        "took_s": round(row.took_s, 2),
    }


def _markdown_grid(rows: Sequence[Row], group: str) -> str:
    columns = _columns(group)
    lines = [
        f"| fault | {' | '.join(id[4:] for id in columns)} | also |",
        f"|---|{':-:|' * len(columns)}---|",
    ]
    for row in rows:
        marks = " | ".join(row.mark(id) for id in columns)
        lines.append(f"| `{row.name}`: {row.sentence} | {marks} | {', '.join(_others(row, group))} |")
    return "\n".join(lines)


def _markdown_variants(rows: Sequence[Row]) -> str:
    lines = ["| variant | warns of |", "|---|---|"]
    lines += [f"| `{row.name}`: {row.sentence} | {', '.join(sorted(row.touched))} |" for row in rows]
    return "\n".join(lines)
