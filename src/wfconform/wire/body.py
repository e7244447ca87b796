"""Request bodies: the minimal form, and the full form that generated clients send on every turn (§4)."""

from collections.abc import Mapping
from typing import Any

ABSENT: Any = object()

_FULL_RUN_INPUT: Mapping[str, Any] = {
    "dynamic_variables": {},
    "runtime_variables": {},
    "miscellaneous": {},
    "command": "start",
    "workflow_id": None,
    "version_number": 0,
    "run_by": None,
    "workflow_run_id": None,
    "team_id": None,
    "start_node_logical_id": None,
    "initial_state": None,
    "welcome_message": None,
}
_FULL_MESSAGE: Mapping[str, Any] = {
    "additional_kwargs": {},
    "response_metadata": {},
    "type": "human",
    "name": None,
    "id": None,
}


def minimal_body(run_input: Mapping[str, Any], *, run_id: Any = ABSENT, command: Any = ABSENT) -> dict[str, Any]:
    """Return a body with nothing but what is given."""
    inner = dict(run_input) if command is ABSENT else {**run_input, "command": command}
    return {"run_input": inner} if run_id is ABSENT else {"run_id": run_id, "run_input": inner}


def full_form_body(*, run_id: str | None, text: str | None, command: str = "start") -> dict[str, Any]:
    """Return the body with every field of §4, most of them null; text None: a first turn or a stop."""
    inputs: list[dict[str, Any]] = []
    if text is not None:
        message = {"content": text, **_FULL_MESSAGE}
        inputs = [
            {
                "dynamic_variables": {},
                "runtime_variables": {},
                "miscellaneous": {},
                "type": "llm",
                "node_logical_id": None,
                "messages": [message],
            }
        ]
    run_input = {**_FULL_RUN_INPUT, "command": command, "thread_to_node_inputs": {"0": {"node_run_inputs": inputs}}}
    return {"run_id": run_id, "run_input": run_input}
