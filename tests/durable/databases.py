"""Empty databases, all alike to a test: in memory, or on a server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import mongomock

from wfconform.reference.database import RUNS, WORKFLOWS, Collection
from wfconform.reference.definitions import Definitions
from wfconform.reference.mongo import MongoDatabase
from wfconform.reference.store import RunStore, embedded_collection


@dataclass
class Stores:
    """One process's view of a database."""

    collection: Collection
    runs: RunStore
    definitions: Definitions


@dataclass
class Databases:
    """Where they are: None for memory."""

    url: str | None
    prefix: str = ""

    def __post_init__(self) -> None:
        self._count = count()

    def run(self, scenario: Callable[..., Awaitable[Any]], *, processes: int = 1) -> None:
        """Run a scenario on an empty database, with as many views of it as there would be processes."""

        async def whole() -> None:
            async with self._views(processes) as views:
                await scenario(*views)

        asyncio.run(whole())

    @asynccontextmanager
    async def _views(self, processes: int) -> AsyncIterator[list[Stores]]:
        if self.url is None:
            client: Any = mongomock.MongoClient()
            yield [_stores(embedded_collection(client, RUNS), embedded_collection(client, WORKFLOWS))] * processes
            return
        name = f"{self.prefix}_{next(self._count)}"
        views = [MongoDatabase(self.url, name=name) for _ in range(processes)]
        try:
            yield [_stores(view.runs, view.workflows) for view in views]
        finally:
            collection = await views[0].collection(RUNS)
            await collection.database.client.drop_database(name)
            for view in views:
                await view.close()


def _stores(runs: Collection, workflows: Collection) -> Stores:
    return Stores(runs, RunStore(runs), Definitions(workflows))
