"""Conforming servers that differ in runs: ids, busy runs, terminal runs, stops."""

import asyncio
from typing import Any

from tests.servers.http import RefusedError
from tests.servers.model import TERMINAL, Ask, Json, Outcome, Run, event
from tests.servers.spec import SpecServer, changed
from tests.servers.target import Conforming, variants

TABLE: list[Conforming] = []
variant = variants(TABLE)


@variant("RUN-012")
class UpperCaseRunIds(SpecServer):
    """run_ids are answered in upper case, and taken in either."""

    def look_up(self, ask: Ask) -> Run | None:
        return self.runs.get(str(ask.run_id).lower())

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        return changed(super().answer(run, number, outcome), run_id=run.id.upper())


@variant()
class TakesEitherCase(SpecServer):
    """A run_id is taken in either case and answered in the lower one."""

    def look_up(self, ask: Ask) -> Run | None:
        return self.runs.get(str(ask.run_id).lower())


@variant()
class BusyRefuses(SpecServer):
    """Every turn takes 30 ms, and a second one meanwhile is 409."""

    async def work(self, run: Run) -> None:
        await self.pass_time(run, self.slow_s if run.role == "slow" and run.turn else 0.03)


@variant()
class BusyIsLocked(BusyRefuses):
    """Every turn takes 30 ms, and a second one meanwhile is 423."""

    async def enter(self, run: Run) -> None:
        if run.busy:
            raise RefusedError(423, "locked")
        await super().enter(run)


@variant()
class BusyIsTooMany(BusyRefuses):
    """Every turn takes 30 ms, and a second one meanwhile is 429 with Retry-After 0."""

    async def enter(self, run: Run) -> None:
        if run.busy:
            raise RefusedError(429, "one turn at a time", {"Retry-After": "0"})
        await super().enter(run)


@variant()
class Serialises(BusyRefuses):
    """Every turn takes 30 ms, and a second one meanwhile waits for its turn; when the run has ended by then, 409."""

    async def enter(self, run: Run) -> None:
        await run.lock.acquire()
        if run.ended:
            run.lock.release()
            raise RefusedError(409, f"the run is {run.status}")

    def leave(self, run: Run) -> None:
        run.lock.release()


@variant()
class StopTakesATurn(SpecServer):
    """A stop counts as a turn, and has events."""

    def cancel(self, run: Run) -> Json:
        self.mark_cancelled(run)
        run.turn += 1
        return self.answer(run, run.turn, Outcome("cancelled", [event("end_workflow")]))


@variant()
class EveryStopTakesATurn(StopTakesATurn):
    """Each stop counts as a turn, the second one too."""

    def stop_again(self, run: Run) -> Json:
        return self.cancel(run)


@variant()
class SecondStopRefused(SpecServer):
    """A stop on a cancelled run is 409."""

    def stop_again(self, run: Run) -> Json:
        raise RefusedError(409, "the run is cancelled")


@variant()
class StopRefusedInFlight(SpecServer):
    """A stop is 409 while a turn is in flight, and cancels when it is sent after it."""

    def cancel(self, run: Run) -> Json:
        if run.busy:
            raise RefusedError(409, "the run is busy")
        return super().cancel(run)


@variant()
class StopWaitsForTheTurn(SpecServer):
    """A turn in flight finishes first and is answered, then the stop cancels."""

    async def enter(self, run: Run) -> None:
        await super().enter(run)
        await run.lock.acquire()

    def leave(self, run: Run) -> None:
        run.lock.release()
        super().leave(run)

    async def stop(self, run: Run, ask: Ask) -> Json:
        async with run.lock:
            return await super().stop(run, ask)


@variant()
class StopFirstTurnAnswersAfter(SpecServer):
    """A stop in flight is answered at once; the turn works on and then answers cancelled, with its events."""

    async def pass_time(self, run: Run, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def result(self, run: Run, number: int, ask: Ask) -> Outcome:
        played = self.play(run, number, ask)
        return Outcome("cancelled", played.events) if run.status == "cancelled" else played


@variant()
class StopWithoutRunId(SpecServer):
    """A stop without run_id answers a run that was made cancelled."""

    async def start(self, ask: Ask) -> Json:
        if ask.command != "stop":
            return await super().start(ask)
        run = self.create(ask)
        run.turn = 1
        return self.cancel(run)


@variant()
class TerminalSnapshots(SpecServer):
    """A terminal run answers 200 with its state to whatever is sent, a stop included."""

    def after_end(self, run: Run, ask: Ask) -> Json:
        return self.snapshot(run)

    def stop_again(self, run: Run) -> Json:
        return self.snapshot(run)

    def stop_ended(self, run: Run) -> Json:
        return self.snapshot(run)


@variant()
class TerminalSnapshotsWithEvents(SpecServer):
    """A terminal run answers 200 with its last answer again, events and all."""

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        run.notes["last"] = super().answer(run, number, outcome)
        return dict(run.notes["last"])

    def after_end(self, run: Run, ask: Ask) -> Json:
        return dict(run.notes["last"])


class _Gone(SpecServer):
    status = 404

    def find_run(self, ask: Ask) -> Run:
        run = super().find_run(ask)
        if run.status in TERMINAL:
            raise RefusedError(self.status, "no such run")
        return run


@variant()
class TerminalIs404(_Gone):
    """A terminal run cannot be found any more, for a stop neither."""


@variant()
class TerminalIs410(_Gone):
    """A terminal run is gone."""

    status = 410


@variant()
class TerminalIs400(_Gone):
    """A turn or a stop on a terminal run is a 400."""

    status = 400


@variant()
class PausedWaits(SpecServer):
    """A paused run has is_waiting_for_input true and a hint."""

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        answer = super().answer(run, number, outcome)
        if outcome.status == "paused":
            answer.update(is_waiting_for_input=True, next_input_hint=event("pause_event"))
        return answer


@variant()
class PausedHints(SpecServer):
    """A paused run does not wait, but has a hint; it says pause_thread, and goes on waiting for the user."""

    def pause(self, events: list[Json]) -> Outcome:
        parked = event("busy_wait_for_user_message")
        return Outcome(
            "paused", [*events, parked, event("pause_thread", last_node_logical_id="node_before")], hint=parked
        )

    def play(self, run: Run, number: int, ask: Ask) -> Outcome:
        if run.role == "pauses" and number > 1:
            return self.converse(run, number, ask)
        return super().play(run, number, ask)


@variant()
class CommandsOnTheFirstTurn(SpecServer):
    """Without a run_id `pause` starts too; with one it changes nothing and takes no turn."""

    async def execute(self, ask: Ask) -> Json:
        if ask.command == "pause" and ask.run_id is not None:
            return self.snapshot(self.find_run(ask))
        if ask.command == "pause":
            ask.command = "start"
        return await super().execute(ask)


@variant()
class ForgetsTheDead(SpecServer):
    """Runs that ended are reaped by the next start, and are 404 afterwards."""

    def create(self, ask: Ask) -> Run:
        self.runs = {run.id: run for run in self.runs.values() if not run.ended}
        return super().create(ask)


@variant()
class HidesOtherTenants(SpecServer):
    """Another tenant's run is 403, and a run under another workflow 409."""

    def find_run(self, ask: Ask) -> Run:
        run = self.look_up(ask)
        if run is not None and not self.may_use(run, ask):
            raise RefusedError(403, "not your run")
        if run is not None and run.workflow_id != ask.workflow_id:
            raise RefusedError(409, "the run belongs to another workflow")
        return super().find_run(ask)


@variant()
class AnyErrorText(SpecServer):
    """Errors are long, with a stack trace and quotes; a loop ends with workflow_error."""

    def fail(self, message: str) -> Outcome:
        return super().fail(f'Traceback (most recent call last):\n  "{message}" \\ ☂')

    def play(self, run: Run, number: int, ask: Ask) -> Outcome:
        if run.role == "loops":
            return Outcome("aborted_looping_risk", [event("workflow_error", error_message="loop")])
        return super().play(run, number, ask)


@variant()
class LoopEndsWorkflow(SpecServer):
    """A loop ends with end_workflow, and each answer repeats the version it runs."""

    def play(self, run: Run, number: int, ask: Ask) -> Outcome:
        if run.role == "loops":
            return Outcome("aborted_looping_risk", [event("end_workflow", llm_latency_stats=None)])
        return super().play(run, number, ask)

    def answer(self, run: Run, *args: Any) -> Json:
        return {**super().answer(run, *args), "version": run.version}
