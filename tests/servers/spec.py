"""A small conforming server, in memory, made of steps that variants and defects override one at a time."""

import asyncio
import json
from typing import Any

from tests.servers.http import Call, RefusedError, Reply, as_json
from tests.servers.model import (
    ACTIVE,
    END_TEXT,
    TERMINAL,
    VERSIONS,
    Ask,
    Json,
    Outcome,
    Run,
    event,
    new_object_id,
    node,
)
from tests.servers.reading import Reader


class SpecServer(Reader):
    """The endpoint as docs/endpoint.md has it.

    A second turn on a busy run is refused; a stop in flight wins, and the turn that it cut off answers cancelled.
    """

    def __init__(self, *, slow_s: float = 1.0) -> None:
        self.slow_s = slow_s
        self.runs: dict[str, Run] = {}

    # the call ---------------------------------------------------------------------------------------------------

    async def respond(self, call: Call) -> Reply:
        """Answer a call: a state, or a refusal."""
        try:
            self.admit(call)
            ask = self.read(call)
            return self.encode(await self.execute(ask), ask)
        except RefusedError as refusal:
            return self.refuse(refusal, call)

    def admit(self, call: Call) -> None:
        """Turn calls away before anything is read (rate limits, demanded headers)."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        """Write the answer of a turn or stop."""
        return Reply(200, json.dumps(answer).encode())

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        """Write a refusal."""
        return as_json(refusal.status, {"detail": refusal.detail}, refusal.headers)

    async def execute(self, ask: Ask) -> Json:
        """Start, resume or stop."""
        if ask.run_id is None:
            return await self.start(ask)
        run = self.find_run(ask)
        if ask.command == "stop":
            return await self.stop(run, ask)
        if ask.command == "pause":
            raise RefusedError(409, "this workflow cannot be paused from outside")
        return await self.resume(run, ask)

    # runs -------------------------------------------------------------------------------------------------------

    def find_run(self, ask: Ask) -> Run:
        """Return the run that was named, if it is the tenant's and the workflow's."""
        run = self.look_up(ask)
        if run is None or not self.may_use(run, ask) or run.workflow_id != ask.workflow_id:
            raise RefusedError(404, "no such run")
        return run

    def look_up(self, ask: Ask) -> Run | None:
        """Return the run of that id, whoever's it is."""
        return self.runs.get(str(ask.run_id))

    def may_use(self, run: Run, ask: Ask) -> bool:
        """Whether the caller is the run's tenant."""
        return run.tenant == ask.tenant

    def new_run_id(self) -> str:
        """Return a run_id that no other run has."""
        return new_object_id()

    def choose_version(self, ask: Ask) -> int:
        """Return the version that a first turn runs."""
        versioned = ask.role == "versioned"
        if ask.version is None:
            return ACTIVE if versioned else 0
        if ask.version not in (VERSIONS if versioned else (0,)):
            raise RefusedError(404, "no such version")
        return ask.version

    def create(self, ask: Ask) -> Run:
        """Record a new run."""
        run = Run(
            id=self.new_run_id(),
            workflow_id=ask.workflow_id,
            role=ask.role,
            tenant=ask.tenant,
            version=self.choose_version(ask),
        )
        self.runs[run.id] = run
        return run

    # turns ------------------------------------------------------------------------------------------------------

    async def start(self, ask: Ask) -> Json:
        """Execute a first turn."""
        if ask.command in ("stop", "pause"):
            raise RefusedError(422, f"{ask.command} needs a run_id")
        return await self.turn(self.create(ask), ask)

    async def resume(self, run: Run, ask: Ask) -> Json:
        """Execute a later turn."""
        if run.ended:
            return self.after_end(run, ask)
        return await self.turn(run, ask)

    def after_end(self, run: Run, ask: Ask) -> Json:
        """Deal with a turn on a terminal run."""
        raise RefusedError(409, f"the run is {run.status}")

    async def turn(self, run: Run, ask: Ask) -> Json:
        """Take a turn number, work, write the result down, answer."""
        await self.enter(run)
        try:
            number = self.next_number(run)
            await self.work(run)
            outcome = self.result(run, number, ask)
            self.commit(run, number, outcome)
        finally:
            self.leave(run)
        return self.answer(run, number, outcome)

    async def enter(self, run: Run) -> None:
        """Keep two turns of one run apart."""
        if run.busy:
            raise RefusedError(409, "the run is busy")
        run.busy = True

    def leave(self, run: Run) -> None:
        """Let the next turn in."""
        run.busy = False

    def next_number(self, run: Run) -> int:
        """Return the number of the turn that begins."""
        return run.turn + 1

    async def work(self, run: Run) -> None:
        """Take the time that the workflow takes; a stop ends it early."""
        if run.role == "slow" and run.turn > 0:
            await self.pass_time(run, self.slow_s)

    async def pass_time(self, run: Run, seconds: float) -> None:
        """Wait, unless the run is stopped."""
        try:
            await asyncio.wait_for(run.stopped.wait(), seconds)
        except TimeoutError:
            return

    def result(self, run: Run, number: int, ask: Ask) -> Outcome:
        """Return what the turn came to."""
        if run.status == "cancelled":
            return Outcome("cancelled")
        return self.play(run, number, ask)

    def commit(self, run: Run, number: int, outcome: Outcome) -> None:
        """Write the turn down."""
        run.turn, run.status = number, outcome.status
        run.error, run.hint = outcome.error, outcome.hint

    # workflows --------------------------------------------------------------------------------------------------

    def play(self, run: Run, number: int, ask: Ask) -> Outcome:
        """Run the workflow until it pauses or ends."""
        match run.role:
            case "completes":
                return self.complete(node("only", number, "Done."))
            case "fails":
                return self.fail("the tool could not be reached")
            case "loops":
                return Outcome("aborted_looping_risk", [event("workflow_warning", warning_message="the graph loops")])
            case "pauses" if number == 1:
                return self.pause(node("before", number, "One moment."))
            case "pauses":
                return self.complete(node("after", number, "Done."))
            case _:
                return self.converse(run, number, ask)

    def converse(self, run: Run, number: int, ask: Ask) -> Outcome:
        """Greet, then answer each text, until the end text."""
        if number > 1 and ask.text == END_TEXT and run.role == "conversation":
            return self.complete([self.heard(ask.text), *node("farewell", number, "Bye.")])
        said = [] if ask.text is None else [self.heard(ask.text)]
        name = "greeting" if number == 1 else "reply"
        return self.wait([*said, *node(name, number, self.speech(run, ask))])

    def speech(self, run: Run, ask: Ask) -> str:
        """Return what the workflow says: its version, or the user's text again."""
        if run.role == "versioned":
            return VERSIONS[run.version]
        return "How can I help?" if ask.text is None else f"You said: {ask.text}"

    def heard(self, text: str) -> Json:
        """Return the event of a user's message."""
        return event("user_messages", messages=[{"type": "human", "content": text}])

    def wait(self, events: list[Json]) -> Outcome:
        """End a turn waiting for the user."""
        parked = event("busy_wait_for_user_message")
        return Outcome("waiting_for_user_input", [*events, parked], hint=parked)

    def pause(self, events: list[Json]) -> Outcome:
        """End a turn paused."""
        return Outcome("paused", [*events, event("pause_event")])

    def complete(self, events: list[Json]) -> Outcome:
        """End the run completed."""
        return Outcome("completed", [*events, event("end_workflow", llm_token_usage={})])

    def fail(self, message: str) -> Outcome:
        """End the run failed."""
        closing = event("workflow_error", error_message=message, stack_trace=None)
        return Outcome("failed", [closing], error=message)

    # cancellation -----------------------------------------------------------------------------------------------

    async def stop(self, run: Run, ask: Ask) -> Json:
        """Cancel a run."""
        if run.status == "cancelled":
            return self.stop_again(run)
        if run.ended:
            return self.stop_ended(run)
        return self.cancel(run)

    def cancel(self, run: Run) -> Json:
        """Write the cancellation down and answer it."""
        self.mark_cancelled(run)
        return self.answer(run, run.turn, Outcome("cancelled"))

    def mark_cancelled(self, run: Run) -> None:
        """Make the run cancelled; a turn in flight sees it."""
        run.status, run.error, run.hint = "cancelled", None, None
        run.stopped.set()

    def stop_again(self, run: Run) -> Json:
        """Deal with a stop on a cancelled run."""
        return self.answer(run, run.turn, Outcome("cancelled"))

    def stop_ended(self, run: Run) -> Json:
        """Deal with a stop on a run that ended by itself."""
        raise RefusedError(409, f"the run is {run.status}")

    # the answer -------------------------------------------------------------------------------------------------

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        """Return the response body of §7."""
        return {
            "run_id": run.id,
            "status": outcome.status,
            "turn_number": number,
            "events": outcome.events,
            "is_waiting_for_input": outcome.status == "waiting_for_user_input",
            "is_completed": outcome.status in TERMINAL,
            "error": outcome.error,
            "next_input_hint": outcome.hint,
        }

    def snapshot(self, run: Run) -> Json:
        """Return the answer that shows the run as it is."""
        return self.answer(run, run.turn, Outcome(run.status, error=run.error, hint=run.hint))


def changed(answer: Json, **fields: Any) -> Json:
    """The answer with some fields set otherwise."""
    return {**answer, **fields}
