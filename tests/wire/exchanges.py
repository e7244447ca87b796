"""Exchanges for the wire tests: a request and the bytes that came back."""

import json
from typing import Any

from wfconform.session import Broken, Kind, Ledger
from wfconform.wire import Exchange, Failure, Request, observe

WORKFLOW = "5eb7cf5a86d9755df3a6c593"
RUN = "6ab13be40123456789abcdef"
SENT_AT = float(int(RUN[:8], 16))
JSON_TYPE = ("content-type", "application/json")
WAIT = {"type": "busy_wait_for_user_message", "logical_id": "event_1"}

Shown = dict[str, Broken | None]


def answer(**changes: Any) -> dict[str, Any]:
    """Return a correct first answer with fields changed."""
    return {
        "run_id": RUN,
        "status": "waiting_for_user_input",
        "turn_number": 1,
        "events": [WAIT],
        "is_waiting_for_input": True,
        "is_completed": False,
        "error": None,
        "next_input_hint": WAIT,
        **changes,
    }


def first(**fields: Any) -> Request:
    """Return a first turn."""
    return Request(Kind.FIRST, WORKFLOW, **fields)


def later(**fields: Any) -> Request:
    """Return a later turn."""
    return Request(Kind.TURN, WORKFLOW, run_id=RUN, **fields)


def came_back(
    request: Request,
    status: int | None = 200,
    body: Any = None,
    *headers: tuple[str, str],
    failure: Failure | None = None,
    leaked: bool | None = None,
) -> Exchange:
    """Return the exchange; body: bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(answer() if body is None else body).encode()
    told = headers or (JSON_TYPE,)
    return Exchange(request, status, told, data, 1.0, 2.0, SENT_AT, failure=failure, leaked=leaked)


def shown_by(*exchanges: Exchange) -> Shown:
    """Return what a fresh ledger is shown by exchanges one after the other, by ID; broken wins."""
    ledger, shown = Ledger(), Shown()
    for exchange in exchanges:
        for _, finding in observe(ledger, exchange):
            shown[finding.id] = shown.get(finding.id) or finding.broken
    return shown


def broken(*exchanges: Exchange) -> set[str]:
    """Return the IDs that broke."""
    return {id for id, how in shown_by(*exchanges).items() if how is not None}
