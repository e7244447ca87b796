"""What the contract says of a body: what must be refused, and what may be."""

import json
from typing import Any

import pytest

from wfconform.conformance.generated.cases import Case
from wfconform.conformance.generated.reading import bad_version, path_intent, read
from wfconform.session import Kind, Lenient, Refused

RUN = "6650a1b2c3d4e5f6a7b8c9d0"
THREAD: dict[str, Any] = {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}


def _case(body: Any, **query: str) -> Case:
    return Case("", tuple(query.items()), body if isinstance(body, bytes) else json.dumps(body).encode())


def _body(run_id: Any = None, **fields: Any) -> dict[str, Any]:
    return {"run_id": run_id, "run_input": {**THREAD, **fields}}


@pytest.mark.parametrize(
    ("body", "kind", "refused"),
    [
        (b"", Kind.OTHER, ("EXE-005",)),
        (b'{"run_input": {', Kind.OTHER, ("EXE-005",)),
        ([1], Kind.OTHER, ("EXE-005",)),
        ({"run_input": None}, Kind.OTHER, ("EXE-005",)),
        ({"run_input": {}}, Kind.FIRST, ()),
        (_body(), Kind.FIRST, ()),
        (_body(command="stop"), Kind.STOP, ()),
        (_body(command="pause"), Kind.OTHER, ()),
        (_body(command="jump"), Kind.FIRST, ("EXE-006",)),
        (_body(command="STOP"), Kind.OTHER, ()),
        (_body(command="Start"), Kind.FIRST, ()),
        (_body(command=None), Kind.FIRST, ()),
        (_body(command="null"), Kind.FIRST, ()),
        (_body(command=7), Kind.FIRST, ()),
        (_body(RUN), Kind.TURN, ()),
        (_body(RUN.upper(), command="stop"), Kind.STOP, ()),
        (_body(RUN[:-1]), Kind.OTHER, ("RUN-006",)),
        (_body({"$ne": None}, command="jump"), Kind.OTHER, ("RUN-006", "EXE-006")),
        (_body(False), Kind.OTHER, ("RUN-006",)),
        (_body(""), Kind.OTHER, ()),
        (_body(f" {RUN} "), Kind.OTHER, ()),
    ],
)
def test_only_what_is_certainly_forbidden_must_be_refused(body: Any, kind: Kind, refused: tuple[str, ...]) -> None:
    """Each body is read as §3 and §4 have it, whatever the schema says of it."""
    reading = read(_case(body))
    assert (reading.kind, reading.broken) == (kind, refused)
    assert isinstance(reading.intent, Refused if refused else Lenient)


@pytest.mark.parametrize("path", ["0", "conversation", "5eb7cf5a86d9755df3a6c59", "5eb7cf5a86d9755df3a6c5930"])
def test_a_path_that_names_no_workflow_must_be_refused(path: str) -> None:
    """What reaches the endpoint as it was sent and is no ObjectId is EXE-003."""
    assert path_intent(path) == Refused(("EXE-003",))


@pytest.mark.parametrize("path", ["", "a/b", "..", "%00", "a b", "5EB7CF5A86D9755DF3A6C593", "é"])
def test_a_path_that_a_router_may_rewrite_is_left_alone(path: str) -> None:
    """Empty, slashes, dots, control characters, and another letter case are nobody's to judge."""
    assert path_intent(path) is None


def test_a_version_that_no_reader_takes_for_one_must_be_refused() -> None:
    """Negative, a fraction, a word; not what some parser reads as a number."""
    assert all(bad_version(_case(_body(), version=one)) for one in ("-1", "0.5", "abc"))
    assert not any(bad_version(_case(_body(), version=one)) for one in ("0", "1.0", "true", "null", "1e3", ""))


def test_a_body_that_may_lead_a_session_elsewhere_is_told_from_a_message() -> None:
    """Only a text for the main thread leaves the promise standing that the conversation waits again."""
    message = {"type": "llm", "messages": [{"type": "human", "content": "hi"}]}
    plain = {"thread_to_node_inputs": {"0": {"node_run_inputs": [message]}}}
    named = {"thread_to_node_inputs": {"0": {"node_run_inputs": [{**message, "node_logical_id": "x"}]}}}
    other = {"thread_to_node_inputs": {**plain["thread_to_node_inputs"], "1": {"node_run_inputs": []}}}
    assert not read(_case(_body(RUN, **plain))).steering
    for fields in (named, other, {**plain, "initial_state": {"a": 1}}, {**plain, "runtime_variables": {"a": 1}}, {}):
        assert read(_case(_body(RUN, **fields))).steering
