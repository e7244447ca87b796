"""Records to verdicts: one result per requirement, and the problems that make a run untrustworthy."""

from collections.abc import Mapping, Sequence

from wfconform.conformance.play import Played
from wfconform.conformance.record import EVIDENCE_LIMIT, Record, Recorder
from wfconform.outcomes import Evidence, Problem, RequirementResult, Verdict
from wfconform.requirements import DURABLE_ACCESS, FULL_ACCESS, Level, Requirement, catalogue, required_at
from wfconform.target import Target

_OFFERS_IN_WORDS = {
    "conv": "the role conversation",
    "end": "conversation_end",
    "echo": "echoes = true",
    "key2": "a second tenant's key (second_api_key_env)",
    "active": "versioned.active",
    "mongo": "storage access ([storage])",
    "restart": "a restart command ([restart])",
    "auth": "a key (auth)",
}
_ACCESS = {"full": FULL_ACCESS, "durable": DURABLE_ACCESS}
_OUTSIDE = {
    "LOD": "tested by `wfconform load`",
}


def results(recorder: Recorder, target: Target, selected: frozenset[str]) -> tuple[RequirementResult, ...]:
    """Return a result for every selected requirement, in catalogue order."""
    return tuple(
        _result(requirement, recorder, target) for requirement in catalogue().values() if requirement.id in selected
    )


def _result(requirement: Requirement, recorder: Recorder, target: Target) -> RequirementResult:
    reason = target.expected_failures.get(requirement.id)
    broken, evidence = recorder.standing(requirement.id)
    record = recorder.records.get(requirement.id, Record())
    verdict, message = _verdict(requirement, broken, evidence)
    if verdict is Verdict.NOT_TESTED and record.held:
        verdict = Verdict.PASS
    elif verdict is Verdict.NOT_TESTED:
        explained_by = recorder.explained_by(requirement.id)
        message = _why_not_tested(requirement, explained_by, target, background=recorder.background)
    if reason is not None:
        verdict, message = _against_expectation(verdict, message, reason)
    return RequirementResult(
        id=requirement.id,
        level=requirement.level,
        verdict=verdict,
        message=message,
        exercised=record.held + broken,
        evidence=tuple(evidence[:EVIDENCE_LIMIT]),
    )


def _verdict(requirement: Requirement, broken: int, evidence: Sequence[Evidence]) -> tuple[Verdict, str]:
    if not broken:
        return Verdict.NOT_TESTED, ""
    first = evidence[0]
    times = f" ({broken} times)" if broken > 1 else ""
    where = f" at {first.path}" if first.path else ""
    bad = Verdict.FAIL if requirement.level is Level.MUST else Verdict.WARN
    return bad, f"expected {first.expected}, got {first.actual}{where}{times}"


def _against_expectation(verdict: Verdict, message: str, reason: str) -> tuple[Verdict, str]:
    if verdict in (Verdict.FAIL, Verdict.WARN):
        return Verdict.EXPECTED_FAILURE, f"{reason} [{message}]"
    if verdict is Verdict.PASS:
        return Verdict.FAIL, f"passes, though it was expected to fail ({reason}): remove it from [expected_failures]"
    return verdict, message


def _why_not_tested(requirement: Requirement, explained_by: Sequence[str], target: Target, *, background: bool) -> str:
    if explained_by:
        return f"cannot be told apart from {', '.join(explained_by)}, which is broken"
    if requirement.group in _OUTSIDE:
        return _OUTSIDE[requirement.group]
    if requirement.group == "AUT" and target.access.auth == "none":
        return 'auth = "none": the target wants no key'
    if requirement.shown_by(target.offers):
        return _NEVER_SEEN.get(requirement.id, _MOVED_ON if background else _UNANSWERED)
    lacking = min((need - target.offers for need in requirement.needs), key=len)
    words = [_OFFERS_IN_WORDS.get(name, f"the role {name}") for name in sorted(lacking)]
    return f"not configured: {', '.join(words)}"


_UNANSWERED = "nothing that was answered put it to the test"
_MOVED_ON = "never certain: runs with has_background_work = true may move on by themselves"
_NEVER_SEEN = {
    "EXE-014": "no 429 and no 503 was seen",
    "AUT-005": "no 401 was seen",
    "CAN-006": "no stop was shown to meet a running turn",
    "TRN-005": "no two turns overlapped and were answered",
    "DUR-005": "no record of any run was seen in the storage",
}


def problems(
    results: Sequence[RequirementResult],
    *,
    level: str,
    target: Target,
    recorder: Recorder,
    played: Mapping[str, Played],
    partial: bool,
    scripted: bool = True,
) -> list[Problem]:
    """Return why the run, taken as a whole, does not show what the level asks for; unscripted, it need not."""
    found = [_role_problem(role, said) for role, said in recorder.roles.items()]
    found += _unfinished(played)
    if not any(result.exercised for result in results):
        return [*found, Problem(3, "no requirement was exercised", "`wfconform requirements ID` says what each needs")]
    if not scripted:
        return found
    missing = _missing(results, level, target)
    if missing:
        listed = "; ".join(f"{one.id} ({one.message})" for one in missing)
        hint = (
            "configure what is named, or ask for a lower level" if level in _ACCESS and not recorder.background else ""
        )
        found.append(Problem(3, f"level {level}: not tested: {listed}", hint))
    wanted = _ACCESS.get(level, ())
    access = [_OFFERS_IN_WORDS.get(name, f"the role {name}") for name in wanted if name not in target.offers]
    if access and not partial:
        found.append(Problem(3, f"level {level} needs {', '.join(access)}", "configure it, or use a lower --level"))
    return found


def _role_problem(role: str, said: str) -> Problem:
    if role == "second tenant":
        hint = "check the second key (second_api_key_env, WFCONFORM_SECOND_API_KEY) and second_workflow"
        return Problem(3, f"the second tenant could not run its own session: {said}", hint)
    hint = "correct the role's workflow id in the target file, or the workflow"
    return Problem(3, f"the role {role} does not behave as declared: {said}", hint)


def _unfinished(played: Mapping[str, Played]) -> list[Problem]:
    """One problem for each reason why scenarios could not be finished, with their names."""
    by_reason: dict[str, list[str]] = {}
    for name, one in played.items():
        if one.retry:
            by_reason.setdefault(one.cut_short, []).append(name)
    return [Problem(3, f"{_several(names)} could not be finished: {reason}") for reason, names in by_reason.items()]


def _several(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"the scenario {names[0]}"
    return f"{len(names)} scenarios ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"


def _missing(results: Sequence[RequirementResult], level: str, target: Target) -> list[RequirementResult]:
    """The MUSTs of the level that were not tested; without authentication by declaration, AUT is spared at core."""
    wanted = required_at(level)
    spared = "AUT" if level == "core" and target.access.auth == "none" else ""
    return [
        one
        for one in results
        if one.id in wanted and one.verdict is Verdict.NOT_TESTED and not (spared and one.id.startswith(spared))
    ]
