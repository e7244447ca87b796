"""What a store of runs promises, on every database alike."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure
from tests.durable.databases import Databases, Stores
from tests.durable.runs import a_record, a_turn
from tests.durable.servers import Server

from wfconform.reference.database import TooLarge
from wfconform.reference.records import TURNS_KEPT, Claim, Record
from wfconform.reference.status import Status
from wfconform.reference.store import LARGEST_RECALLED, RunStore, embedded_collection


def _claim(token: str, *, now: float = 10.0, until: float = 20.0) -> Claim:
    return Claim(token, now, until)


async def _claimed(view: Stores, record: Record, token: str, **times: float) -> Record | None:
    return await view.runs.claim(
        record.id, _claim(token, **times), tenant=record.tenant, workflow_id=record.workflow_id
    )


def test_a_run_comes_back_as_it_was_written(databases: Databases) -> None:
    """All fields survive, others' runs do not come instead."""

    async def scenario(view: Stores) -> None:
        first, second = a_record(), a_record()
        await view.runs.insert(first, a_turn(1))
        await view.runs.insert(second)
        assert await view.runs.find(first.id) == first
        assert await view.runs.find(ObjectId()) is None

    databases.run(scenario)


def test_a_run_that_is_added_twice_is_one(databases: Databases) -> None:
    """Who sends it again because no answer came has one run."""

    async def scenario(view: Stores) -> None:
        record = a_record()
        await view.runs.insert(record)
        await view.runs.insert(record)
        assert (await view.runs.page({"tenant": "first"}, skip=0, limit=9)).total == 1

    databases.run(scenario)


def test_a_write_names_the_revision_that_it_replaces(databases: Databases) -> None:
    """The second of two writers of the same revision is told that it came too late."""

    async def scenario(view: Stores) -> None:
        old = a_record()
        stopped = replace(old, status=Status.CANCELLED, revision=2)
        await view.runs.insert(old)
        assert await view.runs.replace(stopped, revision=1)
        assert not await view.runs.replace(replace(old, turn_number=2, revision=2), revision=1)
        assert not await view.runs.replace(replace(a_record(), revision=2), revision=1)
        assert await view.runs.find(old.id) == stopped

    databases.run(scenario)


def test_one_process_claims_a_turn(databases: Databases) -> None:
    """The other one waits until the claim is given up; a claim under another tenant or workflow is none."""

    async def scenario(here: Stores, there: Stores) -> None:
        record = a_record()
        await here.runs.insert(record)
        assert await _claimed(here, record, "here") == record
        assert await _claimed(there, record, "there") is None
        assert await _claimed(there, replace(record, tenant="second"), "there", now=99.0) is None
        assert await _claimed(there, replace(record, workflow_id="5" * 24), "there", now=99.0) is None
        await here.runs.release(record.id, "here")
        assert await _claimed(there, record, "there") == record

    databases.run(scenario, processes=2)


def test_a_crashed_claim_expires(databases: Databases) -> None:
    """What a dead process held is free after its end; were it alive, it could write nothing any more."""

    async def scenario(dead: Stores, alive: Stores) -> None:
        record = a_record()
        await dead.runs.insert(record)
        assert await _claimed(dead, record, "dead", until=20.0) == record
        assert await _claimed(alive, record, "alive", now=20.5, until=30.5) == record
        late = replace(record, turn_number=2, revision=2)
        assert not await dead.runs.finish(late, revision=1, token="dead", turn=a_turn(2, token="dead"))
        assert not await dead.runs.renew(record.id, _claim("dead", until=99.0))
        assert await alive.runs.finish(late, revision=1, token="alive", turn=a_turn(2, token="alive"))
        whole = await alive.runs.history(record.id, tenant="first")
        assert whole is not None
        assert [turn["claim"] for turn in whole["turns"]] == ["alive"]

    databases.run(scenario, processes=2)


def test_a_claim_that_is_renewed_holds(databases: Databases) -> None:
    """A long turn keeps its claim."""

    async def scenario(here: Stores, there: Stores) -> None:
        record = a_record()
        await here.runs.insert(record)
        await _claimed(here, record, "here", until=20.0)
        assert await here.runs.renew(record.id, _claim("here", until=30.0))
        assert await _claimed(there, record, "there", now=25.0) is None

    databases.run(scenario, processes=2)


def test_a_stop_wins_over_a_turn_in_flight(databases: Databases) -> None:
    """The claim ends with the stop, and the turn is not written."""

    async def scenario(turn: Stores, stop: Stores) -> None:
        record = a_record()
        await turn.runs.insert(record)
        await _claimed(turn, record, "turn")
        stopped = replace(record, status=Status.CANCELLED, revision=2)
        assert await stop.runs.replace(stopped, revision=1)
        done = replace(record, turn_number=2, revision=2)
        assert not await turn.runs.finish(done, revision=1, token="turn", turn=a_turn(2))
        assert await turn.runs.find(record.id) == stopped

    databases.run(scenario, processes=2)


def test_a_turn_may_be_claimed_and_finished_in_one_write(databases: Databases) -> None:
    """On the revision that is known, while nobody holds a claim; an expired one is none."""

    async def scenario(here: Stores, there: Stores) -> None:
        record = a_record()
        await here.runs.insert(record)
        second = replace(record, turn_number=2, revision=2)
        assert await here.runs.finish_at_once(second, revision=1, claim=_claim("b"), turn=a_turn(2, token="b"))
        assert not await here.runs.finish_at_once(second, revision=1, claim=_claim("c"), turn=a_turn(2, token="c"))
        third = replace(record, turn_number=3, revision=3)
        assert await _claimed(there, record, "there", until=20.0) == second
        assert not await here.runs.finish_at_once(third, revision=2, claim=_claim("d"), turn=a_turn(3, token="d"))
        late = _claim("e", now=20.5)
        assert await here.runs.finish_at_once(third, revision=2, claim=late, turn=a_turn(3, token="e"))
        assert not await there.runs.finish(third, revision=2, token="there", turn=a_turn(3, token="there"))
        whole = await there.runs.history(record.id, tenant="first")
        assert whole is not None
        assert ([turn["claim"] for turn in whole["turns"]], whole["claim"]) == (["b", "e"], "")

    databases.run(scenario, processes=2)


def test_writes_that_go_together_are_each_told_their_own_outcome(databases: Databases) -> None:
    """Of forty at once a third comes too late, and those alone are told so; all too late, all are."""

    async def scenario(view: Stores) -> None:
        records = [a_record() for _ in range(40)]
        for record in records:
            await view.runs.insert(record)
        for record in records[::3]:
            assert await view.runs.replace(replace(record, status=Status.CANCELLED, revision=2), revision=1)

        async def at_once(record: Record) -> bool:
            done, token = replace(record, turn_number=2, revision=2), str(record.id)
            return await view.runs.finish_at_once(done, revision=1, claim=_claim(token), turn=a_turn(2, token=token))

        for wanted in ([place % 3 != 0 for place in range(40)], [False] * 40):
            assert await asyncio.gather(*map(at_once, records)) == wanted
        for place, record in enumerate(records):
            whole = await view.runs.history(record.id, tenant="first")
            assert whole is not None
            assert [turn["claim"] for turn in whole["turns"]] == ([str(record.id)] if place % 3 else [])

    databases.run(scenario)


@pytest.mark.parametrize(
    "refused", [{"$set": {"_id": ObjectId()}}, {"$set": {"state": b"x" * (17 << 20)}}], ids=["forbidden", "too large"]
)
def test_one_of_several_writes_that_fails_takes_no_other_with_it(server: Server, refused: dict[str, Any]) -> None:
    """It is the only one to be told."""
    if server.name == "mongoeco" and "state" in refused["$set"]:
        pytest.skip("mongoeco takes documents of any size where several come together")

    async def scenario(view: Stores) -> None:
        records = [a_record() for _ in range(5)]
        for record in records:
            await view.runs.insert(record)

        async def updated(place: int, update: dict[str, Any]) -> Any:
            token = f"{place}"
            push = {"$push": {"turns": {"$each": [{"number": 2, "claim": token}], "$slice": -TURNS_KEPT}}}
            id = records[place].id
            shows = {"_id": id, "turns.claim": token}
            return await view.collection.update_one({"_id": id}, {**push, **update}, shows=shows)

        each = [updated(place, refused if place == 2 else {}) for place in range(5)]
        found = await asyncio.gather(*each, return_exceptions=True)
        assert isinstance(found.pop(2), TooLarge | OperationFailure)
        assert found == [True] * 4
        assert await view.runs.find(records[2].id) == records[2]

    Databases(server.url, prefix=f"wfconform_test_{uuid.uuid4().hex[:8]}").run(scenario)


def test_a_store_recalls_what_it_wrote_last_and_may_go_on() -> None:
    """The oldest make room; what ended, or was moved on past it, is not recalled."""

    async def scenario() -> None:
        runs = RunStore(embedded_collection(), recalls=2)
        first, second, third = (a_record() for _ in range(3))
        for record in (first, second, third):
            await runs.insert(record)
        assert [runs.recall(record.id) for record in (first, second, third)] == [None, second, third]
        moved = replace(second, turn_number=2, revision=2)
        assert await runs.finish_at_once(moved, revision=1, claim=_claim("a"), turn=a_turn(2, token="a"))
        assert runs.recall(second.id) == moved
        assert not await runs.finish_at_once(moved, revision=1, claim=_claim("b"), turn=a_turn(2, token="b"))
        assert runs.recall(second.id) is None
        ended = replace(third, status=Status.COMPLETED, turn_number=2, revision=2)
        assert await runs.finish_at_once(ended, revision=1, claim=_claim("c"), turn=a_turn(2, token="c"))
        assert runs.recall(third.id) is None
        large = replace(a_record(), state=b" " * LARGEST_RECALLED)
        await runs.insert(large)
        assert runs.recall(large.id) is None

    asyncio.run(scenario())


def test_turns_are_kept_as_pairs_of_input_and_output(databases: Databases) -> None:
    """The record says what was put in and what came out, the last turns of it, long texts cut."""

    async def scenario(view: Stores) -> None:
        record = a_record()
        await view.runs.insert(record, a_turn(1))
        for number in range(2, 5):
            token = f"turn {number}"
            await _claimed(view, record, token)
            record = replace(record, turn_number=number, revision=number)
            turn = a_turn(number, token=token, text="x" * 5000)
            assert await view.runs.finish(record, revision=number - 1, token=token, turn=turn)
        whole = await view.runs.history(record.id, tenant="first")
        assert whole is not None
        assert [turn["number"] for turn in whole["turns"]] == [1, 2, 3, 4]
        assert whole["turns"][0]["input"] == {"command": "start", "text": "hi"}
        assert whole["turns"][0]["output"] == {"status": "waiting_for_user_input", "said": "you said hi"}
        assert len(whole["turns"][3]["input"]["text"]) == 2000
        assert await view.runs.history(record.id, tenant="second") is None

    databases.run(scenario)


def test_a_record_does_not_grow_for_ever(databases: Databases) -> None:
    """The oldest turns make room."""

    async def scenario(view: Stores) -> None:
        record = a_record()
        await view.runs.insert(record, a_turn(1))
        many = [{"number": number, "claim": ""} for number in range(2, TURNS_KEPT + 9)]
        push = {"$push": {"turns": {"$each": many, "$slice": -TURNS_KEPT}}}
        assert await view.collection.update_one({"_id": record.id}, push)
        whole = await view.runs.history(record.id, tenant="first")
        assert whole is not None
        assert [len(whole["turns"]), whole["turns"][-1]["number"]] == [TURNS_KEPT, TURNS_KEPT + 8]

    databases.run(scenario)


def test_at_once_no_turn_is_lost_or_doubled(databases: Databases) -> None:
    """Four processes take turns on two runs: each turn counts once, whatever the interleaving."""

    async def scenario(*views: Stores) -> None:
        records = [a_record(), a_record()]
        for record in records:
            await views[0].runs.insert(record)

        async def take_turns(view: Stores, name: str) -> None:
            for turn in range(4):
                await _take_turn(view, records[turn % 2], f"{name}{turn}")

        await asyncio.gather(*(take_turns(view, f"{at}-") for at, view in enumerate(views)))
        for record in records:
            whole = await views[0].runs.history(record.id, tenant="first")
            assert whole is not None
            assert whole["turn_number"] == 9
            assert [turn["number"] for turn in whole["turns"]] == list(range(2, 10))
            assert len({turn["claim"] for turn in whole["turns"]}) == 8

    databases.run(scenario, processes=4)


async def _take_turn(view: Stores, record: Record, token: str) -> None:
    found = await _claimed(view, record, token)
    while found is None:
        await asyncio.sleep(0.002)
        found = await _claimed(view, record, token)
    done = replace(found, turn_number=found.turn_number + 1, revision=found.revision + 1)
    turn = a_turn(done.turn_number, token=token)
    assert await view.runs.finish(done, revision=found.revision, token=token, turn=turn)


def test_runs_are_listed_newest_first(databases: Databases) -> None:
    """By page, with the number of all; of one workflow or with one status, where asked for."""

    async def scenario(view: Stores) -> None:
        runs = sorted((a_record() for _ in range(5)), key=lambda run: run.id, reverse=True)
        for run in runs:
            await view.runs.insert(run)
        await view.runs.insert(replace(a_record(), tenant="second"))
        await view.runs.replace(replace(runs[1], status=Status.CANCELLED, revision=2), revision=1)
        page = await view.runs.page({"tenant": "first"}, skip=2, limit=2)
        assert ([one["_id"] for one in page.items], page.total) == ([runs[2].id, runs[3].id], 5)
        page = await view.runs.page({"tenant": "first", "status": "cancelled"}, skip=0, limit=9)
        assert ([one["_id"] for one in page.items], page.total) == ([runs[1].id], 1)

    databases.run(scenario)
