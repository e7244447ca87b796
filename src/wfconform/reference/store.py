"""Runs in a database: made, claimed for a turn, moved on. `records` says what a record holds.

Processes share a database without knowing of each other:
- a turn is **claimed** before it runs: in one step, where nobody else holds a claim that is still good. A claim has an
  end, so what a crashed process held is free again after that; while a turn runs, its claim is made longer;
- a turn is **finished** only under its own claim and on the revision that it started from, so two can never both count;
- a turn that takes no time, on a run that this process **recalls** as it wrote it last, is claimed and finished in one
  step, if nobody has moved the run on since and nobody holds a claim on it;
- a **stop** names the revision alone: it wins over a turn in flight, whose claim ends with it.

When the database does not answer, what became of a write is found out before anybody is told: see `_settle`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import mongomock
from bson import ObjectId

from wfconform.reference.database import (
    DATABASE,
    RUNS,
    Collection,
    Document,
    Duplicate,
    NotReached,
    Unanswered,
    Withdrawn,
)
from wfconform.reference.embedded import EmbeddedCollection
from wfconform.reference.records import (
    FREE,
    TURNS_KEPT,
    Claim,
    Page,
    Record,
    TurnPair,
    fields_of,
    moving_fields_of,
    pair_document,
    record_of,
)
from wfconform.reference.status import TERMINAL

PATIENCE_S = 6.0  # how long the outcome of a write is asked for
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.5
LARGEST_RECALLED = 65536  # bytes
Sleep = Callable[[float], Awaitable[None]]
Prevent = Callable[[], Awaitable[bool]]


class _Recalled:
    """The runs that this process wrote last and that may go on, as they were then; the oldest make room for others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._records: dict[ObjectId, Record] = {}

    def get(self, id: ObjectId) -> Record | None:
        return self._records.get(id)

    def put(self, record: Record) -> None:
        self.drop(record.id)
        is_small = len(record.state) + len(record.events) <= LARGEST_RECALLED
        if self._most and is_small and record.status not in TERMINAL:
            if len(self._records) >= self._most:
                del self._records[next(iter(self._records))]
            self._records[record.id] = record

    def drop(self, id: ObjectId) -> None:
        self._records.pop(id, None)


class RunStore:
    """Reads and writes runs.

    Every operation may raise NotReached: it was not done, and will not be. Those that move a run on may raise
    Unanswered when even after `patience_s` nobody can say what became of the write; what writes may raise TooLarge.
    recalls: how many runs are remembered as they were written, for databases that it costs something to ask.
    """

    def __init__(
        self, runs: Collection, *, patience_s: float = PATIENCE_S, sleep: Sleep = asyncio.sleep, recalls: int = 0
    ) -> None:
        self.runs = runs
        self._patience_s = patience_s
        self._sleep = sleep
        self._recalled = _Recalled(recalls)

    async def insert(self, record: Record, turn: TurnPair | None = None) -> None:
        """Add a new run; sent again until it is known to be there: its `_id` is its own, so it is made once."""
        turns = [] if turn is None else [pair_document(turn)]
        document = {"_id": record.id, **fields_of(record), **FREE, "turns": turns}
        try:
            await self.runs.insert_one(dict(document))
        except Duplicate:
            return
        except Unanswered as error:
            await self._insert_again(document, error)
        self._recalled.put(record)

    def recall(self, id: ObjectId) -> Record | None:
        """Return a run as this process wrote it last; others may have moved it on since."""
        return self._recalled.get(id)

    async def find(self, id: ObjectId) -> Record | None:
        """Return a run, or None."""
        async with _harmless():
            found = await self.runs.find_one({"_id": id}, without="turns")
        return None if found is None else record_of(found)

    async def claim(self, id: ObjectId, claim: Claim, *, tenant: str, workflow_id: str) -> Record | None:
        """Claim the next turn of a run, and return the run; None: there is no such run, or another has the claim."""
        free = {"_id": id, "tenant": tenant, "workflow_id": workflow_id, "claimed_until": {"$lt": claim.now}}
        update = {"$set": {"claim": claim.token, "claimed_until": claim.until}}
        try:
            found = await self.runs.claim_one(free, update, without="turns")
        except Unanswered as error:
            await self.release(id, claim.token)
            raise NotReached(str(error)) from error
        return None if found is None else record_of(found)

    async def renew(self, id: ObjectId, claim: Claim) -> bool:
        """Make a claim last longer; False when it is known to be no longer held."""
        try:
            return await self.runs.update_one(
                {"_id": id, "claim": claim.token}, {"$set": {"claimed_until": claim.until}}
            )
        except (NotReached, Unanswered):
            return True  # what the turn comes to is decided when it is finished

    async def release(self, id: ObjectId, token: str) -> None:
        """Give a claim up if it is held; one that cannot be given up now ends by itself."""
        with suppress(NotReached, Unanswered):
            await self._give_up(id, token)

    async def finish(self, record: Record, *, revision: int, token: str, turn: TurnPair | None = None) -> bool:
        """Move a run on under a claim, and give the claim up; False when the claim or the revision is gone.

        When the database does not answer, the outcome is found out: Unanswered is raised for what stays unknown,
        NotReached for what is certain not to have been written, ever.
        """
        held = {"_id": record.id, "revision": revision, "claim": token}
        return await self._moved_on(held, record, turn, token, lambda: self._give_up(record.id, token))

    async def finish_at_once(self, record: Record, *, revision: int, claim: Claim, turn: TurnPair) -> bool:
        """Claim a run's next turn and finish it in one step; False when the run has moved on, or another has the claim.

        When the database does not answer: as `finish`.
        """
        free = {"_id": record.id, "revision": revision, "claimed_until": {"$lt": claim.now}}
        return await self._moved_on(free, record, turn, claim.token, lambda: self._outdate(free))

    async def replace(self, record: Record, *, revision: int) -> bool:
        """Move a run on whoever holds a claim, which ends with it; False when somebody else was first.

        When the database does not answer: as `finish`.
        """
        expected = {"_id": record.id, "revision": revision}
        return await self._moved_on(expected, record, None, "", lambda: self._outdate(expected))

    async def history(self, id: ObjectId, *, tenant: str) -> dict[str, Any] | None:
        """Return a whole document, with its turns."""
        async with _harmless():
            return await self.runs.find_one({"_id": id, "tenant": tenant})

    async def page(self, filter: dict[str, Any], *, skip: int, limit: int) -> Page:
        """List runs, newest first."""
        async with _harmless():
            return await self.runs.page(filter, skip=skip, limit=limit)

    async def _moved_on(
        self, filter: Document, record: Record, turn: TurnPair | None, token: str, prevent: Prevent
    ) -> bool:
        """Move a run on where the filter still holds. prevent: makes sure that it cannot any more; False: too late."""
        update: dict[str, Any] = {"$set": {**moving_fields_of(record), **FREE}}
        # what the document fits once this was carried out: of a command, until others move the run on
        written = {"_id": record.id, "revision": record.revision, "updated_at": record.updated_at}
        if turn is not None:
            update["$push"] = {"turns": {"$each": [pair_document(turn)], "$slice": -TURNS_KEPT}}
            written = {"_id": record.id, "turns.claim": token}
        self._recalled.drop(record.id)
        try:
            done = await self.runs.update_one(filter, update, shows=None if turn is None else written)
        except Unanswered:
            done = await self._settle(written, prevent)
        if done:
            self._recalled.put(record)
        return done

    async def _insert_again(self, document: Document, error: Unanswered) -> None:
        """Send a run again until it is known to be there; raises Unanswered when that is not known in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                for wait_s in _waits(self._patience_s):
                    await self._sleep(wait_s)
                    with suppress(NotReached, Unanswered):
                        with suppress(Duplicate):
                            await self.runs.insert_one(dict(document))
                        return
        raise Unanswered("nobody can say whether the run was made") from error

    async def _give_up(self, id: ObjectId, token: str) -> bool:
        """Return whether the claim was held; then nothing can be written under it any more."""
        return await self.runs.update_one({"_id": id, "claim": token}, {"$set": dict(FREE)})

    async def _outdate(self, filter: Document) -> bool:
        """Return whether a write on a revision could still be carried out; it cannot any more.

        Raises Unanswered while another has the claim: it may yet give it up, and the revision is as good as before.
        """
        id, revision = filter["_id"], filter["revision"]
        if await self.runs.update_one(filter, {"$set": {"revision": revision + 1}}):
            return True
        if await self.runs.find_one({"_id": id, "revision": revision}, without="turns") is not None:
            raise Unanswered("another has the claim")
        return False

    async def _settle(self, written: Document, prevent: Prevent) -> bool:
        """Find out what became of a write that was not answered.

        It is prevented first: where that succeeds the write was not carried out, and cannot be any more. Where it is
        too late for that, what it would have left tells whether it was the write that came before: looked for by a
        write that changes nothing, which a database that others have replaced cannot answer.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                for wait_s in _waits(self._patience_s):
                    try:
                        if await prevent():
                            raise Withdrawn("the write did not arrive, and cannot any more")
                        return await self.runs.update_one(written, {"$set": {"_id": written["_id"]}})
                    except Withdrawn:
                        raise
                    except (NotReached, Unanswered):
                        await self._sleep(wait_s)
        raise Unanswered("nobody can say whether it was written")


@asynccontextmanager
async def _harmless() -> AsyncIterator[None]:
    """Say of what may be asked again that it was not done when nobody knows."""
    try:
        yield
    except Unanswered as error:
        raise NotReached(str(error)) from error


def _waits(patience_s: float) -> Iterator[float]:
    """Yield growing pauses until they add up to the patience."""
    pause_s, left_s = FIRST_PAUSE_S, patience_s
    while left_s > 0:
        yield min(pause_s, left_s)
        left_s -= pause_s
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def embedded_collection(client: Any = None, name: str = RUNS) -> EmbeddedCollection:
    """Return a collection in this process's memory; `client` is a mongomock client, by default a new one."""
    return EmbeddedCollection((client or mongomock.MongoClient())[DATABASE][name])


def embedded_store(client: Any = None) -> RunStore:
    """Return a store in this process's memory."""
    return RunStore(embedded_collection(client))
