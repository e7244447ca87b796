"""The command line: parse, call a command, exit with its code."""

import signal
import sys
from collections.abc import Callable


def main() -> None:
    """Run the command line; what a stream's encoding lacks is printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app = _loaded()
    app(prog_name="wfconform")


def _loaded() -> Callable[..., object]:
    """Import the commands; a Ctrl-C meanwhile ends the process quietly, for there is nothing to report yet."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from wfconform.cli.commands import app

    signal.signal(signal.SIGINT, before)
    return app
