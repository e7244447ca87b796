"""Runs in a MongoDB-shaped database (§5, §6): one record for each run, `_id` is the run_id.

| field | holds |
|---|---|
| `_id` | ObjectId: the run_id, its timestamp is the time of creation |
| `workflow_id`, `version_number`, `tenant` | what was started, and by whom |
| `status`, `turn_number` | as answered last |
| `revision` | how often the record was written; a write names the revision it replaces |
| `state` | the engine's state, JSON as bytes |
| `events` | the events of the last answer, a JSON array as bytes |
| `created_at`, `updated_at` | epoch seconds |
"""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol, TypeVar

import mongomock
from bson import ObjectId
from pymongo.results import UpdateResult

from wfconform.reference.status import Status

DATABASE = "workflows"
COLLECTION = "workflow_runs"
_T = TypeVar("_T")
_Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One run as it is stored."""

    id: ObjectId
    workflow_id: str
    version_number: int
    tenant: str
    status: Status
    turn_number: int
    revision: int
    state: bytes
    events: bytes
    created_at: float
    updated_at: float


class Collection(Protocol):
    """What is used of a pymongo collection; every filter names `_id`."""

    def insert_one(self, document: Any) -> Any:
        """Add a document."""
        ...

    def find_one(self, filter: Any) -> Any:
        """Return a document or None."""
        ...

    def replace_one(self, filter: Any, replacement: Any) -> Any:
        """Replace a document; the result tells `matched_count`."""
        ...


class RunStore:
    """Reads and writes runs; `blocking` says that the collection waits for a network, so a thread does it."""

    def __init__(self, collection: Collection, *, blocking: bool) -> None:
        self._collection = collection
        self._blocking = blocking

    async def insert(self, record: Record) -> None:
        """Add a new run."""
        await self._call(lambda: self._collection.insert_one(_document(record)))

    async def find(self, id: ObjectId) -> Record | None:
        """Return a run, or None."""
        found = await self._call(lambda: self._collection.find_one({"_id": id}))
        return None if found is None else _record(found)

    async def replace(self, record: Record, *, revision: int) -> bool:
        """Write a run if it still is at that revision; False when somebody else was first."""
        expected = {"_id": record.id, "revision": revision}
        result = await self._call(lambda: self._collection.replace_one(expected, _document(record)))
        return bool(result.matched_count)

    async def _call(self, call: Callable[[], _T]) -> _T:
        return await asyncio.to_thread(call) if self._blocking else call()


class EmbeddedCollection:
    """The by-id operations on a mongomock collection, at a cost that does not grow with what it holds.

    mongomock finds a document by `_id` by walking through the whole collection (14 ms at 10,000 documents), copies it
    deeply on every update, and is not atomic across threads. Yet it keeps its documents in a mapping by `_id`. This
    reads and replaces them right there, one at a time: a run's values are immutable, so a shallow copy is a whole one.
    Adding a run is mongomock's own `insert_one` (flat, and it checks that the document is valid BSON), and whoever
    looks into the same collection through mongomock sees the same documents.
    """

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self._documents: MutableMapping[ObjectId, dict[str, Any]] = collection._store
        self._lock = Lock()

    def insert_one(self, document: dict[str, Any]) -> None:
        """Add a document."""
        with self._lock:
            self._collection.insert_one(document)

    def find_one(self, filter: _Document) -> dict[str, Any] | None:
        """Return a copy of the document whose fields equal the filter's, `_id` being one of them."""
        with self._lock:
            document = self._matching(filter)
            return None if document is None else dict(document)

    def replace_one(self, filter: _Document, replacement: _Document) -> UpdateResult:
        """Replace the document whose fields equal the filter's, `_id` being one of them."""
        with self._lock:
            matched = self._matching(filter) is not None
            if matched:
                self._documents[filter["_id"]] = dict(replacement)
        return UpdateResult({"n": int(matched)}, acknowledged=True)

    def _matching(self, filter: _Document) -> dict[str, Any] | None:
        try:
            document = self._documents[filter["_id"]]
        except KeyError:
            return None
        return document if all(document[name] == value for name, value in filter.items()) else None


def embedded_store(client: Any = None) -> RunStore:
    """Return a store in this process's memory; `client` is a mongomock client, by default a new one."""
    database = (client or mongomock.MongoClient())[DATABASE]
    return RunStore(EmbeddedCollection(database[COLLECTION]), blocking=False)


def _document(record: Record) -> dict[str, Any]:
    return {
        "_id": record.id,
        "workflow_id": record.workflow_id,
        "version_number": record.version_number,
        "tenant": record.tenant,
        "status": record.status.value,
        "turn_number": record.turn_number,
        "revision": record.revision,
        "state": record.state,
        "events": record.events,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def _record(document: Mapping[str, Any]) -> Record:
    fields = dict(document)
    return Record(id=fields.pop("_id"), status=Status(fields.pop("status")), **fields)
