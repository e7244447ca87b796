"""`wfconform selftest`."""

from typing import Annotated

import typer

from wfconform.cli.options import (
    JsonOption,
    MarkdownOption,
    NoColorOption,
    QuietOption,
    SeedOption,
)


def selftest(
    *,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="A fault or variant; repeatable.")
    ] = None,
    seed: SeedOption = 1,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="How many processes; one for each processor unless told.")
    ] = None,
    json: JsonOption = None,
    markdown: MarkdownOption = None,
    declared: Annotated[
        bool, typer.Option("--declared", help="Write what the tables declare, without running anything.")
    ] = False,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> int:
    """Show that the checks can be trusted.

    The reference and its conforming variants must pass, and each deliberate defect must be reported under exactly the
    requirements that it breaks. Exit code 0 when all of it is so, else 1.

    [bold]Examples[/bold]

    [cyan]wfconform selftest[/cyan]

    [cyan]wfconform selftest --only lost-update --only busy-is-409[/cyan]

    [cyan]wfconform selftest --declared --markdown docs/matrix.md[/cyan]
    """
    from wfconform.commands.selftest import SelftestCall
    from wfconform.commands.selftest import selftest as run

    call = SelftestCall(
        only=tuple(only or ()),
        seed=seed,
        jobs=jobs,
        json=json,
        markdown=markdown,
        declared=declared,
        quiet=quiet,
        no_color=no_color,
    )
    return run(call)
