"""run_ids that were never issued, are malformed, belong elsewhere, or contradict themselves."""

from typing import Any

from wfconform.scenarios.client import Client, Scenario, Send
from wfconform.scenarios.expectations import EndsAs
from wfconform.session import Kind, Lenient, Refused, Valid
from wfconform.session.states import WAITING
from wfconform.target import OTHER_ROLES
from wfconform.wire import minimal_body


def never_issued(client: Client) -> Scenario:
    """Resume and stop a run that was never opened."""
    session, intent = client.session(), Refused(("RUN-005",))
    for command, kind in ((None, Kind.TURN), ("data", Kind.TURN), ("resume", Kind.TURN), ("stop", Kind.STOP)):
        id = client.object_id()
        more = {} if command is None else {"command": command}
        body = minimal_body(client.input.with_text("anyone there?"), run_id=id, **more)
        yield session.send(kind, body, intent=intent, run_id=id)


def malformed(client: Client) -> Scenario:
    """Resume and stop with a run_id that is no ObjectId: a wrong length, an object, an array, a number."""
    session, intent = client.session(), Refused(("RUN-006",), unharmed=("RUN-006",))
    yield session.start()
    id = session.run_id or ""
    wrong: tuple[Any, ...] = (
        id[:-1],
        id + "0",
        id[:-1] + "g",
        f" {id} ",
        id + "\n",
        f"{id[:8]}-{id[8:]}",
        "current",
        {"$ne": None},
        {"$gt": ""},
        {"$oid": id},
        [id],
        [],
        17,
        int(id or "0", 16),
        True,
        False,
    )
    for run_id in wrong:
        for command in (None, "stop"):
            text = client.input.without_text() if command else client.input.with_text("anyone there?")
            body = minimal_body(text, run_id=run_id, **({"command": command} if command else {}))
            yield session.send(Kind.OTHER, body, intent=intent)
    yield session.say(intent=Valid(exact=("RUN-006",)))


def foreign_workflow(client: Client) -> Scenario:
    """Resume and stop a run under the path of another workflow."""
    session, intent = client.session(), Refused(("RUN-007",), unharmed=("RUN-007",))
    mine = session.workflow_id
    theirs = next(id for id in map(client.workflows.id_of, OTHER_ROLES) if id not in (None, mine))
    yield session.start()
    for command in (None, "data", "resume"):
        yield session.say(command=command, intent=intent, expects=()).but(workflow_id=theirs)
    yield session.say()
    yield session.stop(intent=intent).but(workflow_id=theirs)
    yield session.say()
    yield from _under_the_conversation(client, intent)


def _under_the_conversation(client: Client, intent: Refused) -> Scenario:
    """The same the other way round: another workflow's run under the path of the conversation."""
    mine = client.workflows.conversation
    role = next((one for one in ("slow", "pauses") if client.workflows.id_of(one) not in (None, mine)), None)
    if role is None:
        return
    session = client.session(role)
    yield session.start()
    if session.live:
        yield session.say(intent=intent, expects=()).but(workflow_id=mine)
        yield session.stop(intent=intent).but(workflow_id=mine)
        yield session.stop()


def overridden_in_body(client: Client) -> Scenario:
    """Name another run in run_input: the path and run_id decide, and the other run stays as it was."""
    mine, other = client.session(), client.session()
    intent, untouched = Lenient(same=("RUN-010",)), Valid(exact=("RUN-010",))
    yield mine.start()
    yield other.start()
    naming = {"workflow_run_id": other.run_id, "workflow_id": client.object_id()}
    yield _naming(mine.say(intent=intent), naming)
    yield other.say(intent=untouched)
    yield _naming(client.session().start(intent=intent), {**naming, "command": "start"})
    yield other.say(intent=untouched)
    yield from _elsewhere(client, intent)
    if mine.live:
        yield mine.say()
        yield _naming(mine.stop(intent=intent), {"workflow_run_id": other.run_id})
    yield other.say(intent=untouched)


def _elsewhere(client: Client, intent: Lenient) -> Scenario:
    """Open the conversation with another role's workflow_id in run_input: what runs must be the path's."""
    others = (client.workflows.id_of(role) for role in ("completes", "fails", "loops", "pauses"))
    other = next((id for id in others if id not in (None, client.workflows.conversation)), None)
    if other is not None:
        session = client.session()
        runs_the_path = EndsAs("conversation", WAITING, ("RUN-010",))
        yield _naming(session.start(intent=intent, expects=(runs_the_path,)), {"workflow_id": other})


def _naming(send: Send, fields: dict[str, Any]) -> Send:
    body = send.request.json or {}
    return send.but(json={**body, "run_input": {**body["run_input"], **fields}})
