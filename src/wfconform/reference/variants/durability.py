"""Variants in storage: where the status stands, and when it gets there."""

import asyncio
from dataclasses import replace
from typing import Any

from wfconform.reference.database import Document
from wfconform.reference.layouts import Reformed
from wfconform.reference.parts import Parts
from wfconform.reference.store import RunStore
from wfconform.reference.variants.variant import Variant, variant

Fields = dict[str, Any]
_LATE_S = 1.5


def _nest(fields: Fields) -> Fields:
    if "status" in fields:
        fields["run"] = {"status": fields.pop("status")}
    return fields


def _unnest(fields: Fields) -> Fields:
    return {**fields, "status": fields["run"]["status"]}


def _nested(parts: Parts) -> Parts:
    return replace(parts, store=RunStore(Reformed(parts.store.runs, write=_nest, read=_unnest)))


def _live(fields: Fields) -> Fields:
    if "status" in fields:
        fields["live_status"] = fields.pop("status")
    return fields


def _of_live(fields: Fields) -> Fields:
    return {**fields, "status": fields["live_status"]}


class _Late(Reformed):
    """A collection where the field `status` follows what it should say after a while."""

    async def insert_one(self, document: Document) -> None:
        """Add a document."""
        await self._inner.insert_one({**self._write(dict(document)), "status": "started"})
        self._follow(document["_id"], document["status"])

    async def update_one(self, filter: Document, update: Document, *, shows: Document | None = None) -> bool:
        """Change a document."""
        changed = await super().update_one(filter, update, shows=shows)
        if changed and "status" in update.get("$set", {}):
            self._follow(filter["_id"], update["$set"]["status"])
        return changed

    def _follow(self, id: Any, status: str) -> None:
        async def write() -> None:
            await asyncio.sleep(_LATE_S)
            await self._inner.update_one({"_id": id}, {"$set": {"status": status}})

        task = asyncio.get_running_loop().create_task(write())
        _following.add(task)
        task.add_done_callback(_following.discard)


_following: set[asyncio.Task[None]] = set()


def _late(parts: Parts) -> Parts:
    return replace(parts, store=RunStore(_Late(parts.store.runs, write=_live, read=_of_live)))


VARIANTS: tuple[Variant, ...] = (
    variant(
        "status-is-nested",
        "The record's status stands in a field of its own document.",
        _nested,
        "DUR-002",
        target={"storage": {"status_field": "run.status"}},
        level="durable",
    ),
    variant("record-follows", "The record's status follows the answer after a while.", _late, level="durable"),
)
