"""The words of a verdict: of one requirement, and of the run as a whole. Every report says the same ones."""

from wfconform.outcomes import Certification, LoadOutcome, Run, Verdict
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
    5: "CONFORMS, MISSES AN SLO",
    130: "NO VERDICT, interrupted",
}
_LOAD_SENTENCES = {
    0: "HOLDS UNDER LOAD",
    1: "DOES NOT HOLD UNDER LOAD",
    3: "NO VERDICT, the load run is not valid",
    5: "HOLDS UNDER LOAD, MISSES AN SLO",
}
_LOAD_MEANINGS = {
    0: "no invariant broke, no session was lost, every SLO was met",
    1: "an invariant broke, or a session was lost",
    3: "the figures cannot be trusted",
    5: "no invariant broke, but an SLO was missed",
}
LOAD_MUSTS = frozenset({"LOD-001", "LOD-002"})
_EXIT_MEANINGS = {
    0: "conforms",
    1: "does not conform",
    3: "could not be tested, or not all that the level asks for",
    4: "the harness itself failed; the target is not to blame",
    5: "conforms, but an SLO was missed",
    130: "interrupted",
}


def headline(run: Run) -> str:
    """Return the verdict on the run, without the numbers."""
    selection = " (partial: judged over the selection only)" if run.partial else ""
    if run.certified is not None:
        return f"CERTIFIED at level {run.level}: {run.certified.subject}"
    untested = run.exit_code == 3 and not musts_tested(run)[0]
    if run.load is not None:
        return (_SENTENCES | _LOAD_SENTENCES)[run.exit_code]
    said = "COULD NOT BE TESTED" if untested else _SENTENCES[run.exit_code]
    return f"{said} at level {run.level}{selection}"


def summary_line(run: Run) -> str:
    """Return the verdict on the run in one sentence with its numbers."""
    if run.certified is not None:
        return f"{headline(run)}: {', '.join(_certified_numbers(run, run.certified))}"
    if run.load is not None:
        return f"{headline(run)}: {', '.join(_load_numbers(run.load))}"
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
    """Return the exit code and what it means; of a certificate, who vouches for it."""
    if run.certified is not None:
        signed = run.certified.signed_by
        return f"signed by the key {signed}" if signed else "NOT SIGNED: anybody could have written it"
    strict = " (warnings count: --strict)" if run.strict and run.exit_code == 1 else ""
    meanings = _EXIT_MEANINGS if run.load is None else _EXIT_MEANINGS | _LOAD_MEANINGS
    return f"exit {run.exit_code}: {meanings[run.exit_code]}{strict}"


def musts_tested(run: Run) -> tuple[int, int]:
    """Return how many MUSTs of the level were tested, and how many there are (in a partial run: were selected)."""
    asked = LOAD_MUSTS if run.level == "load" else required_at(run.level)
    verdicts = {r.id: r.verdict for r in run.results if r.level is Level.MUST and r.id in asked}
    tested = sum(verdict is not Verdict.NOT_TESTED for verdict in verdicts.values())
    return tested, len(verdicts) if run.partial else len(asked)


def _certified_numbers(run: Run, certified: Certification) -> list[str]:
    seeds = ", ".join(map(str, certified.seeds))
    parts = [f"all {certified.musts} MUSTs passed with the seeds {seeds}", _counted(run.summary["warn"], "warning")]
    return parts + (_load_numbers(run.load) if run.load is not None else [])


def _load_numbers(load: LoadOutcome) -> list[str]:
    violations = sum(count for id, count in load.violations.items() if id not in LOAD_MUSTS)
    parts = [f"{load.turns:,} turns in {load.sessions.get('started', 0):,} sessions"]
    parts += [_counted(violations, "violation"), f"{load.sessions.get('lost', 0)} lost"]
    return [*parts, f"{len(load.slo) - len(load.slo_missed)} of {_counted(len(load.slo), 'SLO')} met"]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
