"""The consoles that commands print on, and how a pipe that was closed ends them."""

import os
import sys

from rich.console import Console

_PIPED_WIDTH = 120


class _PipeAwareConsole(Console):
    """A console that lets a closed pipe be handled where commands end."""

    def on_broken_pipe(self) -> None:
        """Raise instead of exiting with 1, which would say that the target does not conform."""
        raise BrokenPipeError


def stdout_console(*, no_color: bool = False) -> Console:
    """Return the console for results; piped output is wide, and plain."""
    return _console(stderr=False, no_color=no_color)


def stderr_console(*, no_color: bool = False) -> Console:
    """Return the console for progress, notes and errors."""
    return _console(stderr=True, no_color=no_color)


def drop_closed_pipe() -> None:
    """Point stdout and stderr away from a closed pipe, so that nothing more is said about it at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _console(*, stderr: bool, no_color: bool) -> Console:
    bare = no_color or bool(os.environ.get("NO_COLOR"))
    console = _PipeAwareConsole(
        stderr=stderr, color_system=None if bare else "auto", highlight=False, markup=False, emoji=False
    )
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    return console
