"""The two seams: layers around the application, and a store that alters records."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
from starlette.types import ASGIApp

from wfconform.reference import DEVELOPMENT_KEY, describe, embedded_app
from wfconform.reference.calls import Call, Handler, Layer, Reply, refusal
from wfconform.reference.parts import Change, answers, around, calls, instead, remembering, replies, stored
from wfconform.reference.records import Record
from wfconform.reference.status import Status

URL = f"http://test/v1/workflows/{describe('')['workflows']['conversation']}/execute"
EMPTY: dict[str, Any] = {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}


def post(app: ASGIApp, *bodies: dict[str, Any]) -> list[httpx.Response]:
    """Send bodies one after another; a later one takes the run_id of the first answer where it says so."""

    async def send() -> list[httpx.Response]:
        headers = {"authorization": f"Bearer {DEVELOPMENT_KEY}"}
        responses: list[httpx.Response] = []
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), headers=headers) as client:
            for body in bodies:
                named = {"run_id": responses[0].json()["run_id"]} if "run_id" in body else {}
                responses.append(await client.post(URL, json={**body, **named}))
        return responses

    return asyncio.run(send())


def start(*changes: Change) -> httpx.Response:
    """Open a run on a changed reference."""
    return post(embedded_app(changes=changes), {"run_input": EMPTY})[0]


def test_a_layer_that_changes_nothing_is_not_seen() -> None:
    """Status, body and media type are those of the reference."""

    async def layer(call: Call, go: Handler) -> Reply:
        return await go(call)

    response = start(around(layer), around(layer))
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json()["turn_number"] == 1


def test_answers_are_edited_in_place() -> None:
    """The length of the body is that of the new one."""
    response = start(answers(lambda answer, _: answer.update(extra="x" * 1000)))
    assert response.json()["extra"] == "x" * 1000
    assert int(response.headers["content-length"]) == len(response.content)


def test_calls_replies_and_refusals_are_replaced() -> None:
    """A request is changed before it is read, a response after it is made; a call may be answered unmade."""
    assert start(calls(lambda call: call.with_input(command="dance"), lambda call: call.opens)).status_code == 422
    teapot = start(replies(lambda reply, _: reply.but(status=418), lambda reply, _: reply.status == 200))
    assert teapot.status_code == 418
    refused = start(instead(refusal(429, "slow down", retry_after="1"), lambda call: call.opens))
    assert (refused.json(), refused.headers["retry-after"]) == ({"detail": "slow down"}, "1")


def test_each_server_has_a_memory_of_its_own() -> None:
    """The same change on two servers counts twice from one."""

    def make() -> Layer:
        count = 0

        async def layer(call: Call, go: Handler) -> Reply:
            nonlocal count
            count += 1
            return (await go(call)).with_headers(x_count=str(count))

        return layer

    change = remembering(make)
    assert [start(change).headers["x-count"] for _ in range(2)] == ["1", "1"]


def test_records_are_altered_on_their_way() -> None:
    """What is read is what the reference believes; what is not written counts as written."""

    def ended(record: Record) -> Record:
        return replace(record, status=Status.COMPLETED)

    later = {"run_id": None, "run_input": EMPTY}
    first, second = post(embedded_app(changes=[stored(read=ended)]), {"run_input": EMPTY}, later)
    assert (first.status_code, second.status_code) == (200, 409)
    stop = {"run_id": None, "run_input": {"command": "stop", **EMPTY}}
    forgets = stored(write=lambda record: None if record.status is Status.CANCELLED else record)
    stopped, again = post(embedded_app(changes=[forgets]), {"run_input": EMPTY}, stop, later)[1:]
    assert (stopped.json()["status"], again.json()["status"]) == ("cancelled", "waiting_for_user_input")


def test_what_a_call_asks_is_told_from_its_body() -> None:
    """Malformed bodies ask nothing."""

    def call(body: bytes) -> Call:
        return Call("POST", URL.removeprefix("http://test"), "", {}, body)

    run = b'"0123456789abcdef01234567"'
    assert call(b'{"run_input": {"x": 1}}').opens
    assert call(b'{"run_id": %s, "run_input": {"x": 1}}' % run).goes_on
    assert call(b'{"run_id": %s, "run_input": {"command": "stop"}}' % run).stops
    for body in (b"", b"[]", b"{", b"\xff", b"[" * 5000, b'{"run_id": 7}', b'{"run_input": []}'):
        asked = call(body)
        assert (asked.opens, asked.goes_on, asked.stops) == (False, False, False)
    assert call(b'{"run_input": {"x": 1}}').saying("hello").text == "hello"
