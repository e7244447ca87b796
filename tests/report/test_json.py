import json
from dataclasses import fields
from types import MappingProxyType

import jsonschema
from tests.report.runs import HOSTILE, UNREACHABLE, a_full_run, a_result, a_run, a_turn, an_evidence

from wfconform.outcomes import Evidence, Problem, RequirementResult, Run, TurnRecord, Verdict
from wfconform.report.json import Report, Result, RunProblem, Shown, Turn, render, schema_text
from wfconform.shipped import read_contract

_WRITER = "from wfconform.report.json import schema_text; print(schema_text(), end='')"


def test_the_committed_schema_is_current() -> None:
    assert read_contract("report.schema.json") == schema_text(), (
        f'rewrite it: python -c "{_WRITER}" > contracts/report.schema.json'
    )


def test_a_report_is_valid_under_its_schema() -> None:
    run = a_full_run(TRN_002=Verdict.FAIL, EXE_011=Verdict.WARN)
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(json.loads(render(run)))


def test_the_report_has_the_documented_fields() -> None:
    content = json.loads(
        render(a_run(a_result("TRN-002", Verdict.FAIL, "skipped one", an_evidence()), problems=(UNREACHABLE,)))
    )
    assert content["schema_version"] == "1"
    assert content["tool"] == {"name": "wfconform", "version": "0.1.0"}
    assert content["target"]["base_url"] == "https://api.example.com/workflows"
    assert (content["level"], content["seed"], content["exit_code"]) == ("core", 7, 1)
    assert content["summary"] == {"pass": 0, "fail": 1, "warn": 0, "not_tested": 0, "expected_failure": 0, "error": 0}
    assert content["problems"] == [{"exit_code": 3, "message": UNREACHABLE.message, "hint": UNREACHABLE.hint}]
    (result,) = content["requirements"]
    assert (result["id"], result["level"], result["verdict"]) == ("TRN-002", "MUST", "fail")
    (evidence,) = result["evidence"]
    assert (evidence["expected"], evidence["path"], evidence["at_turn"]) == ("turn_number 3", "$.turn_number", 0)
    assert evidence["turns"][0]["response_body"] == '{"turn_number": 5}'


def test_no_field_of_an_outcome_is_left_out() -> None:
    pairs = ((TurnRecord, Turn), (Evidence, Shown), (RequirementResult, Result), (Problem, RunProblem))
    for outcome, model in pairs:
        assert {field.name for field in fields(outcome)} <= set(model.model_fields)
    assert {field.name for field in fields(Run)} - {"results"} <= set(Report.model_fields)


def test_any_text_of_the_target_gives_valid_json_without_raw_escapes() -> None:
    evidence = an_evidence(actual=HOSTILE, turns=(a_turn(response_body=HOSTILE),))
    text = render(a_run(a_result("TRN-001", Verdict.FAIL, HOSTILE, evidence), target={"name": HOSTILE}))
    text.encode("utf-8")
    assert not set(text) & set("\x1b\x07\x9b\x00\u202e")
    assert json.loads(text)["requirements"][0]["message"] == HOSTILE.replace("\ud800", "\\ud800")


def test_a_target_of_nested_read_only_mappings_is_written() -> None:
    target = MappingProxyType({"roles": MappingProxyType({"conversation": "x"}), "auth": "bearer"})
    assert json.loads(render(a_run(target=target)))["target"] == {"roles": {"conversation": "x"}, "auth": "bearer"}
