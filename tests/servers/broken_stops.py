"""Defects in cancellation: CAN, TRN-006."""

import asyncio
import time
from typing import ClassVar

from tests.servers.http import RefusedError, Reply
from tests.servers.model import Ask, Json, Outcome, Run
from tests.servers.spec import SpecServer, changed
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)


class _EditsStop(SpecServer):
    """Changes fields of the answer to a stop."""

    changes: ClassVar[Json] = {}

    def cancel(self, run: Run) -> Json:
        return changed(super().cancel(run), **self.changes)


@defect("CAN-001")
class StopAnswersCompleted(_EditsStop):
    """A stopped run says that it completed."""

    changes: ClassVar[Json] = {"status": "completed"}


@defect("CAN-001", "STS-005")
class StoppedStillWaits(_EditsStop):
    """A stopped run still says that it waits for input."""

    changes: ClassVar[Json] = {"is_waiting_for_input": True}


@defect("CAN-001")
class StopAnswersBeforeItActs(_EditsStop):
    """The answer to a stop shows the state before it."""

    def cancel(self, run: Run) -> Json:
        before = self.snapshot(run)
        super().cancel(run)
        return before


@defect("CAN-001")
class StopIs204(SpecServer):
    """A stop answers 204 and nothing else."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return Reply(204, b"") if ask.command == "stop" else super().encode(answer, ask)


@defect("CAN-001")
class PausedCannotStop(SpecServer):
    """A stop on a paused run is refused."""

    def cancel(self, run: Run) -> Json:
        if run.status == "paused":
            raise RefusedError(409, "the run is paused")
        return super().cancel(run)


@defect("CAN-001")
class StopIsATurn(SpecServer):
    """The command of a stop is overlooked: it is a turn like any other."""

    async def stop(self, run: Run, ask: Ask) -> Json:
        return await self.resume(run, ask)


@defect("CAN-002", "STS-009")
class StopOnlyAnswers(SpecServer):
    """A stop answers cancelled and writes nothing down."""

    def mark_cancelled(self, run: Run) -> None:
        """Forget it."""


@defect("CAN-002")
class ResurrectedAfterASecond(SpecServer):
    """The cancellation is in a cache; a second later the stored state is back."""

    after_s = 1.0

    def mark_cancelled(self, run: Run) -> None:
        run.notes.setdefault("before", (run.status, run.error, run.hint))
        run.notes["stopped_at"] = time.monotonic()
        super().mark_cancelled(run)

    def look_up(self, ask: Ask) -> Run | None:
        run = super().look_up(ask)
        if run is not None and time.monotonic() - run.notes.get("stopped_at", time.monotonic()) > self.after_s:
            run.status, run.error, run.hint = run.notes["before"]
        return run


@defect("CAN-002", "STS-009")
class NextTurnRevives(SpecServer):
    """A cancelled run is opened again by the next turn."""

    async def resume(self, run: Run, ask: Ask) -> Json:
        if run.status == "cancelled" and not run.busy:
            run.status = "waiting_for_user_input"
        return await super().resume(run, ask)


@defect("CAN-003", "EXE-008")
class SecondStopCrashes(SpecServer):
    """A second stop is a 500."""

    def stop_again(self, run: Run) -> Json:
        raise KeyError(run.id)


@defect("CAN-003")
class SecondStopCompletes(SpecServer):
    """A second stop answers completed."""

    def stop_again(self, run: Run) -> Json:
        return self.answer(run, run.turn, Outcome("completed"))


@defect("CAN-004")
class StopWithoutRunStarts(SpecServer):
    """A stop without run_id starts a run."""

    async def start(self, ask: Ask) -> Json:
        if ask.command == "stop":
            ask.command = "start"
        return await super().start(ask)


@defect("CAN-004", "EXE-008")
class StopWithoutRunCrashes(SpecServer):
    """A stop without run_id is a 500."""

    async def start(self, ask: Ask) -> Json:
        if ask.command == "stop":
            return await self.stop(self.runs[str(ask.run_id)], ask)
        return await super().start(ask)


@defect("CAN-004")
class StopWithoutRunResumable(SpecServer):
    """A stop without run_id answers a cancelled run that takes turns."""

    async def start(self, ask: Ask) -> Json:
        if ask.command != "stop":
            return await super().start(ask)
        ask.command = "start"
        started = await super().start(ask)
        return changed(
            started, status="cancelled", is_waiting_for_input=False, is_completed=True, next_input_hint=None, events=[]
        )


@defect("CAN-005")
class StopOverwritesEnd(SpecServer):
    """A stop makes a completed or failed run cancelled."""

    def stop_ended(self, run: Run) -> Json:
        return self.cancel(run)


@defect("CAN-005")
class StopOverwritesFailed(SpecServer):
    """A stop makes a failed run cancelled."""

    def stop_ended(self, run: Run) -> Json:
        return self.cancel(run) if run.status == "failed" else super().stop_ended(run)


@defect("CAN-006")
class StopLostInFlight(SpecServer):
    """The turn in flight writes its status last, over the cancellation."""

    async def pass_time(self, run: Run, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def result(self, run: Run, number: int, ask: Ask) -> Outcome:
        return self.play(run, number, ask)


@defect("EXE-008")
class StopInFlightCrashes(SpecServer):
    """A stop on a busy run is a 500."""

    def cancel(self, run: Run) -> Json:
        if run.busy:
            raise RuntimeError("the run is locked")
        return super().cancel(run)


@defect("CAN-007")
class StopCancelsTheWorkflow(SpecServer):
    """A stop cancels every open run of the workflow."""

    def cancel(self, run: Run) -> Json:
        for other in self.runs.values():
            if other.workflow_id == run.workflow_id and not other.ended:
                self.mark_cancelled(other)
        return super().cancel(run)


@defect("CAN-007")
class StopCountsForAll(SpecServer):
    """A stop counts as a turn of every other open run of the tenant."""

    def cancel(self, run: Run) -> Json:
        for other in self.runs.values():
            if other.tenant == run.tenant and other is not run and not other.ended:
                other.turn += 1
        return super().cancel(run)


@defect("TRN-006")
class StopAnswersTurnZero(_EditsStop):
    """A stop is answered as turn 0."""

    changes: ClassVar[Json] = {"turn_number": 0}


@defect("TRN-006")
class StopTakesTwo(SpecServer):
    """A stop counts as two turns."""

    def cancel(self, run: Run) -> Json:
        run.turn += 2
        return super().cancel(run)


@defect("TRN-006")
class SecondStopRestarts(SpecServer):
    """A second stop is answered as turn 0."""

    def stop_again(self, run: Run) -> Json:
        return self.answer(run, 0, Outcome("cancelled"))
