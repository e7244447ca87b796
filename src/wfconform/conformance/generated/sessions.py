"""Scenarios of generated requests: each is sent beside a plain session, which must go on as if nothing had happened."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wfconform.conformance.generated.cases import Case
from wfconform.conformance.generated.reading import ANYTHING, Reading, bad_version, path_intent, read
from wfconform.scenarios import Client, Scenario, Send, Session
from wfconform.session import Ended, Kind, Lenient, Refused
from wfconform.session.states import WAITING

BATCH = 8  # cases of one scenario
_METHODS = frozenset({"GET", "PUT", "DELETE", "PATCH"})
_NEVER_EVERY = 4  # each so manieth case that names a run names the one that was drawn: nobody has issued it

Batch = Sequence[Case]
Plays = Callable[[Client], Scenario]


def plain_session(client: Client) -> Scenario:
    """Take a plain session through five turns and stop it: what breaks here explains what breaks elsewhere."""
    session = client.session()
    yield session.start()
    for _ in range(4):
        yield session.say()
    yield session.stop()


def beside_a_session(cases: Batch) -> Plays:
    """Return the scenario that sends these cases, with and without the run that they name."""

    def play(client: Client) -> Scenario:
        witness = Witness(client)
        for number, case in enumerate(cases):
            yield from witness.opened()
            yield from _sent(client, witness, case, number)
            yield from witness.unharmed()

    return play


@dataclass(slots=True)
class Witness:
    """A plain session; steered: what was executed on it may have led it elsewhere."""

    client: Client
    session: Session = field(init=False)
    steered: bool = False

    def __post_init__(self) -> None:
        self.session = self.client.session()

    def opened(self) -> Scenario:
        """Open it, or another one where it has ended or been led elsewhere."""
        if self.steered and self.session.live:
            yield self.session.stop(intent=Lenient())
        if self.steered or not self.session.live:
            self.session, self.steered = self.client.session(), False
            yield self.session.start()

    def unharmed(self) -> Scenario:
        """Take a plain turn, where one is due."""
        if self.session.live and not self.steered:
            yield self.session.say()

    def took(self, turn: int, *, steering: bool) -> None:
        """Note whether the request that was just sent was executed on this session, and what it may have done."""
        moved = self.session.turn != turn or self.session.status != WAITING
        self.steered |= moved and steering


def _sent(client: Client, witness: Witness, case: Case, number: int) -> Scenario:
    """Send one case in one of the ways in which it makes sense: by itself, or with a run_id put in its place."""
    if case.method != "POST":
        if case.method in _METHODS:
            yield witness.session.send(Kind.OTHER, {}, intent=Lenient(), method=case.method)
        return
    reading = read(case)
    if number == BATCH - 1 and (elsewhere := path_intent(case.workflow_id)):
        path = f"/v1/workflows/{case.workflow_id}/execute"
        said = witness.session.say(intent=elsewhere, expects=())
        yield said.but(path=path, workflow_id=case.workflow_id, probes_endpoint=False)
        return
    if reading.names_well and number % _NEVER_EVERY:
        yield from _to_the_witness(witness, case, reading)
    elif reading.names_well:
        yield from _to_nobody(client, case, reading)
    elif reading.kind in (Kind.FIRST, Kind.STOP) and number % 2:
        yield from _to_the_witness(witness, case, reading)
    elif reading.kind in (Kind.FIRST, Kind.STOP):
        yield from _alone(client, case, reading)
    else:
        yield from _astray(client, case, reading)


def _to_the_witness(witness: Witness, case: Case, reading: Reading) -> Scenario:
    """Send a body with the witness's run_id: the link of the contract, from an answer to the next request."""
    session, command = witness.session, reading.value["run_input"].get("command", "start")
    if isinstance(command, str) and command != "stop" and command.strip().lower() in ("stop", "pause"):
        return  # `pause` has no clause, and a stop in other letters may be none
    kind = Kind.STOP if command == "stop" else Kind.TURN
    send = session.send(kind, {**reading.value, "run_id": session.run_id}, intent=reading.intent)
    turn = session.turn
    yield _with_query(send, case)
    witness.took(turn, steering=reading.steering or isinstance(reading.intent, Refused))


def _to_nobody(client: Client, case: Case, reading: Reading) -> Scenario:
    """Send a body with the run_id that was drawn, which nobody has issued."""
    refused = Refused((*reading.broken, "RUN-005"))
    run_id = str(reading.run_id)
    yield _with_query(client.session().send(reading.kind, reading.value, intent=refused, run_id=run_id.lower()), case)


def _alone(client: Client, case: Case, reading: Reading) -> Scenario:
    """Send a body that names no run, and stop what it opens."""
    session, intent = client.session(), reading.intent
    if reading.kind is Kind.FIRST and bad_version(case):
        intent = Refused((*reading.broken, "VER-003"))
    elif reading.kind is Kind.STOP and not reading.broken:
        intent = Lenient(("CAN-004", "EXE-008"))
    yield _with_query(session.send(reading.kind, reading.value, intent=intent), case)
    if reading.kind is Kind.STOP and session.run_id is not None:
        yield session.say(intent=Ended(("CAN-004",)), expects=())
    if session.live and not isinstance(intent, Refused):
        yield session.say("and then?", intent=Lenient(), expects=())
    if session.live:
        yield session.stop(intent=Lenient())


def _astray(client: Client, case: Case, reading: Reading) -> Scenario:
    """Send what names no run that could be, or what no reader can read."""
    session = client.session()
    headers = () if case.media_type is None else (("content-type", case.media_type),)
    intent = ANYTHING if headers else reading.intent
    raw = case.body if reading.value is None else None
    send = session.send(Kind.OTHER, None if raw is not None else reading.value, intent=intent, raw=raw, run_id=None)
    if reading.value is not None and not isinstance(reading.value, dict):
        send = send.but(json=None, raw=json.dumps(reading.value).encode())
    yield replace(send, request=replace(send.request, headers=headers))
    if session.live:
        yield session.stop(intent=Lenient())


def _with_query(send: Send, case: Case) -> Send:
    """Add the query, and the content type where it is not JSON: then anything may be said to it."""
    headers: tuple[tuple[str, str], ...] = ()
    changes: dict[str, Any] = {"query": case.query}
    if case.media_type is not None:
        headers = (("content-type", case.media_type),)
        changes |= {"headers": headers, "intent": ANYTHING}
    return send.but(**changes)
