"""The wire contract is a valid OpenAPI 3.1 document, and says what docs/endpoint.md says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

ROOT = Path(__file__).parents[2]
OPENAPI: dict[str, Any] = yaml.safe_load((ROOT / "contracts" / "openapi.yaml").read_text(encoding="utf-8"))
EXECUTE: dict[str, Any] = OPENAPI["paths"]["/v1/workflows/{workflow_id}/execute"]["post"]
SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]
REGISTRY: Registry[Any] = Registry().with_resource("urn:openapi", DRAFT202012.create_resource(OPENAPI))


def errors_of(value: Any, *, pointer: str) -> list[str]:
    """The complaints of the schema at a JSON pointer of the document about a value."""
    validator = Draft202012Validator({"$ref": f"urn:openapi#{pointer}"}, registry=REGISTRY)
    return [error.message for error in validator.iter_errors(value)]


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A node of the document, its reference followed."""
    while "$ref" in node:
        target: Any = OPENAPI
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = cast("dict[str, Any]", target)
    return node


def walk(node: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document with its JSON pointer; examples are not entered."""
    if isinstance(node, dict):
        yield pointer, node
        for key, value in node.items():
            if key not in ("example", "examples", "value"):
                yield from walk(value, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f"{pointer}/{index}")


def examples() -> Iterator[tuple[str, str, Any]]:
    """Every example with the pointer of its schema: beside a schema, or inside one."""
    for pointer, node in walk(OPENAPI):
        if "schema" in node:
            for name, example in node.get("examples", {}).items():
                yield f"{pointer}:{name}", f"{pointer}/schema", resolved(example)["value"]
            if "example" in node:
                yield pointer, f"{pointer}/schema", node["example"]
        elif isinstance(node.get("examples"), list):
            for index, value in enumerate(node["examples"]):
                yield f"{pointer}:{index}", pointer, value


EXAMPLES = [pytest.param(pointer, value, id=name) for name, pointer, value in examples()]


def test_the_document_is_valid_openapi_31() -> None:
    """The validator of the OpenAPI 3.1 meta-schema has no complaint."""
    assert OPENAPI["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(OPENAPI).iter_errors()) == []


@pytest.mark.parametrize(("pointer", "value"), EXAMPLES)
def test_every_example_validates_against_its_schema(pointer: str, value: Any) -> None:
    """What the document shows is what it allows."""
    assert errors_of(value, pointer=pointer) == []


def test_the_named_examples_are_all_used() -> None:
    """Each example under components stands beside a schema, so that the test above saw it."""
    used = {resolved(example)["summary"] for _, node in walk(OPENAPI) for example in _named_examples(node)}
    assert used == {example["summary"] for example in OPENAPI["components"]["examples"].values()}


def _named_examples(node: dict[str, Any]) -> list[dict[str, Any]]:
    shown = node.get("examples", {})
    return [example for example in shown.values() if "$ref" in example] if "schema" in node else []


def test_every_link_targets_an_existing_operation() -> None:
    """A stateful tester can follow each link, and a run_id goes into the next request's body."""
    operations = {node["operationId"] for _, node in walk(OPENAPI["paths"]) if "operationId" in node}
    links = [resolved(link) for link in EXECUTE["responses"]["200"]["links"].values()]
    assert [link["operationId"] in operations for link in links] == [True]
    assert links[0]["requestBody"] == {"run_id": "$response.body#/run_id"}
    assert links[0]["parameters"] == {"path.workflow_id": "$request.path.workflow_id"}


def test_the_nine_run_statuses_are_there() -> None:
    """The enumeration is §7's, in lower case."""
    expected = {
        *("not_started", "started", "running", "failed", "completed", "paused"),
        *("waiting_for_user_input", "cancelled", "aborted_looping_risk"),
    }
    assert set(SCHEMAS["RunStatus"]["enum"]) == expected
    assert len(SCHEMAS["RunStatus"]["enum"]) == 9


def test_the_response_codes_of_the_contract_are_there() -> None:
    """200, the refusals and the faults of §10, and any other refusal."""
    documented = set(EXECUTE["responses"])
    assert documented == {"200", "400", "401", "403", "404", "409", "422", "429", "503", "4XX"}


@pytest.mark.parametrize(
    ("code", "header"), [("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")]
)
def test_the_headers_of_refusals_are_documented(code: str, header: str) -> None:
    """The headers that clients act upon are part of the contract."""
    assert header in resolved(EXECUTE["responses"][code])["headers"]


WAITING: dict[str, Any] = OPENAPI["components"]["examples"]["Waiting"]["value"]


@pytest.mark.parametrize(
    "change",
    [
        {"has_background_work": False},
        {"events": [{"type": "of_tomorrow", "anything": [1, {}]}]},
        {"events": [{"type": "start_node_run", "thread_reference_id": None, "origin_node_run_id": "1"}]},
        {"error": None, "next_input_hint": None},
        {"run_id": WAITING["run_id"].upper()},
    ],
)
def test_what_servers_may_answer_is_accepted(change: dict[str, Any]) -> None:
    """Unknown fields and event types, nulls, and either letter case are no violation."""
    assert errors_of({**WAITING, **change}, pointer="/components/schemas/ExecuteResponse") == []


@pytest.mark.parametrize("name", ["error", "next_input_hint"])
def test_null_fields_may_be_left_out(name: str) -> None:
    """Neither error nor next_input_hint is required (§7)."""
    left_out = {key: value for key, value in WAITING.items() if key != name}
    assert errors_of(left_out, pointer="/components/schemas/ExecuteResponse") == []


@pytest.mark.parametrize(
    "change",
    [
        {"is_completed": 0},
        {"is_waiting_for_input": "true"},
        {"turn_number": "1"},
        {"turn_number": True},
        {"turn_number": 0},
        {"status": "COMPLETED"},
        {"events": None},
        {"events": [{"logical_id": "event_1"}]},
        {"next_input_hint": "say something"},
        {"run_id": "1"},
    ],
)
def test_what_servers_may_not_answer_is_rejected(change: dict[str, Any]) -> None:
    """The types of §7 are strict."""
    assert errors_of({**WAITING, **change}, pointer="/components/schemas/ExecuteResponse") != []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"run_input": None},
        {"run_input": []},
        {"run_id": 5, "run_input": {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}},
        {"run_id": {"$ne": None}, "run_input": {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}},
        {"run_input": {"command": "dance", "thread_to_node_inputs": {"0": {"node_run_inputs": []}}}},
    ],
)
def test_what_clients_may_not_send_is_rejected(body: dict[str, Any]) -> None:
    """The request schema refuses what §4 refuses."""
    assert errors_of(body, pointer="/components/schemas/ExecuteRequest") != []
