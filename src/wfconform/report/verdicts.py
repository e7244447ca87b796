"""The words of a verdict: of one requirement, and of the run as a whole. Every report says the same ones."""

from wfconform.outcomes import Run, Verdict
from wfconform.requirements import Level, required_at

WORDS = {
    Verdict.PASS: "pass",
    Verdict.NOT_TESTED: "not tested",
    Verdict.EXPECTED_FAILURE: "expected failure",
    Verdict.WARN: "warning",
    Verdict.FAIL: "FAIL",
    Verdict.ERROR: "ERROR",
}
_SENTENCES = {
    0: "CONFORMS",
    1: "DOES NOT CONFORM",
    3: "NOT TESTED ENOUGH",
    4: "NO VERDICT, the harness failed",
    130: "NO VERDICT, interrupted",
}
_EXIT_MEANINGS = {
    0: "conforms",
    1: "does not conform",
    3: "could not be tested, or not all that the level asks for",
    4: "the harness itself failed; the target is not to blame",
    130: "interrupted",
}


def headline(run: Run) -> str:
    """Return the verdict on the run, without the numbers."""
    selection = " (partial: judged over the selection only)" if run.partial else ""
    untested = run.exit_code == 3 and not musts_tested(run)[0]
    said = "COULD NOT BE TESTED" if untested else _SENTENCES[run.exit_code]
    return f"{said} at level {run.level}{selection}"


def summary_line(run: Run) -> str:
    """Return the verdict on the run in one sentence with its numbers."""
    tested, asked = musts_tested(run)
    count = run.summary
    parts = [f"{tested} of {asked} MUSTs tested", f"{count['fail']} failed", _counted(count["warn"], "warning")]
    if count["error"]:
        parts.append(_counted(count["error"], "error"))
    if count["expected_failure"]:
        parts.append(_counted(count["expected_failure"], "expected failure"))
    parts.append(f"{count['not_tested']} not tested")
    return f"{headline(run)}: {', '.join(parts)}"


def exit_meaning(run: Run) -> str:
    """Return the exit code and what it means."""
    strict = " (warnings count: --strict)" if run.strict and run.exit_code == 1 else ""
    return f"exit {run.exit_code}: {_EXIT_MEANINGS[run.exit_code]}{strict}"


def musts_tested(run: Run) -> tuple[int, int]:
    """Return how many MUSTs of the level were tested, and how many there are (in a partial run: were selected)."""
    asked = required_at(run.level)
    verdicts = {r.id: r.verdict for r in run.results if r.level is Level.MUST and r.id in asked}
    tested = sum(verdict is not Verdict.NOT_TESTED for verdict in verdicts.values())
    return tested, len(verdicts) if run.partial else len(asked)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
