"""Managing workflows and looking at runs."""

import json
from typing import Any

import pytest
from tests.reference.deployment import CONVERSATION, OTHER_KEY, Deployment, strict_json

pytestmark = pytest.mark.anyio
STRANGER = "5f" + "0" * 22


def document(name: str = "Greeter", text: str = "Good day.") -> dict[str, Any]:
    static = {"static_messages": [text]}
    return {
        "workflow_config": {"name": name, "miscellaneous": {}},
        "node_configs": [
            {"logical_id": "a", "type": "say_static", "is_start": True, "static_messages_config": static},
            {"logical_id": "b", "type": "say_llm"},
        ],
        "edge_configs": [{"logical_id": "e", "source_node_logical_id": "a", "destination_node_logical_id": "b"}],
    }


async def ask(deployment: Deployment, method: str, path: str, body: Any = None, **request: Any) -> tuple[int, Any]:
    content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    response = await deployment.send(method, path, content=content, **request)
    return response.status_code, strict_json(response.content)


async def made(deployment: Deployment, body: Any = None, **request: Any) -> str:
    code, shown = await ask(deployment, "POST", "/v1/workflows", body or document(), **request)
    assert code == 201, shown
    id: str = shown["id"]
    return id


async def test_a_workflow_that_is_made_runs(deployment: Deployment) -> None:
    """Its id is an ObjectId; its runs are turns like any."""
    id = await made(deployment)
    run = await deployment.start(id)
    assert (len(id), run["status"], run.said) == (24, "waiting_for_user_input", ["Good day."])
    assert (await deployment.say(run, "hi", workflow=id))["turn_number"] == 2


@pytest.mark.parametrize("nest", ["workflow", "workflow_definition", "definition"])
async def test_the_document_may_be_nested(deployment: Deployment, nest: str) -> None:
    """Then name and description stand at the top, and win."""
    id = await made(deployment, {nest: document(), "name": "Mine", "description": "says good day"})
    code, shown = await ask(deployment, "GET", f"/v1/workflows/{id}")
    assert (code, shown["name"], shown["description"], "node_configs" in shown) == (
        200, "Mine", "says good day", False,
    )  # fmt: skip


async def test_a_workflow_is_shown_whole_when_asked(deployment: Deployment) -> None:
    """fully_hydrate=true brings the definition as it was given."""
    id = await made(deployment)
    code, shown = await ask(deployment, "GET", f"/v1/workflows/{id}?fully_hydrate=true")
    assert (code, shown["id"], shown["node_configs"]) == (200, id, document()["node_configs"])
    code, shown = await ask(deployment, "GET", f"/v1/workflows/{CONVERSATION}?fully_hydrate=true")
    assert (code, shown["id"], bool(shown["node_configs"])) == (200, CONVERSATION, True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "no valid JSON"),
        (b"[]", "must be an object"),
        ({"name": "x"}, "field required"),
        ({"workflow_config": {}, "node_configs": []}, "0 nodes have is_start"),
        ({**document(), "edge_configs": [{"logical_id": "e"}]}, "source_node_logical_id"),
        ({**document(), "node_configs": [{"logical_id": "a", "type": 7}]}, "Expected `str`"),
    ],
)
async def test_a_wrong_definition_is_refused_with_the_reason(deployment: Deployment, body: Any, said: str) -> None:
    """And nothing is made."""
    code, shown = await ask(deployment, "POST", "/v1/workflows", body)
    assert (code, said in shown["detail"][0]["msg"]) == (422, True)
    assert (await ask(deployment, "GET", "/v1/workflows?search=Greeter"))[1]["total"] == 0


async def test_workflows_are_listed_by_page(deployment: Deployment) -> None:
    """The tenant's own first, newest first; then those that come with the server."""
    ids = [await made(deployment, document(f"Greeter {number}")) for number in range(3)]
    shipped = (await ask(deployment, "GET", "/v1/workflows", key=OTHER_KEY))[1]["total"]
    code, first = await ask(deployment, "GET", "/v1/workflows?page=1&size=2")
    second = (await ask(deployment, "GET", "/v1/workflows?page=2&size=2"))[1]
    assert (code, [one["id"] for one in first["items"]]) == (200, ids[:0:-1])
    assert (second["items"][0]["id"], second["items"][1]["id"] in ids) == (ids[0], False)
    assert (first["total"], first["pages"]) == (3 + shipped, -(-(3 + shipped) // 2))
    found = (await ask(deployment, "GET", "/v1/workflows?search=greeter%201"))[1]
    assert [one["id"] for one in found["items"]] == [ids[1]]


@pytest.mark.parametrize("query", ["page=0", "size=0", "size=101", "page=x", "page=-1", "size=1.5"])
async def test_a_page_that_is_none_is_refused(deployment: Deployment, query: str) -> None:
    """422, with the place."""
    code, shown = await ask(deployment, "GET", f"/v1/workflows?{query}")
    assert (code, shown["detail"][0]["loc"]) == (422, ["query", query.partition("=")[0]])


async def test_tenants_see_their_own_workflows_alone(deployment: Deployment) -> None:
    """Another tenant's is not found, whatever is done with it."""
    id = await made(deployment)
    for method, path in (("GET", f"/v1/workflows/{id}"), ("DELETE", f"/v1/workflows/{id}")):
        assert (await ask(deployment, method, path, key=OTHER_KEY))[0] == 404
        assert (await ask(deployment, method, path, key=None))[0] == 401
    assert (await deployment.start(id, key=OTHER_KEY)).code == 404
    assert (await deployment.start(id)).code == 200


async def test_a_workflow_that_is_removed_is_gone(deployment: Deployment) -> None:
    """It starts no run any more; a second removal finds nothing; what comes with the server stays."""
    id = await made(deployment)
    run = await deployment.start(id)
    assert (await ask(deployment, "DELETE", f"/v1/workflows/{id}"))[0] == 200
    assert (await deployment.start(id)).code == 404
    assert (await deployment.say(run, "hi", workflow=id)).code == 404
    assert (await ask(deployment, "DELETE", f"/v1/workflows/{id}"))[0] == 404
    assert (await ask(deployment, "DELETE", f"/v1/workflows/{CONVERSATION}"))[0] == 409


async def test_a_run_is_shown_with_its_turns(deployment: Deployment) -> None:
    """As pairs of input and output; another tenant's is not found."""
    run = await deployment.start()
    await deployment.say(run, "hello")
    code, shown = await ask(deployment, "GET", f"/v1/workflow-runs/{run['run_id']}")
    assert (code, shown["status"], shown["turn_number"]) == (200, "waiting_for_user_input", 2)
    assert [(turn["input"]["text"], turn["output"]["said"]) for turn in shown["turns"]][1] == ("hello", "hello")
    assert (await ask(deployment, "GET", f"/v1/workflow-runs/{run['run_id']}", key=OTHER_KEY))[0] == 404
    assert (await ask(deployment, "GET", f"/v1/workflow-runs/{STRANGER}"))[0] == 404


async def test_runs_are_listed_by_workflow_and_status(deployment: Deployment) -> None:
    """Both filters together, and a status that is none is refused."""
    id = await made(deployment)
    runs = [await deployment.start(id), await deployment.start(id), await deployment.start()]
    await deployment.stop(runs[0], workflow=id)
    query = f"/v1/workflow-runs?workflow_id={id}&status=cancelled"
    assert [one["id"] for one in (await ask(deployment, "GET", query))[1]["items"]] == [runs[0]["run_id"]]
    assert (await ask(deployment, "GET", "/v1/workflow-runs?size=1&page=3"))[1]["total"] == 3
    assert (await ask(deployment, "GET", "/v1/workflow-runs?status=asleep"))[0] == 422
    assert (await ask(deployment, "GET", "/v1/workflow-runs?status=not_started"))[1]["total"] == 0
