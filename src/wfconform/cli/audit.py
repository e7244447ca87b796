"""`wfconform audit`."""

from pathlib import Path
from typing import Annotated

import typer

from wfconform.cli.options import JsonOption, NoColorOption, QuietOption


def audit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A HAR file, or one JSON object a line.")],
    *,
    json: JsonOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="A broken SHOULD counts, too.")] = False,
    slack_ms: Annotated[
        float,
        typer.Option("--slack-ms", min=0, help="How far apart the clocks of the recording may be [1]."),
    ] = 1.0,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> int:
    """Judge recorded traffic by the session invariants; nothing is sent.

    Exit code 0 nothing broken · 1 a session broke a MUST · 2 no recording · 3 nothing in it to judge.

    [bold]Examples[/bold]

    [cyan]wfconform audit browser.har[/cyan]

    [cyan]wfconform audit gateway.ndjson --json reports/audit.json[/cyan]
    """
    from wfconform.commands.audit import AuditCall
    from wfconform.commands.audit import audit as run

    call = AuditCall(
        file=file, json=json, strict=strict, slack_s=slack_ms / 1000, quiet=quiet, no_color=no_color
    )  # fmt: skip
    return run(call)
