"""Sessions as users have them, for load runs: as long as they are told to be, with pauses to think."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wfconform.scenarios.cancelling import EARLY_S
from wfconform.scenarios.client import Client, Scenario, Session, Together, Wait, at_once
from wfconform.scenarios.expectations import EndsAs
from wfconform.scenarios.versions import says_version, start_on_version
from wfconform.session import Busy, Ended, Valid
from wfconform.session.states import CANCELLED, WAITING


@dataclass(frozen=True, slots=True)
class Visit:
    """What one simulated user does. turns: how many the session has, a stop not counted.

    think: returns how many seconds the user waits before the next turn; text: returns what the user says in the turn
    of that number, None for a mark; version: which one of those declared is asked for.
    """

    client: Client
    turns: int = 5
    think: Callable[[], float] = lambda: 0.0
    text: Callable[[int], str | None] = lambda number: None
    version: int = 0


def complete(visit: Visit) -> Scenario:
    """Talk for all turns but one, then say the text that ends the conversation."""
    session = visit.client.session()
    yield from _talk(visit, session, visit.turns - 1)
    yield Wait(visit.think())
    end = visit.client.workflows.conversation_end or ""
    yield session.say(end, expects=(EndsAs("conversation_end", "completed"),))


def abandon(visit: Visit) -> Scenario:
    """Talk for all turns, and never come back."""
    yield from _talk(visit, visit.client.session(), visit.turns)


def cancel(visit: Visit) -> Scenario:
    """Talk for half of the turns, stop, and find that the run has ended."""
    session = visit.client.session()
    yield from _talk(visit, session, max(1, visit.turns // 2))
    yield Wait(visit.think())
    yield session.stop()
    yield session.say(intent=Ended(("CAN-002",)), expects=())


def cancel_in_flight(visit: Visit) -> Scenario:
    """Stop a slow turn soon after it was sent; the run ends cancelled."""
    session = visit.client.session("slow")
    yield session.start(intent=Valid(blames=("role:slow",)))
    yield Wait(visit.think())
    running, stop = session.say(intent=Busy(), expects=()), session.stop(intent=Busy())
    yield Together(((0.0, running), (EARLY_S, stop)))
    if session.live:
        yield session.stop(intent=Valid(("CAN-006",)))
    yield session.say(intent=Ended(("CAN-006",)), expects=())


def double_submit(visit: Visit) -> Scenario:
    """Send a turn twice at once, as an impatient user does, then go on, and stop."""
    session = visit.client.session()
    yield session.start()
    for _ in range(max(1, (visit.turns - 1) // 3)):
        yield Wait(visit.think())
        yield at_once(session.say(intent=Busy()), session.say(intent=Busy()))
        yield Wait(visit.think())
        yield session.say()
    yield session.stop()


def resume_after_end(visit: Visit) -> Scenario:
    """Talk to the end, and try to go on; the run stays as it ended."""
    session = visit.client.session()
    yield from _talk(visit, session, visit.turns - 1)
    yield Wait(visit.think())
    end = visit.client.workflows.conversation_end or ""
    yield session.say(end, expects=(EndsAs("conversation_end", "completed"),))
    yield Wait(visit.think())
    yield session.say(intent=Ended(("STS-009",)), expects=())


def pinned_version(visit: Visit) -> Scenario:
    """Start on a version and ask for another one on each later turn; the session stays on its own."""
    client, session = visit.client, visit.client.session("versioned")
    numbers = sorted(client.versioned.versions)
    own = numbers[visit.version % len(numbers)]
    other = numbers[(visit.version + 1) % len(numbers)]
    yield start_on_version(client, session, own, "VER-001")
    for _ in range(visit.turns - 1):
        if not session.live:
            return
        yield Wait(visit.think())
        said = session.say(intent=Valid(("VER-002",)), expects=says_version(client, own, "VER-002"))
        yield said.but(query=(("version", str(other)),))
    if session.live:
        yield session.stop()


def _talk(visit: Visit, session: Session, turns: int) -> Scenario:
    yield session.start()
    for number in range(2, turns + 1):
        yield Wait(visit.think())
        yield session.say(visit.text(number))


@dataclass(frozen=True, slots=True)
class VisitSpec:
    """One kind of session. needs: as in ScenarioSpec; ends: statuses of its run that show that it reached its end.

    counts_as: what such a session is called in the figures.
    """

    run: Callable[[Visit], Scenario]
    counts_as: str
    ends: frozenset[str]
    needs: frozenset[str] = frozenset()
    least_turns: int = 1


_COMPLETED, _CANCELLED = frozenset({"completed"}), frozenset({CANCELLED})
VISITS: Mapping[str, VisitSpec] = {
    "complete": VisitSpec(complete, "completed", _COMPLETED, frozenset({"end"}), 2),
    "abandon": VisitSpec(abandon, "abandoned", frozenset({WAITING})),
    "cancel": VisitSpec(cancel, "cancelled", _CANCELLED),
    "cancel-in-flight": VisitSpec(
        cancel_in_flight, "cancelled", frozenset({CANCELLED, "completed", "failed"}), frozenset({"slow"})
    ),
    "double-submit": VisitSpec(double_submit, "cancelled", _CANCELLED),
    "resume-after-end": VisitSpec(resume_after_end, "completed", _COMPLETED, frozenset({"end"}), 2),
    "pinned-version": VisitSpec(
        pinned_version, "completed", frozenset({CANCELLED, "completed"}), frozenset({"versioned"})
    ),
}
