"""Peers whose answers are JSON of the right shape, and lie."""

import json
from collections.abc import Callable
from typing import Any

from tests.hostile.peers.table import peer
from tests.hostile.sockets import Talk, response
from tests.servers.model import new_object_id

ESCAPES = "\x1b[2J\x1b[31m\x1b]0;owned\x07\x1b]8;;http://evil.invalid\x1b\\\x9b31m\x90\r\x08\x7f[bold]"
UNICODE = "\u202e\u2066gnp.exe\u2069\u200f\u200b\ufeff\u2028\u2029\x00\ud800\U000e0041\U0010ffff"
_WRONG = ("EXE-002", "STS-001", "RUN-001", "STS-002", "EVT-003")


def everywhere(node: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with every string value changed."""
    match node:
        case str():
            return change(node)
        case dict():
            return {key: everywhere(value, change) for key, value in node.items()}
        case list():
            return [everywhere(value, change) for value in node]
        case _:
            return node


async def _changed(talk: Talk, change: Callable[[dict[str, Any]], Any]) -> None:
    while True:
        if body := await talk.good_body(await talk.request()):
            await talk.send(response(json.dumps(change(body)).encode()))


@peer(first=1, ids=_WRONG)
async def escapes_everywhere(talk: Talk) -> None:
    """Puts terminal escapes into every string, in headers and refusals too."""
    head = {"X-Escape": "\x1b[31m", "Content-Type": "application/json\x1b[31m"}
    while True:
        call = await talk.request()
        if call.method != "POST":
            await talk.send(response(json.dumps({ESCAPES: ESCAPES}).encode(), status=405, headers=head))
        elif body := await talk.good_body(call):
            changed = everywhere(body, lambda text: text + ESCAPES) | {ESCAPES: ESCAPES, "error": ESCAPES}
            await talk.send(
                response(json.dumps(changed, ensure_ascii=False).encode("utf-8", "surrogatepass"), headers=head)
            )


@peer(first=1, ids=_WRONG)
async def escapes_escaped(talk: Talk) -> None:
    """Puts terminal escapes into every string, escaped as JSON has it."""
    await _changed(talk, lambda body: everywhere(body, lambda text: ESCAPES + text))


@peer(first=1, ids=("STS-012", "STS-001", "EXE-002"))
async def escapes_in_the_error(talk: Talk) -> None:
    """Answers well, but for an error of terminal escapes."""
    await _changed(talk, lambda body: body | {"error": ESCAPES * 100})


@peer(first=1, ids=_WRONG)
async def tricks_of_unicode(talk: Talk) -> None:
    """Puts overrides, lone surrogates and invisible characters into every string."""
    await _changed(talk, lambda body: everywhere(body, lambda text: UNICODE + text))


@peer(first=(0, 1, 3), later=(0, 1))
async def surrogates_in_events(talk: Talk) -> None:
    """Puts lone surrogates into the ids and texts of events."""
    await _changed(talk, lambda body: body | {"events": everywhere(body["events"], lambda text: text + "\udfff")})


@peer(first=(0, 1), ids=("RUN-003", "RUN-002", "TRN-002", "TRN-004"))
async def answers_of_other_sessions(talk: Talk) -> None:
    """Answers for some other session each time."""
    await _changed(talk, lambda body: body | {"run_id": new_object_id()})


@peer(first=(0, 1), ids=("RUN-002", "TRN-001", "TRN-002", "TRN-004", "RUN-003"))
async def one_run_for_all(talk: Talk) -> None:
    """Gives every session the same run_id."""
    await _changed(talk, lambda body: body | {"run_id": "5f" + "0" * 22})


@peer(first=(0, 1), ids=("RUN-001", "EXE-002", "RUN-003"))
async def run_id_for_a_shell(talk: Talk) -> None:
    """Gives run_ids that a shell would run."""
    await _changed(talk, lambda body: body | {"run_id": "$(touch pwned)`id`'\";\n#"})


@peer(first=(0, 1, 3), ids=("EXE-002", "EVT-001"))
async def wrong_types_everywhere(talk: Talk) -> None:
    """Gives every field a value of another type."""
    wrong = {"run_id": 7, "status": [], "turn_number": {}, "events": "none", "is_waiting_for_input": 0}
    await _changed(talk, lambda body: body | wrong | {"is_completed": "no", "error": 1.5, "next_input_hint": [None]})


@peer(first=(0, 1), ids=("EXE-002", "EVT-001"))
async def events_of_every_kind(talk: Talk) -> None:
    """Gives events that are anything but objects with a type."""
    junk: list[Any] = [
        None,
        1,
        "x",
        [],
        {},
        {"type": None},
        {"type": {}},
        {"type": "x", "thread_reference_id": [], "timestamp": "1"},
    ]
    await _changed(talk, lambda body: body | {"events": junk, "next_input_hint": {"type": 5}})


@peer(first=(0, 1, 3), later=(0, 1))
async def hundreds_of_events(talk: Talk) -> None:
    """Gives 500 events with each answer."""
    many = [{"type": "x", "logical_id": None, "n": number} for number in range(500)]
    await _changed(talk, lambda body: body | {"events": many + body["events"]})
