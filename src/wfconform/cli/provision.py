"""`wfconform provision`."""

from pathlib import Path
from typing import Annotated

import typer

from wfconform.cli.options import HeaderOption


def provision(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Base URL, the part before /v1/workflows.")],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take away what --write-config names.")] = False,
    write_config: Annotated[
        Path, typer.Option(metavar="PATH", help="The target file to write, or with --remove to read.")
    ] = Path("wfconform.toml"),
    api_key_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable that holds the API key.")
    ] = "WFCONFORM_API_KEY",
    header: HeaderOption = None,
) -> int:
    """Make the workflows for a check on a deployment that has a workflow API, and write the target file.

    Each workflow is tried; one that does not behave as its role declares is removed again, and the reason is told.

    [bold]Examples[/bold]

    [cyan]wfconform provision https://api.example.com/workflows -H teamid:t1[/cyan]

    [cyan]wfconform provision https://api.example.com/workflows --remove[/cyan]
    """
    from wfconform.commands.provision import ProvisionCall
    from wfconform.commands.provision import provision as run

    call = ProvisionCall(target, write_config, api_key_env, tuple(header or ()), remove)
    return run(call)
