"""Builds runs for the tests of reports."""

from dataclasses import replace

from wfconform.outcomes import Evidence, Problem, RequirementResult, Run, TurnRecord, Verdict
from wfconform.requirements import catalogue

HOSTILE = "[red]x[/red]\x1b[31m\x1b]0;title\x07\x9b2J\u202e\ud800\ufffe\x00|`<b>"
CONVERSATION = "5eb7cf5a86d9755df3a6c593"


def a_turn(**changes: object) -> TurnRecord:
    turn = TurnRecord(
        request=f"POST /v1/workflows/{CONVERSATION}/execute",
        request_body='{"run_id": null}',
        status=200,
        response_body='{"turn_number": 5}',
        sent_s=0.5,
        elapsed_ms=12.3,
    )
    return replace(turn, **changes)  # type: ignore[arg-type]


def a_result(id: str, verdict: Verdict = Verdict.PASS, message: str = "", *evidence: Evidence) -> RequirementResult:
    exercised = 0 if verdict is Verdict.NOT_TESTED else 2
    return RequirementResult(id, catalogue()[id].level, verdict, message, exercised, evidence)


def an_evidence(**changes: object) -> Evidence:
    evidence = Evidence(
        expected="turn_number 3",
        actual="turn_number 5",
        path="$.turn_number",
        scenario="long_session",
        turns=(a_turn(),),
        at_turn=0,
    )
    return replace(evidence, **changes)  # type: ignore[arg-type]


def a_run(*results: RequirementResult, **changes: object) -> Run:
    run = Run(
        tool={"name": "wfconform", "version": "0.1.0"},
        target={"name": "acme", "base_url": "https://api.example.com/workflows", "roles": ["conversation"]},
        level="core",
        seed=7,
        started_at="2026-01-02T03:04:05Z",
        duration_s=1.25,
        results=results,
        calls=40,
        sessions=8,
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def a_full_run(**verdicts: Verdict) -> Run:
    """A run over the whole catalogue; `TRN_002=Verdict.FAIL` changes one verdict."""
    outside = {"DUR", "LOD"}
    results = []
    for id, requirement in catalogue().items():
        usual = Verdict.NOT_TESTED if requirement.group in outside else Verdict.PASS
        verdict = verdicts.get(id.replace("-", "_"), usual)
        evidence = (an_evidence(),) if verdict in (Verdict.FAIL, Verdict.WARN) else ()
        results.append(
            a_result(id, verdict, "no storage access" if verdict is usual is not Verdict.PASS else "", *evidence)
        )
    return a_run(*results, level="full")


UNREACHABLE = Problem(3, "nothing answers at https://api.example.com", "is the base URL right?")
