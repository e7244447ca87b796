"""`wfconform certify`, `wfconform keygen` and `wfconform verify`."""

from pathlib import Path
from typing import Annotated

import typer

from wfconform.cli.options import (
    JUDGED,
    LOAD,
    REPORTS,
    ConcurrencyOption,
    ConfigOption,
    EmbeddedOption,
    HeaderOption,
    InsecureOption,
    KeyOption,
    NoColorOption,
    QuietOption,
    RedactOption,
    SecondKeyOption,
    TargetArgument,
    TimeoutOption,
    WorkflowOption,
)

SUBJECT = "What is certified"


def certify(
    target: TargetArgument = None,
    *,
    vendor: Annotated[str, typer.Option("--vendor", help="Who makes it.", rich_help_panel=SUBJECT)],
    product: Annotated[str, typer.Option("--product", help="What it is called.", rich_help_panel=SUBJECT)],
    version: Annotated[str, typer.Option("--version", help="Its version.", rich_help_panel=SUBJECT)],
    level: Annotated[
        str, typer.Option("--level", metavar="full|durable|load", help="What it must show.", rich_help_panel=JUDGED)
    ] = "full",
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="Where the bundle goes.", rich_help_panel=REPORTS)
    ] = Path("reports/certificate"),
    as_zip: Annotated[
        bool, typer.Option("--zip", help="One archive instead of a directory.", rich_help_panel=REPORTS)
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="Signing key (else WFCONFORM_SIGNING_KEY, or unsigned).",
            rich_help_panel=SUBJECT,
        ),
    ] = None,
    valid_days: Annotated[
        int, typer.Option("--valid-days", min=1, max=3650, help="How long it is valid.", rich_help_panel=SUBJECT)
    ] = 365,
    seed: Annotated[
        list[int] | None,
        typer.Option("--seed", help="Repeatable; three different ones or more [1, 2, 3].", rich_help_panel=JUDGED),
    ] = None,
    sessions: Annotated[
        int | None,
        typer.Option("--sessions", metavar="N", help="Level load: so many at once.", rich_help_panel=LOAD),
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option(
            "--slo",
            metavar="SLO",
            help="Level load: 'turn.p95 < 500ms', beside those of the profile; repeatable.",
            rich_help_panel=LOAD,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            "-p",
            metavar="NAME|PATH",
            help="Level load: what is done [dim](steady)[/dim].",
            rich_help_panel=LOAD,
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option("--duration", metavar="TIME", help="Level load: of its steady stages.", rich_help_panel=LOAD),
    ] = None,
    config: ConfigOption = None,
    workflow: WorkflowOption = None,
    header: HeaderOption = None,
    api_key_env: KeyOption = None,
    second_api_key_env: SecondKeyOption = None,
    timeout: TimeoutOption = None,
    insecure: InsecureOption = False,
    embedded: EmbeddedOption = False,
    concurrency: ConcurrencyOption = 8,
    redact_bodies: RedactOption = False,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> int:
    """Test a deployment with three seeds and write a certificate that others can verify.

    Refused when a MUST of the level does not pass, is not tested or is expected to fail; level load runs a load, too.

    [bold]Examples[/bold]

    [cyan]wfconform certify --config prod.toml --vendor ACME --product Flow --version 2.1 --key acme[/cyan]

    [cyan]wfconform certify --vendor ACME --product Flow --version 2.1 --level load --sessions 200[/cyan]

    [cyan]wfconform certify --embedded --vendor me --product reference --version 1 --zip[/cyan]
    """
    from wfconform.certificate.issuing import Claim
    from wfconform.commands.certify import CertifyCall
    from wfconform.commands.certify import certify as run
    from wfconform.config import Overrides
    from wfconform.load.profile import Changes

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
    call = CertifyCall(
        overrides=overrides,
        claim=Claim(vendor=vendor, product=product, version=version, level=level, valid_days=valid_days),
        out=out,
        embedded=embedded,
        as_zip=as_zip,
        key=key,
        seeds=tuple(seed or (1, 2, 3)),
        concurrency=concurrency,
        profile=profile,
        load=Changes(sessions=sessions, duration=duration, slos=tuple(slo or ())),
        redact_bodies=redact_bodies,
        quiet=quiet,
        no_color=no_color,
    )
    return run(call)


def keygen(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="NAME", help="Writes NAME and NAME.pub.")],
) -> int:
    """Make a pair of keys: one signs certificates, the other one verifies them.

    [bold]Example[/bold]

    [cyan]wfconform keygen --out acme[/cyan]
    """
    from wfconform.commands.keygen import keygen as run

    return run(out)


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The directory, or the .zip.")],
    *,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PUB", help="The public key of who must have signed it.")
    ] = None,
    rerun: Annotated[
        str | None, typer.Option("--rerun", metavar="TARGET", help="Test this base URL again as well.")
    ] = None,
    config: ConfigOption = None,
    workflow: WorkflowOption = None,
    header: HeaderOption = None,
    api_key_env: KeyOption = None,
    second_api_key_env: SecondKeyOption = None,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> int:
    """Tell whether a certificate is whole, unchanged, signed and in force; offline.

    Exit code 0 valid · 1 not valid; with --rerun, that of the run.

    [bold]Examples[/bold]

    [cyan]wfconform verify reports/certificate --key acme.pub[/cyan]

    [cyan]wfconform verify acme.zip --key acme.pub --rerun https://api.example.com/workflows --config prod.toml[/cyan]
    """
    from wfconform.commands.verify import VerifyCall
    from wfconform.commands.verify import verify as run
    from wfconform.errors import UsageError

    about_the_target = {
        "--config": config,
        "--workflow": workflow,
        "--header": header,
        "--api-key-env": api_key_env,
        "--second-api-key-env": second_api_key_env,
    }
    given = [name for name, value in about_the_target.items() if value]
    if rerun is None and given:
        raise UsageError(f"{given[0]} describes a target, and none is tested", hint="--rerun TARGET tests one")
    overrides = None
    if rerun is not None:
        from wfconform.config import Overrides

        overrides = Overrides(
            target=rerun,
            config=config,
            headers=tuple(header or ()),
            api_key_env=api_key_env,
            second_api_key_env=second_api_key_env,
            workflows=tuple(workflow or ()),
        )
    return run(VerifyCall(bundle=bundle, key=key, rerun=overrides, quiet=quiet, no_color=no_color))
