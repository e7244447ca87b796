"""Collections on a MongoDB server, over pymongo's asynchronous API."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pymongo import AsyncMongoClient, ReadPreference, ReturnDocument, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri

from wfconform.errors import UsageError
from wfconform.reference.database import (
    DATABASE,
    RUNS,
    WORKFLOWS,
    DatabaseError,
    Denied,
    Document,
    Duplicate,
    NotReached,
    TooLarge,
    Unanswered,
)
from wfconform.reference.grouped import TOO_LARGE, Grouped
from wfconform.reference.records import Page

SELECTION_TIMEOUT_MS = 1_500
SOCKET_TIMEOUT_MS = 5_000
WRITE_TIMEOUT_MS = 5_000
_BY_TENANT = [("tenant", 1), ("_id", -1)]
INDEXES = {
    RUNS: (
        _BY_TENANT,
        [("tenant", 1), ("workflow_id", 1), ("_id", -1)],
        [("tenant", 1), ("status", 1), ("_id", -1)],
        [("tenant", 1), ("workflow_id", 1), ("status", 1), ("_id", -1)],
    ),
    WORKFLOWS: (_BY_TENANT,),
}
_DENIED = frozenset({13, 18, 8000})  # Unauthorized, AuthenticationFailed, and Atlas's word for it
# 20: to a server alone that had hung, the driver sends a write again as to a replica set, which that server refuses
_PASSING = frozenset({20, 91, 189, 10107, 11600, 11602, 13435, 13436})
_GIVES_TIME_OUT = ("serverselectiontimeoutms", "sockettimeoutms", "timeoutms")
_PASSWORD = re.compile(r"(?<=://)[^@/]*@")
Fields = dict[str, Any]


def without_password(url: str) -> str:
    """Return a MongoDB URL without its user and password, and without its options."""
    return _PASSWORD.sub("", url).partition("?")[0]


class MongoDatabase:
    """A database on a server, in whatever state: it is asked for nothing until the first operation.

    Raises UsageError for a URL that cannot be one; the message does not repeat it, for it may hold a password.
    """

    def __init__(self, url: str, *, name: str | None = None) -> None:
        try:
            given = parse_uri(url)
            options: dict[str, Any] = {}
            if not any(option.lower() in _GIVES_TIME_OUT for option in given["options"]):
                options = {"serverSelectionTimeoutMS": SELECTION_TIMEOUT_MS, "socketTimeoutMS": SOCKET_TIMEOUT_MS}
            self._client: AsyncMongoClient[Fields] = AsyncMongoClient(url, **options)
        except (InvalidURI, ConfigurationError, ValueError) as error:
            raise UsageError(
                f"the MongoDB URL cannot be used: {type(error).__name__}",
                hint="mongodb://user:password@host:27017/database, a user and password percent-encoded",
            ) from None
        self.name = name or given["database"] or DATABASE
        self._ready = False
        self._readying = asyncio.Lock()
        self._write_concern: WriteConcern | None = None
        self._read_concern: ReadConcern | None = None
        self._collections: dict[str, AsyncCollection[Fields]] = {}

    @property
    def runs(self) -> "MongoCollection":
        """The runs."""
        return MongoCollection(self, RUNS)

    @property
    def workflows(self) -> "MongoCollection":
        """The workflows that were made through the API."""
        return MongoCollection(self, WORKFLOWS)

    async def collection(self, name: str) -> AsyncCollection[Fields]:
        """Return a collection, once the server has been asked what it is and has the indexes."""
        if not self._ready:
            async with self._readying:
                if not self._ready:
                    await self._get_ready()
        found = self._collections.get(name)
        if found is None:
            found = self._client[self.name].get_collection(
                name,
                read_preference=ReadPreference.PRIMARY,  # whatever the URL prefers: others lag behind
                write_concern=self._write_concern,
                read_concern=self._read_concern,
            )
            self._collections[name] = found
        return found

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    async def _get_ready(self) -> None:
        """Learn whether this is a replica set (then a majority must have a write), and make the indexes."""
        async with told():
            hello = await self._client.admin.command("hello")
            replicated = "setName" in hello or hello.get("msg") == "isdbgrid"
            # "written" means: in the journal, so that it outlives the server's process
            self._write_concern = (
                WriteConcern(w="majority", j=True, wtimeout=WRITE_TIMEOUT_MS)
                if replicated
                else WriteConcern(w=1, j=True)
            )
            # what a majority has is what no election takes back
            self._read_concern = ReadConcern("majority") if replicated else None
            for name, indexes in INDEXES.items():
                for keys in indexes:
                    await self._client[self.name][name].create_index(keys)
        self._ready = True


class MongoCollection:
    """The operations of `Collection` on a server."""

    def __init__(self, database: MongoDatabase, name: str) -> None:
        self._database = database
        self._name = name
        self._grouped = Grouped(self._reached)

    async def insert_one(self, document: Document) -> None:
        """Add a document."""
        async with self._told() as collection:
            await collection.insert_one(dict(document))

    async def find_one(self, filter: Document, *, without: str | None = None) -> Fields | None:
        """Return a document or None."""
        async with self._told() as collection:
            return await collection.find_one(dict(filter), {without: 0} if without else None)

    async def update_one(self, filter: Document, update: Document, *, shows: Document | None = None) -> bool:
        """Change a document."""
        if shows is not None:
            async with told():
                return await self._grouped.update_one(filter, update, shows=shows)
        async with self._told() as collection:
            result = await collection.update_one(dict(filter), dict(update))
            return result.matched_count == 1

    async def claim_one(self, filter: Document, update: Document, *, without: str) -> Fields | None:
        """Change a document and return it as it is then."""
        async with self._told() as collection:
            found: Fields | None = await collection.find_one_and_update(
                dict(filter), dict(update), {without: 0}, return_document=ReturnDocument.AFTER
            )
            return found

    async def delete_one(self, filter: Document) -> bool:
        """Remove a document."""
        async with self._told() as collection:
            return (await collection.delete_one(dict(filter))).deleted_count == 1

    async def page(self, filter: Document, *, skip: int, limit: int, search: str = "") -> Page:
        """List documents, newest first."""
        wanted = dict(filter)
        hint: Fields = {}
        if search:  # a pattern leads no index: the tenant does, and not every planner sees that
            wanted["name"] = {"$regex": re.escape(search), "$options": "i"}
            hint = {"hint": _BY_TENANT}
        async with self._told() as collection:
            cursor = collection.find(wanted, {"turns": 0}, **hint).sort("_id", -1).skip(skip).limit(limit)
            return Page(await cursor.to_list(), await collection.count_documents(wanted, **hint))

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[AsyncCollection[Fields]]:
        collection = await self._reached()
        async with told():
            yield collection

    async def _reached(self) -> AsyncCollection[Fields]:
        try:
            return await self._database.collection(self._name)
        except Unanswered as error:  # only the greeting went unanswered
            raise NotReached(str(error)) from error


@asynccontextmanager
async def told() -> AsyncIterator[None]:
    """Turn what pymongo raises into what became of the operation."""
    try:
        yield
    except (ServerSelectionTimeoutError, WaitQueueTimeoutError) as error:
        raise NotReached(str(error)) from error
    except (ConnectionFailure, WriteConcernError, WTimeoutError) as error:
        raise Unanswered(str(error)) from error
    except DuplicateKeyError as error:
        raise Duplicate(str(error)) from None
    except DocumentTooLarge as error:
        raise TooLarge(str(error)) from None
    except OperationFailure as error:
        meant = _meant(error)
        if meant is None:
            raise
        raise meant from error
    except PyMongoError as error:
        if error.has_error_label("RetryableWriteError") or error.timeout:
            raise Unanswered(str(error)) from error
        raise


def _meant(error: OperationFailure) -> DatabaseError | None:
    """Return what a server's refusal comes to; None for one that there is no reason for."""
    if error.code in TOO_LARGE:
        return TooLarge(str(error))
    if error.code in _DENIED:
        return Denied((error.details or {}).get("codeName", "") or f"code {error.code}")
    return Unanswered(str(error)) if _passes(error) else None


def _passes(error: OperationFailure) -> bool:
    """Tell whether a failure is of the moment: the server starts, ends, or elects (what drivers retry)."""
    return error.has_error_label("RetryableWriteError") or error.code in _PASSING
