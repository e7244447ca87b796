"""The JUnit report: a test case for each requirement, and one for each problem of the run as a whole."""

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from wfconform.outcomes import Evidence, LoadOutcome, Problem, RequirementResult, Run, SloOutcome, Verdict
from wfconform.report.load_console import quantity
from wfconform.report.text import clipped, plain, sentence
from wfconform.report.verdicts import summary_line
from wfconform.requirements import catalogue

Outcome = Error | Failure | Skipped

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAME_LIMIT = 100
_BODY_LIMIT = 2_000


def render(run: Run) -> str:
    """Return the report as JUnit XML; control characters are written as visible escapes."""
    suite = TestSuite("wfconform")
    for name, value in _suite_properties(run).items():
        suite.add_property(name, plain(value))
    whole = [*map(_problem_case, _problems(run)), *(_load_cases(run.load) if run.load else ())]
    for case in [*whole, *(_case(result, run) for result in run.results)]:
        suite.add_testcase(case)
    suite.timestamp = plain(run.started_at)
    document = JUnitXml("wfconform")
    document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]
    suite.time = document.time = round(run.duration_s, 3)
    xml: bytes = document.tostring()  # type: ignore[no-untyped-call]
    body = xml.decode("utf-8")
    return f"{body if body.startswith('<?xml') else _DECLARATION + body}\n"


def _suite_properties(run: Run) -> dict[str, str]:
    return {
        "level": run.level,
        "seed": str(run.seed),
        "exit_code": str(run.exit_code),
        "target": str(run.target.get("base_url", "")),
        "partial": str(run.partial).lower(),
        "verdict": summary_line(run),
        **({"signed_by": run.certified.signed_by or "nobody"} if run.certified is not None else {}),
    }


def _problems(run: Run) -> tuple[Problem, ...]:
    stopped = (Problem(130, "interrupted: the run did not finish"),) if run.interrupted else ()
    return run.problems + stopped


def _problem_case(problem: Problem) -> TestCase:
    case = TestCase("the run could be judged", "wfconform.run", 0.0)
    error = Error(plain(problem.message), f"exit {problem.exit_code}")
    error.text = plain(problem.hint)
    case.result = error
    return case


def _load_cases(load: LoadOutcome) -> list[TestCase]:
    """Return whether the figures can be trusted, and a case for each SLO."""
    valid = TestCase("the figures can be trusted", "wfconform.load", round(load.duration_s, 3))
    if load.invalid_reasons:
        valid.result = Error(plain("; ".join(load.invalid_reasons)), "exit 3")
    return [valid, *map(_slo_case, load.slo)]


def _slo_case(slo: SloOutcome) -> TestCase:
    case = TestCase(plain(slo.expression), "wfconform.slo", 0.0)
    if not slo.met:
        case.result = Failure(f"measured: {quantity(slo.actual, slo.unit)}", "slo")
    return case


def _case(result: RequirementResult, run: Run) -> TestCase:
    requirement = catalogue()[result.id]
    name = f"{result.id} {sentence(requirement.statement, _NAME_LIMIT)}"
    case = TestCase(plain(name), f"wfconform.{requirement.group}", 0.0)
    properties = Properties()  # type: ignore[no-untyped-call]
    for key, value in {
        "level": result.level.value,
        "clause": requirement.clause,
        "exercised": result.exercised,
    }.items():
        properties.add_property(Property(key, plain(str(value))))
    case.append(properties)  # type: ignore[no-untyped-call]
    outcome = _outcome(result, run)
    if outcome is not None:
        case.result = outcome
    elif result.verdict is Verdict.WARN:
        case.system_out = f"warning: {plain(result.message)}\n{_body(result)}"
    return case


_OUTCOMES: dict[Verdict, type[Outcome]] = {
    Verdict.FAIL: Failure,
    Verdict.ERROR: Error,
    Verdict.NOT_TESTED: Skipped,
    Verdict.EXPECTED_FAILURE: Skipped,
}


def _outcome(result: RequirementResult, run: Run) -> Outcome | None:
    strict_warning = result.verdict is Verdict.WARN and run.strict
    kind = Failure if strict_warning else _OUTCOMES.get(result.verdict)
    if kind is None:
        return None
    outcome = kind(plain(result.message or catalogue()[result.id].statement), result.verdict.value)
    if result.evidence:
        outcome.text = _body(result)
    return outcome


def _body(result: RequirementResult) -> str:
    requirement = catalogue()[result.id]
    head = f"{result.id} {result.level.value} {requirement.clause}: {requirement.statement}"
    return "\n\n".join([plain(head), *map(_evidence, result.evidence)])


def _evidence(evidence: Evidence) -> str:
    rows = [f"expected: {clipped(evidence.expected, _BODY_LIMIT)}", f"actual: {clipped(evidence.actual, _BODY_LIMIT)}"]
    rows += [f"at: {plain(evidence.path)}"] if evidence.path else []
    rows += [f"scenario: {plain(evidence.scenario)}"] if evidence.scenario else []
    for index, turn in enumerate(evidence.turns):
        mark = "->" if index == evidence.at_turn else "  "
        answer = turn.failure if turn.status is None else f"{turn.status} {turn.response_body}"
        rows.append(f"{mark} {clipped(f'{turn.request} {turn.request_body}', _BODY_LIMIT)}")
        rows.append(f"     {clipped(answer, _BODY_LIMIT)}")
    rows += [f"re-run: {plain(evidence.reproduced)}"] if evidence.reproduced else []
    return "\n".join(rows)
