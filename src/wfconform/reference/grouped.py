"""Updates of many documents, sent together: those that come while a group is on its way make up the next one.

Ten updates in one command cost a server half as much as ten commands, and the driver a fifth. A server says how many of
them matched, not which: where it was not all or none, each is looked for by what it would have left behind.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.errors import BSONError
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import (
    BulkWriteError,
    DocumentTooLarge,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WriteError,
)

from wfconform.reference.database import Document, NotReached, Unanswered

SENDERS, LONG_S = 8, 0.05  # at once; after which another one goes
MOST, MOST_BYTES = 100, 8 << 20  # in a group: far below what the driver would send as several commands
TOO_LARGE = frozenset({10334, 17419, 17420})  # BSONObjectTooLarge, and what an update says that grows too far
_OF_ONE = (DocumentTooLarge, BSONError, UnicodeError)  # what the driver finds before it sends anything
Documents = AsyncCollection[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Update:
    """One update. shows: a filter that its document fits once it was carried out, and never without."""

    filter: Document
    update: Document
    shows: Document
    matched: asyncio.Future[bool]

    @property
    def size(self) -> int:
        """About how large it is: all that is large in a document is bytes."""
        return sum(len(value) for value in self.update.get("$set", {}).values() if isinstance(value, bytes))

    def settle(self, *, matched: bool) -> None:
        """Tell who waits for it, if anybody still does."""
        if not self.matched.done():
            self.matched.set_result(matched)

    def fail(self, error: Exception) -> None:
        """Tell who waits for it that it failed."""
        if not self.matched.done():
            self.matched.set_exception(error)


class Grouped:
    """Sends the updates of one collection. reached: returns it, or raises why it cannot be had.

    A group that is long under way does not hold up what waits: another one goes beside it.
    """

    def __init__(self, reached: Callable[[], Awaitable[Documents]]) -> None:
        self._reached = reached
        self._waiting: list[_Update] = []
        self._senders: set[asyncio.Task[None]] = set()

    async def update_one(self, filter: Document, update: Document, *, shows: Document) -> bool:
        """Change a document; False when none matches. Raises what pymongo raises for the group, or for this update."""
        one = _Update(filter, update, shows, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if not self._senders:
            self._start()
        return await one.matched

    def _start(self) -> None:
        if self._waiting and len(self._senders) < SENDERS:
            sender = asyncio.create_task(self._send())
            self._senders.add(sender)
            sender.add_done_callback(self._ended)

    def _ended(self, sender: asyncio.Task[None]) -> None:
        self._senders.discard(sender)
        if not self._senders:
            self._start()  # what came since; or all, of one that was cancelled before it began

    async def _send(self) -> None:
        while self._waiting:
            group = self._next()
            late = asyncio.get_running_loop().call_later(LONG_S, self._start)
            try:
                await _send(await self._reached(), group)
            except BaseException as error:
                told = error if isinstance(error, Exception) else Unanswered("ended while it was under way")
                gone = isinstance(error, NotReached | ServerSelectionTimeoutError)  # nor would what waits reach anybody
                for one in [*group, *(self._all() if gone else ())]:
                    one.fail(told)
                if told is not error:
                    raise
            finally:
                late.cancel()

    def _next(self) -> list[_Update]:
        """Take the next group: one at least."""
        taken = size = 0
        for one in self._waiting[:MOST]:
            size += one.size
            if taken and size > MOST_BYTES:
                break
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    def _all(self) -> list[_Update]:
        waiting, self._waiting = self._waiting, []
        return waiting


async def _send(documents: Documents, group: Sequence[_Update]) -> None:
    """Send a group and tell each of it what became of it; raises what holds for all that were not told."""
    if len(group) == 1:
        return await _alone(documents, group[0])
    errors: Mapping[int, Exception] = {}
    try:
        asked = [UpdateOne(one.filter, one.update) for one in group]
        matched = (await documents.bulk_write(asked, ordered=False)).matched_count
    except BulkWriteError as error:
        errors, matched = _errors(error.details), error.details["nMatched"]
    except (OperationFailure, *_OF_ONE) as error:
        if isinstance(error, OperationFailure) and error.code not in TOO_LARGE:
            raise
        for one in group:  # it is one of them, nobody says which, and nothing was done
            await _alone(documents, one)
        return None
    all_or_none = matched in (0, len(group) - len(errors))
    for place, one in enumerate(group):
        if place in errors:
            one.fail(errors[place])
        else:
            one.settle(matched=matched > 0 if all_or_none else await _was_carried_out(documents, one))
    return None


async def _alone(documents: Documents, one: _Update) -> None:
    try:
        one.settle(matched=(await documents.update_one(one.filter, one.update)).matched_count == 1)
    except Exception as error:  # it is told
        one.fail(error)
        if isinstance(error, ServerSelectionTimeoutError):
            raise


async def _was_carried_out(documents: Documents, one: _Update) -> bool:
    """Look for what an update that was sent would have left; raises Unanswered when there is no telling.

    By a write that changes nothing: a primary that is none any more cannot answer that.
    """
    try:
        return (await documents.update_one(one.shows, {"$set": {"_id": one.shows["_id"]}})).matched_count == 1
    except PyMongoError as error:
        raise Unanswered(str(error)) from error


def _errors(details: Mapping[str, Any]) -> Mapping[int, Exception]:
    """Return what each refused update failed with, by its place; raises WriteConcernError where nothing is certain."""
    for error in details["writeConcernErrors"]:
        raise WriteConcernError(error.get("errmsg", ""), error.get("code"), error)
    return {error["index"]: WriteError(error["errmsg"], error["code"], error) for error in details["writeErrors"]}
