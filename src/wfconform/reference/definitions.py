"""Workflows that were made through the API: kept in the database, parsed when they run.

| field | holds |
|---|---|
| `_id` | ObjectId: the workflow_id |
| `tenant` | whose it is: nobody else can see, run or remove it |
| `name`, `description` | as given at the top, or in workflow_config |
| `document` | the definition (§11), JSON as bytes |
| `created_at` | epoch seconds |
"""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from wfconform.reference.database import Collection, NotReached, Unanswered
from wfconform.reference.model import Workflow, parse_workflow
from wfconform.reference.records import Page

_KEPT = 256  # parsed workflows: they never change, so they may be kept


@dataclass(frozen=True, slots=True)
class Definition:
    """A workflow as it was given."""

    id: ObjectId
    tenant: str
    name: str
    description: str
    document: bytes
    created_at: float


class Definitions:
    """Reads and writes workflow definitions; every operation may raise NotReached."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._parsed: dict[str, Workflow] = {}

    async def insert(self, definition: Definition) -> None:
        """Add a definition."""
        try:
            await self._collection.insert_one(
                {
                    "_id": definition.id,
                    "tenant": definition.tenant,
                    "name": definition.name,
                    "description": definition.description,
                    "document": definition.document,
                    "created_at": definition.created_at,
                }
            )
        except Unanswered:
            await self._withdraw(definition)

    async def find(self, id: str, *, tenant: str) -> Definition | None:
        """Return a tenant's definition, or None."""
        try:
            found = await self._collection.find_one({"_id": ObjectId(id), "tenant": tenant})
        except Unanswered as error:
            raise NotReached(str(error)) from error
        return None if found is None else definition_of(found)

    async def workflow(self, id: str, version: int | None, *, tenant: str) -> Workflow | None:
        """Return a definition ready to run; version 0 is the only one that it has."""
        found = await self.find(id, tenant=tenant) if version in (None, 0) else None
        if found is None:
            return None
        if id not in self._parsed:
            if len(self._parsed) >= _KEPT:
                self._parsed.clear()
            self._parsed[id] = parse_workflow(found.document, id=id)
        return self._parsed[id]

    async def delete(self, id: str, *, tenant: str) -> bool:
        """Remove a definition; False when there is none."""
        try:
            return await self._collection.delete_one({"_id": ObjectId(id), "tenant": tenant})
        except Unanswered as error:
            raise NotReached(str(error)) from error

    async def page(self, *, tenant: str, search: str, skip: int, limit: int) -> Page:
        """List a tenant's definitions, newest first."""
        try:
            return await self._collection.page({"tenant": tenant}, skip=skip, limit=limit, search=search)
        except Unanswered as error:
            raise NotReached(str(error)) from error

    async def _withdraw(self, definition: Definition) -> None:
        """Take back what may have been added: who is told that it was not will add it again."""
        await self.delete(str(definition.id), tenant=definition.tenant)
        raise NotReached("the workflow was not written")


def definition_of(document: dict[str, Any]) -> Definition:
    """Read a document."""
    return Definition(
        id=document["_id"],
        tenant=document["tenant"],
        name=document["name"],
        description=document["description"],
        document=document["document"],
        created_at=document["created_at"],
    )
