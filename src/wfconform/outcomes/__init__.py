"""What drivers produce and reports read: verdicts, evidence, one result per requirement, the run."""

from wfconform.outcomes.load import LatencySummary, LoadOutcome, Second, SloOutcome
from wfconform.outcomes.run import (
    Evidence,
    Problem,
    RequirementResult,
    Run,
    TurnRecord,
    Verdict,
)

__all__ = [
    "Evidence",
    "LatencySummary",
    "LoadOutcome",
    "Problem",
    "RequirementResult",
    "Run",
    "Second",
    "SloOutcome",
    "TurnRecord",
    "Verdict",
]
