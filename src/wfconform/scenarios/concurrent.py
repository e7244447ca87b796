"""Several sessions at once, and several turns on one session at once."""

from wfconform.scenarios.client import Client, Scenario, at_once
from wfconform.session import Busy, Valid

PARALLEL = 8
ROUNDS = 3


def interleaved(client: Client) -> Scenario:
    """Take turns in three sessions by turns; each counts for itself and hears only itself."""
    sessions = [client.session() for _ in range(3)]
    for session in sessions:
        yield session.start()
    for number in (0, 1, 2, 1, 0, 0, 2, 2, 1):
        yield sessions[number].say(intent=Valid(exact=("TRN-004",)))


def parallel(client: Client) -> Scenario:
    """Open eight sessions at once and take turns in all of them at once."""
    sessions = [client.session() for _ in range(PARALLEL)]
    yield at_once(*(session.start() for session in sessions))
    for _ in range(ROUNDS):
        live = [session for session in sessions if session.live]
        yield at_once(*(session.say(intent=Valid(exact=("TRN-004",))) for session in live))


def submit_two(client: Client) -> Scenario:
    """Send two turns of one session at once, several times over."""
    yield from _submit(client, count=2, rounds=2 * ROUNDS)


def submit_slow(client: Client) -> Scenario:
    """Send two turns of a slow session at once: they overlap for certain."""
    session = client.session("slow")
    yield session.start(intent=Valid(blames=("role:slow",)))
    yield at_once(*(session.say(intent=Busy(), expects=()) for _ in range(2)))


def submit_eight(client: Client) -> Scenario:
    """Send eight turns of one session at once."""
    yield from _submit(client, count=8, rounds=2)


def _submit(client: Client, *, count: int, rounds: int) -> Scenario:
    session = client.session()
    yield session.start()
    for _ in range(rounds):
        yield at_once(*(session.say(intent=Busy()) for _ in range(count)))
        yield session.say()
