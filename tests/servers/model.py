"""What the test servers keep and pass around: workflows, runs, what is asked, what comes of it."""

import asyncio
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers.http import Call

Json = dict[str, Any]

WORKFLOWS: Mapping[str, str] = {
    "conversation": "5eb7cf5a86d9755df3a6c593",
    "completes": "5eb7cf5a86d9755df3a6c594",
    "fails": "5eb7cf5a86d9755df3a6c595",
    "loops": "5eb7cf5a86d9755df3a6c596",
    "pauses": "5eb7cf5a86d9755df3a6c597",
    "slow": "5eb7cf5a86d9755df3a6c598",
    "versioned": "5eb7cf5a86d9755df3a6c599",
}
ROLES: Mapping[str, str] = {workflow_id: role for role, workflow_id in WORKFLOWS.items()}
VERSIONS: Mapping[int, str] = {0: "version-0", 1: "version-1"}
ACTIVE = 1
KEYS: Mapping[str, str] = {"key-one": "one", "key-two": "two"}
END_TEXT = "goodbye"

COMMANDS = ("start", "data", "resume", "pause", "stop")
TERMINAL = ("completed", "failed", "cancelled", "aborted_looping_risk")


@dataclass(slots=True)
class Run:
    """The record of a run; `notes` is room for what a variant wants to remember."""

    id: str
    workflow_id: str
    role: str
    tenant: str
    version: int
    turn: int = 0
    status: str = "running"
    error: str | None = None
    hint: Json | None = None
    busy: bool = False
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    notes: Json = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL


@dataclass(slots=True)
class Ask:
    """A request understood: who wants what, of which run."""

    call: Call
    workflow_id: str
    role: str
    tenant: str
    run_id: str | None
    command: str
    text: str | None
    version: int | None
    run_input: Json


@dataclass(slots=True)
class Outcome:
    """What a turn or a stop came to."""

    status: str
    events: list[Json] = field(default_factory=list)
    error: str | None = None
    hint: Json | None = None


def new_object_id() -> str:
    """An ObjectId: four bytes of time, eight of chance."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def event(kind: str, **fields: Any) -> Json:
    """An event of the main thread, happening now."""
    return {
        "type": kind,
        "logical_id": f"event_{uuid.uuid4()}",
        "timestamp": time.time(),
        "origin_thread_id": "0",
        "thread_reference_id": "0",
        "comments": None,
        "interrupted": False,
        **fields,
    }


def node(name: str, number: int, text: str) -> list[Json]:
    """The events of a node that says something."""
    origin = {
        "origin_node_logical_id": f"node_{name}",
        "origin_node_name": name,
        "origin_node_run_id": str(number),
    }
    return [
        event("start_node_run", run_input={}, **origin),
        event("assistant_response", content=text, response_metadata={}, **origin),
        event("end_node_run", run_output={}, **origin),
    ]
