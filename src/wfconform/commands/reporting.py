"""What a command does with a run once there is one: files, console, exit code."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from wfconform.commands.outputs import Outputs
from wfconform.commands.terminal import drop_closed_pipe, stderr_console, stdout_console
from wfconform.errors import UsageError
from wfconform.outcomes import Run
from wfconform.report import console as console_report
from wfconform.report.redaction import redact_bodies
from wfconform.report.text import plain
from wfconform.reproduce import write_scripts


@dataclass(frozen=True, slots=True)
class Shown:
    """How a run is shown; print_reproducers: the scripts themselves, else where they are; redact: texts as hashes.

    instead: prints the run in another way than as a report.
    """

    quiet: bool = False
    no_color: bool = False
    print_reproducers: bool = False
    redact: bool = False
    instead: Callable[[Run, Console], None] | None = None


def report(run: Run, outputs: Outputs, shown: Shown) -> int:
    """Write the files, then print; a closed pipe changes nothing about the verdict. Returns the run's exit code."""
    run = redact_bodies(run, salt=os.urandom(16)) if shown.redact else run
    try:
        try:
            outputs.write(run)
            _write_scripts(run, outputs)
        finally:
            make = stderr_console if outputs.takes_stdout else stdout_console
            console = make(no_color=shown.no_color)
            _show(run, outputs, shown, console)
            tell_files(outputs, stderr_console(no_color=shown.no_color))
            console.file.flush()
    except BrokenPipeError:
        drop_closed_pipe()
    return run.exit_code


def _show(run: Run, outputs: Outputs, shown: Shown, console: Console) -> None:
    if shown.instead is not None:
        shown.instead(run, console)
        return
    where = None if shown.print_reproducers else where_scripts_are(outputs)
    console_report.show(run, console, quiet=shown.quiet, reproducers=where)


def where_scripts_are(outputs: Outputs) -> Callable[[str], str]:
    """Return what to say of a requirement's reproducer: where it is, or how to get it."""
    path = outputs.files.get("json")

    def where(id: str) -> str:
        if path is None:
            return "--show-reproducers prints the script, --json PATH writes it"
        return str(Path(path).with_suffix(".repro") / f"{id}.sh")

    return where


def tell_files(outputs: Outputs, console: Console) -> None:
    """Say where the report files are."""
    for kind, path in outputs.files.items():
        console.print(Text(f"{kind} report: {plain(path)}"), soft_wrap=True)


def _write_scripts(run: Run, outputs: Outputs) -> None:
    """Write the reproducers beside the JSON report."""
    path = outputs.files.get("json")
    if path is not None and (Path(path).is_file() or not Path(path).exists()):
        try:
            write_scripts(run, Path(path))
        except OSError as error:
            raise UsageError(f"--json: cannot write the reproducers beside {path}: {error.strerror}") from None
