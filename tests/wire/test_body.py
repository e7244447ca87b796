"""Request bodies, compared with the literals of §4."""

import json
from typing import Any

from wfconform.wire import full_form_body, minimal_body

RUN = "6ab13be40123456789abcdef"
# As §4 prints it.
FULL_FORM = """{"run_id": "…", "run_input": {"dynamic_variables": {}, "runtime_variables": {}, "miscellaneous": {},
  "command": "start", "workflow_id": null, "version_number": 0, "run_by": null, "workflow_run_id": null,
  "team_id": null, "start_node_logical_id": null, "initial_state": null,
  "thread_to_node_inputs": {"0": {"node_run_inputs": [{"dynamic_variables": {}, "runtime_variables": {},
  "miscellaneous": {}, "type": "llm", "node_logical_id": null, "messages": [{"content": "hello",
  "additional_kwargs": {}, "response_metadata": {}, "type": "human", "name": null, "id": null}]}]}},
  "welcome_message": null}}"""


def leaves(node: Any, path: str = "$") -> dict[str, Any]:
    """Return every leaf and every empty container by its path."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    below = {key: value for name, item in items for key, value in leaves(item, f"{path}.{name}").items()}
    return below or {path: node}


def test_the_full_form_is_the_literal_of_the_contract() -> None:
    """Key by key, with the JSON types."""
    literal = json.loads(FULL_FORM.replace("…", RUN))
    made = full_form_body(run_id=RUN, text="hello")
    assert leaves(made) == leaves(literal)
    assert json.dumps(made, sort_keys=True) == json.dumps(literal, sort_keys=True)


def test_the_full_form_of_a_first_turn_and_a_stop_carries_no_inputs() -> None:
    """Thread "0" is there and empty."""
    for made, run_id, command in (
        (full_form_body(run_id=None, text=None), None, "start"),
        (full_form_body(run_id=RUN, text=None, command="stop"), RUN, "stop"),
    ):
        assert made["run_input"]["thread_to_node_inputs"] == {"0": {"node_run_inputs": []}}
        assert (made["run_id"], made["run_input"]["command"]) == (run_id, command)


def test_two_full_forms_share_nothing() -> None:
    """A scenario that changes its body changes no other one."""
    one, other = (full_form_body(run_id=RUN, text="hello") for _ in range(2))
    one["run_input"]["thread_to_node_inputs"]["0"]["node_run_inputs"][0]["messages"][0]["content"] = "changed"
    assert other == full_form_body(run_id=RUN, text="hello")


def test_the_minimal_body_has_only_what_is_given() -> None:
    """No run_id, no command, unless asked for; null is something given."""
    inner: dict[str, Any] = {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}
    assert minimal_body(inner) == {"run_input": inner}
    assert minimal_body(inner, run_id=None) == {"run_id": None, "run_input": inner}
    assert minimal_body(inner, run_id=RUN, command="stop") == {"run_id": RUN, "run_input": {**inner, "command": "stop"}}
    assert "command" not in inner
