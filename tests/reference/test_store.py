"""Runs in an embedded database."""

import asyncio
from dataclasses import replace
from threading import Thread
from typing import Any

import mongomock
import pytest
from bson import ObjectId

from wfconform.reference.status import Status
from wfconform.reference.store import EmbeddedCollection, Record, RunStore, embedded_store


def record() -> Record:
    return Record(
        id=ObjectId(),
        workflow_id="5eb7cf5a86d9755df3a6c593",
        version_number=0,
        tenant="first",
        status=Status.WAITING,
        turn_number=1,
        revision=1,
        state=b"{}",
        events=b"[]",
        created_at=1.5,
        updated_at=1.5,
    )


@pytest.fixture(params=[False, True], ids=["direct", "in a thread"])
def store(request: pytest.FixtureRequest) -> RunStore:
    collection = EmbeddedCollection(mongomock.MongoClient()["workflows"]["workflow_runs"])
    return RunStore(collection, blocking=request.param)


def test_a_run_comes_back_as_it_was_written(store: RunStore) -> None:
    """All fields survive, others' runs do not come instead."""
    first, second = record(), record()

    async def scenario() -> None:
        await store.insert(first)
        await store.insert(second)
        assert await store.find(first.id) == first
        assert await store.find(ObjectId()) is None

    asyncio.run(scenario())


def test_a_write_names_the_revision_that_it_replaces(store: RunStore) -> None:
    """The second of two writers of the same revision is told that it came too late."""
    old = record()
    stopped = replace(old, status=Status.CANCELLED, revision=2)

    async def scenario() -> None:
        await store.insert(old)
        assert await store.replace(stopped, revision=1)
        assert not await store.replace(replace(old, turn_number=2, revision=2), revision=1)
        assert not await store.replace(replace(record(), revision=2), revision=1)
        assert await store.find(old.id) == stopped

    asyncio.run(scenario())


def test_mongomock_sees_the_same_documents() -> None:
    """The quick way to a run and mongomock's own queries look at the same data."""
    client: Any = mongomock.MongoClient()
    old = record()

    async def scenario() -> None:
        store = embedded_store(client)
        await store.insert(old)
        await store.replace(replace(old, turn_number=2, revision=2), revision=1)

    asyncio.run(scenario())
    found = client["workflows"]["workflow_runs"].find_one({"status": "waiting_for_user_input"})
    assert (found["_id"], found["turn_number"]) == (old.id, 2)


def test_a_reader_cannot_change_what_is_stored() -> None:
    """A document that was found is a copy."""
    collection = EmbeddedCollection(mongomock.MongoClient()["workflows"]["workflow_runs"])
    collection.insert_one({"_id": 1, "status": "paused"})
    found = collection.find_one({"_id": 1})
    assert found is not None
    found["status"] = "other"
    assert collection.find_one({"_id": 1, "status": "paused"}) == {"_id": 1, "status": "paused"}


def test_threads_lose_no_update() -> None:
    """Compare-and-set is atomic: 4 threads x 200 increments arrive, whatever the interleaving."""
    collection = EmbeddedCollection(mongomock.MongoClient()["workflows"]["workflow_runs"])
    collection.insert_one({"_id": 1, "revision": 0})

    def increment() -> None:
        for _ in range(200):
            while True:
                found = collection.find_one({"_id": 1})
                assert found is not None
                revision = found["revision"]
                if collection.replace_one(
                    {"_id": 1, "revision": revision}, {**found, "revision": revision + 1}
                ).matched_count:
                    break

    threads = [Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collection.find_one({"_id": 1}) == {"_id": 1, "revision": 800}
