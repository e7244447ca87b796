"""Faults in run_id: RUN."""

import asyncio
import itertools
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

from bson import ObjectId

from wfconform.reference.calls import Call, Handler, Json, Layer, Reply, refusal
from wfconform.reference.faults.fault import ROLES, Fault, fault, first, later
from wfconform.reference.faults.requests import crashes
from wfconform.reference.parts import Change, Parts, answers, around, calls, instead, remembering


def _renamed(to_client: Callable[[str], str], to_server: Callable[[str], str]) -> Change:
    """Answer run_ids in another form, and take them in it."""
    into = calls(
        lambda call: call.with_json(run_id=to_server(call.json["run_id"])),
        lambda call: isinstance(call.json.get("run_id"), str),
    )
    out = answers(lambda answer, _: answer.update(run_id=to_client(answer["run_id"])))
    return lambda parts: out(into(parts))


def _aliased() -> Layer:
    """Answer each later turn with a run_id of its own; all of them lead to the run."""
    real: dict[str, str] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        named = call.run_id
        reply = await go(call.with_json(run_id=real[named]) if named in real else call)
        if not reply.answer or not call.goes_on:
            return reply
        alias = str(ObjectId())
        real[alias] = reply.json["run_id"]
        return reply.with_json(run_id=alias)

    return layer


def _coalesced() -> Layer:
    """Give first turns that are in flight at once the answer to one of them."""
    flying: dict[tuple[object, ...], asyncio.Future[Reply]] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        key = (call.path, call.query, call.authorization, call.body)
        if not call.opens:
            return await go(call)
        if key in flying:
            return await flying[key]
        flying[key] = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0.01)
        reply = await go(call)
        flying.pop(key).set_result(reply)
        return reply

    return layer


def _made_by(make: Callable[[], Iterator[str]]) -> Change:
    """Take new run_ids from an iterator, a new one for each server."""

    def change(parts: Parts) -> Parts:
        ids = make()
        return replace(parts, new_run_id=lambda: ObjectId(next(ids)))

    return change


def _on_unknown_run(reply: Reply | None) -> Change:
    """Answer a well-formed run_id that no answer has ever carried with this; None: open a run."""

    def make() -> Layer:
        known: set[str] = set()

        async def layer(call: Call, go: Handler) -> Reply:
            if call.run_id is not None and call.run_id not in known:
                return reply or await go(call.with_json(run_id=None))
            answered = await go(call)
            known.add(str(answered.answer.get("run_id")))
            return answered

        return layer

    return remembering(make)


def _latest_open() -> Layer:
    """Take an object as run_id for a query that any run fits: the latest one."""
    latest: dict[tuple[str, str], str] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        place = (call.path, call.authorization)
        if isinstance(call.json.get("run_id"), dict) and place in latest:
            return await go(call.with_json(run_id=latest[place]))
        reply = await go(call)
        if reply.answer and call.opens:
            latest[place] = reply.json["run_id"]
        return reply

    return layer


def _under_any_path(when: Callable[[Call], bool]) -> Change:
    """Find a run whatever workflow the path names."""

    def make() -> Layer:
        paths: dict[str, str] = {}

        async def layer(call: Call, go: Handler) -> Reply:
            known = call.workflow_id in ROLES.values()
            there = paths.get(call.run_id or "") if known and when(call) else None
            reply = await go(call.but(path=there) if there else call)
            if reply.answer and call.opens:
                paths[reply.json["run_id"]] = call.path
            return reply

        return layer

    return remembering(make)


def _bound_to_the_connection() -> Layer:
    """Find a run on the connection that opened it only."""
    clients: dict[str, object] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        if call.goes_on and clients.get(call.run_id or "", call.client) != call.client:
            return refusal(404, "there is no such run")
        reply = await go(call)
        if reply.answer and call.opens:
            clients[reply.json["run_id"]] = call.client
        return reply

    return layer


def _named_in_body(call: Call) -> bool:
    return isinstance(call.run_input.get("workflow_run_id"), str)


async def _resumes_both(call: Call, go: Handler) -> Reply:
    if call.goes_on and _named_in_body(call):
        await go(call.with_json(run_id=call.run_input["workflow_run_id"]))
    return await go(call)


def _ill_formed(call: Call) -> bool:
    return call.json.get("run_id") is not None and call.run_id is None


def _wrong_text(call: Call) -> bool:
    return _ill_formed(call) and isinstance(call.json["run_id"], str)


def _to_its_neighbour(answer: Json, _: Call) -> None:
    run = answer["run_id"]
    answer["run_id"] = run[:-1] + ("1" if run.endswith("0") else "0")


FAULTS: tuple[Fault, ...] = (
    fault(
        "run-ids-of-32-digits",
        "run_ids are 32 hexadecimal digits.",
        _renamed(lambda run: run + "0" * 8, lambda run: run[:24] if len(run) == 32 else run),
        "RUN-001",
    ),
    fault(
        "run-ids-as-python-shows-them",
        "The run_id is the ObjectId's representation.",
        _renamed(lambda run: f"ObjectId('{run}')", lambda run: re.sub(r"ObjectId\('(\w+)'\)", r"\1", run)),
        "RUN-001",
    ),
    fault(
        "simultaneous-starts-share-a-run",
        "First turns that arrive at once are taken for one that was sent twice.",
        remembering(_coalesced),
        "RUN-002",
    ),
    fault("new-run-id-each-turn", "Each later turn answers a run_id of its own.", remembering(_aliased), "RUN-003"),
    fault(
        "null-run-id-refused",
        "A run_id of null is refused.",
        instead(
            refusal(422, "run_id must be a string"), lambda call: "run_id" in call.json and call.json["run_id"] is None
        ),
        "RUN-004",
        "EXE-012",
        reason="the full-form body of a first turn has run_id null",
    ),
    fault(
        "null-run-id-refused-in-short-bodies",
        "A run_id of null is refused where nothing else is null.",
        instead(
            refusal(422, "run_id must be a string"),
            lambda call: "run_id" in call.json and call.body.count(b"null") == 1 and call.json["run_id"] is None,
        ),
        "RUN-004",
    ),
    fault(
        "unknown-run-starts",
        "A run_id that was never issued opens a run.",
        _on_unknown_run(None),
        "RUN-005",
    ),
    fault(
        "unknown-run-crashes",
        "A run_id that was never issued is a 500.",
        _on_unknown_run(Reply(500, b'{"detail": "KeyError"}')),
        "RUN-005",
        "EXE-008",
    ),
    fault(
        "unknown-run-redirects",
        "A run_id that was never issued redirects to a page.",
        _on_unknown_run(Reply(302, b"", {"location": "/not-found"})),
        "RUN-005",
    ),
    fault(
        "operators-reach-the-query",
        "An object as run_id goes into the query and finds the latest run.",
        remembering(_latest_open),
        "RUN-006",
        strays=True,
    ),
    fault(
        "other-types-are-absent",
        "A run_id that is no string counts as absent.",
        calls(
            lambda call: call.with_json(run_id=None),
            lambda call: _ill_formed(call) and not isinstance(call.json["run_id"], str),
        ),
        "RUN-006",
    ),
    fault(
        "malformed-run-id-crashes", "A run_id that is no ObjectId is a 500.", crashes(_wrong_text), "RUN-006", "EXE-008"
    ),
    fault(
        "malformed-run-id-starts",
        "A run_id of the wrong length or with other letters opens a run.",
        calls(lambda call: call.with_json(run_id=None), _wrong_text),
        "RUN-006",
    ),
    fault(
        "path-not-compared",
        "A later turn works under any workflow's path.",
        _under_any_path(lambda call: call.goes_on),
        "RUN-007",
    ),
    fault(
        "path-not-compared-on-stops",
        "A stop works under any workflow's path.",
        _under_any_path(lambda call: call.stops),
        "RUN-007",
    ),
    fault(
        "random-run-ids",
        "run_ids are 24 random digits, and date from the next century.",
        _made_by(lambda: (f"ee{secrets.token_hex(11)}" for _ in itertools.count())),
        "RUN-008",
    ),
    fault(
        "counted-run-ids",
        "run_ids are counted from one.",
        _made_by(lambda: (f"{number:024x}" for number in itertools.count(1))),
        "RUN-008",
    ),
    fault(
        "bound-to-the-connection",
        "A session lives as long as its connection.",
        remembering(_bound_to_the_connection),
        "RUN-009",
        live=True,
    ),
    fault(
        "workflow-run-id-overrides",
        "run_input.workflow_run_id wins over run_id.",
        calls(
            lambda call: call.with_json(run_id=call.run_input["workflow_run_id"]),
            lambda call: call.run_id is not None and _named_in_body(call),
        ),
        "TRN-002",
        "RUN-010",
        "RUN-003",
        reason="the answer is one of the other run",
    ),
    fault(
        "workflow-run-id-is-resumed-too",
        "A later turn with run_input.workflow_run_id takes a turn of that run, too.",
        around(_resumes_both),
        "TRN-002",
        "RUN-010",
    ),
    fault(
        "workflow-run-id-resumes",
        "A first turn with run_input.workflow_run_id resumes that run.",
        calls(
            lambda call: call.with_json(run_id=call.run_input["workflow_run_id"]),
            lambda call: call.opens and _named_in_body(call),
        ),
        "RUN-010",
        "RUN-002",
        "TRN-001",
        reason="a first turn is answered as a later one of an older run",
    ),
    fault(
        "data-refused",
        "The command data is refused on a run.",
        instead(refusal(422, "data is not supported"), lambda call: call.goes_on and call.command == "data"),
        "RUN-011",
    ),
    fault(
        "resume-refused-while-waiting",
        "The command resume is refused on a run that waits.",
        instead(refusal(409, "the run is not paused"), lambda call: call.goes_on and call.command == "resume"),
        "RUN-011",
    ),
    fault(
        "run-ids-in-upper-case",
        "run_ids are answered in upper case.",
        answers(lambda answer, _: answer.update(run_id=answer["run_id"].upper())),
        "RUN-012",
    ),
    fault(
        "run-id-in-upper-case-at-first",
        "The run_id of a first turn is in upper case.",
        answers(lambda answer, _: answer.update(run_id=answer["run_id"].upper()), first),
        "RUN-012",
    ),
    fault(
        "run-id-of-a-neighbour-from-turn-10",
        "From turn 10 on the last digit of the run_id is another one.",
        answers(_to_its_neighbour, lambda answer, call: later(answer, call) and answer["turn_number"] >= 10),
        "RUN-003",
    ),
)
