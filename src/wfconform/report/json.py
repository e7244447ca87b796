"""The JSON report: stable and versioned; contracts/report.schema.json is its schema."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from wfconform.outcomes import RequirementResult, Run, Verdict
from wfconform.requirements import Level, catalogue

_ACTS_ON_TERMINALS = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Turn(_Part):
    """One call as it went over the wire, secrets left out, bodies cut to a readable length."""

    request: str
    request_body: str
    status: int | None
    """The HTTP status; null when `failure` says why there was none."""
    response_body: str
    sent_s: float
    """Seconds since the run began."""
    elapsed_ms: float
    failure: str


class Shown(_Part):
    """One way in which a requirement was broken."""

    expected: str
    actual: str
    path: str
    """JSON path into the response body; empty when it is not about one place."""
    scenario: str
    turns: list[Turn]
    at_turn: int | None
    """Index into `turns` of the call that showed it."""
    reproducer: str | None
    """A shell script (curl and python3) that replays the session; it ends with 1 when the violation shows again."""
    reproduced: str | None
    """What running it showed: `reproduced`, `not reproduced`, `reproduced in k of n`, or why it was not run."""
    predicate: dict[str, JsonValue] | None = None
    """What must hold of the reproducer's answers: its name, the judged call, arguments."""


class Result(_Part):
    """The verdict on one requirement."""

    id: str
    level: Level
    clause: str
    statement: str
    verdict: Verdict
    message: str
    exercised: int
    """How often the requirement was really put to the test."""
    evidence: list[Shown]


class RunProblem(_Part):
    """Why the run as a whole cannot be trusted."""

    exit_code: int
    message: str
    hint: str


class PhaseRow(_Part):
    """A generated phase: requests made of the contract, random interleavings, or an exploration."""

    name: str
    examples: int
    """How many were asked for."""
    requests: int
    sessions: int
    findings: int
    """How many requirements it saw broken."""
    duration_s: float
    note: str
    """Why it ended early; empty when it did not."""


class Latency(_Part):
    """What one latency histogram says, in milliseconds; null where nothing was measured."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None
    mean: float | None


class Slo(_Part):
    """One SLO of a load run."""

    expression: str
    metric: str
    unit: str
    """Of `threshold` and `actual`: ms, %, /s, or empty for a count."""
    threshold: float
    actual: float | None
    """Null when there was nothing to measure, which is never met."""
    met: bool
    missed_at_s: float | None
    """When it ended the run, null when it did not."""


class LoadSecond(_Part):
    """One second of a load run: what ended in it."""

    second: int
    stage: str
    phase: str
    sessions_open: int
    sessions_started: int
    sessions_ended: int
    turns: int
    stops: int
    refused: int
    failed: int
    violations: int
    wanted: float
    """The level asked for: sessions at once, or arrivals per second."""
    late_starts: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    loop_lag_ms: float
    cpu: float
    """Of the busiest generating process; 1 is a whole core."""


class Load(_Part):
    """The load part: counts of the whole run, latencies and turns_per_s of its steady stages."""

    profile: str
    model: Literal["closed", "open"]
    configuration: dict[str, JsonValue]
    duration_s: float
    steady_s: float
    turns: int
    steady_turns: int
    stops: int
    refused: int
    failed: int
    sessions: dict[str, int]
    """started, completed, cancelled, abandoned, refused, lost."""
    violations: dict[str, int]
    warnings: dict[str, int] = {}
    """Requirement ID to how often it was violated."""
    exercised: dict[str, int]
    latency_ms: dict[str, Latency]
    """turn, turn_corrected, turn_first, turn_next, turn_refused, stop, session."""
    turns_per_s: float | None
    valid: bool
    """False: the figures cannot be trusted, for the invalid_reasons."""
    invalid_reasons: list[str]
    slo: list[Slo]
    by_turn: dict[str, Latency]
    """Latency by turn index, 1 for the first."""
    spectrum: dict[str, list[tuple[float, float]]]
    """[percentile, milliseconds] points of `turn` and `turn_corrected`."""
    histograms: dict[str, str]
    """The HdrHistograms behind latency_ms: base64 of the V2 encoding, whole microseconds."""
    failures: dict[str, int]
    health: dict[str, float]
    """Of the generator."""
    workers: list[dict[str, JsonValue]]
    left_open: int
    series: list[LoadSecond]


class Certified(_Part):
    """What the report of a certificate certifies."""

    subject: str
    """Vendor, product and version."""
    musts: int
    """How many of the level passed."""
    seeds: list[int]
    signed_by: str | None
    """The key's fingerprint; null: nobody signed it, so anybody could have written it."""
    valid_until: str


class Report(_Part):
    """A report of one run."""

    schema_version: Literal["1"]
    tool: dict[str, str]
    target: dict[str, JsonValue]
    """What was tested, without secrets."""
    level: str
    """What had to be tested for exit code 0."""
    seed: int
    started_at: str
    """ISO 8601, UTC."""
    duration_s: float
    exit_code: int
    summary: dict[Verdict, int]
    """How many requirements got each verdict."""
    strict: bool
    partial: bool
    """Judged over a selection (--only, --skip) only."""
    interrupted: bool
    calls: int
    sessions: int
    problems: list[RunProblem]
    notes: list[str]
    phases: list[PhaseRow] = []
    """The generated phases; empty when there were none."""
    requirements: list[Result]
    load: Load | None = None
    """What a load run measured; null when it was none."""
    certified: Certified | None = None
    """Null but in the report of a certificate."""


def report(run: Run) -> Report:
    """Return a run as the report's model."""
    fields = (
        "level",
        "seed",
        "started_at",
        "duration_s",
        "exit_code",
        "strict",
        "partial",
        "interrupted",
        "calls",
        "sessions",
    )
    content: dict[str, Any] = {
        "schema_version": "1",
        "tool": dict(run.tool),
        "target": dict(run.target),
        "summary": run.summary,
        "problems": [asdict(problem) for problem in run.problems],
        "notes": list(run.notes),
        "phases": [asdict(phase) for phase in run.phases],
        "requirements": [_result(result) for result in run.results],
        "load": asdict(run.load) if run.load else None,
        "certified": asdict(run.certified) if run.certified else None,
        **{name: getattr(run, name) for name in fields},
    }
    return Report.model_validate(_whole(content))


def render(run: Run) -> str:
    """Return the report as JSON text that is safe to print on a terminal."""
    content = report(run).model_dump(mode="json")
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    return _ACTS_ON_TERMINALS.sub(lambda hit: f"\\u{ord(hit.group()):04x}", text) + "\n"


def schema_text() -> str:
    """Return the report's JSON Schema as it is committed."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Report.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _result(result: RequirementResult) -> dict[str, Any]:
    requirement = catalogue()[result.id]
    return {
        **asdict(result),
        "clause": requirement.clause,
        "statement": requirement.statement,
    }


def _whole(node: Any) -> Any:
    """Return a value whose strings are valid Unicode: a lone surrogate is written out, tuples become lists."""
    match node:
        case str():
            return node.encode("utf-8", "backslashreplace").decode() if not node.isascii() else node
        case Mapping():
            return {_whole(key): _whole(value) for key, value in node.items()}
        case list() | tuple():
            return [_whole(value) for value in node]
        case _:
            return node
