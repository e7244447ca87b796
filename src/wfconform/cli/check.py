"""`wfconform check`."""

from wfconform.cli.options import (
    ConcurrencyOption,
    ConfigOption,
    EmbeddedOption,
    ExamplesOption,
    ExploreOption,
    HeaderOption,
    HtmlOption,
    InsecureOption,
    JsonOption,
    JunitOption,
    KeyOption,
    LevelOption,
    MarkdownOption,
    NoColorOption,
    NoGeneratedOption,
    NoRerunOption,
    NoScriptedOption,
    OnlyOption,
    QuietOption,
    RedactOption,
    ReplayOption,
    SarifOption,
    SecondKeyOption,
    SeedOption,
    ShowReproducersOption,
    SkipOption,
    StrictOption,
    TargetArgument,
    TimeBudgetOption,
    TimeoutOption,
    WorkflowOption,
)

HELP = """
Test a deployment against every requirement that its target file allows.

Without TARGET, --config and ./wfconform.toml, the embedded reference is served on a loopback port and tested.

[bold]Examples[/bold]

[cyan]wfconform check[/cyan]

[cyan]wfconform check https://api.example.com/workflows --workflow conversation=5eb7cf5a86d9755df3a6c593[/cyan]

[cyan]wfconform check --config staging.toml --level full --junit reports/staging.xml[/cyan]

[cyan]wfconform check --only TRN,RUN-009 --json - | jq .summary[/cyan]

[cyan]wfconform check --replay reports/staging.json --only TRN-002[/cyan]
"""


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
    no_scripted: NoScriptedOption = False,
    examples: ExamplesOption = 25,
    no_generated: NoGeneratedOption = False,
    explore: ExploreOption = 0,
    time_budget: TimeBudgetOption = 60.0,
    json: JsonOption = None,
    junit: JunitOption = None,
    html: HtmlOption = None,
    markdown: MarkdownOption = None,
    sarif: SarifOption = None,
    redact_bodies: RedactOption = False,
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
        outputs=Outputs.of(json=json, html=html, junit=junit, markdown=markdown, sarif=sarif),
        level=level,
        only=tuple(only or ()),
        skip=tuple(skip or ()),
        strict=strict,
        seed=seed,
        concurrency=concurrency,
        scripted=not no_scripted,
        examples=0 if no_generated else examples,
        explore=explore,
        time_budget_s=time_budget,
        redact_bodies=redact_bodies,
        quiet=quiet,
        no_color=no_color,
    )
    return command.check(call)
