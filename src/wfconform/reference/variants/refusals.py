"""Variants in what is refused, with which code and in which form."""

import json
from collections.abc import Callable

from wfconform.reference.calls import Call, Handler, Json, Layer, Reply, refusal
from wfconform.reference.parts import Change, around, calls, instead, remembering, replies
from wfconform.reference.variants.variant import Variant, variant

_PAGE = b"<html><body><h1>Not here</h1></body></html>"
_COMMANDS = ("start", "data", "resume", "pause", "stop")
_OBJECTS = ("dynamic_variables", "runtime_variables", "miscellaneous", "initial_state")
_TEXTS = ("welcome_message", "run_by", "team_id", "workflow_id", "workflow_run_id", "start_node_logical_id")
_ENDED = ("completed", "failed", "cancelled", "aborted_looping_risk")


def _detail(reply: Reply) -> str:
    detail = reply.json.get("detail", "refused")
    return detail if isinstance(detail, str) else str(detail[0]["msg"])


def _shaped(shape: Callable[[Reply], object], *, media_type: str = "application/json", status: int = 0) -> Change:
    """Give refusals of the endpoint another body, and another status where one is given."""

    def edit(reply: Reply, _: Call) -> Reply:
        body = json.dumps(shape(reply)).encode()
        return reply.but(status=status or reply.status, body=body).with_headers(content_type=media_type)

    return replies(edit, lambda reply, _: 400 <= reply.status < 500 and reply.status not in (401, 405))


def _page(*statuses: int) -> Change:
    return replies(
        lambda reply, _: reply.but(body=_PAGE).with_headers(content_type="text/html"),
        lambda reply, _: reply.status in statuses,
    )


def _after_the_end(refuse: Reply) -> Change:
    """Refuse whatever is sent to a run that has ended, a stop too."""

    def make() -> Layer:
        ended: set[str | None] = set()

        async def layer(call: Call, go: Handler) -> Reply:
            if call.run_id in ended and not _refused_anyway(await go(call)):
                return refuse
            reply = await go(call)
            if reply.answer.get("status") in _ENDED:
                ended.add(reply.json["run_id"])
            return reply

        return layer

    return remembering(make)


def _refused_anyway(reply: Reply) -> bool:
    return reply.status in (401, 404, 422)


def _snapshots() -> Layer:
    """Answer whatever is sent to a run that has ended with its last answer, events and all."""
    last: dict[str | None, Reply] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        if reply.answer.get("status") in _ENDED:
            last[reply.json["run_id"]] = reply
        return last.get(call.run_id, reply) if reply.status == 409 else reply

    return layer


def _foreign() -> Layer:
    """Say 403 of another tenant's run and 409 of a run under another workflow."""
    owners: dict[str | None, tuple[str, str]] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        if reply.answer and call.opens:
            owners[reply.json["run_id"]] = (call.authorization, call.workflow_id)
        if reply.status != 404 or call.run_id not in owners:
            return reply
        mine = owners[call.run_id][0] == call.authorization
        return refusal(409, "the run belongs to another workflow") if mine else refusal(403, "not your run")

    return layer


def _contradicts(call: Call) -> bool:
    named = call.run_input.get("workflow_run_id")
    return named is not None and named != call.json.get("run_id")


def _null_command(call: Call) -> bool:
    return "command" in call.run_input and call.run_input["command"] is None


async def _laxly(call: Call, go: Handler) -> Reply:
    """Ignore fields of run_input of a wrong type, take commands in any case, and an empty run_id for none."""
    given = call.run_input
    if not given:
        return await go(call)
    fitting = {name: value for name, value in given.items() if _fits(name, value)}
    if isinstance(fitting.get("command"), str) and fitting["command"].lower() in _COMMANDS:
        fitting["command"] = fitting["command"].lower()
    changed: Json = {"run_input": fitting}
    if call.json.get("run_id") == "":
        changed["run_id"] = None
    return await go(call.with_json(**changed))


def _fits(name: str, value: object) -> bool:
    if name in _OBJECTS:
        return value is None or isinstance(value, dict)
    if name in _TEXTS or name == "command":
        return value is None or isinstance(value, str)
    return name != "version_number" or isinstance(value, int)


VARIANTS: tuple[Variant, ...] = (
    variant(
        "refusals-are-400",
        "Every refusal of the endpoint is a 400 with message and error.",
        _shaped(lambda reply: {"message": _detail(reply), "error": "BAD_REQUEST"}, status=400),
        "EXE-009",
        "STS-009",
        "CAN-005",
        "AUT-003",
    ),
    variant(
        "refusals-are-422",
        "Every refusal of the endpoint is a 422 with a list.",
        _shaped(lambda reply: {"detail": [{"loc": ["body", 0], "msg": _detail(reply)}]}, status=422),
        "EXE-009",
        "STS-009",
        "AUT-003",
    ),
    variant("refusals-are-strings", "A refusal is a JSON string and nothing around it.", _shaped(_detail), "EXE-009"),
    variant(
        "refusals-are-problems",
        "Refusals are problem details (RFC 9457) with a content type of their own.",
        _shaped(
            lambda reply: {"type": "about:blank", "title": _detail(reply), "status": reply.status},
            media_type="application/problem+json",
        ),
        "EXE-009",
    ),
    variant("gateway-401", "A gateway answers 401 and 405 with a page.", _page(401, 405), "EXE-009"),
    variant(
        "forbidden-without-a-body",
        "A missing or wrong key is 403, with an empty body.",
        replies(lambda _, __: Reply(403, b"", {"content-type": "text/plain"}), lambda reply, _: reply.status == 401),
        "EXE-009",
    ),
    variant(
        "other-methods-404",
        "Other methods find nothing.",
        replies(lambda _, __: refusal(404, "no such path"), lambda reply, _: reply.status == 405),
        "EXE-011",
    ),
    variant(
        "other-methods-501",
        "Other methods are not implemented.",
        replies(lambda _, __: refusal(501, "not implemented"), lambda reply, _: reply.status == 405),
        "EXE-011",
    ),
    variant(
        "ended-is-404",
        "A run that has ended cannot be found any more, for a stop neither.",
        _after_the_end(refusal(404, "there is no such run")),
        "STS-009",
        "CAN-005",
    ),
    variant(
        "ended-is-410", "A run that has ended is gone.", _after_the_end(refusal(410, "gone")), "STS-009", "CAN-005"
    ),
    variant(
        "snapshots-after-the-end",
        "A run that has ended answers its last answer to whatever is sent.",
        remembering(_snapshots),
        "STS-009",
    ),
    variant(
        "foreign-is-403",
        "Another tenant's run is 403, and a run under another workflow 409.",
        remembering(_foreign),
        "AUT-003",
    ),
    variant(
        "contradictions-refused",
        "A workflow_run_id that contradicts run_id is refused, and so is a null command.",
        instead(refusal(400, "contradicts itself"), lambda call: _contradicts(call) or _null_command(call)),
        "RUN-010",
        "EXE-006",
    ),
    variant(
        "lax-input",
        "Fields of a wrong type are ignored, commands come in any case, and an empty run_id means absent.",
        around(_laxly),
        "EXE-006",
        "RUN-004",
    ),
    variant(
        "later-versions-ignored",
        "The version in the query of a later turn is not even read.",
        calls(lambda call: call.but(query=""), lambda call: call.goes_on),
        "VER-002",
    ),
)
