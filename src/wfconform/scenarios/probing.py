"""Requests that must be refused, and requests that may be, always with proof that the run they name is unharmed."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from wfconform.scenarios.client import Client, Scenario, Send, Session
from wfconform.session import Intent, Kind, Lenient, Refused
from wfconform.wire import minimal_body


def _at_every_stage(client: Client, change: Mapping[str, Any], intent: Intent) -> Scenario:
    """Send a first turn, a later turn and a stop with one thing changed, and show that the run is unharmed."""
    yield from _first_turn(client, intent, **change)
    session = client.session()
    yield session.start()
    yield session.say(intent=intent, expects=()).but(**change)
    yield session.say()
    yield session.stop(intent=intent).but(**change)
    yield session.say()
    yield session.stop()


def _first_turn(client: Client, intent: Intent, **change: Any) -> Scenario:
    """Send a first turn with something changed; a run that it opens all the same is stopped at once."""
    session = client.session()
    yield session.start(intent=intent, expects=()).but(**change)
    if session.live:
        yield session.stop(intent=Lenient())


def _path(workflow_id: str) -> str:
    return f"/v1/workflows/{workflow_id}/execute"


def malformed_workflow_id(client: Client) -> Scenario:
    """Name a workflow by what is no ObjectId: too short, too long, not hexadecimal, a word."""
    id = client.workflows.conversation
    intent = Refused(("EXE-003",))
    for bad in (id[:-1], id + "0", id[:-1] + "g", "conversation"):
        change = {"path": _path(bad), "workflow_id": bad, "probes_endpoint": False}
        yield from _at_every_stage(client, change, intent)


def unknown_workflow(client: Client) -> Scenario:
    """Name a workflow that does not exist."""
    id = client.object_id()
    yield from _at_every_stage(client, {"path": _path(id), "workflow_id": id}, Refused(("EXE-004",)))


def _bodies(start: Mapping[str, Any], run_id: str | None) -> Iterable[bytes]:
    """Bodies of EXE-005, each wrong in one way only; with a run_id where there is room for one."""
    named = b"" if run_id is None else b'"run_id": "%s", ' % run_id.encode()
    valid = b'{%s"run_input": %s}' % (named, json.dumps(start).encode())
    yield from (valid[:-1], valid + b" and more", valid[:-1] + b",}", valid.replace(b'"', b"'"))
    yield b'{%s"run_input": {"command": start}}' % named
    yield b"{%s}" % named.rstrip(b", ")
    for wrong in (b"null", b"[]", b'"start"', b"7"):
        yield b'{%s"run_input": %s}' % (named, wrong)
    yield from (b"[%s]" % valid, json.dumps(valid.decode()).encode())
    if run_id is None:
        yield from (b"", b"[]", b'"text"', b"17", b"null", b"true", b"[{}]", b"run_input")


def malformed_body(client: Client) -> Scenario:
    """Send malformed JSON, a body that is no object, a run_input that is missing or no object."""
    intent, start = Refused(("EXE-005",)), client.input.without_text()
    for raw in _bodies(start, None):
        yield from _first_turn(client, intent, json=None, raw=raw)
    session = client.session()
    yield session.start()
    for raw in _bodies(start, session.run_id):
        yield session.say("", intent=intent, expects=()).but(json=None, raw=raw)
    yield session.say()


def _with_input(send: Send, **fields: Any) -> Send:
    body = send.request.json or {}
    return send.but(json={**body, "run_input": {**body["run_input"], **fields}})


def unknown_command(client: Client) -> Scenario:
    """Send commands that nobody knows, as first and as later turns; two of them begin as one that is known does."""
    intent, digits = Refused(("EXE-006",)), client.hexes(8)
    session = client.session()
    yield session.start()
    for token in (f"cmd{digits}", f"start{digits}", f"stop{digits}"):
        yield from _first_turn(client, intent, json=minimal_body(client.input.without_text(), command=token))
        yield _with_input(session.say(intent=intent, expects=()), command=token)
        yield session.say()


_WRONG_TYPES: tuple[dict[str, Any], ...] = (
    {"dynamic_variables": "text"},
    {"runtime_variables": ["a"]},
    {"miscellaneous": 3},
    {"version_number": "one"},
    {"initial_state": True},
    {"welcome_message": {"a": 1}},
    {"run_by": 17},
    {"team_id": 17},
    {"workflow_id": ["a"]},
    {"start_node_logical_id": {"a": 1}},
    {"command": 5},
    {"thread_to_node_inputs": "text"},
    {"thread_to_node_inputs": {"0": []}},
    {"thread_to_node_inputs": {"0": {"node_run_inputs": {}}}},
    *(
        {"thread_to_node_inputs": {"0": {"node_run_inputs": [{"type": "llm", "messages": messages}]}}}
        for messages in (
            "text",
            [{"type": "human", "content": 5}],
            [{"type": "human", "content": None}],
            [{"type": "human", "content": [{"type": "text", "text": "hello"}]}],
            [7],
        )
    ),
)


def wrong_types(client: Client) -> Scenario:
    """Send fields of run_input with a wrong type: refused or ignored, never a fault."""
    intent = Lenient(("EXE-006",))
    for fields in _WRONG_TYPES[:4]:
        body = minimal_body({**client.input.without_text(), **fields})
        yield from _first_turn(client, intent, json=body)
    session = client.session()
    yield session.start()
    for fields in _WRONG_TYPES:
        if session.live:
            yield _with_input(session.say("a text", intent=intent, expects=()), **fields)
    yield from _goes_on(session)


def _goes_on(session: Session) -> Scenario:
    """Take a plain turn, where the session still waits for one."""
    if session.live:
        yield session.say()


_JSON = ("content-type", "application/json")


def _rough_bodies(run_id: str | None) -> Iterable[tuple[bytes, tuple[str, str]]]:
    """Bodies that servers stumble over; each is valid HTTP of at most 1 MiB."""
    id = b"null" if run_id is None else b'"%s"' % run_id.encode()

    def body(**fields: bytes) -> bytes:
        inner = {"thread_to_node_inputs": b'{"0": {"node_run_inputs": []}}', **fields}
        return b'{"run_id": %s, "run_input": {%s}}' % (
            id,
            b", ".join(b'"%s": %s' % (name.encode(), value) for name, value in inner.items()),
        )

    deep = b"[" * 20_000 + b"]" * 20_000
    yield b"", _JSON
    yield deep, _JSON
    yield body(miscellaneous=b'{"a": %s}' % deep), _JSON
    yield body(initial_state=b'{"a":' * 5_000 + b"1" + b"}" * 5_000), _JSON
    yield body(version_number=b"9223372036854775808"), _JSON
    yield body(version_number=b"1" + b"0" * 5_000), _JSON
    yield body(miscellaneous=b'{"n": 1e999, "m": -1e999}'), _JSON
    yield body(miscellaneous=b'{"n": NaN, "m": Infinity}'), _JSON
    yield body(thread_to_node_inputs=_said(b'"\\ud800 lone \\udfff"')), _JSON
    yield body(thread_to_node_inputs=_said(b'"nul \\u0000 in it"')), _JSON
    yield body(thread_to_node_inputs=_said(b'"%s"' % (b"long " * 180_000))), _JSON
    yield body(thread_to_node_inputs=_said(b"null")), _JSON
    yield body(thread_to_node_inputs=_said(b'"invalid \xff\xfe UTF-8"')), _JSON
    yield body(dynamic_variables=b'{"$where": "1", "a.b": 1, "": null}'), _JSON
    yield body(command=b'"%s"' % (b"x" * 100_000)), _JSON
    yield b"\xef\xbb\xbf" + body(), _JSON
    yield body(), ("content-type", "text/plain")
    yield body(), ("content-type", "application/xml; charset=nonsense")
    yield b"run_input=start", ("content-type", "application/x-www-form-urlencoded")
    yield body().decode().encode("utf-16"), ("content-type", "application/json; charset=utf-16")


def _names(raw: bytes, run_id: str) -> bool:
    """Tell whether a body names a run, in whatever encoding: a server that reads it may take a turn."""
    return any(run_id.encode(encoding) in raw for encoding in ("ascii", "utf-16-le", "utf-16-be"))


def _said(content: bytes) -> bytes:
    message = b'{"type": "human", "content": %s}' % content
    return b'{"0": {"node_run_inputs": [{"type": "llm", "messages": [%s]}]}}' % message


def rough_first_turns(client: Client) -> Scenario:
    """Open sessions with bodies that servers stumble over: deep, huge, empty, ill-encoded."""
    intent = Lenient(("EXE-008",))
    for raw, header in _rough_bodies(None):
        yield from _first_turn(client, intent, json=None, raw=raw, headers=(header,))
    for version in ("9223372036854775808", "1" + "0" * 400, "NaN", "", "0x1", "1\u0660"):
        yield from _first_turn(client, intent, query=(("version", version),))


def rough_later_turns(client: Client) -> Scenario:
    """Send the same to a running session, which goes on unharmed where they were refused."""
    session, intent = client.session(), Lenient(("EXE-008",))
    yield session.start()
    for raw, header in _rough_bodies(session.run_id):
        if session.live:
            said = session.say("", intent=intent, expects=()).but(json=None, raw=raw, headers=(header,))
            yield said if _names(raw, session.run_id or "") else said.but(kind=Kind.OTHER, run_id=None)
    for run_id in ("x" * 100_000, "\u0000" * 24, "\ud83d\ude00" * 12, "../" * 8):
        body = minimal_body(client.input.with_text("text"), run_id=run_id)
        yield session.send(Kind.OTHER, body, intent=intent, run_id=None)
    yield from _goes_on(session)


def other_methods(client: Client) -> Scenario:
    """Call the endpoint with methods that it does not have."""
    session = client.session()
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        yield session.send(Kind.OTHER, {}, intent=Lenient(), method=method)
