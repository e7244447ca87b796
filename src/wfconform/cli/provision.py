"""`wfconform provision`."""

from pathlib import Path
from typing import Annotated

import typer

from wfconform.cli.options import HeaderOption


def provision(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="TARGET",
            help="Base URL, the part before /v1/workflows; with --remove it may be left out, the file names it.",
            show_default=False,
        ),
    ] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take away what --write-config names.")] = False,
    write_config: Annotated[
        Path, typer.Option(metavar="PATH", help="The target file to write, or with --remove to read.")
    ] = Path("wfconform.toml"),
    api_key_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Environment variable that holds the API key.", show_default="WFCONFORM_API_KEY"
        ),
    ] = None,
    second_api_key_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="… that holds another tenant's key, which is given a conversation of its own.",
            show_default="WFCONFORM_SECOND_API_KEY if set",
        ),
    ] = None,
    header: HeaderOption = None,
) -> int:
    """Make the workflows for a check on a deployment that has a workflow API, and write the target file.

    Each workflow is tried; one that does not behave as its role declares is removed again, and the reason is told.

    [bold]Examples[/bold]

    [cyan]wfconform provision https://api.example.com/workflows -H teamid:t1[/cyan]

    [cyan]wfconform provision --remove[/cyan]
    """
    from wfconform.commands.provision import provision as run
    from wfconform.commands.provision_deployment import ProvisionCall

    call = ProvisionCall(target, write_config, api_key_env, second_api_key_env, tuple(header or ()), remove)
    return run(call)
