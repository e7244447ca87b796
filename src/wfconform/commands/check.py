"""`wfconform check`: resolve the target, run the suite, write the reports, return the exit code."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from wfconform.commands import replay as replaying
from wfconform.commands.interrupts import interrupts
from wfconform.commands.outputs import Outputs
from wfconform.commands.progress import progress_on
from wfconform.commands.reporting import Shown, report
from wfconform.commands.terminal import stderr_console
from wfconform.config import Configured, Overrides, resolve
from wfconform.conformance.options import TIME_BUDGET_S, CheckOptions, Progress
from wfconform.errors import UsageError
from wfconform.outcomes import Run
from wfconform.report.text import plain
from wfconform.reproduce import named, rerun_failures
from wfconform.requirements import required_at, select
from wfconform.target import Target

if TYPE_CHECKING:
    from wfconform.conformance.durability import Durability

_NO_TARGET = "no target was given, and there is no wfconform.toml: this checks the embedded reference, nothing of yours"


@dataclass(frozen=True, slots=True)
class CheckCall:
    """What the command line asks for; level None: full for the embedded reference, core for a target."""

    overrides: Overrides
    outputs: Outputs
    embedded: bool = False
    replay: Path | None = None
    rerun: bool = True
    show_reproducers: bool = False
    level: str | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    strict: bool = False
    seed: int = 1
    concurrency: int = 8
    scripted: bool = True
    examples: int = 0
    explore: int = 0
    time_budget_s: float = TIME_BUDGET_S
    redact_bodies: bool = False
    quiet: bool = False
    no_color: bool = False


def check(call: CheckCall) -> int:
    """Check a target and report; returns the exit code of the run."""
    call = replace(call, only=_patterns("--only", call.only), skip=_patterns("--skip", call.skip))
    _refuse_empty_selection(call)
    if not (call.scripted or call.examples or call.explore):
        raise UsageError("--no-scripted and --no-generated leave nothing to do", hint="leave one of them out")
    if call.level is not None:
        required_at(call.level)
    record = replaying.recorded(call.replay, call.only) if call.replay else None
    configured = None if wants_embedded(call.overrides, embedded=call.embedded) else resolve(call.overrides)
    if configured is not None and record is not None and call.overrides.target is None:
        call = replace(call, overrides=replace(call.overrides, target=record.base_url))
        configured = resolve(call.overrides)
    call.outputs.prepare()
    if configured is not None:
        run = run_once(call, configured, record, level=call.level or "core")
        return _report(call, named(run, *replaying.key_names(call.overrides)))
    if not call.embedded:
        stderr_console(no_color=call.no_color).print(_NO_TARGET, soft_wrap=True)
    from wfconform.commands.embedded import served_reference

    with served_reference(call.overrides) as (embedded, durability):
        return _report(call, run_once(call, embedded, record, durability, level=call.level or "full"))


def wants_embedded(overrides: Overrides, *, embedded: bool) -> bool:
    """Tell whether --embedded was given; raises UsageError beside what describes another target."""
    if embedded:
        overrides.refuse_beside_embedded()
    return embedded


def _patterns(option: str, given: tuple[str, ...]) -> tuple[str, ...]:
    patterns = tuple(part.strip() for item in given for part in item.split(",") if part.strip())
    if given and not patterns:
        raise UsageError(f"{option}: names no requirement", hint=f"for example {option} TRN,EXE-001")
    return patterns


def _refuse_empty_selection(call: CheckCall) -> None:
    everything = select(call.only) if call.only else None
    skipped = select(call.skip)
    if everything is not None and everything <= skipped:
        raise UsageError("--only and --skip together leave nothing to test", hint="skip less, or select more")


def run_once(
    call: CheckCall,
    configured: Configured,
    record: replaying.Recorded | None = None,
    durability: "Durability | None" = None,
    *,
    level: str,
) -> Run:
    """Run the suite under progress and Ctrl-C, then the reproducers of what failed; `record`: a report to replay."""
    stderr = stderr_console(no_color=call.no_color)
    options = CheckOptions(
        level=level,
        only=call.only,
        skip=call.skip,
        strict=call.strict,
        seed=call.seed,
        concurrency=call.concurrency,
        scripted=call.scripted,
        examples=call.examples,
        explore=call.explore,
        time_budget_s=call.time_budget_s,
    )
    if not call.quiet:
        url = plain(configured.target.access.base_url)
        stderr.print(Text(f"checking {url} at level {level}, seed {call.seed}"), soft_wrap=True)
    with progress_on(stderr, quiet=call.quiet) as progress:
        run = asyncio.run(_supervised(configured.target, options, record, durability, progress, stderr))
    run = replace(run, notes=configured.notes + run.notes)
    return run if run.interrupted or record or not call.rerun else _rerun(run, configured.target)


def _rerun(run: Run, target: Target) -> Run:
    """Run the reproducers; Ctrl-C ends that alone."""
    try:
        return asyncio.run(rerun_failures(run, target.access))
    except KeyboardInterrupt:
        return replace(run, notes=(*run.notes, "reproducers were not run again: interrupted"))


async def _supervised(
    target: Target,
    options: CheckOptions,
    record: replaying.Recorded | None,
    durability: "Durability | None",
    progress: Progress | None,
    stderr: Console,
) -> Run:
    from wfconform.conformance import run_check

    with interrupts(stderr) as interrupted:
        if record is not None:
            return await replaying.play_again(
                target, record, options, progress=progress, interrupted=interrupted, durability=durability
            )
        return await run_check(target, options, progress=progress, interrupted=interrupted, durability=durability)


def _report(call: CheckCall, run: Run) -> int:
    shown = Shown(
        quiet=call.quiet,
        no_color=call.no_color,
        print_reproducers=call.show_reproducers,
        redact=call.redact_bodies,
        instead=replaying.show if call.replay else None,
    )
    return report(run, call.outputs, shown)
