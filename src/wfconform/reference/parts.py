"""What the reference is made of, and changes to it: the two seams at which faults and variants take hold.

A change takes parts and returns others: a layer around the application (the ASGI seam), a store that alters what is
read and written (the store seam), or another clock, id source, workflow, key. Nothing inside the reference knows.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bson import ObjectId
from starlette.types import ASGIApp

from wfconform.reference.app import create_app
from wfconform.reference.calls import Call, Handler, Json, Layer, Reply, layered
from wfconform.reference.database import WORKFLOWS
from wfconform.reference.definitions import Definitions
from wfconform.reference.events import new_event_id
from wfconform.reference.language_model import Model, scripted
from wfconform.reference.records import Claim, Record, TurnPair
from wfconform.reference.store import RunStore, embedded_collection, embedded_store
from wfconform.reference.workflows import Workflows, shipped_workflows


def _embedded_definitions() -> Definitions:
    return Definitions(embedded_collection(name=WORKFLOWS))


@dataclass(frozen=True, slots=True)
class Parts:
    """The reference before it is built; `layers` lie around the application, the last one outermost."""

    keys: Mapping[str, str] | None
    store: RunStore = field(default_factory=embedded_store)
    workflows: Workflows = field(default_factory=shipped_workflows)
    definitions: Definitions = field(default_factory=_embedded_definitions)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    new_run_id: Callable[[], ObjectId] = ObjectId
    new_event_id: Callable[[], str] = new_event_id
    model: Model = scripted
    layers: tuple[Layer, ...] = ()

    def build(self) -> ASGIApp:
        """Return the application."""
        app: ASGIApp = create_app(
            store=self.store,
            workflows=self.workflows,
            definitions=self.definitions,
            keys=self.keys,
            clock=self.clock,
            sleep=self.sleep,
            new_run_id=self.new_run_id,
            new_event_id=self.new_event_id,
            model=self.model,
        )
        for layer in self.layers:
            app = layered(app, layer)
        return app


Change = Callable[[Parts], Parts]


def part(**changes: Any) -> Change:
    """Return the change that replaces parts."""
    return lambda parts: replace(parts, **changes)


def around(layer: Layer) -> Change:
    """Return the change that adds a layer without a memory."""
    return lambda parts: replace(parts, layers=(*parts.layers, layer))


def remembering(make: Callable[[], Layer]) -> Change:
    """Return the change that adds a layer with a memory, a new one for each server."""

    def change(parts: Parts) -> Parts:
        return around(make())(parts)

    return change


def together(*changes: Change) -> Change:
    """Return the change that makes all of these, in order."""

    def change(parts: Parts) -> Parts:
        for one in changes:
            parts = one(parts)
        return parts

    return change


When = Callable[[Json, Call], bool]


def always(_: Json, __: Call) -> bool:
    """Pick out every answer."""
    return True


def answers(edit: Callable[[Json, Call], object], when: When = always) -> Change:
    """Return the change that edits, in place, the body of each 200 that `when` picks out."""

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        answer = reply.answer
        if not answer or not when(answer, call):
            return reply
        edit(answer, call)
        return reply.with_json()

    return around(layer)


def replies(edit: Callable[[Reply, Call], Reply], when: Callable[[Reply, Call], bool]) -> Change:
    """Return the change that replaces each response that `when` picks out."""

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        return edit(reply, call) if when(reply, call) else reply

    return around(layer)


def calls(edit: Callable[[Call], Call], when: Callable[[Call], bool]) -> Change:
    """Return the change that replaces each request that `when` picks out before it is read."""

    async def layer(call: Call, go: Handler) -> Reply:
        return await go(edit(call) if when(call) else call)

    return around(layer)


def instead(reply: Reply, when: Callable[[Call], bool]) -> Change:
    """Return the change that answers each request that `when` picks out without making it."""

    async def layer(call: Call, go: Handler) -> Reply:
        return reply if when(call) else await go(call)

    return around(layer)


class _Altered(RunStore):
    """A store that alters records on their way; a record that becomes None is not written."""

    def __init__(
        self, store: RunStore, read: Callable[[Record], Record], write: Callable[[Record], Record | None]
    ) -> None:
        super().__init__(store.runs)
        self._store, self._read, self._write = store, read, write

    async def insert(self, record: Record, turn: TurnPair | None = None) -> None:
        """Add a new run."""
        await self._store.insert(self._write(record) or record, turn)

    async def find(self, id: ObjectId) -> Record | None:
        """Return a run, or None."""
        found = await self._store.find(id)
        return None if found is None else self._read(found)

    async def claim(self, id: ObjectId, claim: Claim, *, tenant: str, workflow_id: str) -> Record | None:
        """Claim a run's next turn."""
        found = await self._store.claim(id, claim, tenant=tenant, workflow_id=workflow_id)
        return None if found is None else self._read(found)

    async def finish(self, record: Record, *, revision: int, token: str, turn: TurnPair | None = None) -> bool:
        """Move a run on under a claim; what is not written counts as written."""
        altered = self._write(record)
        if altered is None:
            await self._store.release(record.id, token)
            return True
        return await self._store.finish(altered, revision=revision, token=token, turn=turn)

    async def replace(self, record: Record, *, revision: int) -> bool:
        """Move a run on; what is not written counts as written."""
        altered = self._write(record)
        return altered is None or await self._store.replace(altered, revision=revision)


def stored(
    *,
    read: Callable[[Record], Record] = lambda record: record,
    write: Callable[[Record], Record | None] = lambda record: record,
) -> Change:
    """Return the change that alters what is read from the store and written to it."""
    return lambda parts: replace(parts, store=_Altered(parts.store, read, write))
