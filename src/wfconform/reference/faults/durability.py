"""Faults in storage: DUR. They take hold of the records, below what the endpoint answers."""

from dataclasses import replace
from typing import Any

from bson import ObjectId

from wfconform.reference.calls import Call, Handler, Layer, Reply
from wfconform.reference.faults.fault import ROLES, Fault, fault
from wfconform.reference.layouts import Reformed
from wfconform.reference.parts import Change, Parts, remembering, stored
from wfconform.reference.records import Claim, Record, TurnPair
from wfconform.reference.status import Status
from wfconform.reference.store import RunStore

Fields = dict[str, Any]
_ACTIVE = 1
_RUN_FIELDS: Fields = {
    "workflow_id": ROLES["conversation"],
    "version_number": 0,
    "tenant": "nobody",
    "status": Status.FAILED,
    "turn_number": 0,
    "revision": 1,
    "state": b"{}",
    "events": b"[]",
    "created_at": 0.0,
    "updated_at": 0.0,
}


def _backwards(fields: Fields) -> Fields:
    if "_id" in fields:
        fields["_id"] = ObjectId(fields["_id"].binary[::-1])
    return fields


def _elsewhere(parts: Parts) -> Parts:
    """Keep each record under another id."""
    return replace(parts, store=RunStore(Reformed(parts.store.runs, write=_backwards, read=_backwards)))


def _says(told: str, instead: str) -> Change:
    """Write one status for another, and read it back as what it was."""

    def write(fields: Fields) -> Fields:
        return {**fields, "status": instead} if fields.get("status") == told else fields

    def read(fields: Fields) -> Fields:
        return {**fields, "status": told} if fields["status"] == instead else fields

    return lambda parts: replace(parts, store=RunStore(Reformed(parts.store.runs, write=write, read=read)))


def _stops_in_memory(parts: Parts) -> Parts:
    """Keep what a stop does in this process alone."""
    held: dict[ObjectId, Record] = {}

    def write(record: Record) -> Record | None:
        if record.status is not Status.CANCELLED:
            return record
        held[record.id] = record
        return None

    return stored(read=lambda record: held.get(record.id, record), write=write)(parts)


class _Forgetful(RunStore):
    """A store that finds only what this process has made."""

    def __init__(self, store: RunStore) -> None:
        super().__init__(store.runs)
        self._mine: set[ObjectId] = set()

    async def insert(self, record: Record, turn: TurnPair | None = None) -> None:
        """Add a new run."""
        self._mine.add(record.id)
        await super().insert(record, turn)

    async def find(self, id: ObjectId) -> Record | None:
        """Return a run of this process's, or None."""
        return await super().find(id) if id in self._mine else None

    async def claim(self, id: ObjectId, claim: Claim, *, tenant: str, workflow_id: str) -> Record | None:
        """Claim the next turn of a run of this process's."""
        if id not in self._mine:
            return None
        return await super().claim(id, claim, tenant=tenant, workflow_id=workflow_id)


def _read_from_others(**fields: Any) -> Change:
    """Read fields wrongly of records that this process has not made."""

    def change(parts: Parts) -> Parts:
        mine: set[ObjectId] = set()

        def write(record: Record) -> Record:
            if record.revision == 1:
                mine.add(record.id)
            return record

        def read(record: Record) -> Record:
            known = record.id in mine or record.workflow_id != ROLES["versioned"]
            return record if known else replace(record, **fields)

        return stored(read=read, write=write)(parts)

    return change


def _starts_again(parts: Parts) -> Parts:
    """Count the turns of records that this process has not made from the beginning."""
    mine: set[ObjectId] = set()

    def write(record: Record) -> Record:
        mine.add(record.id)
        return record

    def read(record: Record) -> Record:
        return record if record.id in mine else replace(record, turn_number=0)

    return stored(read=read, write=write)(parts)


def _records_refusals(*, named: bool) -> Change:
    """Make a record of every refused request: under the run_id that it named, or under a new one."""

    def change(parts: Parts) -> Parts:
        def make() -> Layer:
            async def layer(call: Call, go: Handler) -> Reply:
                reply = await go(call)
                id = ObjectId(call.run_id) if named and call.run_id else None
                if 400 <= reply.status < 500 and (id is not None or not named):
                    await parts.store.insert(Record(id=id or ObjectId(), **_RUN_FIELDS))
                return reply

            return layer

        return remembering(make)(parts)

    return change


FAULTS: tuple[Fault, ...] = (
    fault("record-under-another-id", "A run's record has another _id than the run_id.", _elsewhere, "DUR-001"),
    fault("stop-is-not-flushed", "A stop is kept in memory and not written.", _stops_in_memory, "DUR-002"),
    fault(
        "stop-is-spelt-otherwise",
        "The record of a cancelled run says stopped.",
        _says("cancelled", "stopped"),
        "DUR-002",
    ),
    fault(
        "runs-are-in-memory",
        "Runs are written and never read: a restart forgets them.",
        lambda parts: replace(parts, store=_Forgetful(parts.store)),
        "DUR-003",
    ),
    fault(
        "version-is-in-memory",
        "After a restart a session goes on with the active version.",
        _read_from_others(version_number=_ACTIVE),
        "DUR-003",
    ),
    fault(
        "counter-is-in-memory",
        "After a restart a session's turns are counted from 1 again.",
        _starts_again,
        "DUR-003",
        "TRN-002",
        reason="and so a later turn has not the next number",
    ),
    fault(
        "record-stays-running",
        "The record of a waiting run says running.",
        _says("waiting_for_user_input", "running"),
        "DUR-004",
    ),
    fault(
        "ends-are-not-recorded",
        "The record of a completed run says running.",
        _says("completed", "running"),
        "DUR-004",
    ),
    fault(
        "refusals-are-recorded",
        "A request that is refused leaves a failed record.",
        _records_refusals(named=False),
        "DUR-005",
    ),
    fault(
        "unknown-runs-are-recorded",
        "A request that names an unknown run leaves a record under its id.",
        _records_refusals(named=True),
        "DUR-005",
    ),
)
