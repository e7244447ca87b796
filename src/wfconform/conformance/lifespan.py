"""Runs an ASGI application's startup and shutdown around an in-process check."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from wfconform.errors import NotTestable


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Send startup, and shutdown at the end; an application without lifespan support is left alone.

    Raises NotTestable when the application says that its startup failed.
    """
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    started, stopped = asyncio.Event(), asyncio.Event()
    failed: list[str] = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.failed":
            failed.append(str(message.get("message", "")))
        (stopped if message["type"].startswith("lifespan.shutdown") else started).set()

    async def run() -> None:
        try:
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, inbox.get, send)
        except Exception:  # noqa: S110 - the ASGI way to say that lifespan is not supported
            pass
        finally:
            started.set()
            stopped.set()

    task = asyncio.create_task(run())
    await inbox.put({"type": "lifespan.startup"})
    await started.wait()
    if failed:
        raise NotTestable(f"the application's startup failed: {failed[0]}")
    try:
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await stopped.wait()
        task.cancel()
