"""Defects in run_id: RUN."""

import secrets
import time
import uuid
from typing import Any

from tests.servers.http import RefusedError
from tests.servers.model import Ask, Json, Outcome, Run, new_object_id
from tests.servers.spec import SpecServer, changed
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)


@defect("RUN-001")
class UuidRunIds(SpecServer):
    """run_ids are 32 hex digits."""

    def new_run_id(self) -> str:
        return uuid.uuid4().hex

    def read_run_id(self, body: Json) -> str | None:
        run_id = body.get("run_id")
        return run_id if isinstance(run_id, str) and len(run_id) == 32 else super().read_run_id(body)


@defect("RUN-001")
class ReprRunIds(SpecServer):
    """The run_id answered is the ObjectId's representation."""

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        return changed(super().answer(run, number, outcome), run_id=f"ObjectId('{run.id}')")

    def read_run_id(self, body: Json) -> str | None:
        run_id = body.get("run_id")
        bare = run_id[10:-2] if isinstance(run_id, str) and run_id.startswith("ObjectId('") else run_id
        return super().read_run_id({"run_id": bare})


@defect("RUN-002")
class RunIdsOfTheMinute(SpecServer):
    """Runs that start within one minute get the same run_id."""

    def new_run_id(self) -> str:
        return f"{int(time.time()) // 60 * 60:08x}{1:016x}"


@defect("RUN-002")
class FirstAnswerCached(SpecServer):
    """The answer to a first turn is cached by workflow."""

    cache: dict[str, Json] | None = None

    async def start(self, ask: Ask) -> Json:
        self.cache = self.cache or {}
        key = f"{ask.workflow_id} {ask.version} {ask.text} {ask.command} {ask.tenant}"
        if key not in self.cache:
            self.cache[key] = await super().start(ask)
        return self.cache[key]


@defect("RUN-003")
class NewRunIdEachTurn(SpecServer):
    """Each turn answers a run_id of its own; all of them lead to the run."""

    def answer(self, run: Run, number: int, outcome: Outcome) -> Json:
        alias = run.id if number == 1 else new_object_id()
        self.runs[alias] = run
        return changed(super().answer(run, number, outcome), run_id=alias)


@defect("RUN-004")
class NullRunIdRefused(SpecServer):
    """A run_id of null is refused."""

    def read_run_id(self, body: Json) -> str | None:
        if "run_id" in body and body["run_id"] is None:
            raise RefusedError(422, "run_id must be a string")
        return super().read_run_id(body)


@defect("RUN-005")
class UnknownRunStarts(SpecServer):
    """A run_id that was never issued starts a run of that id."""

    def look_up(self, ask: Ask) -> Run | None:
        run_id = str(ask.run_id)
        if run_id not in self.runs:
            self.runs[run_id] = Run(run_id, ask.workflow_id, ask.role, ask.tenant, self.choose_version(ask))
        return self.runs[run_id]


@defect("RUN-005", "EXE-008")
class UnknownRunCrashes(SpecServer):
    """A run_id that was never issued is a 500."""

    def look_up(self, ask: Ask) -> Run | None:
        return self.runs[str(ask.run_id)]


@defect("RUN-006")
class OperatorsReachTheQuery(SpecServer):
    """An object as run_id goes into the query, and `{"$ne": null}` finds any run."""

    def read_run_id(self, body: Json) -> str | None:
        if isinstance(body.get("run_id"), dict):
            return "any"
        return super().read_run_id(body)

    def look_up(self, ask: Ask) -> Run | None:
        if ask.run_id != "any":
            return super().look_up(ask)
        open_runs = [run for run in self.runs.values() if run.workflow_id == ask.workflow_id and not run.ended]
        return next((run for run in reversed(open_runs) if run.tenant == ask.tenant), None)


@defect("RUN-006")
class OtherTypesAreAbsent(SpecServer):
    """A run_id that is no string counts as absent."""

    def read_run_id(self, body: Json) -> str | None:
        return super().read_run_id(body) if isinstance(body.get("run_id"), str) else None


@defect("RUN-006", "EXE-008")
class MalformedRunIdCrashes(SpecServer):
    """A run_id that is no ObjectId is a 500."""

    def read_run_id(self, body: Json) -> str | None:
        try:
            return super().read_run_id(body)
        except RefusedError as refusal:
            raise ValueError("not an ObjectId") from refusal


@defect("RUN-006")
class MalformedRunIdStarts(SpecServer):
    """A run_id of the wrong length or with other letters starts a new run."""

    def read_run_id(self, body: Json) -> str | None:
        try:
            return super().read_run_id(body)
        except RefusedError:
            if isinstance(body.get("run_id"), str):
                return None
            raise


class _PathForgotten(SpecServer):
    """Finds runs whatever workflow the path names, where `forgets` says so."""

    def find_run(self, ask: Ask) -> Run:
        run = self.look_up(ask)
        if run is not None and self.may_use(run, ask) and self.forgets(ask):
            return run
        return super().find_run(ask)

    def forgets(self, ask: Ask) -> bool:
        raise NotImplementedError


@defect("RUN-007")
class PathNotCompared(_PathForgotten):
    """A later turn works under any workflow's path."""

    def forgets(self, ask: Ask) -> bool:
        return ask.command != "stop"


@defect("RUN-007")
class PathNotComparedForStop(_PathForgotten):
    """A stop works under any workflow's path."""

    def forgets(self, ask: Ask) -> bool:
        return ask.command == "stop"


@defect("RUN-007")
class TheConversationFindsAll(_PathForgotten):
    """A run of any workflow goes on, and stops, under the conversation's path."""

    def forgets(self, ask: Ask) -> bool:
        return ask.role == "conversation"


class _Tidies(SpecServer):
    """A run_id is tidied before it is looked up."""

    def tidy(self, run_id: str) -> str:
        raise NotImplementedError

    def read_run_id(self, body: Json) -> str | None:
        run_id = body.get("run_id")
        return super().read_run_id({"run_id": self.tidy(run_id) if isinstance(run_id, str) else run_id})


@defect("RUN-006")
class StripsRunIds(_Tidies):
    """Blanks around a run_id are taken off."""

    def tidy(self, run_id: str) -> str:
        return run_id.strip(" ")


@defect("RUN-006")
class DollarMatchesRunIds(_Tidies):
    """A line end behind a run_id is passed over, as by a pattern that ends in a dollar sign."""

    def tidy(self, run_id: str) -> str:
        return run_id.removesuffix("\n")


@defect("RUN-006")
class RunIdsMayHaveHyphens(_Tidies):
    """Hyphens in a run_id are taken out, as of a UUID."""

    def tidy(self, run_id: str) -> str:
        return run_id.replace("-", "")


@defect("RUN-008")
class RandomRunIds(SpecServer):
    """run_ids are 24 random hex digits that begin in 2096."""

    def new_run_id(self) -> str:
        return f"ee{secrets.token_hex(11)}"


@defect("RUN-008")
class CountedRunIds(SpecServer):
    """run_ids are counted from one."""

    def new_run_id(self) -> str:
        return f"{len(self.runs) + 1:024x}"


@defect("RUN-009", live=True)
class BoundToTheConnection(SpecServer):
    """A session lives as long as its connection: on another one the run is not found."""

    def create(self, ask: Ask) -> Run:
        run = super().create(ask)
        run.notes["client"] = ask.call.client
        return run

    def may_use(self, run: Run, ask: Ask) -> bool:
        return run.notes["client"] == ask.call.client and super().may_use(run, ask)


@defect("RUN-010")
class BodyRunIdOverrides(SpecServer):
    """run_input.workflow_run_id wins over run_id."""

    def look_up(self, ask: Ask) -> Run | None:
        return self.runs.get(str(ask.run_input.get("workflow_run_id") or ask.run_id))


@defect("RUN-011")
class DataRefused(SpecServer):
    """Only `start` and `resume` go on with a run."""

    async def resume(self, run: Run, ask: Ask) -> Json:
        if ask.command == "data":
            raise RefusedError(422, "data is not supported")
        return await super().resume(run, ask)


@defect("RUN-011")
class ResumeRefused(SpecServer):
    """Only `start` and `data` go on with a run."""

    async def resume(self, run: Run, ask: Ask) -> Json:
        if ask.command == "resume":
            raise RefusedError(409, "the run is not paused")
        return await super().resume(run, ask)


@defect("RUN-012")
class ShoutedRunIds(SpecServer):
    """run_ids are answered in upper case."""

    def look_up(self, ask: Ask) -> Run | None:
        return self.runs.get(str(ask.run_id).lower())

    def answer(self, run: Run, *args: Any) -> Json:
        return changed(super().answer(run, *args), run_id=run.id.upper())
