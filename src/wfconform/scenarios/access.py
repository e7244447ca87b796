"""Who may call: without a key, with a wrong one, as another tenant."""

from dataclasses import replace
from typing import Any

from wfconform.scenarios.client import Client, Scenario, Send, Session
from wfconform.session import Refused, Valid
from wfconform.wire import Credential

_UNAUTHORISED = (401, 403)


def no_key(client: Client) -> Scenario:
    """Call without Authorization: a first turn, a later turn, a stop."""
    yield from _locked_out(client, Credential.NONE, "AUT-001")


def wrong_key(client: Client) -> Scenario:
    """Call with a key that nobody has."""
    yield from _locked_out(client, Credential.WRONG, "AUT-002")


def cut_key(client: Client) -> Scenario:
    """Call with the key but for its last character: a comparison by prefix lets it in."""
    yield from _locked_out(client, Credential.CUT, "AUT-002")


def extended_key(client: Client) -> Scenario:
    """Call with the key and one more character: a comparison of the beginning lets it in."""
    yield from _locked_out(client, Credential.EXTENDED, "AUT-002")


def swapped_key(client: Client) -> Scenario:
    """Call with the key in the other letter case; a key without letters has none."""
    yield from _locked_out(client, Credential.SWAPPED, "AUT-002")


def empty_key(client: Client) -> Scenario:
    """Call with the scheme and no key behind it."""
    yield from _locked_out(client, Credential.EMPTY, "AUT-002")


def wrong_scheme(client: Client) -> Scenario:
    """Call with a key that nobody has, under a scheme that nobody has."""
    yield from _locked_out(client, Credential.WRONG_SCHEME, "AUT-002")


def _locked_out(client: Client, credential: Credential, id: str) -> Scenario:
    intent = Refused((id,), unharmed=(id,), codes=_UNAUTHORISED)
    yield client.session().start(intent=intent, expects=()).but(credential=credential)
    session = client.session()
    yield session.start()
    yield session.say(intent=intent, expects=()).but(credential=credential)
    for command in ("data", "resume"):  # commands that a server need not know: it may refuse them for that
        yield session.say(command=command, intent=replace(intent, codes=()), expects=()).but(credential=credential)
    yield session.say()
    yield session.stop(intent=intent).but(credential=credential)
    yield session.say()


def second_tenant(client: Client) -> Scenario:
    """Show that the second key works on its own session, then try it on the first tenant's run."""
    theirs = client.session(credential=Credential.SECOND, workflow_id=client.second_workflow)
    yield theirs.start(intent=Valid(blames=("role:second tenant",)))
    yield theirs.say(intent=Valid(blames=("role:second tenant",)))
    mine = client.session()
    yield mine.start()
    for id, claims in (("AUT-003", {}), ("AUT-006", _claims(client))):
        intent = Refused((id,), unharmed=(id,))
        for command in (None, "data", "resume"):
            yield _claiming(_as_second(mine, mine.say(command=command, intent=intent, expects=())), claims)
        yield mine.say()
        yield _claiming(_as_second(mine, mine.stop(intent=intent)), claims)
        yield mine.say()


def _as_second(session: Session, send: Send) -> Send:
    return send.but(credential=Credential.SECOND, workflow_id=session.workflow_id)


def _claims(client: Client) -> dict[str, Any]:
    team = client.team_id or client.object_id()
    return {"team_id": team, "run_by": client.user_id or team}


def _claiming(send: Send, claims: dict[str, Any]) -> Send:
    body = send.request.json or {}
    return send.but(json={**body, "run_input": {**body["run_input"], **claims}})
