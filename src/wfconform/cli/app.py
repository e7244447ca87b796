"""The application: what all commands have in common, and how each one's result becomes the exit code."""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, NoReturn, ParamSpec

import typer

from wfconform import __version__
from wfconform.commands.ending import exit_code_of

EXIT_CODES = (
    "[bold]Exit codes[/bold]: 0 conforms · 1 does not · 2 usage or configuration · 3 could not be tested · "
    "4 the harness failed · 130 interrupted"
)

app = typer.Typer(
    name="wfconform",
    help="Checks whether a deployment of the workflow execute endpoint keeps its contract.",
    epilog="Start with [bold]wfconform check[/bold]: without a target it tests the embedded reference.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Params = ParamSpec("_Params")


def exits_with_its_code(command: Callable[_Params, int]) -> Callable[_Params, NoReturn]:
    """Let a command's result, or what became of its exception, be the exit code; its imports are covered too."""

    @wraps(command)
    def run(*args: _Params.args, **kwargs: _Params.kwargs) -> NoReturn:
        raise typer.Exit(exit_code_of(lambda: command(*args, **kwargs)))

    return run


def _print_version(value: bool) -> None:  # noqa: FBT001 - the shape of a typer callback
    if value:
        typer.echo(f"wfconform {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Checks whether a deployment of the workflow execute endpoint keeps its contract."""
