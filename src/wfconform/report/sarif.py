"""The SARIF 2.1.0 report: a rule for each requirement, a result for each that was not kept, for code scanning."""

import hashlib
import json
from typing import Any

from wfconform.outcomes import Evidence, RequirementResult, Run, Verdict
from wfconform.report.text import clipped, plain, sentence
from wfconform.report.verdicts import WORDS
from wfconform.requirements import Level, catalogue

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME = "https://pypi.org/project/wfconform/"
_LEVELS = {
    Verdict.FAIL: "error",
    Verdict.ERROR: "error",
    Verdict.WARN: "warning",
    Verdict.EXPECTED_FAILURE: "note",
}
_CONTRACT = "contracts/requirements.yaml"  # what a viewer opens: findings of a running server have no source file
_TEXT_LIMIT = 1_000
_NAME_LIMIT = 100


def render(run: Run) -> str:
    """Return the report as SARIF; whatever came from the target is plain text in it."""
    ids = list(catalogue())
    results = [_result(result, run, ids.index(result.id)) for result in run.results if result.verdict in _LEVELS]
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(run)},
                "automationDetails": {"id": f"wfconform/{run.level}/"},
                "invocations": [_invocation(run)],
                "results": results,
                "columnKind": "unicodeCodePoints",
                "properties": {
                    "target": plain(str(run.target.get("base_url", ""))),
                    "level": run.level,
                    "seed": run.seed,
                    "partial": run.partial,
                },
            }
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _driver(run: Run) -> dict[str, Any]:
    return {
        "name": "wfconform",
        "version": run.tool.get("version", ""),
        "semanticVersion": run.tool.get("version", ""),
        "informationUri": _HOME,
        "rules": [_rule(id) for id in catalogue()],
    }


def _rule(id: str) -> dict[str, Any]:
    requirement = catalogue()[id]
    must = requirement.level is Level.MUST
    allowed = f" Allowed: {requirement.allowed}." if requirement.allowed else ""
    return {
        "id": id,
        "shortDescription": {"text": sentence(requirement.statement, _NAME_LIMIT)},
        "fullDescription": {"text": requirement.statement},
        "help": {"text": f"{requirement.level.value} {requirement.clause}: {requirement.statement}.{allowed}"},
        "defaultConfiguration": {"level": "error" if must else "warning"},
        "properties": {
            "level": requirement.level.value,
            "clause": requirement.clause,
            "tags": ["wfconform", requirement.group, requirement.level.value],
        },
    }


def _result(result: RequirementResult, run: Run, index: int) -> dict[str, Any]:
    strict_warning = result.verdict is Verdict.WARN and run.strict
    said = result.message or catalogue()[result.id].statement
    url = str(run.target.get("base_url", ""))
    return {
        "ruleId": result.id,
        "ruleIndex": index,
        "level": "error" if strict_warning else _LEVELS[result.verdict],
        "kind": "fail",
        "message": {"text": f"{WORDS[result.verdict]} {result.id}: {clipped(said, _TEXT_LIMIT)}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _CONTRACT}, "region": {"startLine": 1}},
                "logicalLocations": [{"name": result.id, "kind": "resource", "fullyQualifiedName": plain(url)}],
            }
        ],
        "partialFingerprints": {"requirementAtTarget/v1": _fingerprint(result.id, url)},
        "properties": {
            "verdict": result.verdict.value,
            "exercised": result.exercised,
            "evidence": [_evidence(one) for one in result.evidence],
        },
    }


def _fingerprint(id: str, url: str) -> str:
    """Return what makes two findings the same one: the requirement and the target, not what was answered."""
    return hashlib.sha256(f"{id} {url}".encode("utf-8", "replace")).hexdigest()


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "expected": clipped(evidence.expected, _TEXT_LIMIT),
        "actual": clipped(evidence.actual, _TEXT_LIMIT),
        "path": plain(evidence.path),
        "scenario": plain(evidence.scenario),
        "reproduced": plain(evidence.reproduced or ""),
    }


def _invocation(run: Run) -> dict[str, Any]:
    notifications = [
        {"level": "error", "message": {"text": plain(f"{problem.message} {problem.hint}".strip())}}
        for problem in run.problems
    ]
    return {
        "executionSuccessful": run.exit_code in (0, 1),
        "exitCode": run.exit_code,
        "toolExecutionNotifications": notifications,
    }
