"""Defects in what is refused and how: EXE-003 to EXE-012, EXE-014."""

import json
import re

from tests.servers.http import Call, RefusedError, Reply, as_json
from tests.servers.model import COMMANDS, ROLES, WORKFLOWS, Ask, Json, Run
from tests.servers.spec import SpecServer
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)

_NO_THREADS: Json = {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}


@defect("EXE-003")
class MalformedWorkflowIsDefault(SpecServer):
    """A malformed workflow_id falls back to a default workflow."""

    def route(self, call: Call) -> str:
        workflow_id = super().route(call)
        return workflow_id if re.fullmatch("[0-9a-f]{24}", workflow_id) else WORKFLOWS["conversation"]


@defect("EXE-003", "EXE-008")
class MalformedWorkflowCrashes(SpecServer):
    """A malformed workflow_id raises inside the ObjectId constructor: 500."""

    def find_workflow(self, workflow_id: str) -> str:
        int(workflow_id, 16).to_bytes(12, "big")
        if len(workflow_id) != 24:
            raise ValueError(workflow_id)
        return super().find_workflow(workflow_id)


@defect("EXE-004")
class UnknownWorkflowIsMade(SpecServer):
    """A workflow that does not exist is run as an empty conversation."""

    def find_workflow(self, workflow_id: str) -> str:
        known = workflow_id in ROLES or not re.fullmatch("[0-9a-f]{24}", workflow_id)
        return super().find_workflow(workflow_id) if known else "conversation"


@defect("EXE-005")
class MissingInputIsEmpty(SpecServer):
    """A run_input that is missing or null is taken as empty."""

    def read_run_input(self, body: Json) -> Json:
        return super().read_run_input({**body, "run_input": body.get("run_input") or _NO_THREADS})


@defect("EXE-005")
class MalformedJsonIsEmpty(SpecServer):
    """A body that cannot be parsed is taken as one without a message."""

    def decode(self, call: Call) -> Json:
        try:
            return super().decode(call)
        except RefusedError:
            return {"run_input": _NO_THREADS}


class _Unwraps(SpecServer):
    """A body that is no object is made one."""

    def unwrap(self, body: object) -> object:
        raise NotImplementedError

    def decode(self, call: Call) -> Json:
        try:
            found = self.unwrap(json.loads(call.body))
        except (ValueError, LookupError, TypeError):
            return super().decode(call)
        return found if isinstance(found, dict) else super().decode(call)


@defect("EXE-005")
class ReadsTheFirstOfAList(_Unwraps):
    """A list of one call is read as that call."""

    def unwrap(self, body: object) -> object:
        return body[0] if isinstance(body, list) else None


@defect("EXE-005")
class ReadsJsonInAString(_Unwraps):
    """A body that was encoded twice is decoded twice."""

    def unwrap(self, body: object) -> object:
        return json.loads(body) if isinstance(body, str) else None


@defect("EXE-006")
class UnknownCommandStarts(SpecServer):
    """A command that is not known is taken as start."""

    def read_command(self, run_input: Json) -> str:
        command = run_input.get("command")
        return super().read_command({"command": command if command in COMMANDS else "start"})


@defect("EXE-007")
class ExtraFieldsForbidden(SpecServer):
    """A field that is not known at the top is refused."""

    def decode(self, call: Call) -> Json:
        body = super().decode(call)
        if extra := sorted(body.keys() - {"run_id", "run_input"}):
            raise RefusedError(422, f"extra inputs are not permitted: {extra}")
        return body


@defect("EXE-007")
class ExtraInputFieldsForbidden(SpecServer):
    """A field that is not known in run_input is refused."""

    known = (
        *("command", "dynamic_variables", "runtime_variables", "miscellaneous", "workflow_id", "version_number"),
        *("run_by", "workflow_run_id", "team_id", "start_node_logical_id", "initial_state", "welcome_message"),
        "thread_to_node_inputs",
    )

    def read_run_input(self, body: Json) -> Json:
        run_input = super().read_run_input(body)
        if extra := sorted(run_input.keys() - set(self.known)):
            raise RefusedError(422, f"extra inputs are not permitted: {extra}")
        return run_input


@defect("EXE-008")
class DeepNestingCrashes(SpecServer):
    """A body nested deeper than 64 levels is a 500."""

    def decode(self, call: Call) -> Json:
        depth = deepest = 0
        for bracket in re.sub(rb'"(?:[^"\\]|\\.)*"|[^][{}]', b"", call.body):
            depth += 1 if bracket in b"[{" else -1
            deepest = max(deepest, depth)
        if deepest > 64:
            raise RecursionError
        return super().decode(call)


@defect("EXE-008")
class HugeVersionCrashes(SpecServer):
    """A version beyond 32 bits is a 500."""

    def read_version(self, call: Call) -> int | None:
        version = super().read_version(call)
        (version or 0).to_bytes(4, "big")
        return version


@defect("EXE-008")
class EmptyBodyCrashes(SpecServer):
    """An empty body is a 500."""

    def decode(self, call: Call) -> Json:
        if call.body[0] == 0:
            raise RefusedError(422, "the body is not valid JSON")
        return super().decode(call)


@defect("EXE-008")
class WrongContentTypeCrashes(SpecServer):
    """A body that is not declared as JSON is a 500."""

    def decode(self, call: Call) -> Json:
        if "json" not in call.headers.get("content-type", ""):
            raise TypeError("not a mapping")
        return super().decode(call)


@defect("EXE-009")
class HtmlRefusals(SpecServer):
    """Refusals of input and of runs are pages."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        page = f"<html><body>{refusal.detail}</body></html>".encode()
        return Reply(refusal.status, page, "text/html", refusal.headers)


@defect("EXE-009")
class SilentRefusals(SpecServer):
    """Refusals carry a number and no sentence."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        return as_json(refusal.status, {"code": refusal.status}, refusal.headers)


@defect("EXE-004", "RUN-005")
class RefusalsRedirect(SpecServer):
    """What cannot be found redirects to a page instead of 404."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        if refusal.status != 404:
            return super().refuse(refusal, call)
        return Reply(302, b"", "text/html", {"Location": "/not-found"})


@defect("EXE-004", "RUN-005")
class RefusalsAre200(SpecServer):
    """What cannot be found is a 200 with an error inside."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        status = 200 if refusal.status == 404 else refusal.status
        return as_json(status, {"detail": refusal.detail}, refusal.headers)


class _TouchesOnRefusal(SpecServer):
    """Touches the run that a refused request names."""

    async def respond(self, call: Call) -> Reply:
        reply = await super().respond(call)
        run = self._named(call) if 400 <= reply.status < 500 else None
        if run is not None and not run.ended:
            self.touch(run)
        return reply

    def _named(self, call: Call) -> Run | None:
        try:
            return self.runs.get(str(self.decode(call).get("run_id")))
        except RefusedError:
            return None

    def touch(self, run: Run) -> None:
        raise NotImplementedError


@defect("EXE-010", "TRN-003")
class RefusalTakesATurn(_TouchesOnRefusal):
    """The turn is counted before the request is validated."""

    def touch(self, run: Run) -> None:
        run.turn += 1


@defect("EXE-010")
class RefusalKillsTheRun(_TouchesOnRefusal):
    """A refused request leaves the run it names failed."""

    def touch(self, run: Run) -> None:
        run.status, run.error = "failed", "invalid input"


@defect("EXE-010")
class RefusalLocksTheRun(_TouchesOnRefusal):
    """A refused request never gives the run's lock back."""

    def touch(self, run: Run) -> None:
        run.busy = True


@defect("EXE-011")
class GetIsWelcome(SpecServer):
    """A GET of the endpoint answers 200 with a page."""

    async def respond(self, call: Call) -> Reply:
        if call.method == "POST":
            return await super().respond(call)
        return Reply(200, b"<html>Use POST.</html>", "text/html")


@defect("EXE-012", "RUN-003")
class ExplicitStartStartsAnew(SpecServer):
    """`"command": "start"` beside a run_id starts a new run."""

    async def execute(self, ask: Ask) -> Json:
        if ask.run_input.get("command") == "start":
            ask.run_id = None
        return await super().execute(ask)


@defect("EXE-012")
class NullsAreRefused(SpecServer):
    """Optional fields of run_input may be left out but not null."""

    def read_run_input(self, body: Json) -> Json:
        run_input = super().read_run_input(body)
        if nulls := sorted(name for name, value in run_input.items() if value is None):
            raise RefusedError(422, f"may not be null: {', '.join(nulls)}")
        return run_input


@defect("EXE-014")
class RateLimitWithoutRetryAfter(SpecServer):
    """Every fifth call is 429, and nobody says until when."""

    calls = 0

    def admit(self, call: Call) -> None:
        self.calls += 1
        if self.calls % 5 == 0:
            raise RefusedError(429, "slow down")
