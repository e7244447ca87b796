"""No query walks through a collection: what the stores really send is explained by the server."""

from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient, monitoring
from tests.durable.runs import a_record, a_turn
from tests.durable.servers import Server

from wfconform.reference.database import RUNS
from wfconform.reference.definitions import Definition, Definitions
from wfconform.reference.mongo import MongoDatabase
from wfconform.reference.records import Claim
from wfconform.reference.store import RunStore

pytestmark = pytest.mark.anyio
Command = dict[str, Any]
_OTHERS = 40
_LOOKS = 20  # how many commands of `_use_all` look for something


class Heard(monitoring.CommandListener):
    """What the driver sent."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Keep the command."""
        self.commands.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """It is known already."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It is known already."""


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def _use_all(database: MongoDatabase) -> None:
    """Do what turns, stops, listings and the workflow API ask for."""
    runs, definitions = RunStore(database.runs), Definitions(database.workflows)
    record = a_record()
    for other in [a_record() for _ in range(_OTHERS)]:
        await runs.insert(other)
    await runs.insert(record, a_turn(1))
    claim = Claim("mine", 1.0, 2.0)
    await runs.find(record.id)
    await runs.claim(record.id, claim, tenant=record.tenant, workflow_id=record.workflow_id)
    await runs.renew(record.id, claim)
    await runs.finish(record, revision=1, token="mine", turn=a_turn(2, token="mine"))
    await runs.finish_at_once(record, revision=1, claim=claim, turn=a_turn(3, token="at once"))
    await runs._settle({"_id": record.id, "turns.claim": "mine"}, lambda: runs._give_up(record.id, "mine"))
    await runs._outdate({"_id": record.id, "revision": 1, "claimed_until": {"$lt": 1.0}})
    await runs.replace(record, revision=1)
    await runs.release(record.id, "mine")
    await runs.history(record.id, tenant=record.tenant)
    for more in ({}, {"workflow_id": record.workflow_id}, {"status": "failed"}):
        await runs.page({"tenant": record.tenant, **more}, skip=0, limit=5)
    await runs.page({"tenant": record.tenant, "workflow_id": "w", "status": "failed"}, skip=0, limit=5)
    made = Definition(ObjectId(), "first", "a name", "", b"{}", 1.5)
    await definitions.insert(made)
    await definitions.find(str(made.id), tenant="first")
    await definitions.page(tenant="first", search="", skip=0, limit=5)
    await definitions.page(tenant="first", search="NAME", skip=0, limit=5)
    await definitions.delete(str(made.id), tenant="first")


async def test_no_query_walks_through_a_collection(
    server: Server, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each names one document by its `_id`, or is led by an index; a mongod's plans are looked at for all of them."""
    listening = partial(AsyncMongoClient, event_listeners=[heard])
    monkeypatch.setattr("wfconform.reference.mongo.AsyncMongoClient", listening)
    database = MongoDatabase(server.url, name="wfconform_plans")
    runs = await database.collection(RUNS)
    try:
        await _use_all(database)
        asked = [command for command in heard.commands if _filter(command) is not None]
        assert len(asked) >= _LOOKS
        unexplained = []
        for command in asked if server.name == "mongod" else [one for one in asked if not _names_one(one)]:
            plan = await runs.database.command("explain", _plain(command))
            unexplained += [server.name] if "queryPlanner" not in str(plan) else []
            assert "COLLSCAN" not in str(plan), command
        if unexplained:
            pytest.skip(f"{server.name} does not explain itself as MongoDB does: {len(unexplained)} listings not shown")
    finally:
        await runs.database.client.drop_database("wfconform_plans")
        await database.close()


def _filter(command: Command) -> Command | None:
    """Return what a command looks for; None for one that looks for nothing."""
    inner = command.get("updates") or command.get("deletes") or command.get("pipeline")
    if inner:
        found: Command = inner[0].get("q") or inner[0]["$match"]
        return found
    return command.get("filter") or command.get("query")


def _names_one(command: Command) -> bool:
    return isinstance((_filter(command) or {}).get("_id"), ObjectId)


def _plain(command: Command) -> Command:
    """Return the command without what belongs to the session that it was sent in."""
    return {key: value for key, value in command.items() if key[0] != "$" and key not in ("lsid", "txnNumber")}
