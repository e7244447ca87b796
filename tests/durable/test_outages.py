"""What becomes of calls while the database does not answer: 503 with Retry-After, no turn lost or doubled.

Over a database whose answers, or requests, are lost where a test says so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import mongomock
import pytest
from pymongo.errors import OperationFailure
from tests.durable.replicas import replicas
from tests.durable.runs import a_record, a_turn
from tests.durable.servers import Server, elsewhere, missing
from tests.reference.deployment import CONVERSATION, KEY, Answer, Deployment, strict_json

from wfconform.errors import UsageError
from wfconform.reference import create_app, shipped_workflows
from wfconform.reference.database import RUNS, NotReached, TooLarge, Unanswered
from wfconform.reference.definitions import Definitions
from wfconform.reference.embedded import EmbeddedCollection
from wfconform.reference.mongo import MongoDatabase, told, without_password
from wfconform.reference.records import Claim
from wfconform.reference.store import PATIENCE_S, RunStore, embedded_collection

pytestmark = pytest.mark.anyio


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)


class Flaky:
    """A collection that loses what `lose` names.

    "request" never arrives, "answer" was carried out, "late" will be, "hang" says nothing.
    """

    def __init__(self, inner: EmbeddedCollection) -> None:
        self._inner = inner
        self.lose: dict[str, list[str]] = {}
        self.late: list[Callable[[], Awaitable[Any]]] = []
        self.meanwhile: Callable[[], Awaitable[Any]] | None = None  # happens before a lost answer is missed

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._inner, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            how = self.lose.get(name, []) or [""]
            lost = how.pop(0)
            if lost == "request":
                raise NotReached("no server")
            if lost == "hang":
                await asyncio.Event().wait()
            if lost == "too large":
                raise TooLarge("17 MiB")
            if lost == "late":
                self.late.append(lambda: operation(*arguments, **named))
                raise Unanswered("connection reset")
            result = await operation(*arguments, **named)
            if lost == "answer":
                happens, self.meanwhile = self.meanwhile, None
                if happens is not None:
                    await happens()
                raise Unanswered("connection reset")
            return result

        return call


class Outage(Deployment):
    """The reference over a database that can be made to lose things; recalls: runs that it knows without asking."""

    recalls = 0

    def __post_init__(self) -> None:
        self.flaky = Flaky(embedded_collection(self.mongo, RUNS))
        collection: Any = self.flaky
        self.app = create_app(
            store=RunStore(collection, sleep=_at_once, recalls=self.recalls),
            workflows=shipped_workflows(),
            definitions=Definitions(collection),
            keys=self.keys,
            clock=self.clock,
            sleep=self.sleep,
        )


class Recalling(Outage):
    """Where a turn that takes no time is one write."""

    recalls = 9


@pytest.fixture(params=[Outage, Recalling])
def outage(request: pytest.FixtureRequest) -> Outage:
    made: Outage = request.param()
    return made


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _down(*operations: str) -> dict[str, list[str]]:
    return {name: ["request"] * 500 for name in operations}


def _is_unavailable(answer: Answer) -> bool:
    return answer.code == 503 and answer.headers["retry-after"] == "1"


async def test_while_it_is_down_nothing_is_done_and_that_is_said(outage: Outage) -> None:
    """A first turn, a later turn, a stop and a pause are 503 with Retry-After; then all goes on, without a restart."""
    run = await outage.start()
    outage.flaky.lose = _down("insert_one", "find_one", "update_one", "claim_one", "page")
    answers = [await outage.start(), await outage.say(run, "hi"), await outage.stop(run)]
    answers.append(await outage.say(run, None, command="pause"))
    assert [_is_unavailable(answer) for answer in answers] == [True] * 4
    response = await outage.send("GET", "/v1/workflow-runs")
    assert (response.status_code, strict_json(response.content)["detail"][:12]) == (503, "the database")
    outage.flaky.lose = {}
    assert (await outage.say(run, "hi"))["turn_number"] == 2
    assert outage.runs.count_documents({}) == 1


async def test_an_answer_that_is_lost_makes_no_second_run(outage: Outage) -> None:
    """A first turn that was written is answered, though the database's answer was lost."""
    outage.flaky.lose = {"insert_one": ["answer"]}
    assert ((await outage.start()).code, outage.runs.count_documents({})) == (200, 1)


async def test_a_turn_that_was_written_is_answered(outage: Outage) -> None:
    """The outcome is found out, and the turn is answered as what it is, once."""
    run = await outage.start()
    outage.flaky.lose = {"update_one": ["answer"]}
    assert (await outage.say(run, "hi"))["turn_number"] == 2
    assert (await outage.say(run, "ho"))["turn_number"] == 3


async def test_a_turn_that_was_not_written_may_be_sent_again(outage: Outage) -> None:
    """It is withdrawn first: should it still arrive, it changes nothing."""
    run = await outage.start()
    outage.flaky.lose = {"update_one": ["late"]}
    assert _is_unavailable(await outage.say(run, "hi"))
    assert (await outage.say(run, "hi again"))["turn_number"] == 2
    for arrives in outage.flaky.late:
        assert await arrives() is False
    assert (await outage.say(run, "and on"))["turn_number"] == 3


async def test_what_nobody_can_find_out_is_a_500(outage: Outage) -> None:
    """No Retry-After: the client must not take it for not executed."""
    run = await outage.start()
    outage.flaky.lose = {"update_one": ["answer", *["request"] * 500]}
    answer = await outage.say(run, "hi")
    assert (answer.code, "retry-after" in answer.headers) == (500, False)
    outage.flaky.lose = {"insert_one": ["answer", *["request"] * 500]}
    answer = await outage.start()
    assert (answer.code, "retry-after" in answer.headers) == (500, False)


@pytest.mark.parametrize(("command", "status"), [("stop", "cancelled"), ("pause", "paused")])
async def test_a_command_that_was_carried_out_is_answered(outage: Outage, command: str, status: str) -> None:
    """Its answer was lost; what it left is found."""
    run = await outage.start()
    outage.flaky.lose = {"update_one": ["answer"]}
    assert (await outage.say(run, None, command=command))["status"] == status
    assert (await outage.say(run, None, command=command))["status"] == status


@pytest.mark.parametrize("command", ["stop", "pause"])
async def test_a_command_that_was_not_carried_out_never_will_be(outage: Outage, command: str) -> None:
    """503 says that it was not; should it still arrive, the run goes on all the same."""
    run = await outage.start()
    outage.flaky.lose = {"update_one": ["late"]}
    assert _is_unavailable(await outage.say(run, None, command=command))
    for arrives in outage.flaky.late:
        assert await arrives() is False
    assert (await outage.say(run, "hi"))["turn_number"] == 2
    assert (await outage.stop(run))["status"] == "cancelled"


async def test_a_claim_whose_answer_is_lost_blocks_nobody() -> None:
    """It is given up at once, as far as the database can be reached."""
    outage = Outage()
    run = await outage.start()
    outage.flaky.lose = {"claim_one": ["answer"]}
    assert _is_unavailable(await outage.say(run, "hi"))
    assert ((await outage.say(run, "hi"))["turn_number"], outage.sleep.slept) == (2, [])


async def test_a_record_that_would_grow_too_large_refuses_the_turn(outage: Outage) -> None:
    """413, and the run is as it was."""
    run = await outage.start()
    outage.flaky.lose = {"update_one": ["too large"]}
    assert (await outage.say(run, "hi")).code == 413
    assert (await outage.say(run, "hi"))["turn_number"] == 2


async def test_a_settled_turn_is_told_from_another_ones() -> None:
    """When the claim is gone and the turn is not among the run's, it was not written."""
    flaky: Any = Flaky(embedded_collection(mongomock.MongoClient(), RUNS))
    store, record = RunStore(flaky, sleep=_at_once), a_record()
    await store.insert(record)
    await store.claim(record.id, Claim("mine", 1.0, 2.0), tenant="first", workflow_id=record.workflow_id)
    await store.claim(record.id, Claim("theirs", 3.0, 9.0), tenant="first", workflow_id=record.workflow_id)
    flaky.lose = {"update_one": ["late"]}
    assert not await store.finish(record, revision=1, token="mine", turn=a_turn(2, token="mine"))


async def test_what_was_to_be_finished_at_once_is_settled_after_anothers_claim() -> None:
    """While the other may yet give its claim up, the write may yet arrive: nothing is said until that is certain."""
    flaky: Any = Flaky(embedded_collection(mongomock.MongoClient(), RUNS))
    record = a_record()

    async def given_up(_: float) -> None:
        await other.release(record.id, "theirs")

    store, other = RunStore(flaky, sleep=given_up), RunStore(flaky)
    await store.insert(record)
    theirs = Claim("theirs", 3.0, 9.0)
    flaky.lose = {"update_one": ["late"]}
    await other.claim(record.id, theirs, tenant="first", workflow_id=record.workflow_id)
    with pytest.raises(NotReached):
        await store.finish_at_once(record, revision=1, claim=Claim("mine", 10.0, 20.0), turn=a_turn(2, token="mine"))
    assert await flaky.late[0]() is False


async def test_the_claim_of_a_crashed_process_does_not_keep_a_turn_from_being_settled() -> None:
    """It expired: the write could be carried out, so it can be prevented."""
    flaky: Any = Flaky(embedded_collection(mongomock.MongoClient(), RUNS))
    store, record = RunStore(flaky, sleep=_at_once), a_record()
    await store.insert(record)
    await store.claim(record.id, Claim("dead", 1.0, 2.0), tenant="first", workflow_id=record.workflow_id)
    flaky.lose = {"update_one": ["late"]}
    with pytest.raises(NotReached):
        await store.finish_at_once(record, revision=1, claim=Claim("mine", 10.0, 20.0), turn=a_turn(2, token="mine"))
    assert await flaky.late[0]() is False


async def test_patience_ends_where_the_database_hangs() -> None:
    """It is counted by the clock, not by how often was asked."""
    flaky: Any = Flaky(embedded_collection(mongomock.MongoClient(), RUNS))
    store, record = RunStore(flaky, patience_s=0.05), a_record()
    await store.insert(record)
    claim = Claim("mine", 10.0, 20.0)
    flaky.lose = {"update_one": ["answer", *["hang"] * 50], "insert_one": ["answer", *["hang"] * 50]}
    async with asyncio.timeout(5):
        with pytest.raises(Unanswered):
            await store.finish_at_once(record, revision=1, claim=claim, turn=a_turn(2, token="mine"))
        with pytest.raises(Unanswered):
            await store.insert(a_record())


async def test_what_was_finished_at_once_is_known_behind_a_later_turn() -> None:
    """The answer is lost, and another process moves the run on before anybody asks: it was carried out all the same."""
    flaky: Any = Flaky(embedded_collection(mongomock.MongoClient(), RUNS))
    store, record = RunStore(flaky, sleep=_at_once), a_record()
    await store.insert(record)
    done, claim = replace(record, turn_number=2, revision=2), Claim("mine", 1.0, 2.0)

    async def moved_on() -> bool:
        return await store.replace(replace(done, turn_number=3, revision=3), revision=2)

    flaky.lose, flaky.meanwhile = {"update_one": ["answer"]}, moved_on
    assert await store.finish_at_once(done, revision=1, claim=claim, turn=a_turn(2, token="mine"))
    flaky.lose = {"update_one": ["late"]}
    another = replace(claim, token="another")
    assert not await store.finish_at_once(done, revision=1, claim=another, turn=a_turn(2, token="another"))


async def test_what_a_server_alone_refuses_of_a_second_try_leaves_the_first_open() -> None:
    """The driver takes it for a member of a set once it has hung; the first try may have been carried out."""
    with pytest.raises(Unanswered):
        async with told():
            raise OperationFailure("Transaction numbers are only allowed on a replica set member or mongos", 20)


@pytest.mark.parametrize("url", ["http://db", "mongodb://user:p%@db", "mongodb://", "mongodb://user:se:cret@db"])
async def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    """UsageError, which repeats nothing."""
    with pytest.raises(UsageError) as told:
        MongoDatabase(url)
    assert "cret" not in str(told.value) + told.value.hint.replace("password", "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://user:secret@db.example:27017/wf?w=1", "mongodb://db.example:27017/wf"),
        ("mongodb+srv://u:p@cluster", "mongodb+srv://cluster"),
        ("mongodb://db", "mongodb://db"),
    ],
)
async def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    """Nor its options, which may hold one."""
    assert without_password(url) == shown


def _on(database: MongoDatabase, *, patience_s: float) -> Deployment:
    deployment = Deployment()
    deployment.app = create_app(
        store=RunStore(database.runs, patience_s=patience_s, recalls=9),
        workflows=shipped_workflows(),
        definitions=Definitions(database.workflows),
        keys={KEY: "first"},
    )
    return deployment


async def test_an_election_loses_no_turn() -> None:
    """The primary of three is killed between two turns and again during some: what was answered is there, once."""
    if missing("mongod") or elsewhere("mongod"):
        pytest.skip(missing("mongod") or "mongods that run elsewhere are not killed")
    with replicas(3) as members:
        database = MongoDatabase(members.url)
        deployment = _on(database, patience_s=PATIENCE_S)
        try:
            run = await deployment.start()
            assert (await deployment.say(run, "hi"))["turn_number"] == 2
            for number in (3, 4):
                await asyncio.to_thread(members.kill)
                assert (await _until_answered(lambda: deployment.say(run, "still there?")))["turn_number"] == number
                await asyncio.to_thread(members.start)
            killing = asyncio.create_task(asyncio.to_thread(members.kill))
            answers = await asyncio.gather(*(deployment.start() for _ in range(20)))
            await killing
            told = [answer["run_id"] for answer in answers if answer.code == 200]
            assert {answer.code for answer in answers} <= {200, 500, 503}
            await _until_answered(lambda: deployment.say(run, "and now?"))
            for id in told:
                assert (await deployment.say(id, "hi"))["turn_number"] == 2
        finally:
            await database.close()


async def test_a_real_server_may_go_and_come_back(server: Server) -> None:
    """The real driver, a process that is killed: 503 while it is gone, then all goes on without a restart."""
    if not server.may_be_killed:
        pytest.skip("a mongod that runs elsewhere is not killed")
    database = MongoDatabase(server.url, name="wfconform_outage")
    deployment = _on(database, patience_s=0.1)
    try:
        run = await deployment.start(CONVERSATION)
        assert (await deployment.say(run, "hi"))["turn_number"] == 2
        server.kill()
        meets = await deployment.start()  # on a connection that breaks: nobody can say whether it arrived
        assert meets.code == 500 or _is_unavailable(meets)
        answers = [await deployment.start(), await deployment.say(run, "lost?")]
        assert [_is_unavailable(answer) for answer in answers] == [True, True]
        server.start()
        again = await _until_answered(lambda: deployment.start(CONVERSATION))
        assert (again.code, (await deployment.say(again, "hi"))["turn_number"]) == (200, 2)
    finally:
        if server.process is None:
            server.start()
        await database.close()


async def _until_answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    for _ in range(100):
        answer = await ask()
        if answer.code != 503:
            return answer
        await asyncio.sleep(0.1)
    return answer
