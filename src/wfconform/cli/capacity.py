"""`wfconform capacity` on the command line: its options, and the call that they make."""

from pathlib import Path
from typing import Annotated

import typer

from wfconform.cli.options import (
    MACHINES,
    SEARCH,
    ConfigOption,
    EmbeddedOption,
    HeaderOption,
    HtmlOption,
    InsecureOption,
    JsonOption,
    KeyOption,
    MarkdownOption,
    NoColorOption,
    QuietOption,
    TargetArgument,
    TimeoutOption,
    WorkflowOption,
)
from wfconform.errors import UsageError

EXIT_CODES = (
    "[bold]Exit codes[/bold]: 0 determined · 1 an invariant breaks at the least load · 2 usage or configuration · "
    "3 not determined, or not testable · 4 the harness failed · 5 an SLO is missed at the least load · 130 interrupted"
)
HELP = """
Find the number of concurrent sessions that a deployment holds, with its interval, and what limits it.

The load rises until an SLO breaks (an invariant that breaks is always one), or, without SLO, until throughput stops
growing. The target is loaded beyond what it holds on the way: do not aim this at what others use (docs/capacity.md).

[bold]Examples[/bold]

[cyan]wfconform capacity --slo 'turn.p95 < 500ms'[/cyan]

[cyan]wfconform capacity --config staging.toml --slo 'turn.p95 < 2s' --think 5s --target-sessions 1000[/cyan]

[cyan]wfconform capacity --slo 'turn.p99 < 800ms' --budget 20min --resume reports/capacity.jsonl --html c.html[/cyan]

[cyan]wfconform capacity --arrivals --slo 'turn.p95 < 500ms'[/cyan]
"""


def capacity(
    target: TargetArgument = None,
    *,
    config: ConfigOption = None,
    workflow: WorkflowOption = None,
    header: HeaderOption = None,
    api_key_env: KeyOption = None,
    timeout: TimeoutOption = None,
    insecure: InsecureOption = False,
    embedded: EmbeddedOption = False,
    slo: Annotated[
        list[str] | None,
        typer.Option("--slo", metavar="SLO", help="'turn.p95 < 500ms'; repeatable.", rich_help_panel=SEARCH),
    ] = None,
    max_sessions: Annotated[
        int | None,
        typer.Option("--max-sessions", metavar="N", min=1, help="Go no higher [10000].", rich_help_panel=SEARCH),
    ] = None,
    arrivals: Annotated[
        bool,
        typer.Option("--arrivals", help="Find the highest rate of new sessions instead.", rich_help_panel=SEARCH),
    ] = False,
    max_arrivals: Annotated[
        float | None,
        typer.Option(
            "--max-arrivals", metavar="RATE", min=0.01, help="With --arrivals: no higher.", rich_help_panel=SEARCH
        ),
    ] = None,
    think: Annotated[
        str,
        typer.Option("--think", metavar="TIME", help="Pause between turns: 2s, constant:1s.", rich_help_panel=SEARCH),
    ] = "1s",
    turns: Annotated[
        str | None,
        typer.Option(
            "--turns",
            metavar="N|N-M",
            help="Turns of a session (default: as many as a step has time for; 5 with --arrivals).",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option("--budget", metavar="TIME", help="Time at most.", rich_help_panel=SEARCH)
    ] = "10min",
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="SHARE",
            min=0.01,
            max=0.1,
            help="Half the interval that is tight enough.",
            rich_help_panel=SEARCH,
        ),
    ] = 0.03,
    target_sessions: Annotated[
        float | None,
        typer.Option("--target-sessions", metavar="N", min=1, help="Plan replicas for N.", rich_help_panel=SEARCH),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", metavar="FILE", help="Record each step here; go on from there.", rich_help_panel=SEARCH
        ),
    ] = None,
    processes: Annotated[
        int,
        typer.Option("--processes", min=1, max=256, help="How many processes make the load.", rich_help_panel=SEARCH),
    ] = 1,
    master: Annotated[
        bool, typer.Option("--master", help="Lead workers on other machines.", rich_help_panel=MACHINES)
    ] = False,
    expect_workers: Annotated[
        int,
        typer.Option("--expect-workers", min=1, help="How many each step waits for.", rich_help_panel=MACHINES),
    ] = 1,
    bind: Annotated[
        str, typer.Option("--bind", metavar="HOST", help="Where the master listens.", rich_help_panel=MACHINES)
    ] = "127.0.0.1",
    worker: Annotated[
        bool, typer.Option("--worker", help="Make load for a master, step after step.", rich_help_panel=MACHINES)
    ] = False,
    master_host: Annotated[
        str, typer.Option("--master-host", metavar="HOST", help="Where the master is.", rich_help_panel=MACHINES)
    ] = "127.0.0.1",
    master_port: Annotated[
        int, typer.Option("--master-port", min=1, max=65535, help="Its port.", rich_help_panel=MACHINES)
    ] = 5557,
    seed: Annotated[
        int, typer.Option("--seed", envvar="WFCONFORM_SEED", help="Repeats texts and order.", rich_help_panel=SEARCH)
    ] = 1,
    json: JsonOption = None,
    html: HtmlOption = None,
    markdown: MarkdownOption = None,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> int:
    """Find how many concurrent sessions a deployment holds."""
    from wfconform.commands import capacity as command
    from wfconform.commands.capacity_steps import Machines
    from wfconform.commands.outputs import Outputs
    from wfconform.config import Overrides

    if master and worker:
        raise UsageError("--master and --worker were both given", hint="one machine is the master, the others workers")
    if arrivals and max_sessions is not None:
        raise UsageError("--max-sessions and --arrivals were both given", hint="with --arrivals give --max-arrivals")
    if max_arrivals is not None and not arrivals:
        raise UsageError("--max-arrivals was given without --arrivals", hint="give --arrivals, or --max-sessions")
    overrides = Overrides(
        target=target,
        config=config,
        timeout_s=timeout,
        headers=tuple(header or ()),
        api_key_env=api_key_env,
        workflows=tuple(workflow or ()),
        insecure=insecure,
    )
    call = command.CapacityCall(
        overrides=overrides,
        outputs=Outputs.of(json=json, html=html, markdown=markdown),
        slos=tuple(slo or ()),
        max_level=float(max_arrivals or max_sessions or command.MOST_SESSIONS),
        think=think,
        turns=turns,
        budget=budget,
        tolerance=tolerance,
        arrivals=arrivals,
        target_sessions=target_sessions,
        resume=resume,
        processes=processes,
        machines=Machines(
            expect_workers=expect_workers if master else 0,
            bind_host=bind,
            master_host=master_host,
            master_port=master_port,
        ),
        seed=seed,
        embedded=embedded,
        quiet=quiet,
        no_color=no_color,
    )
    return command.work(call) if worker else command.capacity(call)
