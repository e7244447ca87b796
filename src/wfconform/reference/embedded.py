"""A collection in this process's memory, in a mongomock database, at a cost that does not grow with what it holds."""

from collections.abc import Mapping
from threading import Lock
from typing import Any

import mongomock

from wfconform.reference.database import Document, Duplicate
from wfconform.reference.records import Page


class EmbeddedCollection:
    """The operations by `_id` on a mongomock collection.

    mongomock finds a document by `_id` by walking through the whole collection (14 ms at 10,000 documents), copies it
    deeply on every update, and is not atomic across threads. Yet it keeps its documents in a mapping by `_id`. This
    reads and replaces them right there, one at a time: a document's values are never changed in place, so a shallow
    copy is a whole one. Adding is mongomock's own `insert_one` (flat, and it checks that the document is valid BSON),
    and whoever looks into the same collection through mongomock sees the same documents.
    """

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self._documents = collection._store  # a mapping, but for `documents`, which lists the values
        self._lock = Lock()

    async def insert_one(self, document: Document) -> None:
        """Add a document; raises Duplicate."""
        with self._lock:
            try:
                self._collection.insert_one(document)
            except mongomock.DuplicateKeyError as error:
                raise Duplicate(str(error)) from None

    async def find_one(self, filter: Document, *, without: str | None = None) -> dict[str, Any] | None:
        """Return a copy of the document that matches."""
        with self._lock:
            document = self._matching(filter)
            return None if document is None else _copy(document, without)

    async def update_one(self, filter: Document, update: Document, *, shows: Document | None = None) -> bool:  # noqa: ARG002 - there is nobody to send it to
        """Change the document that matches by $set and $push."""
        with self._lock:
            return self._updated(filter, update) is not None

    async def claim_one(self, filter: Document, update: Document, *, without: str) -> dict[str, Any] | None:
        """Change the document that matches and return a copy."""
        with self._lock:
            document = self._updated(filter, update)
            return None if document is None else _copy(document, without)

    async def delete_one(self, filter: Document) -> bool:
        """Remove the document that matches."""
        with self._lock:
            found = self._matching(filter) is not None
            if found:
                del self._documents[filter["_id"]]
            return found

    async def page(self, filter: Document, *, skip: int, limit: int, search: str = "") -> Page:
        """List what matches, newest first: by walking through all, which only listings do."""
        wanted = search.lower()
        with self._lock:
            found = [
                document
                for document in self._documents.documents
                if _matches(document, filter) and wanted in document.get("name", "").lower()
            ]
        found.sort(key=lambda document: document["_id"], reverse=True)
        return Page([dict(document) for document in found[skip : skip + limit]], len(found))

    def _updated(self, filter: Document, update: Document) -> dict[str, Any] | None:
        document = self._matching(filter)
        if document is None:
            return None
        changed = {**document, **update.get("$set", {})}
        for name, push in update.get("$push", {}).items():
            changed[name] = [*document[name], *push["$each"]][push["$slice"] :]
        self._documents[filter["_id"]] = changed
        return changed

    def _matching(self, filter: Document) -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = self._documents[filter["_id"]]
        except KeyError:
            return None
        return document if _matches(document, filter) else None


def _matches(document: Mapping[str, Any], filter: Document) -> bool:
    return all(_fits(document, name, wanted) for name, wanted in filter.items())


def _fits(document: Mapping[str, Any], name: str, wanted: Any) -> bool:
    table, dot, inner = name.partition(".")
    if dot:  # a field of any element of a list
        return any(element[inner] == wanted for element in document[table])
    if isinstance(wanted, Mapping):
        return bool(document[name] < wanted["$lt"])
    return bool(document[name] == wanted)


def _copy(document: Mapping[str, Any], without: str | None) -> dict[str, Any]:
    copied = dict(document)
    copied.pop(without or "", None)
    return copied
