"""How the test servers are declared, and described to whoever tests them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp
from tests.servers.model import ACTIVE, END_TEXT, VERSIONS, WORKFLOWS
from tests.servers.spec import SpecServer

SECRETS: Mapping[str, str] = {"TEST_SERVER_KEY_ONE": "key-one", "TEST_SERVER_KEY_TWO": "key-two"}


@dataclass(frozen=True, slots=True)
class Conforming:
    """A server that keeps the contract in its own way.

    target: what its description has beyond `describe()`, table by table. live: its point is on the wire, so it is
    served over a socket. warns: the SHOULDs that it does not keep, and nothing else may be reported.
    """

    name: str
    says: str
    server: type[SpecServer]
    target: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    live: bool = False
    warns: frozenset[str] = frozenset()

    def make(self, *, slow_s: float = 1.0) -> ASGIApp:
        """Return a fresh application; `slow_s` is what a turn of the role slow takes."""
        return self.server(slow_s=slow_s)


@dataclass(frozen=True, slots=True)
class Broken:
    """A server with one defect; `expected` are the requirements that it violates with certainty."""

    name: str
    says: str
    server: type[SpecServer]
    expected: frozenset[str]
    live: bool = False

    def make(self, *, slow_s: float = 1.0) -> ASGIApp:
        """Return a fresh application; `slow_s` is what a turn of the role slow takes."""
        return self.server(slow_s=slow_s)


def describe(case: Conforming | Broken | None = None, *, base_url: str = "http://test") -> dict[str, Any]:
    """Return the target file of a test server as a plain dict; `SECRETS` is the environment it names.

    A path prefix of the server is added to base_url.
    """
    described: dict[str, Any] = {
        "target": {
            "name": case.name if case else "test server",
            "base_url": base_url + (case.server.prefix if case else ""),
            "api_key_env": "TEST_SERVER_KEY_ONE",
            "second_api_key_env": "TEST_SERVER_KEY_TWO",
            "timeout_s": 10,
        },
        "workflows": {
            **{role: workflow_id for role, workflow_id in WORKFLOWS.items() if role != "versioned"},
            "conversation_end": END_TEXT,
            "echoes": True,
            "versioned": {
                "id": WORKFLOWS["versioned"],
                "versions": {str(version): text for version, text in VERSIONS.items()},
                "active": ACTIVE,
            },
        },
    }
    for table, values in (case.target if isinstance(case, Conforming) else {}).items():
        described.setdefault(table, {}).update(values)
    return described


def defects(table: list[Broken]) -> Callable[..., Callable[[type[SpecServer]], type[SpecServer]]]:
    """Return the decorator that enters a server into a table of broken ones, described by its own docstring."""

    def defect(*expected: str, live: bool = False) -> Callable[[type[SpecServer]], type[SpecServer]]:
        def enter(server: type[SpecServer]) -> type[SpecServer]:
            table.append(Broken(_name(server), _says(server), server, frozenset(expected), live))
            return server

        return enter

    return defect


def variants(table: list[Conforming]) -> Callable[..., Callable[[type[SpecServer]], type[SpecServer]]]:
    """Return the decorator that enters a server into a table of conforming ones."""

    def variant(
        *warns: str, live: bool = False, target: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Callable[[type[SpecServer]], type[SpecServer]]:
        def enter(server: type[SpecServer]) -> type[SpecServer]:
            entry = Conforming(_name(server), _says(server), server, target or {}, live, frozenset(warns))
            table.append(entry)
            return server

        return enter

    return variant


def _name(server: type[SpecServer]) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=[0-9])", "-", server.__name__).lower()


def _says(server: type[SpecServer]) -> str:
    return " ".join((server.__doc__ or "").split())
