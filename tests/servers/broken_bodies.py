"""Defects in how a 200 is written: EXE-001, EXE-002."""

import json

from tests.servers.http import Reply
from tests.servers.model import Ask, Json
from tests.servers.spec import SpecServer, changed
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)


@defect("EXE-001")
class NanInBody(SpecServer):
    """A latency that was never measured is written as NaN."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return super().encode(changed(answer, latency_ms=float("nan")), ask)


@defect("EXE-001")
class DuplicateKeys(SpecServer):
    """The status is written twice."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        reply = super().encode(answer, ask)
        reply.body = b'{"status": "running", ' + reply.body[1:]
        return reply


@defect("EXE-001")
class WrongContentType(SpecServer):
    """JSON is sent as text/plain."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        reply = super().encode(answer, ask)
        reply.content_type = "text/plain"
        return reply


@defect("EXE-001")
class Latin1Body(SpecServer):
    """The body is not UTF-8 but Latin-1."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        text = json.dumps(changed(answer, product="Conversación"), ensure_ascii=False)
        return Reply(200, text.encode("latin-1", "replace"))


@defect("EXE-001")
class TwoObjects(SpecServer):
    """A second JSON object follows the first."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        reply = super().encode(answer, ask)
        reply.body += b'\n{"type": "end_of_stream"}'
        return reply


@defect("EXE-001")
class DoublyEncoded(SpecServer):
    """The body is a JSON string that holds JSON."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return Reply(200, json.dumps(json.dumps(answer)).encode())


@defect("EXE-001")
class FirstTurnIs201(SpecServer):
    """The first turn answers 201."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        reply = super().encode(answer, ask)
        reply.status = 201 if ask.run_id is None else 200
        return reply


@defect("EXE-002")
class FlagsAsNumbers(SpecServer):
    """Booleans are written as 0 and 1."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        flags = {name: int(answer[name]) for name in ("is_waiting_for_input", "is_completed")}
        return super().encode(changed(answer, **flags), ask)


@defect("EXE-002")
class FlagsAsText(SpecServer):
    """Booleans are written as text."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return super().encode(changed(answer, is_completed=str(answer["is_completed"]).lower()), ask)


@defect("EXE-002")
class TurnAsText(SpecServer):
    """turn_number is written as text."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return super().encode(changed(answer, turn_number=str(answer["turn_number"])), ask)


@defect("EXE-002")
class TurnAsFloat(SpecServer):
    """turn_number is written as 1.0."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return super().encode(changed(answer, turn_number=float(answer["turn_number"])), ask)


@defect("EXE-002")
class FirstTurnIsTrue(SpecServer):
    """turn_number is `true` on the first turn."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        number = answer["turn_number"]
        return super().encode(changed(answer, turn_number=True if number == 1 else number), ask)


@defect("EXE-002")
class FalseLeftOut(SpecServer):
    """Fields that are false are left out."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return super().encode({key: value for key, value in answer.items() if value is not False}, ask)


@defect("EXE-002")
class NullEventsOnStop(SpecServer):
    """An empty list of events is written as null."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return super().encode(changed(answer, events=answer["events"] or None), ask)
