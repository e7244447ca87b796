"""Defects in counting turns and in which input a turn works on: TRN-001 to TRN-005, TRN-007."""

from tests.servers.http import RefusedError
from tests.servers.model import Ask, Json, Outcome, Run
from tests.servers.spec import SpecServer, changed
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)


@defect("TRN-001")
class CountsFromZero(SpecServer):
    """Turns are counted from 0."""

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        return super().answer(run, number - 1, outcome)


@defect("TRN-001")
class CountsFromTwo(SpecServer):
    """The creation of the run counts as a turn."""

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        return super().answer(run, number + 1, outcome)


@defect("TRN-002")
class CountsToTen(SpecServer):
    """The turn number stays at 10."""

    def next_number(self, run: Run) -> int:
        return min(run.turn + 1, 10)


@defect("TRN-002")
class CountsByTwo(SpecServer):
    """The user's message and the answer count as a turn each."""

    def next_number(self, run: Run) -> int:
        return run.turn + 2 if run.turn else 1


@defect("TRN-002")
class AlwaysTurnOne(SpecServer):
    """Every answer is for turn 1."""

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        return super().answer(run, 1, outcome)


@defect("TRN-002")
class LagsBehind(SpecServer):
    """From the second turn on the number is read before it is written."""

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        return super().answer(run, max(1, number - 1), outcome)


@defect("TRN-001", "TRN-004")
class OneCounterForAll(SpecServer):
    """All sessions share one counter."""

    counter = 0

    def commit(self, run: Run, number: int, outcome: Outcome) -> None:
        super().commit(run, number, outcome)
        self.counter += 1
        run.notes["number"] = self.counter

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        return super().answer(run, run.notes["number"], outcome)


@defect("TRN-004")
class CounterOfTheWorkflow(SpecServer):
    """Later turns are counted by workflow: two sessions of one workflow push each other on."""

    def __init__(self, *, slow_s: float = 1.0) -> None:
        super().__init__(slow_s=slow_s)
        self.counters: dict[str, int] = {}

    def commit(self, run: Run, number: int, outcome: Outcome) -> None:
        super().commit(run, number, outcome)
        counted = 1 if number == 1 else self.counters.get(run.workflow_id, 0) + 1
        self.counters[run.workflow_id] = run.notes["number"] = counted

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        return super().answer(run, run.notes["number"], outcome)


@defect("TRN-005")
class DoubleSubmitRaces(SpecServer):
    """The turn number is read, the work awaited, the number written: two at once get the same."""

    async def enter(self, run: Run) -> None:
        """Let anyone in."""

    async def work(self, run: Run) -> None:
        await self.pass_time(run, self.slow_s if run.role == "slow" and run.turn else 0.03)


@defect("TRN-005")
class RefusedDoubleTakesATurn(DoubleSubmitRaces):
    """A second turn on a busy run is refused, and counted."""

    async def enter(self, run: Run) -> None:
        if run.busy:
            run.notes["lost"] = run.notes.get("lost", 0) + 1
            raise RefusedError(409, "the run is busy")
        run.busy = True

    def leave(self, run: Run) -> None:
        super().leave(run)
        run.turn += run.notes.pop("lost", 0)


@defect("TRN-005")
class SkipsAfterDouble(DoubleSubmitRaces):
    """Turns at once are numbered apart, but a number is left out between them."""

    def next_number(self, run: Run) -> int:
        doubled = run.notes.get("inside", 0) > 0
        run.notes["inside"] = run.notes.get("inside", 0) + 1
        run.notes["given"] = max(run.turn, run.notes.get("given", 0)) + (2 if doubled else 1)
        return int(run.notes["given"])

    def commit(self, run: Run, number: int, outcome: Outcome) -> None:
        super().commit(run, max(number, run.turn), outcome)

    def leave(self, run: Run) -> None:
        run.notes["inside"] -= 1


@defect("TRN-007")
class OneInputBehind(SpecServer):
    """Each turn works on the input of the turn before."""

    def converse(self, run: Run, number: int, ask: Ask) -> Outcome:
        current, ask.text = ask.text, run.notes.get("text")
        run.notes["text"] = current
        return super().converse(run, number, ask)


@defect("TRN-007")
class FirstInputForever(SpecServer):
    """Each turn works on the first input that the session ever got."""

    def converse(self, run: Run, number: int, ask: Ask) -> Outcome:
        if ask.text is not None:
            ask.text = run.notes.setdefault("text", ask.text)
        return super().converse(run, number, ask)


@defect("TRN-007")
class LaggingEvents(SpecServer):
    """The events are those of the turn before, the number is right."""

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        answer = super().answer(run, number, outcome)
        shown = run.notes.get("events", answer["events"])
        run.notes["events"] = answer["events"]
        return changed(answer, events=shown)
