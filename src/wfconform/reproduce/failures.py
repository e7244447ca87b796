"""The reproducers of a run: re-run for each failure, then written beside its report."""

import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path

from wfconform.outcomes import Evidence, RequirementResult, Run, Verdict
from wfconform.reproduce.rerun import NO_TIME, RACE_RUNS, environment, rerun, why_not
from wfconform.reproduce.script import KEY_NAME, SECOND_KEY_NAME, with_key_names
from wfconform.target import Access

BUDGET_S = 10.0
_AT_ONCE = 4
_WORST_FIRST = (Verdict.FAIL, Verdict.WARN)
_OURS = re.compile(r"[A-Z]{3}-\d{3}\.sh")


async def rerun_failures(run: Run, access: Access, *, budget_s: float = BUDGET_S, at_once: int = _AT_ONCE) -> Run:
    """Return the run with what re-running the first reproducer of each failure showed; it takes at most the budget."""
    failed = [result for verdict in _WORST_FIRST for result in run.results if result.verdict is verdict]
    scripts = [result for result in failed if result.evidence and result.evidence[0].reproducer]
    if not scripts:
        return run
    env, places, end_s = environment(access), asyncio.Semaphore(max(1, at_once)), time.monotonic() + budget_s
    lacking = why_not(env)

    async def outcome(evidence: Evidence) -> str:
        if lacking:
            return lacking
        async with places:
            left_s = end_s - time.monotonic()
            times = RACE_RUNS if is_race(evidence) else 1
            return await rerun(evidence.reproducer or "", env, times=times, timeout_s=left_s) if left_s > 0 else NO_TIME

    told = await asyncio.gather(*(outcome(result.evidence[0]) for result in scripts))
    return _with_outcomes(run, {result.id: said for result, said in zip(scripts, told, strict=True)})


def is_race(evidence: Evidence) -> bool:
    """Tell whether what a reproducer shows depends on timing."""
    return bool((evidence.predicate or {}).get("race"))


def named(run: Run, first: str, second: str) -> Run:
    """Return the run with reproducers that take their keys from these environment variables."""
    if (first, second) == (KEY_NAME, SECOND_KEY_NAME):
        return run
    return replace(run, results=tuple(replace(one, evidence=_renamed(one, first, second)) for one in run.results))


def write_scripts(run: Run, report: Path) -> Path | None:
    """Write each failure's first reproducer beside a report, as NAME.repro/ID.sh; what an earlier run wrote there goes.

    Returns the directory, None when there is nothing to write.
    """
    folder = report.with_suffix(".repro")
    scripts = {one.id: one.evidence[0].reproducer for one in run.results if _bad(one) and one.evidence}
    for old in folder.glob("*.sh") if folder.is_dir() else ():
        if _OURS.fullmatch(old.name):
            old.unlink()
    written = {id: script for id, script in scripts.items() if script}
    if not written:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for id, script in written.items():
        path = folder / f"{id}.sh"
        path.write_text(script, encoding="utf-8", newline="\n")
        path.chmod(0o755)
    return folder


def _bad(result: RequirementResult) -> bool:
    return result.verdict in (*_WORST_FIRST, Verdict.EXPECTED_FAILURE)


def _renamed(result: RequirementResult, first: str, second: str) -> tuple[Evidence, ...]:
    return tuple(
        replace(one, reproducer=with_key_names(one.reproducer, first, second)) if one.reproducer else one
        for one in result.evidence
    )


def _with_outcomes(run: Run, told: dict[str, str]) -> Run:
    def first_told(result: RequirementResult) -> RequirementResult:
        if result.id not in told:
            return result
        return replace(result, evidence=(replace(result.evidence[0], reproduced=told[result.id]), *result.evidence[1:]))

    return replace(run, results=tuple(map(first_told, run.results)))
