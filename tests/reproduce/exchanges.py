"""Exchanges as a driver makes them, with times."""

import json
from typing import Any

from wfconform.session import Kind
from wfconform.wire import Exchange, Request, minimal_body

WORKFLOW = "5eb7cf5a86d9755df3a6c593"
RUN = "6ab13be40123456789abcdef"
INPUT: dict[str, Any] = {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}


def answer(**changes: Any) -> dict[str, Any]:
    """Return a correct first answer with fields changed."""
    hint = {"type": "busy_wait_for_user_message", "logical_id": "event_1"}
    return {
        "run_id": RUN,
        "status": "waiting_for_user_input",
        "turn_number": 1,
        "events": [hint],
        "is_waiting_for_input": True,
        "is_completed": False,
        "next_input_hint": hint,
        **changes,
    }


def first(at_s: float = 0.0, *, token: str = "a" * 12, body: Any = None, **request: Any) -> Exchange:
    """Return a first turn and its answer."""
    made = Request(Kind.FIRST, WORKFLOW, json=minimal_body(INPUT), token=token, **request)
    return sent(made, at_s, body=answer() if body is None else body)


def later(at_s: float, turn: int = 2, *, token: str = "a" * 12, took_s: float = 0.1, **request: Any) -> Exchange:
    """Return a later turn and its answer."""
    fields = {"json": minimal_body(INPUT, run_id=RUN), **request}
    return sent(
        Request(Kind.TURN, WORKFLOW, run_id=RUN, token=token, **fields), at_s, took_s, body=answer(turn_number=turn)
    )


def sent(request: Request, at_s: float, took_s: float = 0.1, *, status: int = 200, body: Any = None) -> Exchange:
    """Return an exchange at a time."""
    data = json.dumps(answer() if body is None else body).encode()
    return Exchange(request, status, (("content-type", "application/json"),), data, at_s, at_s + took_s)
