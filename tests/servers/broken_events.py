"""Defects in events: EVT."""

import asyncio
import json
import uuid
from urllib.parse import quote

from tests.servers.http import Reply
from tests.servers.model import Ask, Json, Outcome, Run, event
from tests.servers.spec import SpecServer, changed
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)


class _Edits(SpecServer):
    """Passes the events of each executed turn through `edit`."""

    def result(self, run: Run, number: int, ask: Ask) -> Outcome:
        outcome = super().result(run, number, ask)
        outcome.events = self.edit(outcome.events, run, number)
        return outcome

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        raise NotImplementedError


@defect("EVT-001")
class EventsAsText(SpecServer):
    """Events are strings that hold JSON."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return super().encode(changed(answer, events=[json.dumps(each) for each in answer["events"]]), ask)


@defect("EVT-001")
class EventsWithoutType(_Edits):
    """The type of an event is in `event_type`."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        return [{("event_type" if key == "type" else key): value for key, value in each.items()} for each in events]


@defect("EVT-001")
class NumberedTypes(_Edits):
    """The type of an event is a number."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        return [{**each, "type": index} for index, each in enumerate(events)]


@defect("EVT-001", "EXE-002")
class EventsByName(SpecServer):
    """Events are an object, by logical_id."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return super().encode(changed(answer, events={each["logical_id"]: each for each in answer["events"]}), ask)


@defect("EVT-002")
class NoEventsLater(_Edits):
    """Events are sent on the first turn only."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        return events if number == 1 else []


@defect("EVT-003")
class NoClosingEvent(_Edits):
    """The closing event is emitted after the answer was written."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        return events[:-1] if number > 1 else events


@defect("EVT-003")
class CompletesWithoutEnd(SpecServer):
    """A completed run has no end_workflow."""

    def complete(self, events: list[Json]) -> Outcome:
        return Outcome("completed", events)


@defect("EVT-003")
class FailsWithEnd(SpecServer):
    """A failed run says end_workflow instead of workflow_error."""

    def fail(self, message: str) -> Outcome:
        return Outcome("failed", [event("end_workflow")], error=message)


@defect("EVT-004")
class AllEventsAgain(_Edits):
    """Each turn sends the events of all earlier turns too."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        run.notes["events"] = [*run.notes.get("events", []), *events]
        return list(run.notes["events"])


@defect("EVT-004")
class LastEventAgain(_Edits):
    """Each turn begins with the last event of the turn before."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        last = run.notes.get("last", [])
        run.notes["last"] = events[-1:]
        return [*last, *events]


@defect("EVT-004")
class NumberedIds(_Edits):
    """logical_ids are numbered from one in each turn."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        for index, each in enumerate(events):
            each["logical_id"] = f"event_{run.id}_{index}"
        return events


@defect("EVT-005")
class Milliseconds(_Edits):
    """Timestamps are milliseconds."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        for each in events:
            each["timestamp"] *= 1000
        return events


@defect("EVT-005")
class Backwards(_Edits):
    """Timestamps fall by half a second from event to event."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        for index, each in enumerate(events):
            each["timestamp"] -= index / 2
        return events


@defect("EVT-005")
class LocalTime(_Edits):
    """Timestamps are local time, two hours ahead."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        for each in events:
            each["timestamp"] += 7200
        return events


@defect("EVT-006")
class EndsTwice(_Edits):
    """Each end_node_run is sent twice."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        doubled: list[Json] = []
        for each in events:
            again = [{**each, "logical_id": f"event_{uuid.uuid4()}"}] if each["type"] == "end_node_run" else []
            doubled += [each, *again]
        return doubled


@defect("EVT-007")
class StartsEachTurn(_Edits):
    """start_workflow is sent on every turn."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        return [{**event("start_workflow"), "timestamp": events[0]["timestamp"]}, *events]


@defect("EVT-008")
class OneBufferForAll(SpecServer):
    """The current text is kept on the server: sessions at once answer each other's."""

    current: str | None = None

    async def resume(self, run: Run, ask: Ask) -> Json:
        self.current = ask.text
        await asyncio.sleep(0.02)
        ask.text = self.current
        return await super().resume(run, ask)


@defect("EVT-008")
class SharedHistory(SpecServer):
    """The history in the state is that of all sessions."""

    def __init__(self, *, slow_s: float = 1.0) -> None:
        super().__init__(slow_s=slow_s)
        self.history: list[str] = []

    def converse(self, run: Run, number: int, ask: Ask) -> Outcome:
        self.history += [] if ask.text is None else [ask.text]
        state = event("workflow_show_state", thread_id="0", runtime_variables={"history": self.history[-40:]})
        outcome = super().converse(run, number, ask)
        outcome.events.insert(0, state)
        return outcome


@defect("EVT-008")
class LastTextInHint(SpecServer):
    """The hint shows the text that any session sent last but one."""

    last: str | None = None

    def converse(self, run: Run, number: int, ask: Ask) -> Outcome:
        outcome = super().converse(run, number, ask)
        if outcome.hint is not None:
            outcome.hint["previous"] = self.last
        self.last = ask.text or self.last
        return outcome


@defect("EVT-008")
class LastTextInHeader(SpecServer):
    """A header shows the text that any session sent last but one."""

    last = ""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        reply = super().encode(answer, ask)
        reply.headers["X-Previous-Input"] = quote(self.last[:200].encode("utf-8", "replace"))
        self.last = ask.text or self.last
        return reply


@defect("EVT-009")
class EventsAgainUnderNewIds(_Edits):
    """Each turn sends the events of the turn before under new logical_ids."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        again = [{**each, "logical_id": f"event_{uuid.uuid4()}"} for each in run.notes.get("events", [])]
        run.notes["events"] = events
        return [*again, *events]


@defect("EVT-010")
class NodesUnseen(_Edits):
    """What nodes say is sent, that they ran is not."""

    def edit(self, events: list[Json], run: Run, number: int) -> list[Json]:
        return [each for each in events if each["type"] not in ("start_node_run", "end_node_run")]
