"""How a command ends: every exception becomes one message and an exit code."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from wfconform.commands.terminal import drop_closed_pipe
from wfconform.errors import WfconformError
from wfconform.redactor import Redactor
from wfconform.report.text import lines
from wfconform.target import Secret

CLOSED_PIPE = 141  # what a shell reports for a program that SIGPIPE ended
INTERRUPTED = 130
HARNESS_FAILED = 4
_KEYS = frozenset({"WFCONFORM_API_KEY", "WFCONFORM_SECOND_API_KEY", "WFCONFORM_SIGNING_KEY"})


def exit_code_of(command: Callable[[], int]) -> int:
    """Run a command and return its exit code; errors are told on stderr, without a traceback unless asked for."""
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        drop_closed_pipe()
        return CLOSED_PIPE
    except KeyboardInterrupt:
        _tell("interrupted")
        return INTERRUPTED
    except WfconformError as error:
        _tell(f"error: {error}", error.hint)
        return error.exit_code
    except Exception as error:  # the last line of defence: an unexpected one is the harness's own fault
        _tell_unexpected(error)
        return HARNESS_FAILED
    return code


def _tell(message: str, hint: str = "") -> None:
    redact = _redactor()
    for line in (*lines(redact(message)), *(f"  {line}" for line in lines(redact(hint)))):
        sys.stderr.write(f"{line}\n")


def _redactor() -> Redactor:
    """Return what leaves out every key that this process knows."""
    return Redactor({*Secret.made, *(value for name, value in os.environ.items() if name in _KEYS)})


def _tell_unexpected(error: Exception) -> None:
    """Name an error by type and place; its own message could hold a secret and is left to the traceback."""
    if os.environ.get("WFCONFORM_DEBUG"):
        sys.stderr.write(_redactor()("".join(traceback.format_exception(error))))
        return
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    _tell(f"internal error: {type(error).__name__}{place}; re-run with WFCONFORM_DEBUG=1 for the traceback")
