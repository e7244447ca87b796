from tests.report.runs import UNREACHABLE, a_full_run, a_result, a_run, an_evidence

from wfconform.outcomes import Verdict
from wfconform.report.markdown import render


def test_the_summary_is_the_heading() -> None:
    first = render(a_full_run()).splitlines()[0]
    assert first == "## wfconform: CONFORMS at level full: 61 of 61 MUSTs tested, 0 failed, 0 warnings, 7 not tested"


def test_a_conforming_run_has_no_table() -> None:
    assert "|---|" not in render(a_full_run())


def test_failures_are_rows_worst_first() -> None:
    text = render(a_full_run(EXE_011=Verdict.WARN, TRN_001=Verdict.FAIL))
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert rows[0] == (
        "| **TRN-001** MUST §7 | FAIL | the first turn is 1 | `turn_number 3` | `turn_number 5 at $.turn_number` |"
    )
    assert rows[1].startswith("| **EXE-011** SHOULD")


def test_problems_and_reasons_are_listed() -> None:
    run = a_run(a_result("VER-001", Verdict.NOT_TESTED, "no role"), problems=(UNREACHABLE,), notes=("a note",))
    text = render(run)
    assert "- nothing answers at https://api.example.com is the base URL right?" in text
    assert "VER\\-001: no role" in text
    assert "- a note" in text


def test_text_of_the_target_breaks_no_table_and_is_never_markup() -> None:
    nasty = "a|b `c` <script>\n# heading @everyone [x](http://y) \x1b[31m"
    run = a_run(a_result("TRN-001", Verdict.FAIL, nasty, an_evidence(actual=nasty, path="")))
    (row,) = [line for line in render(run).splitlines() if line.startswith("| **")]
    assert row.replace("\\|", "").count("|") == 6
    assert "`` a\\|b `c` <script>\\n# heading" in row
    assert "\x1b" not in row


def test_a_note_mentions_nobody_and_makes_no_html() -> None:
    text = render(a_run(notes=("<img> @team *x*",)))
    assert "- \\<img\\> @\u200bteam \\*x\\*" in text
