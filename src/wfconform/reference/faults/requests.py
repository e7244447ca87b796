"""Faults in what is refused and what is taken: EXE-003 to EXE-008, EXE-010 to EXE-012."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable

import msgspec

from wfconform.reference.calls import Call, Handler, Json, Layer, Reply, refusal
from wfconform.reference.faults.fault import ROLES, Fault, fault
from wfconform.reference.parts import Change, around, calls, instead, remembering, replies

_CRASH = Reply(500, b'{"detail": "internal error"}')
_NO_TEXT: Json = {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}
_COMMANDS = ("start", "data", "resume", "pause", "stop")
_KNOWN = frozenset(
    {
        *("command", "dynamic_variables", "runtime_variables", "miscellaneous", "workflow_id", "version_number"),
        *("run_by", "workflow_run_id", "team_id", "start_node_logical_id", "initial_state", "welcome_message"),
        "thread_to_node_inputs",
    }
)
_NESTED_DEEPLY = re.compile(rb"[\[{]{64}|(?:\{\"a\":){64}")
_LONE_SURROGATE = re.compile(rb"\\ud8|\\udf")


def crashes(when: Callable[[Call], bool]) -> Change:
    """Answer 500 to the requests that `when` picks out."""
    return instead(_CRASH, when)


def _malformed_workflow(call: Call) -> bool:
    return call.method == "POST" and not re.fullmatch("[0-9a-f]{24}", call.workflow_id)


def _unknown_workflow(call: Call) -> bool:
    return bool(re.fullmatch("[0-9a-f]{24}", call.workflow_id)) and call.workflow_id not in ROLES.values()


def _to_conversation(call: Call) -> Call:
    return call.but(path=call.path.replace(call.workflow_id, ROLES["conversation"]))


def _readable(call: Call) -> bool:
    try:
        msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _body_is_object(call: Call) -> bool:
    return call.body.lstrip()[:1] == b"{"


def _cut_short(call: Call) -> bool:
    return _body_is_object(call) and not _readable(call) and b"thread_to_node_inputs" not in call.body


def _as_empty(call: Call) -> Call:
    return call.but(body=msgspec.json.encode({"run_input": _NO_TEXT}))


def _wrong_type(call: Call) -> bool:
    given = call.run_input.get("miscellaneous", {})
    return given is not None and not isinstance(given, dict)


def _extra_input(call: Call) -> bool:
    return bool(call.run_input.keys() - _KNOWN)


async def _hangs_on_long_texts(call: Call, go: Handler) -> Reply:
    if len(call.body) > 500_000:
        await asyncio.sleep(3600)
    return await go(call)


def _invalid(reply: Reply, call: Call) -> bool:
    return reply.status == 422 and call.run_id is not None


def _counts_refusals() -> Layer:
    """Number the turns as if each refused one had been taken."""
    refused: Counter[str | None] = Counter()

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        refused[call.run_id] += _invalid(reply, call)
        if not reply.answer or call.run_id is None:
            return reply
        return reply.with_json(turn_number=reply.json["turn_number"] + refused[call.run_id])

    return layer


def _dead_after_a_refusal() -> Layer:
    """Refuse everything but stops to a run that was named in a refused request."""
    dead: set[str | None] = set()

    async def layer(call: Call, go: Handler) -> Reply:
        if call.goes_on and call.run_id in dead:
            return refusal(409, "the run is locked")
        reply = await go(call)
        if _invalid(reply, call):
            dead.add(call.run_id)
        return reply

    return layer


def _stopped_by_a_refusal() -> Layer:
    """Cancel the run that a refused request names."""

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        if _invalid(reply, call):
            await go(call.but(body=msgspec.json.encode({"run_id": call.run_id, "run_input": _stop()})))
        return reply

    return layer


def _stop() -> Json:
    return {"command": "stop", **_NO_TEXT}


def _in_full(call: Call) -> bool:
    return "additional_kwargs" in str(call.run_input.get("thread_to_node_inputs"))


def _has_nulls(call: Call) -> bool:
    return any(value is None for name, value in call.run_input.items() if name in _KNOWN)


FAULTS: tuple[Fault, ...] = (
    fault(
        "malformed-workflow-is-the-default",
        "A malformed workflow_id falls back to a default workflow.",
        calls(_to_conversation, _malformed_workflow),
        "EXE-003",
    ),
    fault(
        "malformed-workflow-crashes",
        "A malformed workflow_id is a 500.",
        crashes(_malformed_workflow),
        "EXE-003",
        "EXE-008",
    ),
    fault(
        "workflow-by-prefix",
        "23 characters of a workflow_id are enough, and a 25th is overlooked.",
        calls(
            _to_conversation,
            lambda call: call.workflow_id[:23] == ROLES["conversation"][:23] and len(call.workflow_id) in (23, 25),
        ),
        "EXE-003",
    ),
    fault(
        "unknown-workflow-is-made",
        "A workflow that does not exist is run as an empty conversation.",
        calls(_to_conversation, _unknown_workflow),
        "EXE-004",
    ),
    fault(
        "unknown-workflow-redirects",
        "A workflow that does not exist redirects to a page.",
        instead(Reply(302, b"", {"location": "/not-found"}), _unknown_workflow),
        "EXE-004",
    ),
    fault(
        "cut-short-is-empty",
        "An object that is cut short is taken as one without a message.",
        calls(_as_empty, _cut_short),
        "EXE-005",
    ),
    fault(
        "missing-input-is-empty",
        "A run_input that is missing or null is taken as empty.",
        calls(
            lambda call: call.with_json(run_input=_NO_TEXT),
            lambda call: bool(
                call.method == "POST"
                and _readable(call)
                and _body_is_object(call)
                and call.json.get("run_input") is None
            ),
        ),
        "EXE-005",
    ),
    fault(
        "unknown-command-starts",
        "A command that nobody knows is taken as start.",
        calls(
            lambda call: call.with_input(command="start"),
            lambda call: isinstance(call.run_input.get("command"), str) and call.command not in _COMMANDS,
        ),
        "EXE-006",
    ),
    fault(
        "command-by-its-beginning",
        "A command that begins with `stop` is a stop.",
        calls(lambda call: call.with_input(command="stop"), lambda call: call.command.startswith("stop")),
        "EXE-006",
    ),
    fault("wrong-type-crashes", "miscellaneous of a wrong type is a 500.", crashes(_wrong_type), "EXE-006", "EXE-008"),
    fault(
        "unknown-fields-refused",
        "A field that is not known at the top is refused.",
        instead(
            refusal(422, "extra inputs are not permitted"),
            lambda call: bool(call.json.keys() - {"run_id", "run_input"}),
        ),
        "EXE-007",
    ),
    fault(
        "unknown-input-fields-refused-on-stops",
        "A field of run_input that is not known is refused on a stop, and on a stop only.",
        instead(refusal(422, "extra inputs are not permitted"), lambda call: call.stops and _extra_input(call)),
        "EXE-007",
    ),
    fault(
        "deep-nesting-crashes",
        "A deeply nested body is a 500.",
        crashes(lambda call: bool(_NESTED_DEEPLY.search(call.body))),
        "EXE-008",
    ),
    fault(
        "huge-version-crashes",
        "A version beyond 64 bits is a 500.",
        crashes(lambda call: bool(re.search(r"version=\d{19}", call.query))),
        "EXE-008",
    ),
    fault(
        "lone-surrogate-crashes",
        "A lone surrogate is a 500 on a later turn.",
        crashes(lambda call: b'"run_id": "' in call.body and bool(_LONE_SURROGATE.search(call.body))),
        "EXE-008",
    ),
    fault(
        "empty-body-crashes",
        "An empty body is a 500.",
        crashes(lambda call: call.method == "POST" and not call.body),
        "EXE-008",
        "EXE-005",
    ),
    fault(
        "other-content-type-crashes",
        "A body that is not declared as JSON is a 500.",
        crashes(lambda call: call.method == "POST" and "json" not in call.headers.get("content-type", "json")),
        "EXE-008",
    ),
    fault("long-text-never-answered", "A text of 900 KB is never answered.", around(_hangs_on_long_texts), "EXE-008"),
    fault(
        "torn-answer-to-a-long-text",
        "The answer to a long text breaks off.",
        replies(
            lambda reply, _: reply.but(torn=True), lambda reply, call: len(call.body) > 500_000 and reply.status == 200
        ),
        "EXE-008",
        live=True,
    ),
    fault(
        "refused-turns-count",
        "A turn is counted before it is validated.",
        remembering(_counts_refusals),
        "TRN-002",
        "EXE-010",
        "TRN-003",
    ),
    fault(
        "refusal-locks-the-run",
        "A refused request never gives the run's lock back.",
        remembering(_dead_after_a_refusal),
        "EXE-010",
    ),
    fault(
        "refusal-cancels-the-run",
        "A refused request cancels the run that it names.",
        remembering(_stopped_by_a_refusal),
        "EXE-010",
    ),
    fault(
        "get-is-welcome",
        "A GET of the endpoint is answered 200.",
        instead(Reply(200, b'{"use": "POST"}'), lambda call: call.method == "GET" and bool(call.workflow_id)),
        "EXE-011",
    ),
    fault(
        "nulls-refused-on-later-turns",
        "Optional fields may be left out on a later turn, but not be null.",
        instead(refusal(422, "may not be null"), lambda call: call.goes_on and _has_nulls(call)),
        "EXE-012",
    ),
    fault(
        "full-form-starts-anew",
        "A full-form body with command start opens a new run, whatever its run_id.",
        calls(lambda call: call.with_json(run_id=None), lambda call: call.goes_on and _in_full(call)),
        "EXE-012",
        "RUN-003",
    ),
    fault(
        "full-form-text-lost",
        "The text of a full-form body is not read.",
        calls(lambda call: call.saying(""), lambda call: call.goes_on and _in_full(call)),
        "EXE-012",
        "TRN-007",
    ),
)
