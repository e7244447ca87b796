"""Workflow definitions in the platform's shape (§11), parsed into what the engine runs.

What the platform's shape cannot say, and only the reference does, is read from `miscellaneous.reference`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from wfconform.errors import ConfigError
from wfconform.reference.expressions import Condition, ExpressionError, parse


class DefinitionError(ConfigError):
    """A workflow definition is wrong; the message says which and where."""


class _Part(msgspec.Struct, frozen=True):
    """A piece of a definition: unknown fields are ignored."""


class SelfLoop(_Part, frozen=True):
    """How often a no_op runs again before its edges are looked at."""

    max_iterations: int = 1


class StaticMessages(_Part, frozen=True):
    """What a say_static node says, in order."""

    static_messages: tuple[str, ...] = ()


class MainResponse(_Part, frozen=True):
    """What a say_llm node asks its model."""

    prompt: str = ""


class NodeScript(_Part, frozen=True):
    """What only the reference does at a node: pause, wait, answer by script, remember the user's text."""

    pause: bool = False
    delay_s: float = 0.0
    answer: str | None = None
    remember: str | None = None


class _NodeMiscellaneous(_Part, frozen=True):
    reference: NodeScript = NodeScript()


class Node(_Part, frozen=True):
    """One node of the graph."""

    logical_id: str
    type: str
    name: str = ""
    is_start: bool = False
    disabled: bool = False
    wait_for_user_message: bool = True
    self_loop: bool = True
    self_loop_config: SelfLoop | None = None
    static_messages_config: StaticMessages | None = None
    main_response_config: MainResponse | None = None
    structured_output_schema: dict[str, Any] | None = None
    miscellaneous: _NodeMiscellaneous | None = None

    @property
    def script(self) -> NodeScript:
        """What only the reference does here."""
        return (self.miscellaneous or _NodeMiscellaneous()).reference

    @property
    def prompt(self) -> str:
        """What is asked of the model."""
        return (self.main_response_config or MainResponse()).prompt

    @property
    def parks(self) -> bool:
        """Whether the node waits for the user's message."""
        return self.type == "say_llm" and self.wait_for_user_message

    @property
    def iterations(self) -> int:
        """How often a no_op runs in a row."""
        return (self.self_loop_config or SelfLoop()).max_iterations

    @property
    def output_types(self) -> Mapping[str, str]:
        """The names that a worker_llm writes, with their JSON types."""
        properties = (self.structured_output_schema or {}).get("properties", {})
        return {name: schema.get("type", "string") for name, schema in properties.items()}


class _Condition(_Part, frozen=True):
    condition_expression: str | None = None


class _Companion(_Part, frozen=True):
    is_companion_thread: bool = False


class _EdgeConfig(_Part, frozen=True):
    logical_id: str
    source_node_logical_id: str
    destination_node_logical_id: str
    type: Literal["direct", "conditional", "companion"] = "direct"
    name: str = ""
    condition: _Condition | None = None
    companion_thread_config: _Companion | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of the graph; without a condition it is direct. companion: it forks off another thread."""

    logical_id: str
    name: str
    source: Node
    destination: Node
    condition: Condition | None = None
    companion: bool = False


class _WorkflowScript(_Part, frozen=True):
    workflow_id: str = ""
    version: int = 0
    active: bool = True


class _WorkflowMiscellaneous(_Part, frozen=True):
    reference: _WorkflowScript = _WorkflowScript()


class _WorkflowConfig(_Part, frozen=True):
    miscellaneous: _WorkflowMiscellaneous | None = None
    name: str = ""


class _Document(_Part, frozen=True):
    workflow_config: _WorkflowConfig
    node_configs: tuple[Node, ...]
    edge_configs: tuple[_EdgeConfig, ...] = ()
    dynamic_variables: dict[str, Any] | None = None
    runtime_variables: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """One version of a workflow, ready to run; `edges` are in the order in which they are tried."""

    id: str
    version: int
    active: bool
    name: str
    start: Node
    nodes: dict[str, Node]
    edges: dict[str, tuple[Edge, ...]]
    dynamic_variables: dict[str, Any]
    runtime_variables: dict[str, Any]
    document: bytes  # the definition as it was given


def parse_workflow(document: bytes | str, *, id: str | None = None) -> Workflow:
    """Read one definition; raises DefinitionError with the place and the reason.

    id: what the workflow is called, with version 0, whatever the definition says; without it, the definition says.
    """
    try:
        read = msgspec.json.decode(document, type=_Document)
    except msgspec.DecodeError as error:
        raise DefinitionError(f"workflow definition: {error}") from error
    config = read.workflow_config
    script = (config.miscellaneous or _WorkflowMiscellaneous()).reference
    if id is not None:
        script = _WorkflowScript(workflow_id=id)
    if not script.workflow_id:
        raise DefinitionError(f"{config.name}: miscellaneous.reference.workflow_id is missing")
    nodes = {node.logical_id: node for node in read.node_configs}
    if len(nodes) < len(read.node_configs):
        raise DefinitionError(f"{config.name}: two nodes have the same logical_id")
    return Workflow(
        id=script.workflow_id,
        version=script.version,
        active=script.active,
        name=config.name,
        start=_start(config.name, read.node_configs),
        nodes=nodes,
        edges=_edges(read.edge_configs, nodes),
        dynamic_variables=read.dynamic_variables or {},
        runtime_variables=read.runtime_variables or {},
        document=document.encode() if isinstance(document, str) else document,
    )


def _start(name: str, nodes: Iterable[Node]) -> Node:
    starts = [node for node in nodes if node.is_start]
    if len(starts) != 1:
        raise DefinitionError(f"{name}: {len(starts)} nodes have is_start, there must be one")
    return starts[0]


def _edges(configs: Iterable[_EdgeConfig], nodes: Mapping[str, Node]) -> dict[str, tuple[Edge, ...]]:
    """Sort the edges by their source: forks, then direct ones, which win over conditional ones (§11)."""
    leaving: dict[str, list[Edge]] = {logical_id: [] for logical_id in nodes}
    for edge in (_edge(config, nodes) for config in configs):
        leaving[edge.source.logical_id].append(edge)
    return {
        logical_id: tuple(sorted(edges, key=lambda edge: (not edge.companion, edge.condition is not None)))
        for logical_id, edges in leaving.items()
    }


def _edge(config: _EdgeConfig, nodes: Mapping[str, Node]) -> Edge:
    for end in (config.source_node_logical_id, config.destination_node_logical_id):
        if end not in nodes:
            raise DefinitionError(f"edge {config.logical_id!r}: there is no node {end!r}")
    companion = (config.companion_thread_config or _Companion()).is_companion_thread or config.type == "companion"
    return Edge(
        logical_id=config.logical_id,
        name=config.name,
        source=nodes[config.source_node_logical_id],
        destination=nodes[config.destination_node_logical_id],
        condition=_condition(config) if config.type == "conditional" else None,
        companion=companion,
    )


def _condition(config: _EdgeConfig) -> Condition:
    text = config.condition.condition_expression if config.condition else None
    if text is None:
        raise DefinitionError(f"edge {config.logical_id!r}: a conditional edge needs a condition_expression")
    try:
        return parse(text)
    except ExpressionError as error:
        raise DefinitionError(f"edge {config.logical_id!r}: {error}") from error
