"""`wfconform serve`."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8080,
    write_config: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write a target file that describes this server.")
    ] = None,
    mongo_url: Annotated[
        str | None,
        typer.Option(
            "--mongo-url",
            metavar="URL",
            envvar="WFCONFORM_MONGO_URL",
            show_envvar=False,
            help="Keep runs in this MongoDB (else WFCONFORM_MONGO_URL, which keeps a password out of sight).",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="How many processes serve; above 1 they need a MongoDB to share.")
    ] = 1,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Build a deliberate defect in; repeatable.")
    ] = None,
    variant: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take another choice that conforms; repeatable.")
    ] = None,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="List the defects, and end.")] = False,
    list_variants: Annotated[bool, typer.Option("--list-variants", help="List the variants, and end.")] = False,
) -> int:
    """Serve the reference implementation, to try the checks or a client against it.

    Its keys are WFCONFORM_API_KEY and WFCONFORM_SECOND_API_KEY, or else the public development keys, which it prints.

    [bold]Examples[/bold]

    [cyan]wfconform serve --port 8080 --write-config reference.toml[/cyan]

    [cyan]wfconform serve --fault lost-update[/cyan]

    [cyan]wfconform serve --mongo-url mongodb://localhost:27017/workflows --workers 4[/cyan]
    """
    from wfconform.commands.serve import ServeCall, list_servers
    from wfconform.commands.serve import serve as run

    if list_faults or list_variants:
        return list_servers(faults=list_faults, variants=list_variants)
    call = ServeCall(
        host=host,
        port=port,
        write_config=write_config,
        faults=tuple(fault or ()),
        variants=tuple(variant or ()),
        mongo_url=mongo_url or None,
        workers=workers,
    )
    return run(call)
