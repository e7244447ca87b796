import pytest
from tests.report.runs import UNREACHABLE, a_full_run, a_result, a_run

from wfconform.outcomes import Problem, Run, Verdict
from wfconform.report.verdicts import exit_meaning, summary_line


def test_a_conforming_run_says_so_with_its_numbers() -> None:
    run = a_full_run(EXE_011=Verdict.WARN)
    assert summary_line(run) == "CONFORMS at level full: 61 of 61 MUSTs tested, 0 failed, 1 warning, 7 not tested"


def test_a_failed_must_is_the_headline() -> None:
    run = a_full_run(TRN_002=Verdict.FAIL, AUT_005=Verdict.EXPECTED_FAILURE)
    assert summary_line(run).startswith("DOES NOT CONFORM at level full: 61 of 61 MUSTs tested, 1 failed")
    assert "1 expected failure," in summary_line(run)


def test_a_selection_is_called_partial_and_counted_alone() -> None:
    run = a_run(a_result("TRN-001"), a_result("TRN-002"), partial=True)
    assert summary_line(run).startswith(
        "CONFORMS at level core (partial: judged over the selection only): 2 of 2 MUSTs"
    )


def test_nothing_tested_is_counted_against_the_whole_level() -> None:
    said = summary_line(a_run(problems=(UNREACHABLE,)))
    assert said.startswith("COULD NOT BE TESTED at level core: 0 of 47 MUSTs tested")


def test_too_little_tested_is_not_called_conforming() -> None:
    said = summary_line(a_run(a_result("TRN-001"), problems=(UNREACHABLE,)))
    assert said.startswith("NOT TESTED ENOUGH at level core: 1 of 47 MUSTs tested")


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (a_run(a_result("TRN-001")), "exit 0: conforms"),
        (a_run(a_result("TRN-001", Verdict.FAIL)), "exit 1: does not conform"),
        (a_run(a_result("EXE-011", Verdict.WARN), strict=True), "exit 1: does not conform (warnings count: --strict)"),
        (a_run(problems=(UNREACHABLE,)), "exit 3: could not be tested, or not all that the level asks for"),
        (
            a_run(a_result("TRN-001", Verdict.FAIL), problems=(Problem(4, "bug"),)),
            "exit 4: the harness itself failed; the target is not to blame",
        ),
        (a_run(interrupted=True), "exit 130: interrupted"),
    ],
)
def test_each_exit_code_has_its_meaning(run: Run, said: str) -> None:
    assert exit_meaning(run) == said
