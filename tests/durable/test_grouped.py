"""Which updates go together, and what each is told when the server fails in between."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect, BulkWriteError, ServerSelectionTimeoutError

from wfconform.reference.database import Unanswered
from wfconform.reference.grouped import MOST, MOST_BYTES, Grouped


@dataclass
class Result:
    matched_count: int


@dataclass
class Server:
    """Takes commands one after another; `matches` are the updates that it carries out, `fails` what it fails with."""

    matches: set[int] = field(default_factory=lambda: set(range(1000)))
    fails: dict[str, Exception] = field(default_factory=dict)
    commands: list[list[int]] = field(default_factory=list)
    stalls: set[int] = field(default_factory=set)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def update_one(self, filter: Any, update: Any) -> Result:
        if update["$set"].keys() != {"_id"}:
            return await self._taken([filter["_id"]])
        if "look" in self.fails:
            raise self.fails["look"]
        return Result(filter["_id"] in self.matches)

    async def bulk_write(self, asked: list[UpdateOne], *, ordered: bool) -> Result:
        assert not ordered
        return await self._taken([one._filter["_id"] for one in asked])

    async def _taken(self, ids: list[int]) -> Result:
        self.commands.append(ids)
        if self.stalls.intersection(ids):
            await self.goes_on.wait()
        if "write" in self.fails:
            raise self.fails.pop("write")
        return Result(len(self.matches.intersection(ids)))


def _on(server: Any) -> Grouped:
    async def reached() -> Any:
        return server

    return Grouped(reached)


def _told(server: Any, number: int, *, size: int = 1) -> list[Any]:
    """Send so many updates at once, and return what each is told."""

    async def all_at_once() -> list[Any]:
        grouped = _on(server)
        update = {"$set": {"state": b" " * size}}
        asked = [grouped.update_one({"_id": id}, update, shows={"_id": id}) for id in range(number)]
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)

    return asyncio.run(all_at_once())


def test_what_waits_goes_together() -> None:
    """Up to a number, and up to a size; nothing twice, nothing forgotten."""
    server = Server()
    assert _told(server, 250) == [True] * 250
    assert [len(command) for command in server.commands] == [MOST, MOST, 50]
    server = Server()
    assert _told(server, 5, size=MOST_BYTES // 2) == [True] * 5
    assert server.commands == [[0, 1], [2, 3], [4]]
    server = Server()
    assert _told(server, 2, size=MOST_BYTES + 1) == [True] * 2
    assert server.commands == [[0], [1]]


def test_where_some_match_each_is_looked_for() -> None:
    """All or none needs no look."""
    assert _told(Server(matches={0, 2}), 3) == [True, False, True]
    assert _told(Server(matches=set(), fails={"look": AssertionError("a look")}), 3) == [False] * 3
    assert _told(Server(fails={"look": AssertionError("a look")}), 3) == [True] * 3


@pytest.mark.parametrize("error", [ServerSelectionTimeoutError("gone"), AutoReconnect("reset")])
def test_a_look_that_fails_leaves_open_what_became_of_the_update(error: Exception) -> None:
    """It was sent: whatever the driver says of the look, it is not one that reached nobody."""
    told = _told(Server(matches={0, 2}, fails={"look": error}), 3)
    assert [type(one) for one in told] == [Unanswered] * 3


def test_a_group_that_fails_is_told_and_the_next_one_goes() -> None:
    """Each of it has the error; what waited meanwhile is sent."""
    error = AutoReconnect("reset")
    told = _told(Server(fails={"write": error}), MOST + 1)
    assert (told[:MOST], told[MOST]) == ([error] * MOST, True)


def test_where_a_write_was_not_acknowledged_none_is_certain() -> None:
    """A majority did not have it in time: it may yet."""
    details = {"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "waiting timed out"}], "nMatched": 3}
    told = _told(Server(fails={"write": BulkWriteError(details)}), 3)
    assert [type(one).__name__ for one in told] == ["WriteConcernError"] * 3


def test_a_server_that_is_gone_is_asked_once() -> None:
    """What waits behind a group that reached nobody would not either; it is not made to wait for that."""
    error = ServerSelectionTimeoutError("gone")
    server = Server(fails={"write": error})
    assert _told(server, MOST + 1) == [error] * (MOST + 1)
    assert len(server.commands) == 1


def test_a_group_that_hangs_does_not_hold_up_the_next_one() -> None:
    """Which goes beside it before long."""

    async def scenario() -> None:
        server = Server(stalls={0})
        grouped = _on(server)
        update = {"$set": {"state": b""}}
        first = asyncio.create_task(grouped.update_one({"_id": 0}, update, shows={"_id": 0}))
        await asyncio.sleep(0)
        second = grouped.update_one({"_id": 1}, update, shows={"_id": 1})
        assert await asyncio.wait_for(second, 5)
        assert not first.done()
        server.goes_on.set()
        assert await asyncio.wait_for(first, 5)

    asyncio.run(scenario())


@pytest.mark.parametrize("begun", [False, True])
def test_a_sender_that_is_cancelled_leaves_nobody_waiting(begun: bool) -> None:
    """What it had sent is unanswered; what waits is sent by another."""

    async def scenario() -> None:
        server = Server(stalls={0})
        grouped = _on(server)
        update = {"$set": {"state": b""}}
        first = asyncio.create_task(grouped.update_one({"_id": 0}, update, shows={"_id": 0}))
        await asyncio.sleep(0)
        for _ in range(3 if begun else 0):
            await asyncio.sleep(0)
        server.goes_on.set()
        for sender in grouped._senders:
            sender.cancel()
        told = await asyncio.wait_for(asyncio.gather(first, return_exceptions=True), 5)
        assert [type(told[0])] == ([Unanswered] if begun else [bool])
        assert await asyncio.wait_for(grouped.update_one({"_id": 1}, update, shows={"_id": 1}), 5)

    asyncio.run(scenario())
