"""`wfconform load` on the command line: its options, and the call that they make."""

from pathlib import Path
from typing import Annotated

import typer

from wfconform.cli.options import (
    JUDGED,
    LOAD,
    MACHINES,
    REPORTS,
    ConfigOption,
    EmbeddedOption,
    HeaderOption,
    HtmlOption,
    InsecureOption,
    JsonOption,
    JunitOption,
    KeyOption,
    MarkdownOption,
    NoColorOption,
    NoRerunOption,
    QuietOption,
    RedactOption,
    ShowReproducersOption,
    StrictOption,
    TargetArgument,
    TimeoutOption,
    WorkflowOption,
)
from wfconform.errors import UsageError

EXIT_CODES = (
    "[bold]Exit codes[/bold]: 0 holds, every SLO met · 1 an invariant broke or a session was lost · "
    "2 usage or configuration · 3 could not be tested, or the run is not valid · 4 the harness failed · "
    "5 an SLO was missed · 130 interrupted"
)
HELP = """
Simulate sessions against a deployment and check every invariant on every turn.

A profile says what is done: smoke, steady, ramp, spike, stress, soak, or a .toml file of your own (docs/load.md).

Without TARGET, --config and ./wfconform.toml, the embedded reference is served in a process of its own and loaded.

[bold]Examples[/bold]

[cyan]wfconform load[/cyan]

[cyan]wfconform load --config staging.toml --profile steady --sessions 200 --html reports/load.html[/cyan]

[cyan]wfconform load --profile spike --slo 'turn.corrected.p99 < 800ms' --slo 'refused.rate < 1%'[/cyan]

[cyan]wfconform load --arrivals 20 --duration 2min --think lognormal:3s,0.6 --mix complete=8,cancel=2[/cyan]
"""


def load(
    target: TargetArgument = None,
    *,
    config: ConfigOption = None,
    workflow: WorkflowOption = None,
    header: HeaderOption = None,
    api_key_env: KeyOption = None,
    timeout: TimeoutOption = None,
    insecure: InsecureOption = False,
    embedded: EmbeddedOption = False,
    profile: Annotated[
        str,
        typer.Option("--profile", "-p", metavar="NAME|PATH", help="What is done.", rich_help_panel=LOAD),
    ] = "smoke",
    list_profiles: Annotated[
        bool, typer.Option("--list-profiles", help="List the shipped profiles, and end.", rich_help_panel=LOAD)
    ] = False,
    sessions: Annotated[
        int | None,
        typer.Option("--sessions", metavar="N", help="So many at once at most (closed model).", rich_help_panel=LOAD),
    ] = None,
    arrivals: Annotated[
        float | None,
        typer.Option(
            "--arrivals",
            metavar="RATE",
            help="So many sessions begin per second at most, whatever the answers (open model).",
            rich_help_panel=LOAD,
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option("--duration", metavar="TIME", help="Of the steady stages together: 90s.", rich_help_panel=LOAD),
    ] = None,
    think: Annotated[
        str | None,
        typer.Option(
            "--think",
            metavar="TIME",
            help="Pause between turns: 2s, constant:1s, uniform:2s,1s, exponential:2s, lognormal:2s,0.5.",
            rich_help_panel=LOAD,
        ),
    ] = None,
    turns: Annotated[
        str | None, typer.Option("--turns", metavar="N|N-M", help="Turns of a session.", rich_help_panel=LOAD)
    ] = None,
    mix: Annotated[
        str | None,
        typer.Option(
            "--mix", metavar="NAME=WEIGHT,…", help="Kinds of session: complete=8,cancel=2.", rich_help_panel=LOAD
        ),
    ] = None,
    text_file: Annotated[
        Path | None,
        typer.Option("--text-file", metavar="PATH", help="What users say, a text a line.", rich_help_panel=LOAD),
    ] = None,
    refusal_wait: Annotated[
        str | None,
        typer.Option(
            "--refusal-wait",
            metavar="TIME",
            help="How long a start may be refused (429, 503) before the session is given up.",
            rich_help_panel=LOAD,
        ),
    ] = None,
    leave_open: Annotated[
        bool, typer.Option("--leave-open", help="Do not stop the runs left open.", rich_help_panel=LOAD)
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option("--seed", envvar="WFCONFORM_SEED", help="Repeats texts and order.", rich_help_panel=LOAD),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(
            "--processes", min=1, max=256, help="How many processes make the load here.", rich_help_panel=LOAD
        ),
    ] = 1,
    slo: Annotated[
        list[str] | None,
        typer.Option(
            "--slo",
            metavar="SLO",
            help="'turn.p95 < 500ms', beside those of the profile; repeatable.",
            rich_help_panel=JUDGED,
        ),
    ] = None,
    abort: Annotated[
        bool, typer.Option("--abort", help="End when an SLO is missed for good.", rich_help_panel=JUDGED)
    ] = False,
    strict: StrictOption = False,
    no_rerun: NoRerunOption = False,
    json: JsonOption = None,
    html: HtmlOption = None,
    csv: Annotated[
        str | None,
        typer.Option(
            "--csv",
            metavar="PATH",
            help="A row for each second; beside it NAME.figures.csv.",
            rich_help_panel=REPORTS,
        ),
    ] = None,
    junit: JunitOption = None,
    markdown: MarkdownOption = None,
    redact_bodies: RedactOption = False,
    show_reproducers: ShowReproducersOption = False,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
    master: Annotated[
        bool, typer.Option("--master", help="Lead workers on other machines.", rich_help_panel=MACHINES)
    ] = False,
    expect_workers: Annotated[
        int, typer.Option("--expect-workers", min=1, help="How many to wait for.", rich_help_panel=MACHINES)
    ] = 1,
    workers_wait: Annotated[
        str,
        typer.Option("--expect-workers-max-wait", metavar="TIME", help="And for how long.", rich_help_panel=MACHINES),
    ] = "10min",
    bind: Annotated[
        str, typer.Option("--bind", metavar="HOST", help="Where the master listens.", rich_help_panel=MACHINES)
    ] = "127.0.0.1",
    worker: Annotated[bool, typer.Option("--worker", help="Make load for a master.", rich_help_panel=MACHINES)] = False,
    master_host: Annotated[
        str, typer.Option("--master-host", metavar="HOST", help="Where the master is.", rich_help_panel=MACHINES)
    ] = "127.0.0.1",
    master_port: Annotated[
        int, typer.Option("--master-port", min=1, max=65535, help="Its port.", rich_help_panel=MACHINES)
    ] = 5557,
) -> int:
    """Run a load profile against a deployment."""
    from wfconform.commands import load as command
    from wfconform.commands.outputs import Outputs
    from wfconform.config import Overrides
    from wfconform.load.profile import Changes, span_s

    if list_profiles:
        return command.list_profiles()
    if master and worker:
        raise UsageError("--master and --worker were both given", hint="one machine is the master, the others workers")
    overrides = Overrides(
        target=target,
        config=config,
        timeout_s=timeout,
        headers=tuple(header or ()),
        api_key_env=api_key_env,
        workflows=tuple(workflow or ()),
        insecure=insecure,
    )
    changes = Changes(
        sessions=sessions,
        arrivals=arrivals,
        duration=duration,
        think=think,
        turns=turns,
        mix=mix,
        slos=tuple(slo or ()),
        seed=seed,
        refusal_wait=refusal_wait,
        abort=abort,
        leave_open=leave_open,
    )
    call = command.LoadCall(
        overrides=overrides,
        outputs=Outputs.of(json=json, html=html, csv=csv, junit=junit, markdown=markdown),
        profile=profile,
        changes=changes,
        text_file=text_file,
        embedded=embedded,
        processes=processes,
        role="master" if master else "worker" if worker else "alone",
        expect_workers=expect_workers,
        workers_wait_s=span_s(workers_wait, where="--expect-workers-max-wait"),
        bind_host=bind,
        master_host=master_host,
        master_port=master_port,
        strict=strict,
        rerun=not no_rerun,
        redact_bodies=redact_bodies,
        show_reproducers=show_reproducers,
        quiet=quiet,
        no_color=no_color,
    )
    return command.load(call)
