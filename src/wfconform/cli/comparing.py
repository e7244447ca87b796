"""`wfconform diff` and `wfconform matrix`."""

from pathlib import Path
from typing import Annotated

import typer

from wfconform.cli.options import MarkdownOption, NoColorOption, QuietOption


def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A JSON report.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="A later one.")],
    *,
    markdown: MarkdownOption = None,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> int:
    """Compare two reports: newly failing, still failing, fixed, no longer tested, latencies.

    Exit code 1 when something fails that did not before, else 0 (2: a file is no report).

    [bold]Example[/bold]

    [cyan]wfconform diff main.json branch.json --markdown comment.md[/cyan]
    """
    from wfconform.commands.comparing import diff as run

    return run(before, after, markdown=markdown, quiet=quiet, no_color=no_color)


def matrix(
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT…", help="JSON reports, one for each target.")],
    *,
    markdown: MarkdownOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Show several targets on one page, requirement by requirement.

    [bold]Example[/bold]

    [cyan]wfconform matrix reports/*.json --markdown targets.md[/cyan]
    """
    from wfconform.commands.comparing import matrix as run

    return run(reports, markdown=markdown, no_color=no_color)
