"""The interpreter: runs a workflow from where it stands until it waits, pauses or ends (§5, §8, §11).

No I/O: a `Turn` is given the state and the user's text, and leaves events, a status and the new state. A node that
takes time yields the seconds, so the caller decides how to wait and may stop in between.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import msgspec

from wfconform.reference.events import MAIN_THREAD, Event, EventLog
from wfconform.reference.expressions import ExpressionError
from wfconform.reference.language_model import Ask, Model, extract, usage
from wfconform.reference.model import Edge, Node, Workflow
from wfconform.reference.status import Status
from wfconform.reference.variables import render

MAX_STEPS = 64


class State(msgspec.Struct):
    """What a run remembers between its turns; `node` is where it stands, None before the first turn."""

    dynamic: dict[str, Any]
    runtime: dict[str, Any]
    node: str | None = None
    node_run: int = 0
    iteration: int = 1
    last_us: int = 0


Steps = Generator[float, None, Node | None]


class Turn:
    """One turn of one run; call `run` to its end, then read `status`, `error`, `hint` and `log`."""

    def __init__(
        self,
        workflow: Workflow,
        state: State,
        log: EventLog,
        *,
        text: str | None,
        model: Model,
        max_steps: int = MAX_STEPS,
    ) -> None:
        self.status = Status.RUNNING
        self.error: str | None = None
        self.hint: Event | None = None
        self.log = log
        self._workflow = workflow
        self._state = state
        self._unread = text
        self._text = text or ""
        self._model = model
        self._steps_left = max_steps

    def run(self) -> Iterator[float]:
        """Run until the workflow rests; yields the seconds that its nodes take."""
        try:
            node = self._begin() if self._state.node is None else self._resume(self._state.node)
            while node is not None:
                node = yield from self._visit(node)
        except ExpressionError as error:
            self._fail(f"a condition cannot be evaluated: {error}")
        self._state.last_us = self.log.last_us

    def _begin(self) -> Node:
        self.log.add("start_workflow")
        return self._workflow.start

    def _resume(self, logical_id: str) -> Node | None:
        node = self._workflow.nodes[logical_id]
        if node.parks:
            return self._answer(node)
        self._end_node(node)
        return self._leave(node)

    def _visit(self, node: Node) -> Steps:
        if self._steps_left == 0:
            self._abort()
            return None
        self._steps_left -= 1
        if node.disabled:
            return self._leave(node)
        self._state.node = node.logical_id
        self._state.node_run += 1
        self._node_event("start_node_run", node, run_input={})
        if node.script.delay_s:
            yield node.script.delay_s
        return _RUNNERS.get(node.type, Turn._not_executed)(self, node)

    def _no_op(self, node: Node) -> Node | None:
        if node.script.pause:
            self._rest(Status.PAUSED, "pause_event", node)
            return None
        self._end_node(node)
        if self._state.iteration < node.iterations:
            self._state.iteration += 1
            return self._loop(node, f"iteration {self._state.iteration} of {node.iterations}")
        self._state.iteration = 1
        return self._leave(node)

    def _say_static(self, node: Node) -> Node | None:
        said = node.static_messages_config.static_messages if node.static_messages_config else ()
        for template in said:
            message = self._render(template)
            self._node_event("say_static", node, message=message)
            self._respond(node, message, llm_usage_info=None)
        self._end_node(node)
        return self._leave(node)

    def _say_llm(self, node: Node) -> Node | None:
        if node.parks and self._unread is None:
            self.hint = self._rest(Status.WAITING, "busy_wait_for_user_message", node)
            return None
        return self._answer(node)

    def _answer(self, node: Node) -> Node | None:
        self._read_message(node)
        script = node.script
        prompt = self._render(node.prompt)
        answer = self._model(Ask(prompt, self._text, None if script.answer is None else self._render(script.answer)))
        used = usage(prompt, answer)
        self._node_event("say_llm", node, message=answer, llm_usage_info=used)
        self._respond(node, answer, llm_usage_info=used)
        self._end_node(node)
        return self._leave(node)

    def _read_message(self, node: Node) -> None:
        if self._unread is not None:
            self._node_event("user_messages", node, messages=[{"type": "human", "content": self._unread}])
        if node.script.remember:
            self._state.runtime[node.script.remember] = self._text
        self._unread = None

    def _worker_llm(self, node: Node) -> Node | None:
        output = extract(self._text, node.output_types)
        self._state.runtime.update(output)
        message = msgspec.json.encode(output).decode()
        self._node_event("worker_llm", node, message=message, llm_usage_info=usage(self._text, message))
        self._end_node(node, output)
        return self._leave(node)

    def _not_executed(self, node: Node) -> Node | None:
        """Pass by a node of a type that this server does not know to execute, and say so."""
        self._warn(f"the node {node.logical_id!r} was passed by: {node.type} is not executed here")
        self._end_node(node)
        return self._leave(node)

    def _fork(self, edge: Edge) -> None:
        """Record a companion thread that would start here, if its edge is open; there is one thread."""
        if edge.condition is not None and not edge.condition.holds(self._state.runtime):
            return
        self.log.add_edge("companion_edge", edge, "the node is left")
        self._warn(f"the companion thread of {edge.logical_id!r} was not started: one thread runs here")

    def _warn(self, message: str) -> None:
        self.log.add("workflow_warning", warning_message=message)

    def _leave(self, node: Node) -> Node | None:
        """Take the first edge that is open; with none, park again or end."""
        for edge in self._workflow.edges[node.logical_id]:
            if edge.companion:
                self._fork(edge)
                continue
            if edge.condition is None:
                self.log.add_edge("direct_edge", edge, "direct edge")
                return edge.destination
            if edge.condition.holds(self._state.runtime):
                filled = {name: self._state.runtime.get(name) for name in edge.condition.names}
                self.log.add_edge("conditional_edge", edge, "its condition holds", args_filled=filled)
                return edge.destination
        if node.parks and node.self_loop:
            return self._loop(node, "no edge is open")
        self._show_state()
        self.log.add("end_workflow", llm_token_usage={}, llm_latency_stats={})
        self.status = Status.COMPLETED
        return None

    def _loop(self, node: Node, reason: str) -> Node:
        loop = Edge(logical_id=f"{node.logical_id}:self", name="self loop", source=node, destination=node)
        self.log.add_edge("self_loop_edge", loop, reason)
        return node

    def _rest(self, status: Status, type: str, node: Node) -> Event:
        self._show_state()
        self.status = status
        return self._node_event(type, node)

    def _abort(self) -> None:
        self._warn("the graph loops without waiting for the user")
        self.log.add("end_workflow", llm_token_usage={}, llm_latency_stats={})
        self.status = Status.ABORTED

    def _fail(self, message: str) -> None:
        self.log.add("workflow_error", error_message=message, stack_trace=None)
        self.status, self.error = Status.FAILED, message

    def _show_state(self) -> None:
        self.log.add(
            "workflow_show_state",
            thread_id=MAIN_THREAD,
            runtime_variables=dict(self._state.runtime),
            workflow_runtime_variables={},
        )

    def _respond(self, node: Node, content: str, *, llm_usage_info: object) -> None:
        self._node_event(
            "assistant_response", node, content=content, response_metadata={}, llm_usage_info=llm_usage_info
        )

    def _end_node(self, node: Node, output: object = None) -> None:
        self._node_event("end_node_run", node, run_output=output)

    def _node_event(self, type: str, node: Node, **fields: object) -> Event:
        return self.log.add_node(type, node, self._state.node_run, fields)

    def _render(self, template: str) -> str:
        return render(template, dynamic=self._state.dynamic, runtime=self._state.runtime)


_RUNNERS: Mapping[str, Callable[[Turn, Node], Node | None]] = {
    "no_op": Turn._no_op,
    "say_static": Turn._say_static,
    "say_llm": Turn._say_llm,
    "worker_llm": Turn._worker_llm,
}
