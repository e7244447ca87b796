from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.certificate.bundles import a_load_bundle
from tests.report.loads import a_load_run
from tests.report.runs import HOSTILE, UNREACHABLE, a_full_run, a_result, a_run, a_turn, an_evidence
from xmlschema import XMLSchema

from wfconform.outcomes import Run, Verdict
from wfconform.report.junit import render

_SCHEMA = XMLSchema(Path(__file__).parent / "schemas" / "junit.xsd")
_HOSTILE = an_evidence(expected=HOSTILE, actual=HOSTILE, turns=(a_turn(response_body=HOSTILE),), reproduced=HOSTILE)
_RUNS = {
    "conforming": a_full_run(),
    "failing": a_full_run(TRN_002=Verdict.FAIL, EXE_011=Verdict.WARN, EXE_001=Verdict.ERROR),
    "interrupted": replace(a_full_run(), interrupted=True),
    "unreachable": a_run(problems=(UNREACHABLE,)),
    "hostile": a_run(a_result("TRN-001", Verdict.FAIL, HOSTILE, _HOSTILE), target={"base_url": HOSTILE}),
    "load": a_load_run(seconds=4),
}


@pytest.mark.parametrize("name", _RUNS)
def test_every_run_is_valid_by_the_schema(name: str) -> None:
    """Whatever came of a run: elements in their order, counts and times that are some, nothing beside."""
    _SCHEMA.validate(render(_RUNS[name]))


def test_the_report_of_a_certificate_is_valid_by_the_schema() -> None:
    """That of a load run with its checks, as it lies in a bundle."""
    _SCHEMA.validate(a_load_bundle()["junit.xml"].decode())


def test_the_schema_refuses_what_ci_servers_would_not_read() -> None:
    """It can fail: a case without a class, an outcome without a message, a count that is none."""
    source = render(_RUNS["failing"])
    for old, new in (('classname="', 'class="'), ("<failure message=", "<failure said="), ('tests="83"', 'tests="x"')):
        assert old in source
        assert not _SCHEMA.is_valid(source.replace(old, new, 1))


def _cases(run: Run) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(render(run)).iter("testcase"))


def test_there_is_one_case_for_each_requirement_named_by_its_id() -> None:
    cases = _cases(a_full_run())
    assert len(cases) == 83
    assert {case.get("classname") for case in cases} >= {"wfconform.TRN", "wfconform.CAN"}
    assert "TRN-001 the first turn is 1" in {case.get("name") for case in cases}


@pytest.mark.parametrize(
    ("verdict", "strict", "child"),
    [
        (Verdict.PASS, False, None),
        (Verdict.FAIL, False, "failure"),
        (Verdict.WARN, False, "system-out"),
        (Verdict.WARN, True, "failure"),
        (Verdict.NOT_TESTED, False, "skipped"),
        (Verdict.EXPECTED_FAILURE, False, "skipped"),
        (Verdict.ERROR, False, "error"),
    ],
)
def test_each_verdict_has_its_junit_form(verdict: Verdict, strict: bool, child: str | None) -> None:
    (case,) = _cases(a_run(a_result("TRN-001", verdict, "the reason"), strict=strict))
    children = [element.tag for element in case if element.tag != "properties"]
    assert children == ([child] if child else [])
    if child in ("failure", "skipped", "error"):
        assert case.find(child or "").get("message") == "the reason"  # type: ignore[union-attr]


def test_level_and_clause_are_properties() -> None:
    (case,) = _cases(a_run(a_result("TRN-001")))
    assert {p.get("name"): p.get("value") for p in case.iter("property")} == {
        "level": "MUST",
        "clause": "§7",
        "exercised": "2",
    }


def test_a_failure_tells_the_whole_story() -> None:
    turns = (a_turn(), a_turn(status=None, failure="timed out"))
    (case,) = _cases(a_run(a_result("TRN-001", Verdict.FAIL, "", an_evidence(turns=turns, at_turn=1))))
    text = case.findtext("failure") or ""
    assert text.startswith(
        "TRN-001 MUST §7: the first turn is 1\n\nexpected: turn_number 3\nactual: turn_number 5\nat: $.turn_number"
    )
    assert text.splitlines()[-2].startswith("-> POST")
    assert text.splitlines()[-1].strip() == "timed out"


def test_an_unreachable_target_is_not_green() -> None:
    (case,) = _cases(a_run(problems=(UNREACHABLE,)))
    assert case.get("classname") == "wfconform.run"
    assert case.find("error").get("message") == UNREACHABLE.message  # type: ignore[union-attr]


def test_an_interrupted_run_is_not_green() -> None:
    suite = ElementTree.fromstring(render(a_run(a_result("TRN-001"), interrupted=True))).find("testsuite")
    assert suite is not None
    assert suite.get("errors") == "1"


def test_totals_and_duration_are_those_of_the_run() -> None:
    root = ElementTree.fromstring(render(a_full_run(TRN_002=Verdict.FAIL)))
    assert (root.get("tests"), root.get("failures"), root.get("skipped"), root.get("time")) == ("83", "1", "7", "1.25")


def test_any_text_of_the_target_gives_well_formed_xml() -> None:
    evidence = an_evidence(
        expected=HOSTILE, actual=HOSTILE, path=HOSTILE, scenario=HOSTILE, turns=(a_turn(response_body=HOSTILE),)
    )
    run = a_run(a_result("TRN-001", Verdict.FAIL, HOSTILE, evidence), target={"base_url": HOSTILE})
    text = render(run)
    assert text.startswith("<?xml")
    assert "[red]x[/red]\\x1b[31m" in (ElementTree.fromstring(text).findtext(".//failure") or "")
