"""Defects in status, flags, error and hint: STS."""

from typing import Any, ClassVar

from tests.servers.http import RefusedError
from tests.servers.model import Ask, Json, Outcome, Run, event
from tests.servers.spec import SpecServer, changed
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)

WAITING = "waiting_for_user_input"


class _Edits(SpecServer):
    """Changes fields of the answers that `applies` picks out."""

    changes: ClassVar[Json] = {}

    def answer(self, run: Run, *args: Any) -> Json:
        answer = super().answer(run, *args)
        return changed(answer, **self.edit(answer)) if self.applies(answer) else answer

    def applies(self, answer: Json) -> bool:
        raise NotImplementedError

    def edit(self, answer: Json) -> Json:
        return self.changes


class _EditsLaterWaiting(_Edits):
    """Changes fields of waiting answers from the second turn on."""

    def applies(self, answer: Json) -> bool:
        return bool(answer["status"] == WAITING and answer["turn_number"] > 1)


class _EditsCompleted(_Edits):
    """Changes fields of completed answers."""

    def applies(self, answer: Json) -> bool:
        return bool(answer["status"] == "completed")


@defect("STS-001")
class ShoutedStatus(_Edits):
    """The status is in upper case."""

    def applies(self, answer: Json) -> bool:
        return True

    def edit(self, answer: Json) -> Json:
        return {"status": answer["status"].upper()}


@defect("STS-001")
class StatusOfItsOwn(_EditsLaterWaiting):
    """A waiting run says `waiting`."""

    changes: ClassVar[Json] = {"status": "waiting"}


@defect("STS-001")
class AmericanSpelling(_Edits):
    """A cancelled run says `canceled`."""

    def applies(self, answer: Json) -> bool:
        return bool(answer["status"] == "cancelled")

    def edit(self, answer: Json) -> Json:
        return {"status": "canceled"}


@defect("STS-002")
class AnswersTooSoon(_EditsLaterWaiting):
    """The answer is written while the turn is still running."""

    changes: ClassVar[Json] = {"status": "running", "is_waiting_for_input": False, "next_input_hint": None}


@defect("STS-002")
class StaysStarted(_EditsLaterWaiting):
    """The status of the start is never updated on later turns."""

    changes: ClassVar[Json] = {"status": "started", "is_waiting_for_input": False, "next_input_hint": None}


@defect("STS-003")
class AbortedIsNotCompleted(_Edits):
    """is_completed forgets aborted_looping_risk."""

    def applies(self, answer: Json) -> bool:
        return bool(answer["status"] == "aborted_looping_risk")

    def edit(self, answer: Json) -> Json:
        return {"is_completed": False}


@defect("STS-003")
class FailedIsNotCompleted(_Edits):
    """is_completed forgets failed."""

    def applies(self, answer: Json) -> bool:
        return bool(answer["status"] == "failed")

    def edit(self, answer: Json) -> Json:
        return {"is_completed": False}


@defect("STS-003", "CAN-001")
class CancelledIsNotCompleted(_Edits):
    """is_completed forgets cancelled."""

    def applies(self, answer: Json) -> bool:
        return bool(answer["status"] == "cancelled")

    def edit(self, answer: Json) -> Json:
        return {"is_completed": False}


@defect("STS-003")
class PausedIsCompleted(_Edits):
    """is_completed is true for everything that does not wait."""

    def applies(self, answer: Json) -> bool:
        return bool(answer["status"] == "paused")

    def edit(self, answer: Json) -> Json:
        return {"is_completed": True}


@defect("STS-003", "STS-005")
class TurnCompletedFlag(_EditsLaterWaiting):
    """is_completed speaks of the turn, not of the run."""

    changes: ClassVar[Json] = {"is_completed": True}


@defect("STS-004")
class WaitsWithoutFlag(_EditsLaterWaiting):
    """is_waiting_for_input is lost on later turns."""

    changes: ClassVar[Json] = {"is_waiting_for_input": False}


@defect("STS-004", "STS-005")
class CompletedStillWaits(_EditsCompleted):
    """is_waiting_for_input stays true on a completed run."""

    changes: ClassVar[Json] = {"is_waiting_for_input": True}


@defect("STS-006")
class FailsSilently(SpecServer):
    """A failed run has no error."""

    def fail(self, message: str) -> Outcome:
        outcome = super().fail(message)
        outcome.error = None
        return outcome


@defect("STS-006")
class FailsWithEmptyError(SpecServer):
    """A failed run has an empty error."""

    def fail(self, message: str) -> Outcome:
        outcome = super().fail(message)
        outcome.error = ""
        return outcome


@defect("STS-007")
class NoHint(_EditsLaterWaiting):
    """The hint is there on the first turn only."""

    changes: ClassVar[Json] = {"next_input_hint": None}


@defect("STS-007")
class TextHint(_EditsLaterWaiting):
    """The hint is a sentence."""

    changes: ClassVar[Json] = {"next_input_hint": "Say something."}


@defect("STS-007")
class ListOfHints(_EditsLaterWaiting):
    """The hint is a list of hints."""

    def edit(self, answer: Json) -> Json:
        return {"next_input_hint": [answer["next_input_hint"]]}


@defect("STS-007")
class StaleHint(SpecServer):
    """A completed run still has the hint of the turn before."""

    def commit(self, run: Run, number: int, outcome: Outcome) -> None:
        if outcome.status == "completed":
            outcome.hint = run.hint or event("busy_wait_for_user_message")
        super().commit(run, number, outcome)


@defect("STS-008")
class HintOfOtherType(_EditsLaterWaiting):
    """The hint is the last event but one."""

    def edit(self, answer: Json) -> Json:
        return {"next_input_hint": answer["events"][-2]}


@defect("STS-008")
class HintWithoutType(_EditsLaterWaiting):
    """The hint is the event without its type."""

    def edit(self, answer: Json) -> Json:
        return {"next_input_hint": {key: value for key, value in answer["next_input_hint"].items() if key != "type"}}


@defect("STS-009")
class CompletedRunsOn(SpecServer):
    """A completed run takes further turns."""

    async def resume(self, run: Run, ask: Ask) -> Json:
        if run.status == "completed":
            run.status = WAITING
        return await super().resume(run, ask)


@defect("STS-009", "EXE-008")
class TerminalCrashes(SpecServer):
    """A turn on a terminal run is a 500."""

    def after_end(self, run: Run, ask: Ask) -> Json:
        raise RuntimeError("the state machine has no such transition")


@defect("STS-009")
class TerminalTakesATurn(SpecServer):
    """A turn on a terminal run answers its state under the next number."""

    def after_end(self, run: Run, ask: Ask) -> Json:
        run.turn += 1
        return self.snapshot(run)


@defect("STS-009")
class TerminalForgets(SpecServer):
    """A turn on a terminal run answers failed."""

    def after_end(self, run: Run, ask: Ask) -> Json:
        return self.answer(run, run.turn, Outcome("failed", error="the run has ended"))


class _MisPlays(SpecServer):
    """Answers one role with another's end."""

    role = ""

    def play(self, run: Run, number: int, ask: Ask) -> Outcome:
        if run.role == self.role:
            return self.other(run, number, ask)
        return super().play(run, number, ask)

    def other(self, run: Run, number: int, ask: Ask) -> Outcome:
        return self.complete([])


@defect("STS-010")
class LoopsComplete(_MisPlays):
    """A run that loops is called completed."""

    role = "loops"


@defect("STS-010")
class LoopsFail(_MisPlays):
    """A run that loops is called failed."""

    role = "loops"

    def other(self, run: Run, number: int, ask: Ask) -> Outcome:
        return self.fail("too many iterations")


@defect("STS-010")
class FailuresComplete(_MisPlays):
    """A run that fails is called completed."""

    role = "fails"


@defect("STS-010")
class PausesComplete(_MisPlays):
    """A run that pauses runs through."""

    role = "pauses"


@defect("STS-011")
class PausedIsStuck(SpecServer):
    """A paused run is never resumed."""

    async def resume(self, run: Run, ask: Ask) -> Json:
        if run.status == "paused":
            raise RefusedError(409, "the run is paused")
        return await super().resume(run, ask)


@defect("STS-012")
class ErrorOnCompleted(_EditsCompleted):
    """A completed run has the error `no error`."""

    changes: ClassVar[Json] = {"error": "no error"}


@defect("STS-012")
class ErrorOnWaiting(_EditsLaterWaiting):
    """A waiting run has an error."""

    changes: ClassVar[Json] = {"error": "OK"}


@defect("STS-013")
class ErrorOnCancelled(_Edits):
    """A cancelled run has an error."""

    def applies(self, answer: Json) -> bool:
        return bool(answer["status"] == "cancelled")

    def edit(self, answer: Json) -> Json:
        return {"error": "cancelled by the user"}


@defect("STS-014")
class HintOfItsOwn(_EditsLaterWaiting):
    """The hint is an event that was never emitted."""

    def edit(self, answer: Json) -> Json:
        return {"next_input_hint": event("busy_wait_for_user_message")}
