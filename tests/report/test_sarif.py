"""The SARIF report: valid by the official schema, plain, and the same finding run after run."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from tests.report.runs import HOSTILE, UNREACHABLE, a_full_run, a_result, a_run, an_evidence

from wfconform.outcomes import Run, Verdict
from wfconform.report import sarif
from wfconform.report.text import plain
from wfconform.requirements import catalogue

_SCHEMA = Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json"


@cache
def _validator() -> Draft4Validator:
    return Draft4Validator(json.loads(_SCHEMA.read_text()), format_checker=Draft4Validator.FORMAT_CHECKER)


def _document(run: Run) -> Any:
    document = json.loads(sarif.render(run))
    assert [error.message for error in _validator().iter_errors(document)] == []
    return document["runs"][0]


EVERY_VERDICT = a_run(
    *(a_result(id, verdict, "said", an_evidence()) for id, verdict in zip(catalogue(), Verdict, strict=False)),
    problems=(UNREACHABLE,),
)


def test_the_schema_refuses_what_is_no_sarif() -> None:
    """The official schema is there, and can fail."""
    document = json.loads(sarif.render(EVERY_VERDICT))
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert not _validator().is_valid(document)


@pytest.mark.parametrize("run", [EVERY_VERDICT, a_full_run(), a_run(), a_run(interrupted=True)])
def test_every_run_is_valid_by_the_official_schema(run: Run) -> None:
    """Whatever came of a run, its report keeps the schema of SARIF 2.1.0, and has a rule for each requirement."""
    assert [rule["id"] for rule in _document(run)["tool"]["driver"]["rules"]] == list(catalogue())


def test_what_was_not_kept_is_a_result_and_nothing_else_is() -> None:
    """Failures and errors are errors, warnings warnings, expected failures notes; passed and untested are none."""
    results = {result["properties"]["verdict"]: result["level"] for result in _document(EVERY_VERDICT)["results"]}
    assert results == {"expected_failure": "note", "warn": "warning", "fail": "error", "error": "error"}


def test_a_result_points_at_its_rule_with_level_and_clause() -> None:
    """A result's rule is the requirement, by index as well, with its level and clause."""
    described = _document(a_full_run(TRN_002=Verdict.FAIL))
    result = described["results"][0]
    rule = described["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (result["ruleId"], rule["id"]) == ("TRN-002", "TRN-002")
    assert (rule["properties"]["level"], rule["properties"]["clause"]) == ("MUST", catalogue()["TRN-002"].clause)


def test_under_strict_a_warning_is_an_error() -> None:
    """The report says what the exit code says."""
    run = a_run(a_result("AUT-005", Verdict.WARN), strict=True)
    assert _document(run)["results"][0]["level"] == "error"


def test_the_same_requirement_at_the_same_target_is_the_same_finding() -> None:
    """A viewer recognises a finding by requirement and target, not by what was answered this time."""
    one, two = (a_run(a_result("TRN-001", Verdict.FAIL, said, an_evidence(actual=said))) for said in ("5", "6"))
    other = a_run(a_result("TRN-001", Verdict.FAIL), target={"base_url": "https://other.example"})
    prints = [_document(run)["results"][0]["partialFingerprints"] for run in (one, two, other)]
    assert prints[0] == prints[1] != prints[2]


def test_a_hostile_text_stays_text() -> None:
    """Nothing in an answer acts on what shows the report."""
    run = a_run(a_result("TRN-001", Verdict.FAIL, HOSTILE, an_evidence(actual=HOSTILE, path=HOSTILE)))
    result = _document(run)["results"][0]
    assert result["properties"]["evidence"][0]["actual"] == plain(HOSTILE)
    assert "\x1b" not in sarif.render(run)


def test_a_problem_of_the_whole_run_is_a_notification() -> None:
    """Why a run cannot be trusted is told where viewers look for it, with the exit code."""
    invocation = _document(a_run(problems=(UNREACHABLE,)))["invocations"][0]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 3)
    assert UNREACHABLE.message in invocation["toolExecutionNotifications"][0]["message"]["text"]
