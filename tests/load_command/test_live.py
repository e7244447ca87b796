"""What is told while the load goes on: a table on a terminal, plain lines elsewhere, nothing when quiet."""

from dataclasses import replace
from io import StringIO

from rich.console import Console
from tests.load_command.measuring import CLOSED, a_tick

from wfconform.commands.live import LINE_EVERY_S, watching
from wfconform.load.plan import Stage

PLAN = replace(CLOSED, stages=(Stage("hold", "closed", "steady", 90.0, 5.0, 5.0),))


def _told(*, terminal: bool, quiet: bool = False, seconds: int = 12, width: int = 80) -> str:
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)
    with watching(console, PLAN, quiet=quiet) as watcher:
        for second in range(seconds):
            watcher.tick(a_tick(second, stage="hold\x1b[31m", violations=int(second == 7), refused=2))
        watcher.say("ending the run")
    return out.getvalue()


def test_piped_output_is_a_line_every_few_seconds() -> None:
    """Each line sums up the seconds since the last one; violations stand out."""
    lines = _told(terminal=False).splitlines()
    latency = "p50 10.0 ms, p95 20.0 ms, p99 30.0 ms"
    assert lines == [
        f"    1 s hold\\x1b[31m: 5 sessions, 10.0 turns/s, {latency}, 2 refused",
        f"    6 s hold\\x1b[31m: 5 sessions, 10.0 turns/s, {latency}, 10 refused",
        f"   11 s hold\\x1b[31m: 5 sessions, 10.0 turns/s, {latency}, 10 refused, 1 VIOLATIONS",
        "ending the run",
    ]
    assert LINE_EVERY_S == 5


def test_a_terminal_gets_a_table_that_fits_it() -> None:
    """Sessions, rate, percentiles, refusals, violations, the stage and the time left; no line is wider than 80."""
    text = _told(terminal=True)
    for said in ("stage", "sessions", "turns/s", "p50", "p95", "p99", "refused", "violations", "1:18 left"):
        assert said in text
    assert "\x1b[31m" not in text
    assert max(len(line) for line in text.splitlines() if "\x1b" not in line) <= 80


def test_quiet_tells_nothing() -> None:
    """Neither seconds nor messages."""
    assert _told(terminal=True, quiet=True) == ""
