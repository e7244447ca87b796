"""Recorded calls to exchanges: what a call asked is read from its body, for nobody says what it was meant to show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from wfconform.audit.recording import Call
from wfconform.session import Kind, Lenient
from wfconform.wire import Exchange, Failure, Request, parse

_PATH = re.compile(r"(?P<prefix>.*)/v1/workflows/(?P<id>[^/]+)/execute/?")
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_DEFAULT_COMMAND = "start"
_KINDS = {  # of a call without a run_id (the first turn, whatever its command says: §5), and with one
    **dict.fromkeys(("start", "data", "resume"), (Kind.FIRST, Kind.TURN)),
    "stop": (Kind.STOP, Kind.STOP),
}
_UNCLEAR = (Kind.OTHER, Kind.OTHER)
_NO_WORD_OF_THE_ENDPOINT = frozenset({408, 499, 502, 503, 504})  # a gateway's: the call may have been executed
_OK, _FIRST_FAULT = 200, 500


@dataclass(frozen=True, slots=True)
class Seen:
    """A call of the endpoint; base_url: which deployment; lost: why its answer says nothing, "" when it does."""

    call: Call
    base_url: str
    exchange: Exchange
    lost: str = ""


def seen(call: Call) -> Seen | None:
    """Return a call of the execute endpoint, None for any other one."""
    try:
        parts = urlsplit(call.url)
        found, host = _PATH.fullmatch(parts.path), parts.netloc.rpartition("@")[2].lower()
    except ValueError:
        return None
    if found is None or call.method.upper() != "POST":
        return None
    request = _request(call, found["id"])
    lost = _lost(call)
    exchange = Exchange(
        request=request,
        status=None if lost else call.status,
        headers=() if lost else call.headers,
        body=b"" if lost else call.body or b"",
        sent_s=call.at_s,
        received_s=call.at_s + call.duration_s,
        sent_at=call.at_s,
        failure=Failure.TIMEOUT if lost else None,
        detail=lost,
    )
    return Seen(call, f"{parts.scheme.lower()}://{host}{found['prefix']}", exchange, lost)


def _lost(call: Call) -> str:
    """Tell why an answer says nothing about the run: the call may have been executed, or not."""
    if call.status == 0:
        return "no response"
    if call.status in _NO_WORD_OF_THE_ENDPOINT:
        return f"answered {call.status}, by a gateway perhaps"
    if call.status >= _FIRST_FAULT or call.status != _OK:
        return ""
    if call.body is None:
        return "the response was not recorded"
    return "" if isinstance(parse(call.body).value, dict) else "the recorded response is no JSON object"


def _request(call: Call, workflow_id: str) -> Request:
    kind, run_id = asked(call.request_body)
    return Request(kind=kind, workflow_id=workflow_id, run_id=run_id, intent=Lenient(), raw=call.request_body)


def asked(body: bytes | None) -> tuple[Kind, str | None]:
    """Return what a body asks, and of which run (in lower case)."""
    value = parse(body).value if body is not None else None
    if not isinstance(value, dict) or not isinstance(value.get("run_input"), dict):
        return Kind.OTHER, None
    run_input = value["run_input"]
    run_id, command = value.get("run_id"), run_input.get("command")
    command = _DEFAULT_COMMAND if command is None else command
    first, later = _KINDS.get(command, _UNCLEAR) if isinstance(command, str) else _UNCLEAR
    if run_id is None:
        return first, None
    if not isinstance(run_id, str) or not _OBJECT_ID.fullmatch(run_id) or not isinstance(command, str):
        return Kind.OTHER, None
    return later, run_id.lower()


def without_repeats(calls: list[Seen]) -> Iterator[Seen]:
    """Yield each call once; one that was recorded twice is there at the same time with the same bytes."""
    latest: dict[tuple[object, ...], float] = {}
    for one in sorted(calls, key=lambda one: one.exchange.sent_s):
        key = (one.base_url, one.call.url, one.call.request_body, one.call.status, one.call.body)
        until = latest.get(key)
        latest[key] = max(one.exchange.received_s, until or 0.0)
        if until is None or one.exchange.sent_s > until or one.call.body is None:
            yield one
