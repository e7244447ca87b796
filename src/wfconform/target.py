"""The deployment under test as frozen values; config makes them, scenarios and drivers read them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal

JsonObject = Mapping[str, Any]

OTHER_ROLES = ("completes", "fails", "loops", "pauses", "slow", "versioned")
_EMPTY_THREAD: JsonObject = MappingProxyType({"thread_to_node_inputs": {"0": {"node_run_inputs": []}}})
_TEXT_THREAD: JsonObject = MappingProxyType(
    {
        "thread_to_node_inputs": {
            "0": {"node_run_inputs": [{"type": "llm", "messages": [{"type": "human", "content": "{text}"}]}]}
        }
    }
)


class Secret:
    """A string that shows itself only when asked: `repr`, `str` and format strings print stars.

    made: every value of this process, so that the last line of defence, a traceback, can leave them out.
    """

    __slots__ = ("_value",)
    made: ClassVar[set[str]] = set()

    def __init__(self, value: str) -> None:
        self._value = value
        Secret.made.add(value)

    def reveal(self) -> str:
        """Return the value, for the wire only."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Access:
    """How the deployment is reached: what drivers need and scenarios never see. Times in seconds."""

    base_url: str
    api_key: Secret | None = None
    second_api_key: Secret | None = None
    auth: Literal["bearer", "none"] = "bearer"
    headers: Mapping[str, Secret] = field(default_factory=dict)
    second_headers: Mapping[str, Secret] | None = None
    timeout_s: float = 30.0
    verify_tls: bool = True


@dataclass(frozen=True, slots=True)
class Versioned:
    """The role `versioned`: the text that each version answers with, and which one is active."""

    id: str
    versions: Mapping[int, str]
    active: int | None = None


@dataclass(frozen=True, slots=True)
class Workflows:
    """Workflow ids by role, and what the conversation promises; None: not configured."""

    conversation: str
    conversation_end: str | None = None
    echoes: bool = False
    completes: str | None = None
    fails: str | None = None
    loops: str | None = None
    pauses: str | None = None
    slow: str | None = None
    versioned: Versioned | None = None

    def id_of(self, role: str) -> str | None:
        """Return the workflow id that plays a role, None when no workflow does."""
        if role == "versioned":
            return self.versioned.id if self.versioned else None
        value: str | None = getattr(self, role)
        return value


@dataclass(frozen=True, slots=True)
class Input:
    """How run_input is made: `start` for a first turn and a stop, `template` for a text (`{text}` is replaced)."""

    start: JsonObject = field(default_factory=lambda: _EMPTY_THREAD)
    template: JsonObject = field(default_factory=lambda: _TEXT_THREAD)

    def with_text(self, text: str) -> dict[str, Any]:
        """Return a run_input that carries the text."""
        filled: dict[str, Any] = _fill(dict(self.template), text)
        return filled

    def without_text(self) -> dict[str, Any]:
        """Return a run_input without a user's message."""
        copied: dict[str, Any] = json.loads(json.dumps(dict(self.start)))
        return copied


def _fill(node: Any, text: str) -> Any:
    match node:
        case str():
            return node.replace("{text}", text)
        case Mapping():
            return {key: _fill(value, text) for key, value in node.items()}
        case list() | tuple():
            return [_fill(value, text) for value in node]
        case _:
            return node


@dataclass(frozen=True, slots=True)
class StorageAccess:
    """Where the run records are; url None: whoever runs the check knows. status_field: a dotted path."""

    url: Secret | None = None
    database: str = ""
    collection: str = ""
    status_field: str = "status"


@dataclass(frozen=True, slots=True)
class RestartAccess:
    """How the deployment is restarted: a shell command, "" where whoever runs the check knows.

    ready_url: answers 2xx once the deployment is ready; without it, whatever answers at the base URL will do.
    """

    command: str = ""
    ready_url: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Everything known about a deployment."""

    access: Access
    workflows: Workflows
    name: str = ""
    input: Input = field(default_factory=Input)
    second_workflow: str | None = None
    session_ttl_s: float | None = None
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    storage: StorageAccess | None = None
    restart: RestartAccess | None = None

    @property
    def offers(self) -> frozenset[str]:
        """What the target can be asked to show, in the words of the catalogue's `needs`.

        Beyond those words: `auth` (it wants a key), `letters` (the key has some), `other` (a role other than
        conversation, on another workflow).
        """
        flows, key = self.workflows, self.access.api_key
        given = {
            "conv": True,
            "end": flows.conversation_end is not None,
            "echo": flows.echoes,
            "active": flows.versioned is not None and flows.versioned.active is not None,
            "auth": self.access.auth != "none",
            "letters": key is not None and key.reveal() != key.reveal().swapcase(),
            "other": any(flows.id_of(role) not in (None, flows.conversation) for role in OTHER_ROLES),
            "key2": self.access.auth != "none" and self.access.second_api_key is not None,
            "mongo": self.storage is not None,
            "restart": self.restart is not None,
            **{role: flows.id_of(role) is not None for role in OTHER_ROLES},
        }
        return frozenset(name for name, there in given.items() if there)
