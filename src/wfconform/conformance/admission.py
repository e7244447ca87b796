"""How many scenarios run at once: as many as asked for, fewer when the target refuses to open more runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Admission:
    """A semaphore whose limit can fall while it is in use; never below one."""

    def __init__(self, limit: int) -> None:
        self._limit = max(1, limit)
        self._inside = 0
        self._freed = asyncio.Condition()

    @property
    def alone(self) -> bool:
        """Nobody else is inside."""
        return self._inside <= 1

    @property
    def limit(self) -> int:
        """How many may be inside."""
        return self._limit

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        async with self._freed:
            await self._freed.wait_for(lambda: self._inside < self._limit)
            self._inside += 1
        try:
            yield
        finally:
            async with self._freed:
                self._inside -= 1
                self._freed.notify_all()

    def lower(self) -> None:
        """Let one fewer in than are inside now."""
        self._limit = max(1, min(self._limit, self._inside - 1))
