"""The contract as schemathesis is given it: one operation, no keys, and bodies of a readable size.

Whatever is valid under the narrowed document is valid under contracts/openapi.yaml. Free-form objects are what makes it
narrow: drawn without bounds, one body takes a quarter of a second and shows no more.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from wfconform.shipped import read_contract

PATH = "/v1/workflows/{workflow_id}/execute"
_BODIES = ("ExecuteRequest", "WorkflowRunInput", "ThreadInput", "NodeRunInput", "UserMessage")
_SCALAR = {"type": ["string", "number", "boolean", "null"], "maxLength": 20}
_FREE_FORM = {"additionalProperties": _SCALAR, "propertyNames": {"maxLength": 12}, "maxProperties": 2}
_PROSE = frozenset({"example", "examples", "description", "summary"})
_EXACT = frozenset({"pattern", "enum", "const"})


@cache
def contract() -> Mapping[str, Any]:
    """Return contracts/openapi.yaml."""
    document: dict[str, Any] = yaml.safe_load(read_contract("openapi.yaml"))
    return document


def narrowed() -> dict[str, Any]:
    """Return the narrowed document."""
    parts = contract()["components"]
    link = {key: value for key, value in parts["links"]["ContinueRun"].items() if key not in _PROSE}
    operation = {
        "operationId": "executeWorkflow",
        "parameters": [_narrow(parts["parameters"][name]) for name in ("WorkflowId", "Version")],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ExecuteRequest"}}},
        },
        "responses": {"200": {"description": "The state after the turn.", "links": {"ContinueRun": link}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Execute", "version": "1"},
        "paths": {PATH: {"post": operation}},
        "components": {"schemas": {name: _narrow(parts["schemas"][name]) for name in _BODIES}},
    }


def examples() -> tuple[Any, ...]:
    """Return the bodies that the contract shows as examples."""
    operation = contract()["paths"][PATH]["post"]
    named = operation["requestBody"]["content"]["application/json"]["examples"].values()
    return tuple(contract()["components"]["examples"][one["$ref"].rpartition("/")[2]]["value"] for one in named)


def _narrow(node: Any) -> Any:
    if isinstance(node, list):
        return [_narrow(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _narrow(value) for key, value in node.items() if key not in _PROSE}
    given = kept.get("type", ())
    types = given if isinstance(given, list) else [given]
    if "object" in types:
        kept |= _object(kept)
    if "array" in types:
        kept["maxItems"] = 2
    if "string" in types and _EXACT.isdisjoint(kept):
        kept["maxLength"] = 40
    return kept


def _object(node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "properties" not in node:
        return _FREE_FORM
    if "additionalProperties" in node:
        return {"maxProperties": len(node["properties"]) + 1}
    return {"additionalProperties": False}
