from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console
from tests.report.runs import HOSTILE, UNREACHABLE, a_full_run, a_result, a_run, a_turn, an_evidence

from wfconform.outcomes import Run, Verdict
from wfconform.report.console import show


def _shown(run: Run, *, width: int = 120, terminal: bool = False, quiet: bool = False) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system="truecolor" if terminal else None)
    show(run, console, quiet=quiet)
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_has_a_line_for_each_requirement_within_the_width(width: int) -> None:
    lines = _shown(a_full_run(), width=width).splitlines()
    rows = [line for line in lines if line.startswith("  ") and "-0" in line[:9]]
    assert len(rows) == 83
    assert all(len(line) <= width for line in rows)
    assert "  TRN-001 ✓ pass       the first turn is 1" in "\n".join(rows)


def test_the_last_line_is_the_verdict_and_the_exit_code() -> None:
    last = _shown(a_full_run(), width=80).splitlines()[-1]
    assert last == (
        "CONFORMS at level full: 61 of 61 MUSTs tested, 0 failed, 0 warnings, 7 not tested (exit 0: conforms)"
    )


def test_a_failure_shows_sentence_clause_expected_actual_path_and_turns() -> None:
    turns = (a_turn(response_body="first"), a_turn(response_body="second"), a_turn(response_body="third"))
    shown = _shown(a_run(a_result("TRN-001", Verdict.FAIL, "it began at 5", an_evidence(turns=turns, at_turn=1))))
    assert "✗ FAIL TRN-001 (MUST, §7) the first turn is 1" in shown
    assert "expected: turn_number 3" in shown
    assert "actual at $.turn_number: turn_number 5" in shown
    assert "→  2 POST /v1/workflows/…a6c593/execute" in shown
    assert "12 ms: 200 second" in shown
    assert "third" not in shown  # what came after the turn that showed it is no part of the story


def test_a_turn_without_an_answer_says_why() -> None:
    evidence = an_evidence(turns=(a_turn(status=None, failure="timed out"),))
    assert "no answer: timed out" in _shown(a_run(a_result("TRN-001", Verdict.FAIL, "", evidence)))


def test_long_stories_are_cut_and_say_so() -> None:
    many = an_evidence(turns=tuple(a_turn() for _ in range(20)), at_turn=19)
    shown = _shown(a_run(a_result("TRN-001", Verdict.FAIL, "", *[many] * 5)))
    assert "… 14 earlier turns" in shown
    assert "and 2 more in the JSON report" in shown


def test_a_reproducer_is_printed_line_by_line() -> None:
    evidence = an_evidence(reproducer="#!/bin/sh\ncurl -d '{}' x", reproduced="reproduced in 2 of 3")
    shown = _shown(a_run(a_result("TRN-001", Verdict.FAIL, "", evidence)))
    assert "  reproducer (reproduced in 2 of 3):\n    #!/bin/sh\n    curl -d '{}' x\n" in shown


def test_not_tested_rows_give_the_reason() -> None:
    shown = _shown(a_run(a_result("VER-001", Verdict.NOT_TESTED, "role versioned is not configured")))
    assert "· not tested role versioned is not configured" in shown


def test_a_problem_is_shown_with_what_to_do_even_when_quiet() -> None:
    shown = _shown(a_run(problems=(UNREACHABLE,), notes=("a note",)), quiet=True)
    assert shown.splitlines()[:2] == [
        "problem: nothing answers at https://api.example.com",
        "         is the base URL right?",
    ]
    assert "a note" not in shown


def test_no_escape_or_markup_of_the_target_reaches_the_console() -> None:
    turn = a_turn(request=HOSTILE, request_body=HOSTILE, response_body=HOSTILE, status=None, failure=HOSTILE)
    evidence = an_evidence(
        expected=HOSTILE,
        actual=HOSTILE,
        path=HOSTILE,
        scenario=HOSTILE,
        turns=(turn, turn),
        reproducer=HOSTILE,
        reproduced=HOSTILE,
    )
    run = a_run(
        a_result("TRN-001", Verdict.FAIL, HOSTILE, evidence),
        a_result("TRN-002", Verdict.NOT_TESTED, HOSTILE),
        target={"base_url": HOSTILE, "name": HOSTILE},
        notes=(HOSTILE,),
    )
    shown = _shown(run)
    assert not set(shown) & set("\x1b\x07\x9b\x00\u202e\ud800\ufffe")
    assert "[red]x[/red]" in shown


def test_colour_is_for_terminals_only() -> None:
    assert "\x1b[" in _shown(a_full_run(), terminal=True)
    assert "\x1b[" not in _shown(a_full_run(), terminal=False)


def test_a_console_without_unicode_gets_ascii_symbols() -> None:
    raw = BytesIO()
    console = Console(
        file=TextIOWrapper(raw, encoding="ascii", errors="backslashreplace"), width=100, color_system=None
    )
    show(a_run(a_result("TRN-001"), a_result("TRN-003", Verdict.FAIL, "", an_evidence())), console)
    console.file.flush()
    assert b"TRN-001 + pass" in raw.getvalue()
    assert b"TRN-003 x FAIL" in raw.getvalue()
    assert b">  1 POST" in raw.getvalue()
