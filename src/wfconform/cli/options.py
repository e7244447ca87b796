"""The options that commands share: their names, help and place in it."""

from pathlib import Path
from typing import Annotated

import typer

from wfconform.requirements import LEVELS

TARGET, JUDGED, REPORTS, RUN = "The target", "What is judged", "Reports", "The run"
LOAD, SEARCH, MACHINES = "The load", "The search", "Several machines"

TargetArgument = Annotated[
    str | None,
    typer.Argument(metavar="TARGET", help="Base URL, the part before /v1/workflows/… (over the file's base_url)."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Target file (else WFCONFORM_CONFIG, or ./wfconform.toml).", rich_help_panel=TARGET),
]
WorkflowOption = Annotated[
    list[str] | None,
    typer.Option("--workflow", metavar="ROLE=ID", help="Workflow of a role; repeatable.", rich_help_panel=TARGET),
]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option("--header", "-H", metavar="NAME:VALUE", help="Header of every request.", rich_help_panel=TARGET),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key-env",
        metavar="NAME",
        help="Environment variable that holds the API key (else WFCONFORM_API_KEY).",
        rich_help_panel=TARGET,
    ),
]
SecondKeyOption = Annotated[
    str | None,
    typer.Option(
        "--second-api-key-env",
        metavar="NAME",
        help="The same for another tenant's key (else WFCONFORM_SECOND_API_KEY).",
        rich_help_panel=TARGET,
    ),
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="For one call [30].", rich_help_panel=TARGET)
]
EmbeddedOption = Annotated[
    bool,
    typer.Option("--embedded", help="Use the embedded reference, whatever is configured.", rich_help_panel=TARGET),
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Do not verify TLS certificates.", rich_help_panel=TARGET)
]
ReplayOption = Annotated[
    Path | None,
    typer.Option(
        "--replay",
        metavar="REPORT",
        help="Try again what failed in a JSON report (--only: of that, this), and nothing else.",
        rich_help_panel=JUDGED,
    ),
]
NoRerunOption = Annotated[
    bool, typer.Option("--no-rerun", help="Do not run the reproducers of failures.", rich_help_panel=RUN)
]
ShowReproducersOption = Annotated[
    bool, typer.Option("--show-reproducers", help="Print the reproducers of failures.", rich_help_panel=REPORTS)
]


def _known_level(value: str | None) -> str | None:
    """Refuse an unknown level, so that the message names the option and its variable."""
    if value is not None and value not in LEVELS:
        raise typer.BadParameter(f"unknown level {value!r}; one of: {', '.join(LEVELS)}")
    return value


LevelOption = Annotated[
    str | None,
    typer.Option(
        "--level",
        callback=_known_level,
        metavar="core|full|durable",
        envvar="WFCONFORM_LEVEL",
        help="What must have been tested for exit 0 (core; full for the embedded reference).",
        rich_help_panel=JUDGED,
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="IDS", help="IDs or groups: TRN,EXE-001; repeatable.", rich_help_panel=JUDGED),
]
SkipOption = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="IDS", help="IDs or groups to leave out; repeatable.", rich_help_panel=JUDGED),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="A warning is a failure.", rich_help_panel=JUDGED)]
SeedOption = Annotated[
    int, typer.Option("--seed", envvar="WFCONFORM_SEED", help="Repeats texts and order.", rich_help_panel=RUN)
]
ConcurrencyOption = Annotated[
    int,
    typer.Option(
        "--concurrency",
        min=1,
        envvar="WFCONFORM_CONCURRENCY",
        help="How many scenarios run at once.",
        rich_help_panel=RUN,
    ),
]
NoScriptedOption = Annotated[
    bool,
    typer.Option("--no-scripted", help="Leave the scenarios out: generated requests alone.", rich_help_panel=RUN),
]
ExamplesOption = Annotated[
    int,
    typer.Option(
        "--examples",
        min=1,
        metavar="N",
        help="Requests drawn from the contract, for each generated phase.",
        rich_help_panel=RUN,
    ),
]
NoGeneratedOption = Annotated[
    bool, typer.Option("--no-generated", help="Leave generated requests out.", rich_help_panel=RUN)
]
ExploreOption = Annotated[
    int,
    typer.Option(
        "--explore",
        min=0,
        metavar="N",
        help="Explore N random sessions, and shrink what breaks to the shortest one.",
        rich_help_panel=RUN,
    ),
]
TimeBudgetOption = Annotated[
    float,
    typer.Option(
        "--time-budget",
        min=0.1,
        metavar="SECONDS",
        help="What generated requests and the exploration may take together.",
        rich_help_panel=RUN,
    ),
]
JsonOption = Annotated[
    str | None, typer.Option("--json", metavar="PATH", help="JSON report; - is stdout.", rich_help_panel=REPORTS)
]
JunitOption = Annotated[
    str | None, typer.Option("--junit", metavar="PATH", help="JUnit report; - is stdout.", rich_help_panel=REPORTS)
]
HtmlOption = Annotated[
    str | None, typer.Option("--html", metavar="PATH", help="HTML report; - is stdout.", rich_help_panel=REPORTS)
]
MarkdownOption = Annotated[
    str | None,
    typer.Option("--markdown", metavar="PATH", help="Markdown report; - is stdout.", rich_help_panel=REPORTS),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict alone.", rich_help_panel=REPORTS)]
NoColorOption = Annotated[
    bool, typer.Option("--no-color", help="No colour (as with NO_COLOR set).", rich_help_panel=REPORTS)
]
RedactOption = Annotated[
    bool,
    typer.Option(
        "--redact-bodies",
        help="Texts of requests and responses become hashes in every report.",
        rich_help_panel=REPORTS,
    ),
]
SarifOption = Annotated[
    str | None,
    typer.Option(
        "--sarif", metavar="PATH", help="SARIF report for code scanning; - is stdout.", rich_help_panel=REPORTS
    ),
]
