"""`wfconform requirements`: list the catalogue, or explain one requirement."""

import json
import sys
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wfconform.commands.terminal import stdout_console
from wfconform.errors import UsageError
from wfconform.requirements import LEVELS, Requirement, catalogue, groups, required_at

_NEEDS = {
    "conv": "the conversation workflow",
    "end": "conversation_end, the text that completes the conversation",
    "echo": "echoes = true, a conversation that repeats what it is told",
    "key2": "a second tenant's key",
    "completes": "the workflow of the role completes",
    "fails": "the workflow of the role fails",
    "loops": "the workflow of the role loops",
    "pauses": "the workflow of the role pauses",
    "slow": "the workflow of the role slow",
    "versioned": "the workflow of the role versioned",
    "active": "the active version of the role versioned",
    "mongo": "access to the run records",
    "restart": "a command that restarts the deployment",
}


@dataclass(frozen=True, slots=True)
class Coverage:
    """What proves a requirement: the scenarios that test it, the faults that show that they would find it broken."""

    scenarios: tuple[str, ...]
    faults: tuple[str, ...]


def coverage_of(id: str) -> Coverage:
    """Return what proves a requirement."""
    from wfconform.reference.faults import FAULTS
    from wfconform.scenarios import catalogue as scenarios

    return Coverage(
        scenarios=tuple(spec.name for spec in scenarios() if id in spec.proves),
        faults=tuple(fault.name for fault in FAULTS if id in fault.breaks),
    )


def requirements(wanted: str | None, *, as_json: bool = False, coverage: bool = False, no_color: bool = False) -> int:
    """Print the catalogue, a group of it, or one requirement in full."""
    chosen = _chosen(wanted)
    if coverage:
        _write_coverage(chosen, as_json=as_json)
        return 0
    console = stdout_console(no_color=no_color)
    if as_json:
        one = wanted is not None and len(chosen) == 1
        described = [_described(requirement) for requirement in chosen]
        sys.stdout.write(json.dumps(described[0] if one else described, ensure_ascii=False, indent=2) + "\n")
    elif wanted is not None and wanted.strip().upper() in catalogue():
        _explain(chosen[0], console)
    elif console.is_terminal:
        _print_tables(chosen, console)
    else:
        for r in chosen:
            sys.stdout.write(f"{r.id}\t{r.level.value}\t{r.clause}\t{r.statement}\n")
    return 0


def _write_coverage(chosen: list[Requirement], *, as_json: bool) -> None:
    covered = {requirement.id: coverage_of(requirement.id) for requirement in chosen}
    if as_json:
        sys.stdout.write(json.dumps({id: asdict(one) for id, one in covered.items()}, indent=2) + "\n")
        return
    for id, one in covered.items():
        sys.stdout.write(f"{id}\n  scenarios: {_listed(one.scenarios)}\n  faults:    {_listed(one.faults)}\n")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _chosen(wanted: str | None) -> list[Requirement]:
    everything = list(catalogue().values())
    if wanted is None:
        return everything
    name = wanted.strip().upper()
    chosen = [requirement for requirement in everything if name in (requirement.id, requirement.group)]
    if not chosen:
        near = get_close_matches(name, [*catalogue(), *groups()], n=3, cutoff=0.5)
        raise UsageError(
            f"unknown requirement {wanted!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else "`wfconform requirements` lists them all",
        )
    return chosen


def _asked_at(requirement: Requirement) -> list[str]:
    return [level for level in LEVELS if requirement.id in required_at(level)]


def _described(requirement: Requirement) -> dict[str, Any]:
    return {
        "id": requirement.id,
        "level": requirement.level.value,
        "clause": requirement.clause,
        "group": groups()[requirement.group],
        "statement": requirement.statement,
        "needs": [sorted(need) for need in requirement.needs],
        "allowed": requirement.allowed,
        "required_at": _asked_at(requirement),
    }


def _explain(requirement: Requirement, console: Console) -> None:
    must = requirement.level.value == "MUST"
    needs = " or ".join(" and ".join(_NEEDS[word] for word in sorted(need)) for need in requirement.needs)
    asked = ", ".join(_asked_at(requirement)) or "a load run (`wfconform load`)"
    rows = {
        "level": "MUST: a failure makes the target non-conforming" if must else "SHOULD: a failure is a warning",
        "clause": f"{requirement.clause} of the endpoint's description",
        "needs": needs or "nothing that a target configures",
        "allowed": requirement.allowed or "no exceptions",
        "tested for": asked if must else "every level, where possible",
    }
    head = Text(f"{requirement.id} ", style="bold").append(f"({groups()[requirement.group]})", style="not bold")
    console.print(head)
    console.print(Text(requirement.statement))
    console.print()
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows.items():
        grid.add_row(Text(name, style="bold"), Text(value))
    console.print(grid)


def _print_tables(chosen: list[Requirement], console: Console) -> None:
    for group, title in groups().items():
        members = [requirement for requirement in chosen if requirement.group == group]
        if not members:
            continue
        table = Table(
            title=f"{group}: {title}", title_justify="left", box=None, show_header=False, padding=(0, 1, 0, 0)
        )
        for requirement in members:
            style = "bold" if requirement.level.value == "MUST" else "dim"
            cells = (requirement.id, requirement.level.value, requirement.clause, requirement.statement)
            table.add_row(*(Text(cell, style=style if index < 2 else "") for index, cell in enumerate(cells)))
        console.print(table)
        console.print()
