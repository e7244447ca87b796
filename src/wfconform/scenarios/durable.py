"""What is in the storage, and what is left after a restart (DUR)."""

import json
from collections.abc import Callable

from wfconform.scenarios.client import (
    Census,
    Client,
    Probe,
    Restart,
    Scenario,
    Send,
    Session,
    Shows,
    Steps,
    Stored,
    Wait,
    fresh,
)
from wfconform.scenarios.expectations import SaysVersion
from wfconform.session import Broken, Kind, Lenient, Valid
from wfconform.session.states import CANCELLED
from wfconform.target import OTHER_ROLES
from wfconform.wire import Exchange, minimal_body

WITHIN_S = 5.0  # DUR-002, DUR-004; a record is given as long to appear: a replica may be what is looked at
ROUNDS = 3
_SETTLES_S = 0.3
_NO_RECORD = ("DUR-001",)
_WRONG_PLACE = "are database and collection in [storage] those that it writes to?"
_NO_STATUS = "no text at status_field ([storage])"


def record_of_a_run(client: Client) -> Scenario:
    """Start, and look for the record under the run_id; take a turn, and look at its status again."""
    session = client.session()
    yield session.start()
    yield from _is_there(session)
    yield from _status_is_stored(session)
    yield session.say()
    yield from _status_is_stored(session)


def record_of_a_stop(client: Client) -> Scenario:
    """Stop a run after its first turn, another one later: each record is cancelled soon."""
    for turns in (0, 2):
        session = client.session()
        yield session.start()
        for _ in range(turns):
            yield session.say()
        yield session.stop()
        stored = yield from _looked_up(session, lambda stored: stored.status == CANCELLED)
        yield _shown("DUR-002", session, stored, CANCELLED)


def record_of_an_end(client: Client) -> Scenario:
    """Let runs come to rest in every way that the deployment has a workflow for, and compare their records."""
    for role in OTHER_ROLES:
        if client.workflows.id_of(role) is None:
            continue
        session = client.session(role)
        yield session.start()
        yield from _status_is_stored(session)
    if client.workflows.conversation_end is not None:
        session = client.session()
        yield session.start()
        yield session.say(client.workflows.conversation_end, expects=())
        yield from _status_is_stored(session)


def refusals_leave_no_record(client: Client) -> Scenario:
    """Count records, send requests that must be refused, count again; and count as long with nothing sent between.

    Others may use the deployment meanwhile. So only what grew in every round with refusals, and in no round without,
    was made by them; and what a refused request named is looked up under its own id.
    """
    session = client.session()
    yield session.start()
    if not (yield from _sees_anything(session)):
        return
    grew, alone = [], []
    for _ in range(ROUNDS):
        alone.append((yield from _growth(())))
        grew.append((yield from _growth(_wrong_starts(client))))
    yield session.say()
    if not all(grew):
        yield Shows("DUR-005", session)
    elif not any(alone):
        actual = f"{', '.join(map(str, grew))} new records in {ROUNDS} rounds of refused requests, none without them"
        yield Shows("DUR-005", session, Broken("no record of a refused request", actual))
    yield from _no_record_of_a_stranger(client, session)


def _no_record_of_a_stranger(client: Client, session: Session) -> Scenario:
    """Name a run that was never opened; when that is refused, there is no record under its id."""
    id = client.object_id()
    body = minimal_body(client.input.with_text("anyone there?"), run_id=id)
    answered: Exchange = yield client.session().send(Kind.TURN, body, intent=Lenient(), run_id=id)
    stored: Stored = yield Probe(id, lambda stored: stored.found, _SETTLES_S)
    if stored.found and _is_refused(answered):
        actual = f"a record under the run_id {id}, which was refused"
        yield Shows("DUR-005", session, Broken("no record of a refused request", actual))


def survives_a_restart(client: Client) -> Scenario:
    """Let sessions wait, restart the deployment, and go on with each: the next turn, on the same version."""
    waiting = [client.session(), client.session()]
    for session in waiting:
        yield session.start()
    yield waiting[1].say()
    versioned = client.workflows.versioned
    numbers = sorted(versioned.versions) if versioned else []
    opened = [(number, client.session("versioned")) for number in numbers]
    for number, session in opened:
        yield session.start().but(query=(("version", str(number)),))
    yield Restart()
    kept = Valid(("DUR-003",), exact=("DUR-003",))
    for session in waiting:
        yield fresh(session.say(intent=kept))
        yield session.say()
    for number, session in opened:
        if session.live:
            yield fresh(session.say(intent=kept, expects=_says(client, number)))


def _says(client: Client, number: int) -> tuple[SaysVersion, ...]:
    texts = client.versioned.versions
    others = tuple(text for key, text in texts.items() if key != number)
    return (SaysVersion(texts[number], others, ("DUR-003",), roots=("VER-001", "VER-002")),)


def _is_there(session: Session) -> Scenario:
    stored = yield from _looked_up(session, lambda stored: stored.found)
    if stored.found:
        yield Shows("DUR-001", session)
        return
    lately: int = yield Census()
    alone = "" if lately else f", and no other of the last hour: {_WRONG_PLACE}"
    actual = f"no such record within {WITHIN_S:g} s{alone}"
    yield Shows("DUR-001", session, Broken(f"a record with _id = ObjectId({session.run_id!r})", actual))


def _sees_anything(session: Session) -> Steps[bool]:
    """Tell whether the storage shows the session's record, or any of late: counting where nothing is shows nothing."""
    stored = yield from _looked_up(session, lambda stored: stored.found)
    lately: int = yield Census()
    return stored.found or lately > 0


def _status_is_stored(session: Session) -> Scenario:
    answered = session.status
    if answered is None:
        return
    stored = yield from _looked_up(session, lambda stored: stored.status == answered)
    yield _shown("DUR-004", session, stored, answered)


def _looked_up(session: Session, until: Callable[[Stored], bool]) -> Steps[Stored]:
    stored: Stored = yield Probe(session.run_id or "", until, WITHIN_S)
    return stored


def _shown(id: str, session: Session, stored: Stored, expected: str) -> Shows:
    """Compare a record's status; a record that is not there is DUR-001's."""
    if stored.status == expected:
        return Shows(id, session)
    actual = (repr(stored.status) if stored.status else _NO_STATUS) if stored.found else "no record"
    expects = f"status {expected} in the record within {WITHIN_S:g} s"
    return Shows(id, session, Broken(expects, actual, roots=() if stored.found else _NO_RECORD))


def _growth(sends: tuple[Send, ...]) -> Steps[int]:
    """Return by how many records the storage grew while these were sent, but for those that were not refused."""
    before: int = yield Census()
    executed = 0
    for send in sends:
        answered: Exchange = yield send
        executed += not _is_refused(answered)
    yield Wait(_SETTLES_S)
    after: int = yield Census()
    return max(0, after - before - executed)


def _is_refused(exchange: Exchange) -> bool:
    return exchange.failure is None and 400 <= (exchange.status or 0) < 500


def _wrong_starts(client: Client) -> tuple[Send, ...]:
    """Return first turns that must be refused, each for another reason."""
    start = minimal_body(client.input.with_text("not to be recorded"))
    dance = {"run_input": {**start["run_input"], "command": "dance"}}
    cut = json.dumps(start).encode()[:-1]
    lenient = Lenient()
    return (
        client.session().send(Kind.OTHER, None, raw=cut, intent=lenient),
        client.session().send(Kind.FIRST, dance, intent=lenient),
        client.session().send(Kind.FIRST, start, intent=lenient, workflow_id=client.object_id()),
    )
