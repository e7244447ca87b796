"""Stops: on a waiting run, on a paused one, twice, at once, while a turn is in flight."""

from wfconform.scenarios.client import Client, Scenario, Session, Together, Wait, at_once, fresh
from wfconform.scenarios.expectations import IsNotCancelled
from wfconform.session import Busy, Ended, Kind, Lenient, Valid
from wfconform.wire.body import ABSENT, minimal_body

LATER_S = 2.0  # CAN-002: the run stays cancelled
EARLY_S, MIDWAY_S = 0.15, 0.5  # well inside a turn that takes a second or more


def cancel_waiting(client: Client) -> Scenario:
    """Stop a waiting session, try every way to go on, stop it again, and try once more two seconds later."""
    session = client.session()
    yield session.start()
    yield session.say()
    yield session.stop()
    for command in (None, "data", "resume"):
        yield session.say(command=command, intent=Ended(("CAN-002",)), expects=())
    yield session.stop(intent=Ended())
    yield Wait(LATER_S)
    yield fresh(session.say(intent=Ended(("CAN-002",)), expects=()))
    yield fresh(session.stop(intent=Ended()))


def cancel_after_first_turn(client: Client) -> Scenario:
    """Stop a session that has had no later turn, over another connection."""
    session = client.session()
    yield session.start()
    yield fresh(session.stop())
    yield session.say(intent=Ended(("CAN-002",)), expects=())


def cancel_paused(client: Client) -> Scenario:
    """Stop a paused run."""
    session = client.session("pauses")
    yield session.start(intent=Valid(blames=("role:pauses",)))
    if session.status != "paused":
        return
    yield session.stop()
    yield session.say(intent=Ended(("CAN-002",)), expects=())


def stop_twice_at_once(client: Client) -> Scenario:
    """Send two stops at the same moment."""
    session = client.session()
    yield session.start()
    yield session.say()
    yield at_once(session.stop(intent=Busy()), session.stop(intent=Busy()))
    yield session.say(intent=Ended(("CAN-002",)), expects=())


def cancel_one_of_three(client: Client) -> Scenario:
    """Stop the second of three sessions; the others go on as if nothing had happened."""
    first, second, third = (client.session() for _ in range(3))
    for session in (first, second, third):
        yield session.start()
    for session in (third, first, second):
        yield session.say()
    yield second.stop()
    for session in (first, third, first):
        yield session.say(intent=Valid(exact=("CAN-007",)))


def stop_without_run_id(client: Client) -> Scenario:
    """Stop without saying what: a refusal, or a run that is born cancelled; the session beside it goes on."""
    beside = client.session()
    yield beside.start()
    for run_id in (ABSENT, None):
        session = client.session()
        body = minimal_body(client.input.without_text(), run_id=run_id, command="stop")
        yield session.send(Kind.STOP, body, intent=Lenient(("CAN-004",)))
        if session.run_id is not None and session.run_id != beside.run_id:
            yield session.say(intent=Ended(("CAN-004",)), expects=())
        yield beside.say(intent=Valid(exact=("CAN-007",)))


def cancel_in_flight(client: Client) -> Scenario:
    """Stop a slow turn soon after it was sent; the run ends cancelled and stays so."""
    yield from _stop_in_flight(client.session("slow"), EARLY_S)


def cancel_midway(client: Client) -> Scenario:
    """Stop a slow turn midway; the run ends cancelled and stays so."""
    yield from _stop_in_flight(client.session("slow"), MIDWAY_S)


def cancel_beside(client: Client) -> Scenario:
    """Stop one of two slow turns that run at the same time; the other one is answered as if nothing had happened."""
    first, other = client.session("slow"), client.session("slow")
    for session in (first, other):
        yield session.start(intent=Valid(blames=("role:slow",)))
    unhurt = IsNotCancelled()
    turns = (
        (0.0, first.say(intent=Busy(), expects=())),
        (0.0, other.say(intent=Valid(exact=("CAN-007",)), expects=(unhurt,))),
    )
    yield Together((*turns, (MIDWAY_S, first.stop(intent=Busy()))))
    if other.live:
        yield other.say(intent=Valid(exact=("CAN-007",)), expects=(unhurt,))


def _stop_in_flight(session: Session, delay_s: float) -> Scenario:
    yield session.start(intent=Valid(blames=("role:slow",)))
    running = session.say(intent=Busy(), expects=())
    yield Together(((0.0, running), (delay_s, session.stop(intent=Busy()))))
    if session.live:
        yield session.stop(intent=Valid(("CAN-006",)))
    yield session.say(intent=Ended(("CAN-006",)), expects=())
    yield Wait(1.0)
    yield fresh(session.say(intent=Ended(("CAN-006",)), expects=()))
    yield fresh(session.stop(intent=Ended()))
