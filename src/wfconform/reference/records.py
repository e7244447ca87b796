"""The record of a run (§5, §6): what the database holds, one document for each run, `_id` is the run_id.

| field | holds |
|---|---|
| `_id` | ObjectId: the run_id, its timestamp is the time of creation |
| `workflow_id`, `version_number`, `tenant` | what was started, and by whom |
| `status`, `turn_number` | as answered last |
| `revision` | how often the run was moved on; a write names the revision that it moves on from |
| `state` | the engine's state, JSON as bytes |
| `events` | the events of the last answer, a JSON array as bytes |
| `turns` | the last turns, oldest first: `number`, `at`, `claim`, `input` (command, text), `output` (status, said) |
| `claim`, `claimed_until` | who runs a turn of it now, and until when (epoch seconds); "" and 0 while nobody does |
| `created_at`, `updated_at` | epoch seconds |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from wfconform.reference.status import Status

TURNS_KEPT = 200
TEXT_KEPT = 2000  # characters of a text in `turns`: a record stays far below the 16 MiB that a document may have
FREE: Mapping[str, Any] = {"claim": "", "claimed_until": 0.0}


@dataclass(frozen=True, slots=True)
class Record:
    """One run as it is stored, without its earlier turns and who claims it."""

    id: ObjectId
    workflow_id: str
    version_number: int
    tenant: str
    status: Status
    turn_number: int
    revision: int
    state: bytes
    events: bytes
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class TurnPair:
    """One turn as the record keeps it: what was put in, what came out. claim: under which claim it was run."""

    number: int
    at: float
    claim: str
    command: str
    text: str | None
    status: Status
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run the next turn of a run. token: unique for each turn; now, until: epoch seconds."""

    token: str
    now: float
    until: float


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing, newest first; total: how many there are in all."""

    items: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0


def fields_of(record: Record) -> dict[str, Any]:
    """Return the record as fields of the document, without its `_id`."""
    return {
        "workflow_id": record.workflow_id,
        "version_number": record.version_number,
        "tenant": record.tenant,
        "created_at": record.created_at,
        **moving_fields_of(record),
    }


def moving_fields_of(record: Record) -> dict[str, Any]:
    """Return the fields that turns and commands change."""
    return {
        "status": record.status.value,
        "turn_number": record.turn_number,
        "revision": record.revision,
        "state": record.state,
        "events": record.events,
        "updated_at": record.updated_at,
    }


def pair_document(pair: TurnPair) -> dict[str, Any]:
    """Return a turn as the document holds it; long texts are cut."""
    return {
        "number": pair.number,
        "at": pair.at,
        "claim": pair.claim,
        "input": {"command": pair.command, "text": None if pair.text is None else pair.text[:TEXT_KEPT]},
        "output": {"status": pair.status.value, "said": "\n".join(pair.said)[:TEXT_KEPT]},
    }


def record_of(document: Mapping[str, Any]) -> Record:
    """Read a document, with or without its turns."""
    return Record(
        id=document["_id"],
        workflow_id=document["workflow_id"],
        version_number=document["version_number"],
        tenant=document["tenant"],
        status=Status(document["status"]),
        turn_number=document["turn_number"],
        revision=document["revision"],
        state=document["state"],
        events=document["events"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
    )
