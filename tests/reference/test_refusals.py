"""What the endpoint refuses: the status, the place, JSON in any case, and no harm done."""

import json
from typing import Any

import httpx
import pytest
from tests.reference.deployment import CONVERSATION, KEY, ROLES, Answer, Deployment, run_input, strict_json

from wfconform.reference.language_model import Ask

pytestmark = pytest.mark.anyio
EMPTY: dict[str, Any] = {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}

THREADS = ["body", "run_input", "thread_to_node_inputs"]


def with_input(**fields: object) -> dict[str, Any]:
    return {"run_input": run_input("hi", **fields)}


def with_message(**message: object) -> dict[str, Any]:
    return {"run_input": {"thread_to_node_inputs": {"0": {"node_run_inputs": [{"messages": [message]}]}}}}


def nested(depth: int) -> bytes:
    return (
        b'{"run_input":{"runtime_variables":{"a":'
        + b"[" * depth
        + b"]" * depth
        + b'},"thread_to_node_inputs":{"0":{}}}}'
    )


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", ["body"]),
        (b"{", ["body"]),
        (b"[]", ["body"]),
        (b"null", ["body"]),
        (b'{"run_input":{"thread_to_node_inputs":{"0":{}}},}', ["body"]),
        (b'{"a":NaN}', ["body"]),
        (b'{"a":"\\ud800"}', ["body"]),
        (b'{"run_id":"\xff"}', ["body"]),
        (b'{"run_id":"\x00"}', ["body"]),
        (b"[" * 100_000, ["body"]),
        (nested(100_000), ["body"]),
        (nested(33), ["body", "run_input", "runtime_variables"]),
        (b'{"run_input":{"runtime_variables":{"a":1e999}}}', ["body", "run_input", "runtime_variables", "*"]),
        ({}, ["body", "run_input"]),
        ({"run_input": None}, ["body", "run_input"]),
        ({"run_input": "start"}, ["body", "run_input"]),
        ({"run_input": {}}, THREADS),
        ({"run_input": {"thread_to_node_inputs": {}}}, THREADS),
        (with_input(command="explode"), ["body", "run_input", "command"]),
        (with_input(command=5), ["body", "run_input", "command"]),
        (with_input(dynamic_variables=[]), ["body", "run_input", "dynamic_variables"]),
        (with_input(runtime_variables={"a": 10**400}), ["body", "run_input", "runtime_variables"]),
        (with_input(runtime_variables={"a": [2**63]}), ["body", "run_input", "runtime_variables"]),
        (with_input(version_number="0"), ["body", "run_input", "version_number"]),
        (with_message(type="human", content=5), [*THREADS, "*", "node_run_inputs", 0, "messages", 0, "content"]),
        (with_input(command="stop"), ["body", "run_id"]),
        (with_input(command="pause"), ["body", "run_id"]),
        ({"run_id": "", "run_input": EMPTY}, ["body", "run_id"]),
        ({"run_id": "a" * 23, "run_input": EMPTY}, ["body", "run_id"]),
        ({"run_id": "a" * 25, "run_input": EMPTY}, ["body", "run_id"]),
        ({"run_id": "g" * 24, "run_input": EMPTY}, ["body", "run_id"]),
        ({"run_id": "a" * 24 + "\n", "run_input": EMPTY}, ["body", "run_id"]),
        ({"run_id": {"$ne": None}, "run_input": EMPTY}, ["body", "run_id"]),
        ({"run_id": ["a" * 24], "run_input": EMPTY}, ["body", "run_id"]),
        ({"run_id": 5, "run_input": EMPTY}, ["body", "run_id"]),
        ({"run_id": False, "run_input": EMPTY}, ["body", "run_id"]),
    ],
)  # fmt: skip
async def test_a_bad_body_is_refused_with_its_place(deployment: Deployment, body: Any, place: list[Any]) -> None:
    """422 names the field, and no record is made (EXE-005, EXE-006, EXE-008, RUN-006, CAN-004, DUR-005)."""
    answer = await deployment.post(body)
    assert (answer.code, answer.place) == (422, place)
    assert deployment.runs.find_one() is None


@pytest.mark.parametrize(
    "body",
    [
        {"run_input": EMPTY, "unknown": {"a": [1]}},
        {"run_input": {**EMPTY, "unknown": 10**400}},
        b'{"zz":1e999,"run_input":{"thread_to_node_inputs":{"0":{}}}}',
        b'{"run_id":"5","run_id":null,"run_input":{"thread_to_node_inputs":{"0":{}}}}',
        {"run_input": {"thread_to_node_inputs": {"7": {}}}},
        {"run_input": {**EMPTY, "command": None, "runtime_variables": {"a": 2**63 - 1, "b": [[["x"]]], "c": 1e300}}},
        nested(25),
        {"run_input": {**EMPTY, "welcome_message": "x" * 1_000_000}},
    ],
)
async def test_what_is_odd_but_valid_is_accepted(deployment: Deployment, body: Any) -> None:
    """Unknown fields, other threads, big values: a first turn all the same (EXE-007, EXE-008)."""
    assert (await deployment.post(body))["turn_number"] == 1


@pytest.mark.parametrize(
    "workflow", ["a" * 23, "a" * 25, "A" * 24, "g" + "a" * 23, "conversation", "%F0%9F%98%80", "a" * 24 + "%0A"]
)
async def test_a_malformed_workflow_id_is_refused(deployment: Deployment, workflow: str) -> None:
    """The path's id is 24 hex digits in lower case (EXE-003)."""
    answer = await deployment.start(workflow)
    assert (answer.code, answer.place) == (422, ["path", "workflow_id"])


async def test_an_unknown_workflow_is_not_found(deployment: Deployment) -> None:
    """A well-formed id of no workflow (EXE-004)."""
    assert (await deployment.start("a" * 24)).code == 404


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("-1", 422),
        ("1.5", 422),
        ("abc", 422),
        ("", 422),
        ("+1", 422),
        ("١", 422),
        ("2", 404),
        (str(2**63), 404),
        ("9" * 5000, 404),
    ],
)
async def test_a_bad_version_is_refused(deployment: Deployment, version: str, code: int) -> None:
    """An invalid one is 422, one that does not exist 404, however large (VER-003, EXE-008)."""
    answer = await deployment.start(ROLES["versioned"]["id"], params={"version": version})
    assert answer.code == code
    assert deployment.runs.find_one() is None


async def test_an_unknown_run_is_not_found(deployment: Deployment) -> None:
    """Well-formed, never issued (RUN-005)."""
    assert (await deployment.say("a" * 24, "hi")).code == 404
    assert (await deployment.stop("a" * 24)).code == 404


async def test_a_run_is_bound_to_its_workflow(deployment: Deployment) -> None:
    """Under another path it is neither resumed nor stopped (RUN-007)."""
    run = await deployment.start()
    assert (await deployment.say(run, "hi", workflow=ROLES["slow"])).code == 404
    assert (await deployment.stop(run, workflow=ROLES["slow"])).code == 404
    assert (await deployment.say(run, "hi"))["turn_number"] == 2


async def test_the_body_overrides_neither_path_nor_run(deployment: Deployment) -> None:
    """Naming another run and workflow in run_input touches neither (RUN-010)."""
    run, other = await deployment.start(), await deployment.start()
    named = run_input("hi", workflow_run_id=other["run_id"], workflow_id=ROLES["slow"])
    answer = await deployment.post({"run_id": run["run_id"], "run_input": named})
    assert (answer["run_id"], answer["turn_number"]) == (run["run_id"], 2)
    assert (await deployment.say(other, "hi"))["turn_number"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"run_input": {}},
        {"run_input": run_input("hi", command="explode")},
        {"run_input": run_input("hi", runtime_variables=5)},
    ],
)
async def test_a_refusal_takes_no_turn(deployment: Deployment, body: dict[str, Any]) -> None:
    """The run that a refused request names goes on with the next number (TRN-003, EXE-010)."""
    run = await deployment.start()
    before = deployment.runs.find_one()
    assert (await deployment.post({"run_id": run["run_id"], **body})).code == 422
    assert deployment.runs.find_one() == before
    assert (await deployment.say(run, "hi"))["turn_number"] == 2


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "json"])
async def test_another_content_type_is_refused(deployment: Deployment, kind: str) -> None:
    """The body is not guessed to be JSON."""
    answer = await deployment.post({"run_input": EMPTY}, headers={"Content-Type": kind})
    assert (answer.code, answer.place) == (422, ["header", "content-type"])


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"])
async def test_json_content_types_are_accepted(deployment: Deployment, kind: str) -> None:
    """Parameters, letter case and +json suffixes do not matter."""
    assert (await deployment.post({"run_input": EMPTY}, headers={"Content-Type": kind})).code == 200


async def test_a_huge_body_is_refused(deployment: Deployment) -> None:
    """Above the limit it is 413, and said so in JSON."""
    answer = await deployment.post(json.dumps({"run_input": EMPTY, "pad": "x" * (2 * 1024 * 1024)}).encode())
    assert (answer.code, answer["detail"]) == (413, "the body is larger than 2097152 bytes")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Token {KEY}",
        f"Basic {KEY}",
        KEY,
        f"Bearer {KEY}x",
        f"Bearer {KEY[:-1]}",
        "Bearer kéy",
    ],
)
async def test_a_wrong_key_is_refused(deployment: Deployment, authorization: str | None) -> None:
    """401 with WWW-Authenticate for start, turn and stop; the run is unharmed (AUT-001, AUT-002, AUT-005)."""
    run = await deployment.start()
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    asks: list[Answer] = [
        await deployment.start(key=None, headers=headers),
        await deployment.say(run, "hi", key=None, headers=headers),
        await deployment.stop(run, key=None, headers=headers),
    ]
    assert [(ask.code, ask.headers.get("www-authenticate")) for ask in asks] == [(401, "Bearer")] * 3
    assert (await deployment.say(run, "hi"))["turn_number"] == 2


async def test_the_scheme_is_read_in_any_case(deployment: Deployment) -> None:
    """`bearer` is Bearer."""
    assert (await deployment.start(key=None, headers={"Authorization": f"bearer {KEY}"})).code == 200


async def test_without_keys_nobody_is_asked() -> None:
    """A deployment with auth none answers without a header."""
    assert (await Deployment(keys=None).start(key=None)).code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_not_allowed(deployment: Deployment, method: str) -> None:
    """405, and which method is allowed (EXE-011)."""
    response = await deployment.send(method, f"/v1/workflows/{CONVERSATION}/execute")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/v1/workflow", f"/v1/workflows/{CONVERSATION}/execute/"])
async def test_other_paths_are_not_found_in_json(deployment: Deployment, path: str) -> None:
    """What the router refuses is JSON as well, and nothing is redirected (EXE-009)."""
    response = await deployment.send("POST", path, content=b"{}")
    assert (response.status_code, strict_json(response.content)) == (404, {"detail": "Not Found"})


async def test_health_needs_no_key(deployment: Deployment) -> None:
    """GET /healthz says that the server is up."""
    response = await deployment.send("GET", "/healthz", key=None)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_a_fault_is_answered_in_json(caplog: pytest.LogCaptureFixture) -> None:
    """Our own mistake is a 500 that tells nothing of the inside; the log has the cause."""

    def broken(_: Ask) -> str:
        raise ZeroDivisionError("inside")

    deployment = Deployment(options={"model": broken})
    body = json.dumps({"run_input": run_input("hi")}).encode()
    transport = httpx.ASGITransport(deployment.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://reference") as client:
        headers = {"Authorization": f"Bearer {KEY}"}
        response = await client.post(f"/v1/workflows/{CONVERSATION}/execute", content=body, headers=headers)
    assert (response.status_code, strict_json(response.content)) == (500, {"detail": "internal error"})
    assert "ZeroDivisionError" in caplog.text


async def test_a_client_that_hangs_up_is_no_fault(deployment: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    """A body that never becomes whole makes no run and no noise."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/workflows/{CONVERSATION}/execute",
        "headers": [(b"authorization", f"Bearer {KEY}".encode())],
        "query_string": b"",
    }
    await deployment.app(scope, receive, send)
    assert (sent[0]["status"], deployment.runs.find_one(), caplog.records) == (400, None, [])
