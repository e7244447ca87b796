"""Sessions: turns, pauses and stops of runs (§5, §6), each flushed to the store before it is answered.

The turns of one run go one after another: in this process by queueing, across processes by claims on the record.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec
from bson import ObjectId

from wfconform.reference.database import NotReached
from wfconform.reference.definitions import Definitions
from wfconform.reference.engine import State, Turn
from wfconform.reference.events import Event, EventLog
from wfconform.reference.language_model import Model
from wfconform.reference.model import Workflow
from wfconform.reference.records import Claim, Record, TurnPair
from wfconform.reference.refusals import conflict, not_found
from wfconform.reference.request import Call
from wfconform.reference.status import TERMINAL, Status
from wfconform.reference.store import RunStore
from wfconform.reference.workflows import Workflows

CLAIM_S = 10.0  # how long a claim holds unless it is renewed: what a crashed process leaves behind
CLAIM_POLL_S = 0.02  # how often another process's claim is looked at, at first
_LONGEST_POLL_S = 0.25
_encode = msgspec.json.Encoder().encode
_decode_state = msgspec.json.Decoder(State).decode


@dataclass(frozen=True, slots=True)
class Asked:
    """A call with where it was made: the path, the query, the tenant of the key."""

    workflow_id: str
    version: int | None
    tenant: str
    call: Call


@dataclass(slots=True)
class _Lane:
    """Where the turns of one run queue in this process.

    stopped: tells the turn in flight that a stop has won; token, until: the claim that it runs under, "" for none.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    stopped: bool = False
    token: str = ""
    until: float = 0.0


class Sessions:
    """All runs of a store; a run's turns go one after another, a stop waits for none of them."""

    def __init__(
        self,
        *,
        store: RunStore,
        workflows: Workflows,
        definitions: Definitions,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        new_run_id: Callable[[], ObjectId],
        new_event_id: Callable[[], str],
        model: Model,
    ) -> None:
        self._store = store
        self._workflows = workflows
        self._definitions = definitions
        self._clock = clock
        self._sleep = sleep
        self._new_run_id = new_run_id
        self._log = partial(EventLog, clock=clock, new_id=new_event_id)
        self._turn = partial(Turn, model=model)
        self._lanes: dict[ObjectId, _Lane] = {}

    async def execute(self, asked: Asked) -> bytes:
        """Carry out a call and return the response body; raises Refusal, and what `RunStore` raises."""
        if await self._workflow(asked, None) is None:
            raise not_found("workflow")
        if asked.call.run_id is None:
            return await self._first_turn(asked)
        if asked.call.command == "stop":
            return await self._stop(asked, asked.call.run_id)
        async with self._lane(asked.call.run_id) as lane:
            answer = await self._at_once(asked, asked.call.run_id)
            return answer or await self._under_claim(asked, asked.call.run_id, lane)

    async def _first_turn(self, asked: Asked) -> bytes:
        workflow = await self._workflow(asked, asked.version)
        if workflow is None:
            raise not_found("version")
        now = self._clock()
        state = State(dynamic=dict(workflow.dynamic_variables), runtime=dict(workflow.runtime_variables))
        turn = await self._run(workflow, state, asked.call, _Lane())
        record = Record(
            id=self._new_run_id(),
            workflow_id=workflow.id,
            version_number=workflow.version,
            tenant=asked.tenant,
            status=turn.status,
            turn_number=1,
            revision=1,
            state=_encode(state),
            events=_encode(turn.log.events),
            created_at=now,
            updated_at=self._clock(),
        )
        await self._store.insert(record, _pair(record, asked.call, turn, token=""))
        return _answer(record, error=turn.error, hint=turn.hint)

    async def _at_once(self, asked: Asked, run_id: ObjectId) -> bytes | None:
        """Run a turn that takes no time on a run that is recalled; None: nothing was done, it takes a claim."""
        record = self._store.recall(run_id)
        if record is None or (record.tenant, record.workflow_id) != (asked.tenant, asked.workflow_id):
            return None
        workflow = await self._workflow(asked, record.version_number)
        if workflow is None or asked.call.command == "pause":
            return None
        state, claim = _decode_state(record.state), self._claim(ObjectId().binary.hex())
        turn = self._begun(workflow, state, asked.call)
        if next(turn.run(), None) is not None:
            return None
        done = self._next(record, turn.status, turn.log.events, state, turns=1)
        pair = _pair(done, asked.call, turn, token=claim.token)
        if not await self._store.finish_at_once(done, revision=record.revision, claim=claim, turn=pair):
            return None
        return _answer(done, error=turn.error, hint=turn.hint)

    async def _under_claim(self, asked: Asked, run_id: ObjectId, lane: _Lane) -> bytes:
        """Run a turn or a pause while no other process can, and give the claim up whatever happens."""
        lane.token, lane.stopped = ObjectId().binary.hex(), False
        record = await self._claimed(asked, run_id, lane)
        try:
            _refuse_terminal(record)
            if asked.call.command == "pause":
                return await self._pause(record, lane)
            return await self._later_turn(asked, record, lane)
        finally:
            if lane.token:
                await self._store.release(run_id, lane.token)

    async def _claimed(self, asked: Asked, run_id: ObjectId, lane: _Lane) -> Record:
        """Claim the run's next turn; wait while another process has it, or until its claim has ended."""
        pause_s, waited_s = CLAIM_POLL_S, 0.0
        while True:
            claim = self._claim(lane.token)
            record = await self._store.claim(run_id, claim, tenant=asked.tenant, workflow_id=asked.workflow_id)
            if record is not None:
                lane.until = claim.until
                return record
            _refuse_terminal(await self._find(asked, run_id))
            if waited_s > 2 * CLAIM_S:
                raise conflict("another turn of this run is being executed")
            await self._sleep(pause_s)
            waited_s += pause_s
            pause_s = min(pause_s * 2, _LONGEST_POLL_S)

    def _claim(self, token: str) -> Claim:
        now = self._clock()
        return Claim(token, now, now + CLAIM_S)

    async def _later_turn(self, asked: Asked, record: Record, lane: _Lane) -> bytes:
        workflow = await self._workflow(asked, record.version_number)
        if workflow is None:
            raise not_found("version")
        state = _decode_state(record.state)
        turn = await self._run(workflow, state, asked.call, lane, run_id=record.id)
        if turn.status is Status.RUNNING:
            return await self._overtaken(asked, record, turn)
        done = self._next(record, turn.status, turn.log.events, state, turns=1)
        pair = _pair(done, asked.call, turn, token=lane.token)
        finished = await self._store.finish(done, revision=record.revision, token=lane.token, turn=pair)
        lane.token = ""
        if not finished:
            return await self._overtaken(asked, record, turn)
        return _answer(done, error=turn.error, hint=turn.hint)

    async def _overtaken(self, asked: Asked, record: Record, turn: Turn) -> bytes:
        """The run was written by others during the turn: a stop wins, another turn makes this one a conflict."""
        now = await self._find(asked, record.id)
        if now.status is Status.CANCELLED:
            return _cut_off(record, turn)
        if now.revision == record.revision:
            raise NotReached("the turn was not written, and its claim is gone")
        raise conflict("another turn of this run was executed meanwhile")

    async def _pause(self, record: Record, lane: _Lane) -> bytes:
        paused = self._closed_by(record, Status.PAUSED, "pause_event")
        finished = await self._store.finish(paused, revision=record.revision, token=lane.token)
        lane.token = ""
        if not finished:
            raise conflict("the run was changed meanwhile")
        return _answer(paused)

    async def _stop(self, asked: Asked, run_id: ObjectId) -> bytes:
        while True:
            record = await self._find(asked, run_id)
            if record.status is Status.CANCELLED:
                return _answer(record)
            _refuse_terminal(record)
            stopped = self._closed_by(
                record, Status.CANCELLED, "end_workflow", llm_token_usage={}, llm_latency_stats={}
            )
            if await self._store.replace(stopped, revision=record.revision):
                if run_id in self._lanes:
                    self._lanes[run_id].stopped = True
                return _answer(stopped)

    async def _workflow(self, asked: Asked, version: int | None) -> Workflow | None:
        """Find a workflow among those that come with the server, then among the tenant's own."""
        shipped = self._workflows.find(asked.workflow_id, version)
        if shipped is not None or self._workflows.find(asked.workflow_id) is not None:
            return shipped
        return await self._definitions.workflow(asked.workflow_id, version, tenant=asked.tenant)

    async def _find(self, asked: Asked, run_id: ObjectId) -> Record:
        """Return the run if it is this tenant's and this workflow's (AUT-003, RUN-007)."""
        record = await self._store.find(run_id)
        if record is None or (record.tenant, record.workflow_id) != (asked.tenant, asked.workflow_id):
            raise not_found("run")
        return record

    async def _run(
        self, workflow: Workflow, state: State, call: Call, lane: _Lane, *, run_id: ObjectId | None = None
    ) -> Turn:
        turn = self._begun(workflow, state, call)
        for seconds in turn.run():
            await self._wait(seconds, lane, run_id)
            if lane.stopped:
                break
        return turn

    def _begun(self, workflow: Workflow, state: State, call: Call) -> Turn:
        state.dynamic.update(call.dynamic)
        state.runtime.update(call.runtime)
        return self._turn(workflow, state, self._log(last_us=state.last_us), text=call.text)

    async def _wait(self, seconds: float, lane: _Lane, run_id: ObjectId | None) -> None:
        """Let a node's time pass, and keep the claim meanwhile; a claim that is gone stops the turn."""
        while seconds > 0 and not lane.stopped:
            step_s = min(seconds, CLAIM_S / 2)
            await self._sleep(step_s)
            seconds -= step_s
            if run_id is not None and not lane.stopped and lane.until - self._clock() < CLAIM_S / 2:
                claim = self._claim(lane.token)
                lane.until = claim.until
                lane.stopped = not await self._store.renew(run_id, claim)

    def _closed_by(self, record: Record, status: Status, type: str, **fields: object) -> Record:
        """Return the run moved on by a command; a command takes no turn (TRN-006)."""
        state = _decode_state(record.state)
        log = self._log(last_us=state.last_us)
        log.add(type, **fields)
        state.last_us = log.last_us
        return self._next(record, status, log.events, state, turns=0)

    def _next(self, record: Record, status: Status, events: list[Event], state: State, *, turns: int) -> Record:
        return replace(
            record,
            status=status,
            turn_number=record.turn_number + turns,
            revision=record.revision + 1,
            state=_encode(state),
            events=_encode(events),
            updated_at=self._clock(),
        )

    @asynccontextmanager
    async def _lane(self, run_id: ObjectId) -> AsyncIterator[_Lane]:
        """Wait for the run's earlier turns; the lane is forgotten when nobody uses it."""
        lane = self._lanes.setdefault(run_id, _Lane())
        lane.users += 1
        try:
            async with lane.lock:
                yield lane
        finally:
            lane.users -= 1
            if not lane.users:
                del self._lanes[run_id]


def _refuse_terminal(record: Record) -> None:
    if record.status in TERMINAL:
        raise conflict(f"the run is {record.status.value} and takes no further turns")


def _cut_off(record: Record, turn: Turn) -> bytes:
    """Answer a turn that a stop has cut off: it was the next one, and the run is cancelled (CAN-006)."""
    turn.log.add("end_workflow", llm_token_usage={}, llm_latency_stats={})
    events = _encode(turn.log.events)
    return _answer(replace(record, status=Status.CANCELLED, turn_number=record.turn_number + 1, events=events))


def _pair(record: Record, call: Call, turn: Turn, *, token: str) -> TurnPair:
    """Return the turn as the record keeps it."""
    said = [event["content"] for event in turn.log.events if event["type"] == "assistant_response"]
    return TurnPair(record.turn_number, record.updated_at, token, call.command, call.text, record.status, tuple(said))


def _answer(record: Record, *, error: str | None = None, hint: Event | None = None) -> bytes:
    """Return the response body of §7."""
    body: dict[str, Any] = {
        "run_id": str(record.id),
        "status": record.status.value,
        "turn_number": record.turn_number,
        "events": msgspec.Raw(record.events),
        "is_waiting_for_input": record.status is Status.WAITING,
        "is_completed": record.status in TERMINAL,
        "error": error,
        "next_input_hint": hint,
        "has_background_work": False,
        "has_active_companions": False,
    }
    return _encode(body)
