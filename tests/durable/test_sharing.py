"""Two processes that serve the same runs, each recalling what it wrote last: no answer comes from memory alone."""

from collections.abc import Awaitable, Callable

from tests.durable.databases import Databases, Stores
from tests.reference.deployment import KEY, ROLES, Deployment

from wfconform.reference import create_app, shipped_workflows
from wfconform.reference.definitions import Definitions
from wfconform.reference.store import RunStore

SLOW = ROLES["slow"]
Scenario = Callable[[Deployment, Deployment], Awaitable[None]]


def _process(view: Stores) -> Deployment:
    deployment = Deployment()
    deployment.app = create_app(
        store=RunStore(view.collection, recalls=9),
        workflows=shipped_workflows(),
        definitions=Definitions(view.collection),
        keys={KEY: "first"},
        clock=deployment.clock,
        sleep=deployment.sleep,
    )
    return deployment


def _run(databases: Databases, scenario: Scenario) -> None:
    async def whole(here: Stores, there: Stores) -> None:
        await scenario(_process(here), _process(there))

    databases.run(whole, processes=2)


def test_turns_go_to_one_process_and_the_other(databases: Databases) -> None:
    """Whoever takes the next one, it is the next one."""

    async def scenario(here: Deployment, there: Deployment) -> None:
        run = await here.start()
        by = [here, here, there, here, there, there, here]
        answers = [await process.say(run, f"text {number}") for number, process in enumerate(by)]
        assert [answer["turn_number"] for answer in answers] == [2, 3, 4, 5, 6, 7, 8]
        assert [answer.said for answer in answers] == [(await _alone(number))[-1:] for number in range(7)]

    async def _alone(number: int) -> list[str]:
        other = Deployment()
        run = await other.start()
        return (await other.say(run, f"text {number}")).said

    _run(databases, scenario)


def test_a_stop_by_the_other_process_is_seen(databases: Databases) -> None:
    """No turn is taken after it."""

    async def scenario(here: Deployment, there: Deployment) -> None:
        run = await here.start()
        assert (await here.say(run, "hi"))["turn_number"] == 2
        assert (await there.stop(run))["status"] == "cancelled"
        assert (await here.say(run, "still there?")).code == 409
        assert (await here.stop(run))["turn_number"] == 2

    _run(databases, scenario)


def test_a_pause_by_the_other_process_is_seen(databases: Databases) -> None:
    """The turn after it goes on from there."""

    async def scenario(here: Deployment, there: Deployment) -> None:
        run = await here.start()
        assert (await there.say(run, None, command="pause"))["status"] == "paused"
        assert (await here.say(run, "hi"))["turn_number"] == 2

    _run(databases, scenario)


def test_a_turn_that_takes_time_is_claimed_first(databases: Databases) -> None:
    """So that the other process waits for it, and a stop cuts it off."""

    async def scenario(here: Deployment, there: Deployment) -> None:
        run = await here.start(SLOW)
        here.sleep.slept.clear()
        answer = await here.say(run, "hi", workflow=SLOW)
        assert (answer["turn_number"], len(here.sleep.slept) > 0) == (2, True)
        assert (await there.say(run, "hi", workflow=SLOW))["turn_number"] == 3

    _run(databases, scenario)


def test_another_tenant_or_workflow_gets_nothing_from_memory(databases: Databases) -> None:
    """A run that is recalled is still that of its tenant and its workflow."""

    async def scenario(here: Deployment, _: Deployment) -> None:
        run = await here.start()
        assert (await here.say(run, "hi", workflow=SLOW)).code == 404
        assert (await here.say(run, "hi", key="a key of nobody")).code == 401

    _run(databases, scenario)
