"""The roles that end, and what an ended run still takes: nothing."""

from wfconform.scenarios.client import Client, Scenario, Session, fresh
from wfconform.scenarios.expectations import EndsAs
from wfconform.session import Ended, Valid


def conversation_completes(client: Client) -> Scenario:
    """Say the text that ends the conversation, then try to go on."""
    session = client.session()
    yield session.start()
    yield session.say()
    yield session.say(client.workflows.conversation_end or "", expects=(EndsAs("conversation_end", "completed"),))
    yield from _after_the_end(session)


def completes(client: Client) -> Scenario:
    """Run a workflow that completes in its first turn, then try to go on."""
    yield from _ends(client.session("completes"), "completed")


def fails(client: Client) -> Scenario:
    """Run a workflow that fails in its first turn, then try to go on."""
    yield from _ends(client.session("fails"), "failed")


def loops(client: Client) -> Scenario:
    """Run a workflow that loops without end, then try to go on."""
    yield from _ends(client.session("loops"), "aborted_looping_risk")


def pauses(client: Client) -> Scenario:
    """Run a workflow that pauses, and resume it."""
    session = client.session("pauses")
    yield session.start(intent=Valid(blames=("role:pauses",)), expects=(EndsAs("pauses", "paused"),))
    if session.status == "paused":
        yield session.say(intent=Valid(("STS-011",)))


def _ends(session: Session, status: str) -> Scenario:
    intent = Valid(blames=(f"role:{session.role}",))
    yield session.start(intent=intent, expects=(EndsAs(session.role, status),))
    if session.status == status:
        yield from _after_the_end(session)


def _after_the_end(session: Session) -> Scenario:
    ended = Ended(("STS-009",))
    for command in (None, "data", "resume"):
        yield session.say(command=command, intent=ended, expects=())
    yield session.stop(intent=Ended())
    yield fresh(session.say(intent=ended, expects=()))
    yield session.stop(intent=Ended())
