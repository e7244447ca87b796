"""Every generator, played against a scripted server: it ends, repeats itself, holds no secret, sends valid bodies."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from tests.scenarios.replier import play

from wfconform.scenarios import ScenarioSpec, catalogue
from wfconform.session import Busy, Ended, Kind, Valid
from wfconform.wire import Credential, Request

OPENAPI: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "contracts" / "openapi.yaml").read_text(encoding="utf-8")
)
REGISTRY: Registry[Any] = Registry().with_resource("urn:openapi", DRAFT202012.create_resource(OPENAPI))
VALIDATOR = Draft202012Validator({"$ref": "urn:openapi#/components/schemas/ExecuteRequest"}, registry=REGISTRY)
EACH = pytest.mark.parametrize("spec", catalogue(), ids=lambda spec: spec.name)


@EACH
@pytest.mark.parametrize("generous", [False, True], ids=["right", "always 200"])
def test_a_scenario_runs_to_its_end(spec: ScenarioSpec, generous: bool) -> None:
    """Whether the server refuses what it should or executes everything."""
    assert len(play(spec, generous=generous).requests) > 0


@EACH
def test_a_scenario_repeats_itself(spec: ScenarioSpec) -> None:
    """The same digits give the same requests; others give others."""
    once, again = play(spec, seed="one").requests, play(spec, seed="one").requests
    assert once == again
    if any(request.token for request in once):
        assert [request.token for request in once] != [request.token for request in play(spec, seed="two").requests]


@EACH
def test_a_scenario_holds_no_secret(spec: ScenarioSpec) -> None:
    """It names a credential, and sets no header that carries one."""
    for request in play(spec).requests:
        assert isinstance(request.credential, Credential)
        names = {name.lower() for name, _ in request.headers}
        assert names.isdisjoint({"authorization", "proxy-authorization", "cookie", "x-api-key", "teamid", "uuid"})


def is_plain(request: Request) -> bool:
    """Tell whether the request is meant to be valid, with a JSON body."""
    intended = isinstance(request.intent, Valid | Busy | Ended)
    return intended and request.json is not None and request.kind is not Kind.OTHER


@EACH
def test_a_valid_body_is_valid_by_the_contract(spec: ScenarioSpec) -> None:
    """The request schema of the wire contract has no complaint about it."""
    complaints = [
        (error.json_path, error.message)
        for request in play(spec).requests
        if is_plain(request)
        for error in VALIDATOR.iter_errors(request.json)
    ]
    assert complaints == []


@EACH
def test_a_request_names_its_run_as_its_body_does(spec: ScenarioSpec) -> None:
    """What the ledger is told of a valid request is what is sent."""
    for request in filter(is_plain, play(spec).requests):
        assert ((request.json or {}).get("run_id") or None) == request.run_id
        command = (request.json or {})["run_input"].get("command")
        assert (command == "stop") is (request.kind is Kind.STOP)


@EACH
def test_a_marked_text_is_in_its_request(spec: ScenarioSpec) -> None:
    """… and carries the token of its session."""
    for request in play(spec).requests:
        if request.mark is not None and request.json is not None:
            assert request.mark in str(request.json)
            assert request.token in request.mark if request.token else True


def test_the_schema_refuses_what_it_should() -> None:
    """So that the test above means something."""
    assert not VALIDATOR.is_valid({"run_id": 5, "run_input": {}})
