"""`wfconform requirements`."""

from typing import Annotated

import typer


def requirements(
    id: Annotated[str | None, typer.Argument(metavar="ID", help="A requirement (TRN-002) or a group (TRN).")] = None,
    *,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Show the scenarios and the deliberate faults that prove each.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour (as with NO_COLOR set).")] = False,
) -> int:
    """List the requirements by group, or explain one.

    [bold]Examples[/bold]

    [cyan]wfconform requirements[/cyan]

    [cyan]wfconform requirements TRN-002[/cyan]

    [cyan]wfconform requirements TRN --coverage[/cyan]
    """
    from wfconform.commands.requirements import requirements as run

    return run(id, as_json=json, coverage=coverage, no_color=no_color)
