"""Defects in authentication and tenancy: AUT."""

from tests.servers.http import Call, RefusedError, Reply, as_json
from tests.servers.model import KEYS, Ask, Json, Run
from tests.servers.spec import SpecServer, changed
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)


@defect("AUT-001")
class NoKeyNeeded(SpecServer):
    """Who sends no key is the first tenant."""

    def authenticate(self, call: Call) -> str:
        return super().authenticate(call) if "authorization" in call.headers else "one"


@defect("AUT-001")
class MissingKeyIs400(SpecServer):
    """A missing key is called a bad request."""

    def authenticate(self, call: Call) -> str:
        if "authorization" not in call.headers:
            raise RefusedError(400, "Authorization is required")
        return super().authenticate(call)


@defect("AUT-001", "EXE-008")
class MissingKeyCrashes(SpecServer):
    """A missing key is a 500."""

    def authenticate(self, call: Call) -> str:
        _ = call.headers["authorization"]
        return super().authenticate(call)


@defect("AUT-002")
class AnyBearerKey(SpecServer):
    """A key that is not known counts as the first tenant's."""

    def authenticate(self, call: Call) -> str:
        scheme, _, key = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key:
            return KEYS.get(key, "one")
        return super().authenticate(call)


@defect("AUT-002")
class OtherSchemesPass(SpecServer):
    """Only Bearer keys are checked; another scheme is left to a gateway that is not there."""

    def authenticate(self, call: Call) -> str:
        scheme, _, _ = call.headers.get("authorization", "").partition(" ")
        return super().authenticate(call) if scheme.lower() in ("bearer", "") else "one"


class _ChecksSometimes(SpecServer):
    """Takes a caller without a valid key for the run's own tenant, where `unchecked` says so."""

    def authenticate(self, call: Call) -> str:
        try:
            return super().authenticate(call)
        except RefusedError:
            body = self.decode(call)
            run = self.runs.get(str(body.get("run_id")))
            if run is None or not self.unchecked(body):
                raise
            return run.tenant

    def unchecked(self, body: Json) -> bool:
        raise NotImplementedError


@defect("AUT-001", "AUT-002")
class KeyCheckedOnFirstTurnOnly(_ChecksSometimes):
    """Who knows a run_id needs no key."""

    def unchecked(self, body: Json) -> bool:
        return True


@defect("AUT-001", "AUT-002")
class StopNeedsNoKey(_ChecksSometimes):
    """A stop is taken without a key."""

    def unchecked(self, body: Json) -> bool:
        return bool(self.read_run_input(body).get("command") == "stop")


@defect("AUT-001", "AUT-002")
class RefusesAfterTheTurn(SpecServer):
    """The turn is executed, then the key is looked at."""

    async def respond(self, call: Call) -> Reply:
        headers = call.headers
        if headers.get("authorization") in {f"Bearer {key}" for key in KEYS}:
            return await super().respond(call)
        asked = {**headers, "authorization": "Bearer key-one"}
        await super().respond(Call(call.method, call.path, call.query, asked, call.body))
        return as_json(401, {"detail": "invalid API key"}, {"WWW-Authenticate": "Bearer"})


@defect("AUT-003")
class AnyTenantResumes(SpecServer):
    """The tenant is not compared on a later turn."""

    def may_use(self, run: Run, ask: Ask) -> bool:
        return ask.command != "stop" or super().may_use(run, ask)


@defect("AUT-003")
class AnyTenantStops(SpecServer):
    """The tenant is not compared on a stop."""

    def may_use(self, run: Run, ask: Ask) -> bool:
        return ask.command == "stop" or super().may_use(run, ask)


@defect("AUT-003")
class StopsThenRefuses(SpecServer):
    """Another tenant's stop is refused after it has cancelled the run."""

    def find_run(self, ask: Ask) -> Run:
        run = self.look_up(ask)
        if run is not None and ask.command == "stop" and not self.may_use(run, ask):
            self.mark_cancelled(run)
        return super().find_run(ask)


@defect("AUT-004")
class KeyInRefusals(SpecServer):
    """Refusals show the request's headers."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        return as_json(refusal.status, {"detail": refusal.detail, "headers": dict(call.headers)}, refusal.headers)


@defect("AUT-004")
class KeyInResponses(SpecServer):
    """The caller's key is in the answer's context."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        return super().encode(changed(answer, context={"auth": ask.call.headers["authorization"]}), ask)


@defect("AUT-004")
class KeyInHeaders(SpecServer):
    """The caller's key comes back in a response header."""

    def encode(self, answer: Json, ask: Ask) -> Reply:
        reply = super().encode(answer, ask)
        reply.headers["X-Debug-Auth"] = ask.call.headers["authorization"]
        return reply


@defect("AUT-005")
class NoChallenge(SpecServer):
    """401 has no WWW-Authenticate."""

    def refuse(self, refusal: RefusedError, call: Call) -> Reply:
        refusal.headers.pop("WWW-Authenticate", None)
        return super().refuse(refusal, call)


@defect("AUT-006")
class TeamInBody(SpecServer):
    """Who names a team in the body is taken for a member of the run's."""

    def may_use(self, run: Run, ask: Ask) -> bool:
        return bool(ask.run_input.get("team_id")) or super().may_use(run, ask)


@defect("AUT-006")
class RunByInBody(SpecServer):
    """Who says run_by is taken for the run's owner."""

    def may_use(self, run: Run, ask: Ask) -> bool:
        return bool(ask.run_input.get("run_by")) or super().may_use(run, ask)
