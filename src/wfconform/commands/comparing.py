"""`wfconform diff` and `wfconform matrix`: reports read back, and held side by side."""

import sys
from collections.abc import Sequence
from pathlib import Path

from wfconform.commands.outputs import STDOUT, try_writing, write_whole
from wfconform.commands.recorded import RecordedReport, read_report
from wfconform.commands.terminal import stderr_console, stdout_console
from wfconform.errors import UsageError
from wfconform.report import comparison_text, targets
from wfconform.report.comparison import compare

MOST_TARGETS = 20


def diff(before: Path, after: Path, *, markdown: str | None, quiet: bool = False, no_color: bool = False) -> int:
    """Compare two reports; returns 1 when something fails in the later one that did not in the earlier one, else 0."""
    _try_writing(markdown)
    old, new = read_report(before), read_report(after)
    _refuse_different_kinds(old, new)
    found = compare(old.report, new.report, load_before=old.load, load_after=new.load)
    _write(markdown, comparison_text.markdown(found))
    make = stderr_console if markdown == STDOUT else stdout_console
    comparison_text.show(found, make(no_color=no_color), quiet=quiet)
    return found.exit_code


def _refuse_different_kinds(*reports: RecordedReport) -> None:
    kinds = ["load" if one.load else "check" for one in reports]
    if len(set(kinds)) > 1:
        listed = ", ".join(f"{one.path} is of `wfconform {kind}`" for one, kind in zip(reports, kinds, strict=True))
        raise UsageError(f"reports of different kinds: {listed}", hint="give two of the same command")


def matrix(paths: Sequence[Path], *, markdown: str | None, no_color: bool = False) -> int:
    """Show several targets on one page; returns 0."""
    if len(paths) > MOST_TARGETS:
        raise UsageError(f"more than {MOST_TARGETS} reports do not fit on a page", hint="give fewer")
    _try_writing(markdown)
    found = targets.columns([(path.stem, read_report(path).report) for path in paths])
    _write(markdown, targets.markdown(found))
    make = stderr_console if markdown == STDOUT else stdout_console
    targets.show(found, make(no_color=no_color))
    return 0


def _try_writing(markdown: str | None) -> None:
    if markdown is not None and markdown != STDOUT:
        try_writing(Path(markdown), option="--markdown")


def _write(markdown: str | None, text: str) -> None:
    if markdown == STDOUT:
        sys.stdout.write(text)
    elif markdown is not None:
        write_whole(Path(markdown), text, option="--markdown")
