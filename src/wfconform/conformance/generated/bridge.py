"""From a worker thread, where Hypothesis runs, to the event loop, where all calls are made."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from wfconform.conformance.generated.cases import Enough

_T = TypeVar("_T")


class Bridge:
    """Runs coroutines on a loop for one thread, one at a time, until it is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pending: Future[Any] | None = None
        self._closed = False

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Wait for a coroutine's result; raises Enough once the bridge is closed."""
        if self._closed:
            work.close()
            raise Enough
        self._pending = asyncio.run_coroutine_threadsafe(work, self._loop)
        if self._closed:  # closed while it was handed over
            self._pending.cancel()
        try:
            done: _T = self._pending.result()
        except (CancelledError, asyncio.CancelledError):
            raise Enough from None
        return done

    def close(self) -> None:
        """Give up what is under way, and take nothing more."""
        self._closed = True
        if self._pending is not None:
            self._pending.cancel()
