"""What the reference wants of a database: a handful of operations by `_id`, and what can go wrong with one.

Every write is conditional on the document's own fields, so that processes and machines share a database with no lock
but the database's. `EmbeddedCollection` and `MongoCollection` are the two that there are.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from wfconform.reference.records import Page

DATABASE = "workflows"
RUNS = "workflow_runs"
WORKFLOWS = "workflows"
Document = Mapping[str, Any]


class DatabaseError(Exception):
    """The database did not carry out an operation, or did not say so."""


class NotReached(DatabaseError):
    """Nothing was sent to the database: it has changed nothing, and never will because of this."""


class Denied(NotReached):
    """The database does not take the user, or does not let it do this."""


class Withdrawn(NotReached):
    """What was sent did not arrive, and was made impossible since."""


class Unanswered(DatabaseError):
    """The operation was sent, and nothing came back: it may have been carried out, or may yet be."""


class TooLarge(DatabaseError):
    """The document would be larger than the database takes."""


class Duplicate(DatabaseError):
    """There is a document with this `_id`."""


class Collection(Protocol):
    """Documents by `_id`. A filter names `_id` and fields: their value, or `{"$lt": number}`.

    Each operation raises NotReached or Unanswered.
    """

    async def insert_one(self, document: Document) -> None:
        """Add a document; raises Duplicate, TooLarge."""
        ...

    async def find_one(self, filter: Document, *, without: str | None = None) -> dict[str, Any] | None:
        """Return a document or None; without: a field to leave out."""
        ...

    async def update_one(self, filter: Document, update: Document, *, shows: Document | None = None) -> bool:
        """Change a document by $set and $push; False when none matches; raises TooLarge.

        shows: a filter that the document fits once the update was carried out, and never without; with it, updates may
        be sent together.
        """
        ...

    async def claim_one(self, filter: Document, update: Document, *, without: str) -> dict[str, Any] | None:
        """Change a document and return it as it is then, in one step; None when none matches."""
        ...

    async def delete_one(self, filter: Document) -> bool:
        """Remove a document; False when none matches."""
        ...

    async def page(self, filter: Document, *, skip: int, limit: int, search: str = "") -> Page:
        """List the documents whose fields equal the filter's, newest first; search: text in `name`."""
        ...
