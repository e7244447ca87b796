"""The interpreter alone: documents in, events and states out; no store, no network, no clock."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import RFC_4122, UUID

import pytest

from wfconform.reference.engine import State, Turn
from wfconform.reference.events import EventLog, new_event_id
from wfconform.reference.language_model import Ask, Model, scripted
from wfconform.reference.model import DefinitionError, Workflow, parse_workflow
from wfconform.reference.status import Status


def document(nodes: Sequence[Mapping[str, Any]], edges: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """Write a definition; the first node is the start, an edge is direct unless it has a condition."""
    configs = [{"logical_id": f"e{number}", **edge} for number, edge in enumerate(edges)]
    first, *others = nodes
    reference = {"workflow_id": "5eb7cf5a86d9755df3a6c5ff"}
    return json.dumps(
        {
            "workflow_config": {"name": "under test", "miscellaneous": {"reference": reference}},
            "node_configs": [{"is_start": True, **first}, *others],
            "edge_configs": configs,
        }
    ).encode()


def edge(source: str, destination: str, condition: str | None = None) -> dict[str, Any]:
    ends = {"source_node_logical_id": source, "destination_node_logical_id": destination}
    if condition is None:
        return {**ends, "type": "direct"}
    return {**ends, "type": "conditional", "condition": {"condition_expression": condition}}


def say(logical_id: str, *messages: str) -> dict[str, Any]:
    return {"logical_id": logical_id, "type": "say_static", "static_messages_config": {"static_messages": messages}}


class Run:
    """One run, turn after turn; `waits` collects the seconds that nodes took."""

    def __init__(self, workflow: Workflow, *, model: Model = scripted, **variables: Any) -> None:
        self.workflow = workflow
        self.state = State(dynamic=dict(variables), runtime={})
        self.model = model
        self.waits: list[float] = []
        self._ids = itertools.count()

    def turn(self, text: str | None = None, **limits: int) -> Turn:
        log = EventLog(clock=lambda: 1.0, new_id=lambda: f"event_{next(self._ids)}", last_us=self.state.last_us)
        turn = Turn(self.workflow, self.state, log, text=text, model=self.model, **limits)
        self.waits += turn.run()
        return turn


def types(turn: Turn) -> list[str]:
    return [event["type"] for event in turn.log.events]


def said(turn: Turn) -> list[str]:
    return [event["content"] for event in turn.log.events if event["type"] == "assistant_response"]


def conversation(**node: Any) -> Workflow:
    talk = {"logical_id": "talk", "type": "say_llm", **node}
    return parse_workflow(document([say("hi", "Hi."), talk, say("bye", "Bye.")], [edge("hi", "talk")]))


def test_the_first_turn_runs_until_the_workflow_waits() -> None:
    """A static message is said, then the waiting node starts and parks (§5)."""
    turn = Run(conversation()).turn()
    assert (turn.status, types(turn)) == (
        Status.WAITING,
        [
            "start_workflow",
            "start_node_run",
            "say_static",
            "assistant_response",
            "end_node_run",
            "direct_edge",
            "start_node_run",
            "workflow_show_state",
            "busy_wait_for_user_message",
        ],
    )
    assert turn.hint is turn.log.events[-1]


def test_a_parked_node_answers_and_parks_again() -> None:
    """A later turn ends the node run of the turn before and starts the next one (§11)."""
    run = Run(conversation())
    run.turn()
    turn = run.turn("hello")
    assert types(turn) == [
        "user_messages",
        "say_llm",
        "assistant_response",
        "end_node_run",
        "self_loop_edge",
        "start_node_run",
        "workflow_show_state",
        "busy_wait_for_user_message",
    ]
    assert said(turn) == ["hello"]


def test_node_runs_pair_up() -> None:
    """Over three turns each node run starts once and ends once, the parked one excepted (EVT-006)."""
    run = Run(conversation())
    events = [event for text in (None, "a", "b") for event in run.turn(text).log.events]
    started = [(e["origin_node_logical_id"], e["origin_node_run_id"]) for e in events if e["type"] == "start_node_run"]
    ended = [(e["origin_node_logical_id"], e["origin_node_run_id"]) for e in events if e["type"] == "end_node_run"]
    assert (len(set(started)), started[:-1]) == (len(started), ended)


def test_times_grow_from_turn_to_turn_though_the_clock_stands() -> None:
    """No two events of a run have the same time (EVT-005, EVT-009)."""
    run = Run(conversation())
    times = [event["timestamp"] for text in (None, "a", "b") for event in run.turn(text).log.events]
    assert times == sorted(set(times))


def test_event_ids_are_uuids() -> None:
    """`event_` and a version 4 UUID in its canonical form, a new one each time (§9)."""
    ids = [new_event_id() for _ in range(1_000)]
    found = [UUID(id.removeprefix("event_")) for id in ids]
    assert [f"event_{uuid}" for uuid in found] == ids
    assert {(uuid.version, uuid.variant) for uuid in found} == {(4, RFC_4122)}
    assert len(set(ids)) == len(ids)


def test_a_direct_edge_wins_over_a_conditional_one() -> None:
    """Whatever the order in the document (§11)."""
    nodes = [say("start", "x"), say("one", "one"), say("two", "two")]
    turn = Run(parse_workflow(document(nodes, [edge("start", "one", "true"), edge("start", "two")]))).turn()
    assert said(turn) == ["x", "two"]


def test_the_first_open_conditional_edge_is_taken() -> None:
    """Conditional edges are tried in the document's order; the event tells what was looked at."""
    nodes = [say("start", "x"), say("one", "one"), say("two", "two")]
    edges = [edge("start", "one", "isPresent([[a]])"), edge("start", "two", "isAbsent([[a]])")]
    turn = Run(parse_workflow(document(nodes, edges))).turn()
    taken = next(event for event in turn.log.events if event["type"] == "conditional_edge")
    assert (said(turn), taken["args_filled"]) == (["x", "two"], {"a": None})


def test_a_condition_that_cannot_be_evaluated_fails_the_run() -> None:
    """The run is failed, with a sentence for humans and a workflow_error at the end (STS-006, EVT-003)."""
    turn = Run(
        parse_workflow(document([say("start", "x"), say("end", "y")], [edge("start", "end", "[[a]] < 1")]))
    ).turn()
    assert (turn.status, turn.error) == (Status.FAILED, "a condition cannot be evaluated: [[a]] is not set")
    assert turn.log.events[-1]["type"] == "workflow_error"


@pytest.mark.parametrize("disabled", [False, True])
def test_a_graph_that_loops_is_stopped(disabled: bool) -> None:
    """A cycle that never waits ends as aborted_looping_risk, also when its nodes are disabled (§8)."""
    nodes = [{"logical_id": name, "type": "no_op", "disabled": disabled} for name in ("a", "b")]
    turn = Run(parse_workflow(document(nodes, [edge("a", "b"), edge("b", "a")]))).turn()
    assert (turn.status, turn.error, types(turn)[-1]) == (Status.ABORTED, None, "end_workflow")


def test_the_step_bound_is_exact() -> None:
    """A workflow of as many nodes as the bound still completes."""
    workflow = parse_workflow(document([say("a", "1"), say("b", "2")], [edge("a", "b")]))
    assert Run(workflow).turn(max_steps=2).status is Status.COMPLETED
    assert Run(workflow).turn(max_steps=1).status is Status.ABORTED


def test_a_disabled_node_is_passed() -> None:
    """Its edges are followed, it does not run."""
    nodes = [{"logical_id": "off", "type": "no_op", "disabled": True}, say("on", "x")]
    turn = Run(parse_workflow(document(nodes, [edge("off", "on")]))).turn()
    assert (said(turn), types(turn).count("start_node_run")) == (["x"], 1)


def test_a_no_op_loops_a_bounded_number_of_times() -> None:
    """A self loop takes its iterations, each with its delay, then the edges are looked at, and starts anew later."""
    work = {
        "logical_id": "work",
        "type": "no_op",
        "self_loop_config": {"max_iterations": 3},
        "miscellaneous": {"reference": {"delay_s": 0.5}},
    }
    talk = {"logical_id": "talk", "type": "say_llm"}
    run = Run(parse_workflow(document([talk, work], [edge("talk", "work"), edge("work", "talk")])))
    run.turn()
    for _ in range(2):
        assert types(run.turn("x")).count("self_loop_edge") == 2
    assert run.waits == [0.5] * 6


def test_a_pause_ends_the_turn_and_is_run_on_from() -> None:
    """The pausing node ends when the run is resumed; it does not pause again (STS-011)."""
    hold = {"logical_id": "hold", "type": "no_op", "miscellaneous": {"reference": {"pause": True}}}
    run = Run(parse_workflow(document([hold, say("on", "on")], [edge("hold", "on")])))
    first, second = run.turn(), run.turn()
    assert (first.status, types(first)[-1], first.hint) == (Status.PAUSED, "pause_event", None)
    assert (second.status, types(second)[0]) == (Status.COMPLETED, "end_node_run")


def test_a_conditional_edge_leads_out_of_a_conversation() -> None:
    """The remembered text opens the edge; until then the node parks again."""
    talk = {"logical_id": "talk", "type": "say_llm", "miscellaneous": {"reference": {"remember": "said"}}}
    run = Run(parse_workflow(document([talk, say("bye", "Bye.")], [edge("talk", "bye", '[[said]] = "end"')])))
    assert [run.turn(text).status for text in (None, "end ", "end")] == [Status.WAITING] * 2 + [Status.COMPLETED]


def test_a_node_that_does_not_wait_answers_at_once() -> None:
    """Without wait_for_user_message there is no parking, and nothing to loop for."""
    turn = Run(conversation(wait_for_user_message=False, miscellaneous={"reference": {"answer": "now"}})).turn()
    assert (turn.status, said(turn)) == (Status.COMPLETED, ["Hi.", "now"])


def test_a_node_without_a_self_loop_answers_once() -> None:
    """With no edge out of it the workflow ends."""
    run = Run(conversation(self_loop=False))
    run.turn()
    assert run.turn("x").status is Status.COMPLETED


def test_the_model_gets_the_rendered_prompt_and_the_text() -> None:
    """Prompts have their variables filled in, the user's text is handed on whole."""
    asked: list[Ask] = []

    def model(ask: Ask) -> str:
        asked.append(ask)
        return "fine"

    run = Run(conversation(main_response_config={"prompt": "Be {{mood}}, [[name]]."}), model=model, mood="kind")
    run.state.runtime["name"] = "Ada"
    run.turn()
    assert said(run.turn("how?")) == ["fine"]
    assert asked == [Ask("Be kind, Ada.", "how?", None)]


def test_a_text_in_the_first_turn_is_answered_in_it() -> None:
    """The first waiting node takes it, then parks."""
    turn = Run(conversation()).turn("hello")
    assert (said(turn), turn.status) == (["Hi.", "hello"], Status.WAITING)


def test_a_worker_writes_typed_variables() -> None:
    """A worker_llm reads `name=value` pairs by the types of its schema, and leaves out what does not fit."""
    schema = {
        "properties": {"age": {"type": "integer"}, "ok": {"type": "boolean"}, "name": {}, "rate": {"type": "number"}}
    }
    worker = {"logical_id": "worker", "type": "worker_llm", "structured_output_schema": schema}
    talk = {"logical_id": "talk", "type": "say_llm"}
    run = Run(parse_workflow(document([talk, worker], [edge("talk", "worker")])))
    run.turn()
    turn = run.turn("name=Ada, age=36; ok=true rate=x other=1")
    assert run.state.runtime == {"name": "Ada", "age": 36, "ok": True}
    assert "worker_llm" in types(turn)


_PLAIN = {"logical_id": "a", "type": "no_op"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "workflow definition: Input data was truncated"),
        (b"{}", "workflow definition: Object missing required field `workflow_config`"),
        (document([{"logical_id": "a", "type": 7}]), "Expected `str`, got `int` - at `$.node_configs[0].type`"),
        (document([{**_PLAIN, "is_start": False}]), "under test: 0 nodes have is_start, there must be one"),
        (document([_PLAIN, _PLAIN]), "under test: two nodes have the same logical_id"),
        (document([_PLAIN], [edge("a", "b")]), "edge 'e0': there is no node 'b'"),
        (document([_PLAIN], [edge("a", "a", "a <")]), "edge 'e0': unknown word 'a' at character 1"),
        (document([_PLAIN], [{**edge("a", "a"), "type": "conditional"}]), "needs a condition_expression"),
    ],
)
def test_a_wrong_definition_says_what_is_wrong(text: bytes, reason: str) -> None:
    """Each mistake is a DefinitionError that names the place."""
    with pytest.raises(DefinitionError) as raised:
        parse_workflow(text)
    assert reason in str(raised.value)


@pytest.mark.parametrize("type", ["http_request", "tool_node", "send_sms", "something_new"])
def test_a_node_that_is_not_executed_is_passed_by(type: str) -> None:
    """It is recorded like any node, a warning says so, and the workflow goes on."""
    nodes = [{"logical_id": "call", "type": type, "http_request_config": {"url": "http://x"}}, say("bye", "Bye.")]
    turn = Run(parse_workflow(document(nodes, [edge("call", "bye")]))).turn()
    assert (turn.status, said(turn)) == (Status.COMPLETED, ["Bye."])
    assert types(turn)[1:4] == ["start_node_run", "workflow_warning", "end_node_run"]
    warned = [event["warning_message"] for event in turn.log.events if event["type"] == "workflow_warning"]
    assert warned == [f"the node 'call' was passed by: {type} is not executed here"]


@pytest.mark.parametrize("fork", [{"companion_thread_config": {"is_companion_thread": True}}, {"type": "companion"}])
def test_a_companion_fork_is_recorded_and_the_main_thread_goes_on(fork: dict[str, Any]) -> None:
    """The fork is an event and a warning; it never takes the place of the thread's own edge, wherever it stands."""
    nodes = [say("hi", "Hi."), say("side", "Aside."), say("bye", "Bye.")]
    edges = [edge("hi", "bye"), {**edge("hi", "side"), **fork}]
    turn = Run(parse_workflow(document(nodes, edges))).turn()
    assert (turn.status, said(turn)) == (Status.COMPLETED, ["Hi.", "Bye."])
    taken = [
        event["edge_logical_id"] for event in turn.log.events if event["type"] in ("companion_edge", "direct_edge")
    ]
    assert (taken, types(turn).count("workflow_warning")) == (["e1", "e0"], 1)
