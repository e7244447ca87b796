"""What drivers produce and reports read: verdicts, evidence, one result per requirement, the run."""

from wfconform.outcomes.load import LatencySummary, LoadOutcome, Second, SloOutcome
from wfconform.outcomes.run import (
    Certification,
    Evidence,
    Phase,
    Problem,
    RequirementResult,
    Run,
    TurnRecord,
    Verdict,
)

__all__ = [
    "Certification",
    "Evidence",
    "LatencySummary",
    "LoadOutcome",
    "Phase",
    "Problem",
    "RequirementResult",
    "Run",
    "Second",
    "SloOutcome",
    "TurnRecord",
    "Verdict",
]
