"""Plain sessions: many turns, fresh connections, every form of body, whole texts."""

from wfconform.scenarios.client import Client, Scenario, fresh
from wfconform.scenarios.expectations import ComesBackWhole, StaysCancelled
from wfconform.session import Ended, Valid
from wfconform.wire import full_form_body

TURNS = 12


def twelve_turns(client: Client) -> Scenario:
    """Open a session, take twelve turns, stop it."""
    session = client.session()
    yield session.start()
    for number in range(2, TURNS + 1):
        yield session.say(f"This is turn {number - number % 2}.")  # each text twice: a repeated one is a turn, too
    yield session.stop()
    yield session.say(intent=Ended(("CAN-002",)), expects=())


def twelve_marked_turns(client: Client) -> Scenario:
    """Take twelve turns, each with a text of its own that must come back."""
    session = client.session()
    yield session.start()
    for _ in range(2, TURNS + 1):
        yield session.say()


def fresh_connections(client: Client) -> Scenario:
    """Send every turn over a new connection."""
    session = client.session()
    yield fresh(session.start())
    for _ in range(5):
        yield fresh(session.say(intent=Valid(("RUN-009",))))


def full_form(client: Client) -> Scenario:
    """Send what generated clients send: every field, most of them null, command start on every turn."""
    session, intent = client.session(), Valid(("EXE-012",))
    start = session.start(intent=intent)
    yield start.but(json=full_form_body(run_id=None, text=None))
    for _ in range(3):
        said = session.say(intent=intent)
        mark = said.request.mark or ""
        whole = ComesBackWhole(mark, "in the full form", ("EXE-012",), ("TRN-007",))
        body = full_form_body(run_id=session.run_id, text=mark)
        yield said.but(json=body, expects=(*said.request.expects, whole) if said.request.echoed else ())
    yield session.stop(intent=intent).but(json=full_form_body(run_id=session.run_id, text=None, command="stop"))
    yield session.say(intent=Ended(("CAN-002",)), expects=(StaysCancelled(("EXE-012",)),))


_EXTRA = {"x_wfconform": {"nested": [1, None, "text"]}, "Trace-Id": "abc", "unknown": None}


def extra_fields(client: Client) -> Scenario:
    """Add fields that nobody knows, at the top and in run_input."""
    session, intent = client.session(), Valid(("EXE-007",))
    for step in (session.start, session.say, session.say, session.stop):
        send = step(intent=intent)
        body = send.request.json or {}
        yield send.but(json={**body, **_EXTRA, "run_input": {**body["run_input"], **_EXTRA}})


def run_id_null(client: Client) -> Scenario:
    """Open a session with run_id null, and go on with it."""
    session, intent = client.session(), Valid(("RUN-004",))
    start = session.start(intent=intent)
    yield start.but(json={"run_id": None, **(start.request.json or {})})
    yield session.say(intent=intent)


def data_and_resume(client: Client) -> Scenario:
    """Go on with the commands data, resume and start."""
    session = client.session()
    yield session.start()
    for command in ("data", "resume", "start", "data"):
        yield session.say(command=command, intent=Valid(("RUN-011",) if command != "start" else ()))


_WHOLE_TEXTS = {
    "emoji": "Grüße 👩‍👩‍👧‍👦 🏳️‍🌈 𝄞 end",
    "right-to-left": "مرحبا بالعالم שלום עולם end",
    "direction marks": "\u200fשלום\u200e \u2067مرحبا\u2069 end",
    "quotes and backslashes": "say \"hi\", 'you', C:\\new\\table, \\\\host\\share, \\u0041 and </script> & <b> end",
    "line ends and tabs": "one\ntwo\r\nthree\rfour\tfive end",
    "combining marks": "e\u0301 is not \u00e9; n\u0303 is not \u00f1 end",
    "spaces inside": "two  spaces, \u00a0no-break\u00a0, \u200bzero-width\u200b end",
    "outer blanks": "  blanks and a line end around \n",
    "format strings": "{text} ${x} %s {0} end",
    "16 KiB": "".join(f"{number:07d} " for number in range(2048))[:-4] + " end",
}


def whole_texts(client: Client) -> Scenario:
    """Send texts that are easily mangled; each must come back whole."""
    session = client.session()
    yield session.start()
    for what, text in _WHOLE_TEXTS.items():
        yield session.say(text, intent=Valid(("EXE-013",)), expects=(ComesBackWhole(text, what),))
