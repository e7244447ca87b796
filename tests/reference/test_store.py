"""What only the embedded database has to show; what every database must is in tests/durable."""

import asyncio
from dataclasses import replace
from threading import Thread
from typing import Any

import mongomock
from tests.durable.runs import a_record

from wfconform.reference.embedded import EmbeddedCollection
from wfconform.reference.store import embedded_store


def _collection() -> EmbeddedCollection:
    return EmbeddedCollection(mongomock.MongoClient()["workflows"]["workflow_runs"])


def test_mongomock_sees_the_same_documents() -> None:
    """The quick way to a run and mongomock's own queries look at the same data."""
    client: Any = mongomock.MongoClient()
    old = a_record()

    async def scenario() -> None:
        store = embedded_store(client)
        await store.insert(old)
        await store.replace(replace(old, turn_number=2, revision=2), revision=1)

    asyncio.run(scenario())
    found = client["workflows"]["workflow_runs"].find_one({"status": "waiting_for_user_input"})
    assert (found["_id"], found["turn_number"]) == (old.id, 2)


def test_a_reader_cannot_change_what_is_stored() -> None:
    """A document that was found is a copy."""

    async def scenario() -> None:
        collection = _collection()
        await collection.insert_one({"_id": 1, "status": "paused"})
        found = await collection.find_one({"_id": 1})
        assert found is not None
        found["status"] = "other"
        assert await collection.find_one({"_id": 1, "status": "paused"}) == {"_id": 1, "status": "paused"}

    asyncio.run(scenario())


def test_threads_lose_no_update() -> None:
    """Compare-and-set is atomic: 4 threads x 200 increments arrive, whatever the interleaving."""
    collection = _collection()
    asyncio.run(collection.insert_one({"_id": 1, "revision": 0}))

    async def increment() -> None:
        for _ in range(200):
            while True:
                found = await collection.find_one({"_id": 1})
                assert found is not None
                revision = found["revision"]
                if await collection.update_one({"_id": 1, "revision": revision}, {"$set": {"revision": revision + 1}}):
                    break

    threads = [Thread(target=lambda: asyncio.run(increment())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asyncio.run(collection.find_one({"_id": 1})) == {"_id": 1, "revision": 800}
