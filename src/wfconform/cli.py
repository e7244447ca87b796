"""The command line: parse, call a command, exit with its code."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, NoReturn, ParamSpec

import typer

from wfconform import __version__
from wfconform.commands import capacity_options, load_options
from wfconform.commands.ending import exit_code_of

_TARGET, _JUDGED, _REPORTS, _RUN = "The target", "What is judged", "Reports", "The run"
_EXIT_CODES = (
    "[bold]Exit codes[/bold]: 0 conforms · 1 does not · 2 usage or configuration · 3 could not be tested · "
    "4 the harness failed · 130 interrupted"
)

_CHECK_HELP = """
Test a deployment against every requirement that its target file allows.

Without TARGET, --config and ./wfconform.toml, the embedded reference is served on a loopback port and tested.

[bold]Examples[/bold]

[cyan]wfconform check[/cyan]

[cyan]wfconform check https://api.example.com/workflows --workflow conversation=5eb7cf5a86d9755df3a6c593[/cyan]

[cyan]wfconform check --config staging.toml --level full --junit reports/staging.xml[/cyan]

[cyan]wfconform check --only TRN,RUN-009 --json - | jq .summary[/cyan]

[cyan]wfconform check --replay reports/staging.json --only TRN-002[/cyan]
"""

app = typer.Typer(
    name="wfconform",
    help="Checks whether a deployment of the workflow execute endpoint keeps its contract.",
    epilog="Start with [bold]wfconform check[/bold]: without a target it tests the embedded reference.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

TargetArgument = Annotated[
    str | None,
    typer.Argument(metavar="TARGET", help="Base URL, the part before /v1/workflows/… (over the file's base_url)."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Target file (else WFCONFORM_CONFIG, or ./wfconform.toml).", rich_help_panel=_TARGET),
]
WorkflowOption = Annotated[
    list[str] | None,
    typer.Option("--workflow", metavar="ROLE=ID", help="Workflow of a role; repeatable.", rich_help_panel=_TARGET),
]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option("--header", "-H", metavar="NAME:VALUE", help="Header of every request.", rich_help_panel=_TARGET),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key-env",
        metavar="NAME",
        help="Environment variable that holds the API key (else WFCONFORM_API_KEY).",
        rich_help_panel=_TARGET,
    ),
]
SecondKeyOption = Annotated[
    str | None,
    typer.Option(
        "--second-api-key-env",
        metavar="NAME",
        help="The same for another tenant's key (else WFCONFORM_SECOND_API_KEY).",
        rich_help_panel=_TARGET,
    ),
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="For one call [30].", rich_help_panel=_TARGET)
]
EmbeddedOption = Annotated[
    bool,
    typer.Option("--embedded", help="Test the embedded reference, whatever is configured.", rich_help_panel=_TARGET),
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Do not verify TLS certificates.", rich_help_panel=_TARGET)
]
ReplayOption = Annotated[
    Path | None,
    typer.Option(
        "--replay",
        metavar="REPORT",
        help="Try again what failed in a JSON report (--only: of that, this), and nothing else.",
        rich_help_panel=_JUDGED,
    ),
]
NoRerunOption = Annotated[
    bool, typer.Option("--no-rerun", help="Do not run the reproducers of failures.", rich_help_panel=_RUN)
]
ShowReproducersOption = Annotated[
    bool, typer.Option("--show-reproducers", help="Print the reproducers of failures.", rich_help_panel=_REPORTS)
]
LevelOption = Annotated[
    str | None,
    typer.Option(
        "--level",
        metavar="core|full",
        envvar="WFCONFORM_LEVEL",
        help="What must have been tested for exit 0 (core; full for the embedded reference).",
        rich_help_panel=_JUDGED,
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="IDS", help="IDs or groups: TRN,EXE-001; repeatable.", rich_help_panel=_JUDGED),
]
SkipOption = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="IDS", help="IDs or groups to leave out; repeatable.", rich_help_panel=_JUDGED),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="A warning is a failure.", rich_help_panel=_JUDGED)]
SeedOption = Annotated[
    int, typer.Option("--seed", envvar="WFCONFORM_SEED", help="Repeats texts and order.", rich_help_panel=_RUN)
]
ConcurrencyOption = Annotated[
    int,
    typer.Option(
        "--concurrency",
        min=1,
        envvar="WFCONFORM_CONCURRENCY",
        help="How many scenarios run at once.",
        rich_help_panel=_RUN,
    ),
]
JsonOption = Annotated[
    str | None, typer.Option("--json", metavar="PATH", help="JSON report; - is stdout.", rich_help_panel=_REPORTS)
]
JunitOption = Annotated[
    str | None, typer.Option("--junit", metavar="PATH", help="JUnit report; - is stdout.", rich_help_panel=_REPORTS)
]
MarkdownOption = Annotated[
    str | None,
    typer.Option("--markdown", metavar="PATH", help="Markdown report; - is stdout.", rich_help_panel=_REPORTS),
]
HtmlOption = Annotated[
    str | None, typer.Option("--html", metavar="PATH", help="HTML report; - is stdout.", rich_help_panel=_REPORTS)
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict alone.", rich_help_panel=_REPORTS)]
NoColorOption = Annotated[
    bool, typer.Option("--no-color", help="No colour (as with NO_COLOR set).", rich_help_panel=_REPORTS)
]


_Params = ParamSpec("_Params")


def _exits_with_its_code(command: Callable[_Params, int]) -> Callable[_Params, NoReturn]:
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


@app.command(help=_CHECK_HELP, epilog=_EXIT_CODES)
@_exits_with_its_code
def check(
    target: TargetArgument = None,
    *,
    config: ConfigOption = None,
    workflow: WorkflowOption = None,
    header: HeaderOption = None,
    api_key_env: KeyOption = None,
    second_api_key_env: SecondKeyOption = None,
    timeout: TimeoutOption = None,
    insecure: InsecureOption = False,
    embedded: EmbeddedOption = False,
    replay: ReplayOption = None,
    no_rerun: NoRerunOption = False,
    show_reproducers: ShowReproducersOption = False,
    level: LevelOption = None,
    only: OnlyOption = None,
    skip: SkipOption = None,
    strict: StrictOption = False,
    seed: SeedOption = 1,
    concurrency: ConcurrencyOption = 8,
    json: JsonOption = None,
    junit: JunitOption = None,
    html: HtmlOption = None,
    markdown: MarkdownOption = None,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> int:
    """Test a deployment."""
    from wfconform.commands import check as command
    from wfconform.commands.outputs import Outputs
    from wfconform.config import Overrides

    overrides = Overrides(
        target=target,
        config=config,
        timeout_s=timeout,
        headers=tuple(header or ()),
        api_key_env=api_key_env,
        second_api_key_env=second_api_key_env,
        workflows=tuple(workflow or ()),
        insecure=insecure,
    )
    call = command.CheckCall(
        overrides=overrides,
        embedded=embedded,
        replay=replay,
        rerun=not no_rerun,
        show_reproducers=show_reproducers,
        outputs=Outputs.of(json=json, html=html, junit=junit, markdown=markdown),
        level=level,
        only=tuple(only or ()),
        skip=tuple(skip or ()),
        strict=strict,
        seed=seed,
        concurrency=concurrency,
        quiet=quiet,
        no_color=no_color,
    )
    return command.check(call)


app.command(help=load_options.HELP, epilog=load_options.EXIT_CODES)(_exits_with_its_code(load_options.load))
app.command(help=capacity_options.HELP, epilog=capacity_options.EXIT_CODES)(
    _exits_with_its_code(capacity_options.capacity)
)


@app.command()
@_exits_with_its_code
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8080,
    write_config: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write a target file that describes this server.")
    ] = None,
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
    )
    return run(call)


@app.command()
@_exits_with_its_code
def selftest(
    *,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="A fault or variant; repeatable.")
    ] = None,
    seed: SeedOption = 1,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="How many processes [one for each processor].")
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


@app.command()
@_exits_with_its_code
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


@app.command()
@_exits_with_its_code
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("wfconform.toml"),
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> int:
    """Write a commented target file to fill in."""
    from wfconform.commands.init import init as run

    return run(path, force=force)


def main() -> None:
    """Run the command line; what a stream's encoding lacks is printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="wfconform")
