"""wfconform's verdicts for people who run schemathesis themselves: a hooks module, and tests for pytest.

`SCHEMATHESIS_HOOKS=wfconform.schemathesis_hooks schemathesis run contracts/openapi.yaml --url URL --checks wfconform`
judges each answer against its own run's history and names requirements. Environment: WFCONFORM_WORKFLOW (the id of the
conversation, the contract's example when it is not set), WFCONFORM_API_KEY.

A request that got no answer leaves its run uncertain, and judged no further than that. One worker only: what several of
them send to one run at once cannot be told apart here.
"""

import os
import threading
import time
from dataclasses import dataclass
from typing import Any

import hypothesis
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure, FailureGroup

from wfconform.conformance.generated.cases import as_value
from wfconform.conformance.generated.narrowed import PATH, contract, narrowed
from wfconform.conformance.generated.reading import Reading, path_intent, read
from wfconform.errors import UsageError
from wfconform.requirements import Level, catalogue
from wfconform.session import Answer, Finding, Intent, Kind, Ledger, Lenient, Refused
from wfconform.wire import Exchange, Request, observe, reply_to
from wfconform.wire import Failure as NoAnswer

__all__ = ["contract_tests", "wfconform"]

WORKFLOW_NAME, KEY_NAME = "WFCONFORM_WORKFLOW", "WFCONFORM_API_KEY"
DEPTH = 30


class Violation(Failure):
    """A requirement of the contract is broken; two of different requirements are never taken for one."""

    __slots__ = ("requirement",)

    def __init__(self, finding: Finding, *, operation: str, case_id: str) -> None:
        broken, statement = finding.broken, catalogue()[finding.id].statement
        said = f"expected {broken.expected}, got {broken.actual} {broken.path}" if broken else ""
        super().__init__(operation=operation, title=finding.id, message=f"{statement}\n\n{said}", case_id=case_id)
        self.requirement = finding.id

    @property
    def _unique_key(self) -> str:
        return self.requirement


class Witness:
    """What one process of schemathesis has seen: the ledger, and the calls that are under way, by thread."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._under_way: dict[int, Request] = {}
        self._workflows: dict[str, str] = {}
        self._lock = threading.Lock()

    def sends(self, case: Any) -> None:
        """Note a call; one that this thread has made before and that got no answer may have moved its run."""
        request = self._request(case)
        with self._lock:
            lost = self._under_way.pop(threading.get_ident(), None)
            if lost is not None:
                observe(self._ledger, Exchange(lost, failure=NoAnswer.TORN))
            if request is not None:
                self._under_way[threading.get_ident()] = request

    def judge(self, response: Any) -> list[Finding]:
        """Return what the answer to this thread's call breaks of what a server must do."""
        with self._lock:
            request = self._under_way.pop(threading.get_ident(), None)
            if request is None:
                return []
            exchange = _exchange(request, response)
            found = [finding for _, finding in observe(self._ledger, exchange) if finding.broken is not None]
            reply = reply_to(exchange)
            if isinstance(reply, Answer) and reply.run_id is not None:
                self._workflows.setdefault(reply.run_id, request.workflow_id)
        return [one for one in found if one.id in catalogue() and catalogue()[one.id].level is Level.MUST]

    def _request(self, case: Any) -> Request | None:
        value = as_value(case)
        if value is None:
            return None
        if value.method != "POST":
            return Request(Kind.OTHER, value.workflow_id, Lenient(), method=value.method)
        reading = read(value)
        run_id = str(reading.run_id).lower() if reading.names_well else None
        intent = path_intent(value.workflow_id) or self._intent(reading, run_id, value.workflow_id)
        if value.media_type is not None:
            intent = Lenient(("EXE-008",))
        return Request(reading.kind, value.workflow_id, intent, run_id=run_id, raw=value.body)

    def _intent(self, reading: Reading, run_id: str | None, workflow_id: str) -> Intent:
        if run_id is None:
            return reading.intent
        if run_id not in self._workflows:
            return Refused((*reading.broken, "RUN-005"))
        return reading.intent if self._workflows[run_id] == workflow_id else Refused(("RUN-007",))


_witness = Witness()


def _exchange(request: Request, response: Any) -> Exchange:
    headers = tuple((name.lower(), value) for name, values in response.headers.items() for value in values)
    received_s, elapsed_s = time.monotonic(), max(0.0, float(response.elapsed))
    return Exchange(
        request,
        status=response.status_code,
        headers=headers,
        body=response.content or b"",
        sent_s=received_s - elapsed_s,
        received_s=received_s,
        sent_at=time.time() - elapsed_s,
    )


@schemathesis.check
def wfconform(ctx: Any, response: Any, case: Any) -> None:  # noqa: ARG001 - the shape of a check
    """Judge an answer against its run's history, under wfconform's requirements."""
    found = _witness.judge(response)
    failures = [Violation(one, operation=case.operation.label, case_id=case.id) for one in found]
    if len(failures) > 1:
        raise FailureGroup(failures)
    if failures:
        raise failures[0]


@schemathesis.hook
def before_call(ctx: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ARG001 - the shape of a hook
    """Aim a call of the endpoint at the workflow under test, with its key, and note it; leave others alone."""
    if case.operation.path != PATH:
        return
    aim = _aims.get(id(case.operation.app)) or _aim_of_the_environment()
    if path_intent(str((case.path_parameters or {}).get("workflow_id", ""))) is None:
        case.path_parameters = {**(case.path_parameters or {}), "workflow_id": aim.workflow_id}
    if aim.api_key:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {aim.api_key}"}
    _witness.sends(case)


@dataclass(frozen=True, slots=True)
class Aim:
    """What calls of an application are aimed at; app: kept, so that its identity stays its own."""

    workflow_id: str
    api_key: str | None = None
    app: Any = None


_aims: dict[int, Aim] = {}


def _aim_of_the_environment() -> Aim:
    example = str(contract()["components"]["parameters"]["WorkflowId"]["example"])
    return Aim(os.environ.get(WORKFLOW_NAME) or example, os.environ.get(KEY_NAME))


def contract_tests(app: Any, *, workflow_id: str, api_key: str | None = None, examples: int = 25) -> tuple[Any, Any]:
    """Return two tests for pytest to collect: single requests of the contract, and sequences of them on one run.

    app: an ASGI application; workflow_id: a workflow that waits for input after every turn. Raises UsageError for what
    is no application.
    """
    if not callable(app):
        raise UsageError(f"no ASGI application: {app!r}")
    _aims[id(app)] = Aim(workflow_id, api_key, app)
    schema = schemathesis.openapi.from_dict(narrowed(), config=SchemathesisConfig())
    schema.app = app
    # What was answered before would be fed into new requests, ended runs too.
    schema.create_extra_data_source = lambda: None  # type: ignore[method-assign]

    @_settings(examples)
    @schema.parametrize()
    def test_contract(case: Any) -> None:
        case.call_and_validate(checks=[wfconform])

    return test_contract, _sessions(schema, examples)


def _sessions(schema: Any, examples: int) -> Any:
    class Sessions(schema.as_state_machine()):  # type: ignore[misc]
        """Requests that follow the contract's link from an answer's run_id."""

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            """Judge an answer by wfconform's check alone."""
            case.validate_response(response, checks=[wfconform])

    test = Sessions.TestCase
    test.settings = _settings(max(1, examples // 5), stateful_step_count=DEPTH)
    return test


def _settings(examples: int, **more: Any) -> hypothesis.settings:
    every = list(hypothesis.HealthCheck)
    return hypothesis.settings(max_examples=examples, deadline=None, suppress_health_check=every, **more)
