"""Which version runs: the one that the first turn's query names, for the whole session."""

import json
from dataclasses import replace

from wfconform.scenarios.client import Client, Scenario, Send, Session
from wfconform.scenarios.expectations import SaysVersion
from wfconform.scenarios.turns import TURNS
from wfconform.session import Lenient, Refused, Valid
from wfconform.wire import Exchange


def _version(number: int | str) -> tuple[tuple[str, str], ...]:
    return (("version", str(number)),)


_ROOTS = {"VER-002": ("VER-001",), "VER-005": ("VER-001", "VER-002", "VER-004"), "VER-006": ("VER-001", "VER-002")}


def says_version(client: Client, number: int, *ids: str, settles: bool = True) -> tuple[SaysVersion, ...]:
    """Return that an answer says its version's text, for each of some requirements."""
    texts = client.versioned.versions
    others = tuple(text for key, text in texts.items() if key != number)
    return tuple(SaysVersion(texts[number], others, (id,), settles, _ROOTS.get(id, ())) for id in ids)


def start_on_version(client: Client, session: Session, number: int, *ids: str) -> Send:
    """Start on a version; a workflow that waits first shows its text only in the next answer."""
    expects = says_version(client, number, *ids, settles=False)
    return session.start(intent=Valid(blames=ids), expects=expects).but(query=_version(number))


def each_version(client: Client) -> Scenario:
    """Start on each declared version and ask for another one on every later turn, under every command."""
    numbers = sorted(client.versioned.versions)
    for number in numbers:
        session = client.session("versioned")
        start = start_on_version(client, session, number, "VER-001")
        opened = yield start
        others = [other for other in numbers if other != number] or [number]
        for index, other in enumerate((None, number, *others, *others)):
            if not session.live:
                break
            # A workflow that waits first shows its version only now: the first turn's, or it has none.
            late = index == 0 and not _told(client, opened)
            said = session.say(
                intent=Valid(("VER-002",)), expects=says_version(client, number, "VER-001" if late else "VER-002")
            )
            yield said.but(query=() if other is None else _version(other))
        for command in ("data", "resume"):  # a server need not know them; one that does keeps the version
            if session.live:
                yield session.say(command=command, intent=Lenient(), expects=says_version(client, number, "VER-002"))
        if session.live:
            yield session.stop()


def twelve_turns_on_a_version(client: Client) -> Scenario:
    """Start on a version that is not the active one, where there is one, and take twelve turns."""
    active, numbers = client.versioned.active, sorted(client.versioned.versions)
    number = next((one for one in numbers if one != active), numbers[0])
    session = client.session("versioned")
    yield start_on_version(client, session, number, "VER-001")
    for _ in range(TURNS - 1):
        if not session.live:
            return
        yield session.say(intent=Valid(("VER-002",)), expects=says_version(client, number, "VER-002"))


def _told(client: Client, opened: Exchange) -> bool:
    """Tell whether an answer carries any version's text."""
    return any(
        json.dumps(text)[1:-1].encode() in opened.body or text.encode() in opened.body
        for text in client.versioned.versions.values()
    )


def active_version(client: Client) -> Scenario:
    """Start without a version: the active one runs."""
    active, session = client.versioned.active or 0, client.session("versioned")
    expects = says_version(client, active, "VER-004", settles=False)
    yield session.start(intent=Valid(blames=("VER-004",)), expects=expects)
    if session.live:
        yield session.say(expects=says_version(client, active, "VER-004"))
    kept = tuple(replace(one, roots=(*one.roots, "VER-004")) for one in says_version(client, active, "VER-002"))
    for other in sorted(set(client.versioned.versions) - {active}):
        if session.live:
            yield session.say(intent=Valid(("VER-002",)), expects=kept).but(query=_version(other))


def zero_in_the_body(client: Client) -> Scenario:
    """Start with version_number 0 in the body, as clients do: it selects nothing, the query does, or the active one."""
    for number in (*sorted(client.versioned.versions), None):
        runs = client.versioned.active if number is None else number
        if runs is None:
            continue
        session, ids = client.session("versioned"), ("VER-005",) if number is None else ("VER-001", "VER-005")
        start = start_on_version(client, session, runs, *ids).but(query=() if number is None else _version(number))
        body = start.request.json or {}
        yield start.but(json={**body, "run_input": {**body["run_input"], "version_number": 0}})
        if session.live:
            said = says_version(client, runs, *ids)
            yield session.say(expects=tuple(replace(one, roots=(*one.roots, "VER-002")) for one in said))
        if session.live:
            yield session.stop()


def interleaved_versions(client: Client) -> Scenario:
    """Take turns in sessions on different versions, the last one opened first; each version is there twice."""
    numbers = sorted(client.versioned.versions)
    sessions = [(number, client.session("versioned")) for number in (*numbers, *numbers)]
    for number, session in sessions:
        yield start_on_version(client, session, number, "VER-006")
    for _ in range(2):
        for number, session in reversed(sessions):
            if session.live:
                yield session.say(intent=Valid(("VER-006",)), expects=says_version(client, number, "VER-006"))


def malformed_version(client: Client) -> Scenario:
    """Start the conversation on versions that are none: negative, a fraction, a word."""
    for bad in ("-1", "1.5", "abc"):
        yield client.session().start(intent=Refused(("VER-003",)), expects=()).but(query=_version(bad))
    session = client.session()
    yield session.start()
    for bad in ("-1", "1.5", "abc"):  # on a later turn it is refused or ignored, and refusing it takes no turn
        yield session.say(intent=Lenient()).but(query=_version(bad))
    yield session.say()


def no_such_version(client: Client) -> Scenario:
    """Start on a version that does not exist, and on malformed ones."""
    numbers = client.versioned.versions
    missing = (max(numbers) + 4711, 2**32 + min(numbers))
    for bad in (*missing, "-1", "1.5", "abc"):
        yield client.session("versioned").start(intent=Refused(("VER-003",)), expects=()).but(query=_version(bad))
