"""Collections that keep documents in another form than the store hands over: for faults and variants of the record."""

from collections.abc import Callable
from typing import Any

from wfconform.reference.database import Collection, Document
from wfconform.reference.records import Page

Fields = dict[str, Any]
Edit = Callable[[Fields], Fields]


class Reformed:
    """A collection whose documents are changed on their way in and back again on their way out.

    write: given a document, the fields of a $set, or a filter; read: given a document as it is stored.
    """

    def __init__(self, inner: Collection, *, write: Edit, read: Edit) -> None:
        self._inner, self._write, self._read = inner, write, read

    async def insert_one(self, document: Document) -> None:
        """Add a document."""
        await self._inner.insert_one(self._write(dict(document)))

    async def find_one(self, filter: Document, *, without: str | None = None) -> Fields | None:
        """Return a document or None."""
        return self._back(await self._inner.find_one(self._write(dict(filter)), without=without))

    async def update_one(self, filter: Document, update: Document, *, shows: Document | None = None) -> bool:
        """Change a document."""
        shown = None if shows is None else self._write(dict(shows))
        return await self._inner.update_one(self._write(dict(filter)), self._update(update), shows=shown)

    async def claim_one(self, filter: Document, update: Document, *, without: str) -> Fields | None:
        """Change a document and return it as it is then."""
        return self._back(await self._inner.claim_one(self._write(dict(filter)), self._update(update), without=without))

    async def delete_one(self, filter: Document) -> bool:
        """Remove a document."""
        return await self._inner.delete_one(self._write(dict(filter)))

    async def page(self, filter: Document, *, skip: int, limit: int, search: str = "") -> Page:
        """List documents."""
        found = await self._inner.page(self._write(dict(filter)), skip=skip, limit=limit, search=search)
        return Page([self._read(document) for document in found.items], found.total)

    def _update(self, update: Document) -> Fields:
        return {**update, "$set": self._write(dict(update.get("$set", {})))}

    def _back(self, document: Fields | None) -> Fields | None:
        return None if document is None else self._read(document)
