"""Ctrl-C during long work: the first one asks it to stop and report, the second one ends it."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from wfconform.commands.ending import INTERRUPTED


@contextmanager
def interrupts(console: Console) -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT or SIGTERM sets; to be entered in the event loop of the main thread."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            console.show_cursor(True)
            os._exit(INTERRUPTED)
        asked.set()
        loop.call_soon_threadsafe(console.print, "stopping open runs; Ctrl-C again ends at once")

    before = {which: signal.signal(which, on_signal) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


@contextmanager
def interrupts_of(ask: Callable[[], None]) -> Iterator[None]:
    """Call `ask` at the first SIGINT, SIGTERM or SIGHUP, raise KeyboardInterrupt at each further one; no event loop."""
    asked = False

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        ask()

    before = {which: signal.signal(which, on_signal) for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
