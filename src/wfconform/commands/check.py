"""`wfconform check`: resolve the target, run the suite, write the reports, return the exit code."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from wfconform.commands import replay as replaying
from wfconform.commands.interrupts import interrupts
from wfconform.commands.outputs import Outputs
from wfconform.commands.progress import progress_on
from wfconform.commands.terminal import drop_closed_pipe, stderr_console, stdout_console
from wfconform.config import Configured, Overrides, configure, parse_document, read_environment, resolve
from wfconform.conformance.options import CheckOptions, Progress
from wfconform.errors import UsageError
from wfconform.outcomes import Run
from wfconform.report import console as console_report
from wfconform.report.text import plain
from wfconform.reproduce import named, rerun_failures, write_scripts
from wfconform.requirements import required_at, select
from wfconform.target import RestartAccess, StorageAccess, Target

if TYPE_CHECKING:
    from wfconform.conformance.durability import Durability


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
    quiet: bool = False
    no_color: bool = False


def check(call: CheckCall) -> int:
    """Check a target and report; returns the exit code of the run."""
    call = replace(call, only=_patterns("--only", call.only), skip=_patterns("--skip", call.skip))
    _refuse_empty_selection(call)
    if call.level is not None:
        required_at(call.level)
    record = replaying.recorded(call.replay, call.only) if call.replay else None
    configured = None if _wants_embedded(call) else resolve(call.overrides)
    if configured is not None and record is not None and call.overrides.target is None:
        call = replace(call, overrides=replace(call.overrides, target=record.base_url))
        configured = resolve(call.overrides)
    call.outputs.prepare()
    if configured is not None:
        run = _run(call, configured, record, None, level=call.level or "core")
        return _report(call, named(run, *replaying.key_names(call.overrides)))
    with _embedded_reference(call.overrides) as (embedded, durability):
        return _report(call, _run(call, embedded, record, durability, level=call.level or "full"))


def _wants_embedded(call: CheckCall) -> bool:
    """Tell whether --embedded was given; raises UsageError beside what describes another target."""
    if call.embedded and (call.overrides.target or call.overrides.config or call.overrides.about_a_target):
        raise UsageError("--embedded and a target were both given", hint="leave one of them out")
    return call.embedded


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


def _run(
    call: CheckCall,
    configured: Configured,
    record: replaying.Recorded | None,
    durability: "Durability | None",
    *,
    level: str,
) -> Run:
    stderr = stderr_console(no_color=call.no_color)
    options = CheckOptions(
        level=level, only=call.only, skip=call.skip, strict=call.strict, seed=call.seed, concurrency=call.concurrency
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
    """Write the files, then print; a closed pipe changes nothing about the verdict."""
    try:
        try:
            call.outputs.write(run)
            _write_scripts(call, run)
        finally:
            make = stderr_console if call.outputs.takes_stdout else stdout_console
            console = make(no_color=call.no_color)
            _show(call, run, console)
            _tell_files(call)
            console.file.flush()
    except BrokenPipeError:
        drop_closed_pipe()
    return run.exit_code


def _show(call: CheckCall, run: Run, console: Console) -> None:
    if call.replay:
        replaying.show(run, console)
    else:
        instead = None if call.show_reproducers else partial(_where, call)
        console_report.show(run, console, quiet=call.quiet, reproducers=instead)


def _where(call: CheckCall, id: str) -> str:
    """Say where a requirement's reproducer is, or how to get it."""
    path = call.outputs.files.get("json")
    if path is None:
        return "--show-reproducers prints the script, --json PATH writes it"
    return str(Path(path).with_suffix(".repro") / f"{id}.sh")


def _write_scripts(call: CheckCall, run: Run) -> None:
    """Write the reproducers beside the JSON report."""
    path = call.outputs.files.get("json")
    if path is not None and (Path(path).is_file() or not Path(path).exists()):
        try:
            write_scripts(run, Path(path))
        except OSError as error:
            raise UsageError(f"--json: cannot write the reproducers beside {path}: {error.strerror}") from None


def _tell_files(call: CheckCall) -> None:
    """Say where the report files are."""
    stderr = stderr_console(no_color=call.no_color)
    for kind, path in call.outputs.files.items():
        stderr.print(Text(f"{kind} report: {plain(path)}"), soft_wrap=True)


@contextmanager
def _embedded_reference(overrides: Overrides) -> Iterator[tuple[Configured, "Durability"]]:
    """Serve the reference on a loopback port with its development keys, and yield it as a target."""
    from wfconform.commands.embedded import embedded_reference
    from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, describe, serving

    app, durability = embedded_reference()
    keys = {"EMBEDDED_KEY": DEVELOPMENT_KEY, "EMBEDDED_SECOND_KEY": SECOND_DEVELOPMENT_KEY}
    timeout_s = read_environment().timeout_s if overrides.timeout_s is None else overrides.timeout_s
    with serving(app) as base_url:
        document = parse_document(_with_keys(describe(base_url), *keys), source="the embedded reference")
        embedded = configure(document, environ=keys, overrides=Overrides(timeout_s=timeout_s))
        target = replace(embedded.target, storage=StorageAccess(), restart=RestartAccess())
        yield replace(embedded, target=target), durability


def _with_keys(description: Mapping[str, Any], first: str, second: str) -> dict[str, Any]:
    table = {**description["target"], "api_key_env": first, "second_api_key_env": second}
    return {**description, "target": table}
