"""Verdicts, evidence, one result per requirement, and the run that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wfconform.outcomes.load import LoadOutcome
from wfconform.requirements import Level


class Verdict(StrEnum):
    """The verdict on one requirement; the order is from best to worst, the worst wins."""

    PASS = "pass"  # noqa: S105 - a verdict
    NOT_TESTED = "not_tested"
    EXPECTED_FAILURE = "expected_failure"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One call as it went over the wire, secrets left out, bodies cut to a readable length.

    sent_s: seconds since the run began; elapsed_ms: until the whole answer was there; status: None when `failure`
    says why there was none.
    """

    request: str
    request_body: str
    status: int | None
    response_body: str
    sent_s: float
    elapsed_ms: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One way in which a requirement was broken: what was expected, what came, where (a JSON path), and the turns.

    at_turn: index into `turns` of the call that showed it, None when no single one did. reproducer: a shell script
    that replays it; predicate: what must hold of that script's answers; reproduced: what running it showed.
    """

    expected: str
    actual: str
    path: str = ""
    scenario: str = ""
    turns: tuple[TurnRecord, ...] = ()
    at_turn: int | None = None
    reproducer: str | None = None
    reproduced: str | None = None
    predicate: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """The verdict on one requirement; `exercised` counts how often it really was put to the test."""

    id: str
    level: Level
    verdict: Verdict
    message: str = ""
    exercised: int = 0
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a run as a whole cannot be trusted, and what it makes the exit code (3 or 4); `hint`: what to do next."""

    exit_code: int
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """A generated phase as it went. examples: how many were asked for; requests, sessions: how many were made.

    findings: how many requirements it saw broken; note: why it ended early, "" when it did not.
    """

    name: str
    examples: int
    requests: int
    sessions: int
    findings: int
    duration_s: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Certification:
    """What several runs as one certify. musts: how many of the level passed; signed_by: the key, None: nobody signed.

    subject: vendor, product and version; seeds: of the checks; valid_until: ISO 8601, UTC.
    """

    subject: str
    musts: int
    seeds: tuple[int, ...]
    signed_by: str | None
    valid_until: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run against one target: all that any report shows.

    target: redacted description (name, base_url, roles, auth); level: what had to be tested for exit 0; started_at:
    ISO 8601, UTC; partial: judged over a selection only; interrupted: ended by the user; calls, sessions: how many were
    made; phases: the generated ones, where there were any; load: what a load run measured, None when it was none;
    certified: what it certifies, None for a single run.
    """

    tool: Mapping[str, str]
    target: Mapping[str, object]
    level: str
    seed: int
    started_at: str
    duration_s: float
    results: tuple[RequirementResult, ...]
    strict: bool = False
    partial: bool = False
    interrupted: bool = False
    calls: int = 0
    sessions: int = 0
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = field(default=())
    phases: tuple[Phase, ...] = ()
    load: LoadOutcome | None = None
    certified: Certification | None = None

    @property
    def summary(self) -> dict[str, int]:
        """How many requirements got each verdict."""
        return {verdict.value: sum(r.verdict is verdict for r in self.results) for verdict in Verdict}

    @property
    def failed(self) -> tuple[RequirementResult, ...]:
        """The results that make the target non-conforming: failed MUSTs, and under strict the warnings too."""
        bad = {Verdict.FAIL, Verdict.WARN} if self.strict else {Verdict.FAIL}
        return tuple(r for r in self.results if r.verdict in bad)

    @property
    def exit_code(self) -> int:
        """0 conforms · 1 does not · 3 could not be tested · 4 the harness failed · 5 an SLO was missed.

        130 when the user ended it; where several apply: 4, 1, 3, 5 in that order.
        """
        codes = {problem.exit_code for problem in self.problems}
        if any(r.verdict is Verdict.ERROR for r in self.results):
            codes.add(4)
        if self.failed:
            codes.add(1)
        if self.load is not None and not self.load.valid:
            codes.add(3)
        if self.load is not None and self.load.slo_missed:
            codes.add(5)
        if self.interrupted:
            return 130
        return next((code for code in (4, 1, 3, 5) if code in codes), 0)
