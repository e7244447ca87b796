"""Conforming servers that differ in the call: HTTP, headers, refusals, bodies."""

import asyncio
import gzip
import json
from dataclasses import replace
from typing import Any

from tests.servers.http import Call, RefusedError, Reply, as_json
from tests.servers.model import Ask, Json, Run, event
from tests.servers.spec import SpecServer, changed
from tests.servers.target import Conforming, variants

TABLE: list[Conforming] = []
variant = variants(TABLE)


@variant()
class Plain(SpecServer):
    """The base server as it is."""


@variant()
class ReadsEveryEncoding(SpecServer):
    """A body may be in UTF-16 or UTF-32 as well, as a JSON library tells them apart."""

    def decode(self, call: Call) -> Json:
        encoding = json.detect_encoding(call.body)
        if encoding not in ("utf-8", "utf-8-sig"):
            try:
                call = replace(call, body=call.body.decode(encoding).encode())
            except UnicodeDecodeError:
                raise RefusedError(422, "the body is not Unicode") from None
        return super().decode(call)


@variant(live=True)
class OverASocket(SpecServer):
    """The base server, served over a socket."""


@variant()
class Gzip(SpecServer):
    """Bodies are compressed for those who accept it."""

    async def respond(self, call: Call) -> Reply:
        reply = await super().respond(call)
        if "gzip" in call.headers.get("accept-encoding", ""):
            reply.body = gzip.compress(reply.body)
            reply.headers["Content-Encoding"] = "gzip"
        return reply


@variant(live=True)
class Chunked(SpecServer):
    """Bodies come in three chunks, without a length."""

    async def respond(self, call: Call) -> Reply:
        reply = await super().respond(call)
        reply.pieces = 3
        return reply


@variant(live=True)
class ConnectionClose(SpecServer):
    """Each response closes its connection."""

    async def respond(self, call: Call) -> Reply:
        reply = await super().respond(call)
        reply.headers["Connection"] = "close"
        return reply


@variant()
class BehindPrefix(SpecServer):
    """The deployment sits behind a path prefix."""

    prefix = "/workflows/eu"


@variant(
    target={"target": {"headers": {"teamid": "t1", "uuid": "u1"}, "second_headers": {"teamid": "t2", "uuid": "u2"}}}
)
class DemandsHeaders(SpecServer):
    """The headers teamid and uuid are demanded, and have to belong to the key."""

    def authenticate(self, call: Call) -> str:
        tenant = super().authenticate(call)
        number = {"one": "1", "two": "2"}[tenant]
        if (call.headers.get("teamid"), call.headers.get("uuid")) != (f"t{number}", f"u{number}"):
            raise RefusedError(403, "teamid and uuid do not belong to the key")
        return tenant


@variant()
class CharsetAndRawUtf8(SpecServer):
    """The content type has a charset parameter and odd case, and the body is raw UTF-8, indented."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        text = json.dumps(answer, ensure_ascii=False, indent=2)
        return Reply(200, text.encode("utf-8", "replace"), "Application/JSON; Charset=UTF-8")


@variant()
class NullsLeftOut(SpecServer):
    """Null fields are left out, in the body and in events."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        def bare(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: bare(each) for key, each in value.items() if each is not None}
            return [bare(each) for each in value] if isinstance(value, list) else value

        return super().encode(bare(answer), ask)


@variant()
class NewerFields(SpecServer):
    """The response has fields of newer servers, and background work is false."""

    def answer(self, *args: Any) -> Json:
        more = {"has_background_work": False, "has_active_companions": False, "server": {"build": 7}, "cost": 0.5}
        return {**more, **super().answer(*args)}


@variant()
class SlowCalls(SpecServer):
    """Every call takes 50 ms."""

    async def respond(self, call: Call) -> Reply:
        await asyncio.sleep(0.05)
        return await super().respond(call)


@variant()
class RefusalsAre400(SpecServer):
    """Every refusal of input and of runs is a 400 with message and error."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        if refusal.status in (401, 405):
            return super().refuse(refusal, call)
        return as_json(400, {"message": refusal.detail, "error": "BAD_REQUEST"})


@variant()
class RefusalsAreLists(SpecServer):
    """Refusals of input are 422 with a list of what is wrong, the text deep inside."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        detail = [{"type": "value_error", "loc": ["body", 0], "msg": refusal.detail, "ctx": {"limit": 1}}]
        return as_json(refusal.status, {"detail": detail}, refusal.headers)


@variant()
class RefusalsAreBareStrings(SpecServer):
    """A refusal is a JSON string and nothing around it."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        return as_json(refusal.status, f"refused: {refusal.detail}", refusal.headers)


@variant()
class RefusalsAreProblems(SpecServer):
    """Refusals are problem details (RFC 9457) with a content type of their own."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        problem = {"type": "about:blank", "title": refusal.detail, "status": refusal.status}
        return Reply(refusal.status, json.dumps(problem).encode(), "application/problem+json", refusal.headers)


@variant()
class HtmlGateway(SpecServer):
    """A gateway answers 401 and 405 with a page."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        if refusal.status not in (401, 405):
            return super().refuse(refusal, call)
        page = b"<html><body><h1>Not here</h1></body></html>"
        return Reply(refusal.status, page, "text/html", refusal.headers)


@variant()
class ForbiddenNotUnauthorized(SpecServer):
    """A bad key is 403, with an empty body."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        if refusal.status != 401:
            return super().refuse(refusal, call)
        return Reply(403, b"", "text/plain")


@variant()
class OtherMethodsAre404(SpecServer):
    """Other methods find nothing, and unknown workflows are not permitted."""

    def route(self, call: Call) -> str:
        if call.method != "POST":
            raise RefusedError(404, "no such path")
        return super().route(call)

    def find_workflow(self, workflow_id: str) -> str:
        try:
            return super().find_workflow(workflow_id)
        except RefusedError:
            raise RefusedError(403, "you may not run this workflow") from None


@variant()
class WorkflowLast(SpecServer):
    """What is wrong with the body or the query is said before what is wrong with the workflow."""

    def read(self, call: Call) -> Ask:
        self.route(call)
        self.authenticate(call)
        self.read_run_id(self.decode(call))
        self.read_version(call)
        return super().read(call)


@variant()
class AnyContentType(SpecServer):
    """JSON is read whatever the content type says, and an invalid version is ignored on later turns."""

    def decode(self, call: Call) -> Json:
        return super().decode(_with_headers(call, {"content-type": "application/json"}))

    def read(self, call: Call) -> Ask:
        if call.method == "POST" and self._is_later(call):
            call = _with_headers(call, {}, query={})
        return super().read(call)

    def _is_later(self, call: Call) -> bool:
        try:
            return bool(self.decode(call).get("run_id"))
        except RefusedError:
            return False


@variant()
class SmallBodies(SpecServer):
    """Bodies above 512 KiB are 413 with a page, queries above 2 KiB 414."""

    def admit(self, call: Call) -> None:
        if len(call.body) > 512 * 1024:
            raise RefusedError(413, "too large")
        if sum(map(len, call.query.values())) > 2048:
            raise RefusedError(414, "too long")

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        if refusal.status in (413, 414):
            return Reply(refusal.status, b"<html>too large</html>", "text/html")
        return super().refuse(refusal, call)


@variant()
class SometimesRateLimited(SpecServer):
    """Every seventh call is 429 with Retry-After 0, every eleventh 503 with Retry-After 0."""

    calls = 0

    def admit(self, call: Call) -> None:
        self.calls += 1
        if self.calls % 7 == 0:
            raise RefusedError(429, "slow down", {"Retry-After": "0"})
        if self.calls % 11 == 0:
            raise RefusedError(503, "try again", {"Retry-After": "0"})


@variant()
class SeldomRateLimited(SpecServer):
    """Every fiftieth call is 429 with Retry-After 1, as a page."""

    calls = 0

    def admit(self, call: Call) -> None:
        self.calls += 1
        if self.calls % 50 == 0:
            raise RefusedError(429, "slow down", {"Retry-After": "1"})

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        if refusal.status == 429:
            return Reply(429, b"<html>slow down</html>", "text/html", refusal.headers)
        return super().refuse(refusal, call)


@variant()
class FourRunsAWorkflow(SpecServer):
    """A workflow has at most four open runs a tenant; further starts are 429 with Retry-After 1."""

    def create(self, ask: Ask) -> Run:
        mine = [run for run in self.runs.values() if (run.workflow_id, run.tenant) == (ask.workflow_id, ask.tenant)]
        if sum(not run.ended for run in mine) >= 4:
            raise RefusedError(429, "too many open runs", {"Retry-After": "1"})
        return super().create(ask)


@variant()
class ContentInParts(SpecServer):
    """The content of an assistant_response is a list of parts."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        events = [
            {**each, "content": [{"type": "text", "text": each["content"]}]} if "content" in each else each
            for each in answer["events"]
        ]
        return super().encode(changed(answer, events=events), ask)


@variant()
class StricterInput(SpecServer):
    """A run_input without any thread is refused, so is `command: null`, and a contradicting id."""

    def read_run_input(self, body: Json) -> Json:
        run_input = super().read_run_input(body)
        if not run_input.get("thread_to_node_inputs"):
            raise RefusedError(400, "run_input needs a thread")
        if "command" in run_input and run_input["command"] is None:
            raise RefusedError(422, "command may not be null")
        if run_input.get("workflow_run_id") not in (None, body.get("run_id")):
            raise RefusedError(400, "workflow_run_id contradicts run_id")
        return run_input


@variant()
class LaxInput(SpecServer):
    """Fields of a wrong type are ignored, commands come in any case, and an empty run_id means absent."""

    def read_run_input(self, body: Json) -> Json:
        run_input = body.get("run_input")
        if not isinstance(run_input, dict):
            raise RefusedError(422, "run_input must be an object")
        return run_input

    def read_command(self, run_input: Json) -> str:
        command = run_input.get("command")
        return super().read_command({"command": command.lower() if isinstance(command, str) else command})

    def read_run_id(self, body: Json) -> str | None:
        return None if body.get("run_id") == "" else super().read_run_id(body)

    def heard(self, text: str) -> Json:
        return event("user_messages", messages=[{"role": "user", "content": text}])


def _with_headers(call: Call, headers: dict[str, str], query: dict[str, str] | None = None) -> Call:
    kept = call.query if query is None else query
    return Call(call.method, call.path, kept, {**call.headers, **headers}, call.body, call.client)
