"""Updates of many documents, sent together: those that come while a group is on its way make up the next one.

Ten updates in one command cost a server half as much as ten commands, and the driver a fifth. A server says how many of
them matched, not which: where it was not all or none, each is looked for by what it would have left behind.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure, WriteConcernError, WriteError

from wfconform.reference.database import Document

MOST = 100  # in a group
TOO_LARGE = frozenset({10334, 17419, 17420})  # BSONObjectTooLarge, and what an update says that grows too far
Documents = AsyncCollection[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Update:
    """One update. shows: a filter that its document fits once it was carried out, and never without."""

    filter: Document
    update: Document
    shows: Document
    matched: asyncio.Future[bool]

    def settle(self, *, matched: bool) -> None:
        """Tell who waits for it, if anybody still does."""
        if not self.matched.done():
            self.matched.set_result(matched)

    def fail(self, error: Exception) -> None:
        """Tell who waits for it that it failed."""
        if not self.matched.done():
            self.matched.set_exception(error)


class Grouped:
    """Sends the updates of one collection. reached: returns it, or raises why it cannot be had."""

    def __init__(self, reached: Callable[[], Awaitable[Documents]]) -> None:
        self._reached = reached
        self._waiting: list[_Update] = []
        self._sending: asyncio.Task[None] | None = None

    async def update_one(self, filter: Document, update: Document, *, shows: Document) -> bool:
        """Change a document; False when none matches. Raises what pymongo raises for the group, or for this update."""
        one = _Update(filter, update, shows, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return await one.matched

    async def _send(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                try:
                    await _send(await self._reached(), group)
                except Exception as error:  # who waits for one of them is told
                    for one in group:
                        one.fail(error)
        finally:
            self._sending = None


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
    except OperationFailure as error:
        if error.code not in TOO_LARGE:
            raise
        return await _one_by_one(documents, group)
    except DocumentTooLarge:
        return await _one_by_one(documents, group)
    all_or_none = matched in (0, len(group) - len(errors))
    for place, one in enumerate(group):
        if place in errors:
            one.fail(errors[place])
        else:
            one.settle(matched=matched > 0 if all_or_none else await _was_carried_out(documents, one))
    return None


async def _one_by_one(documents: Documents, group: Sequence[_Update]) -> None:
    """Send a group of which one is too large, nobody says which; those before it may have been carried out."""
    for one in group:
        if await _was_carried_out(documents, one):
            one.settle(matched=True)
        else:
            await _alone(documents, one)


async def _alone(documents: Documents, one: _Update) -> None:
    try:
        one.settle(matched=(await documents.update_one(one.filter, one.update)).matched_count == 1)
    except (OperationFailure, DocumentTooLarge) as error:
        one.fail(error)


async def _was_carried_out(documents: Documents, one: _Update) -> bool:
    return await documents.find_one(one.shows, {"_id": 1}) is not None


def _errors(details: Mapping[str, Any]) -> Mapping[int, Exception]:
    """Return what each refused update failed with, by its place; raises WriteConcernError where nothing is certain."""
    for error in details["writeConcernErrors"]:
        raise WriteConcernError(error.get("errmsg", ""), error.get("code"), error)
    return {error["index"]: WriteError(error["errmsg"], error["code"], error) for error in details["writeErrors"]}
