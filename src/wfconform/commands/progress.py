"""Tells on stderr how far a check is: a bar on a terminal, a few plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from wfconform.conformance.options import Progress
from wfconform.report.text import plain


class _PlainProgress:
    """A line for each violation, and one for each quarter of the way."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._quarter = 0

    def scenario_done(self, *, name: str, done: int, total: int) -> None:
        """Say so when another quarter is done."""
        quarter = 4 * done // total if total else 0
        if quarter > self._quarter:
            self._quarter = quarter
            self._console.print(Text(f"{done} of {total} scenarios done, the last one {plain(name)}"))

    def violated(self, *, requirement_id: str, scenario: str) -> None:
        """Name the requirement and where it was seen broken."""
        self._console.print(_violation(requirement_id, scenario))


class _BarProgress:
    """A bar, with the violations above it."""

    def __init__(self, bar: Bar, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def scenario_done(self, *, name: str, done: int, total: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=total, scenario=plain(name))

    def violated(self, *, requirement_id: str, scenario: str) -> None:
        """Name the requirement and where it was seen broken."""
        self._bar.console.print(_violation(requirement_id, scenario))


@contextmanager
def progress_on(console: Console, *, quiet: bool) -> Iterator[Progress | None]:
    """Yield who is to be told: nobody when quiet, a bar on a terminal, else plain lines."""
    if quiet:
        yield None
    elif not console.is_terminal:
        yield _PlainProgress(console)
    else:
        columns = (
            TextColumn("checking"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[scenario]}"),
        )
        with Bar(*columns, console=console, transient=True) as bar:
            yield _BarProgress(bar, bar.add_task("check", total=None, scenario=""))


def _violation(requirement_id: str, scenario: str) -> Text:
    return Text(f"{requirement_id} broken in {plain(scenario)}", style="red")
