"""No history that a correct server can produce is blamed for anything."""

from hypothesis import HealthCheck, given, settings
from tests.session.model import FAULT_IDS, History, histories, judged


# Circumstances of correct servers that the ledger still blames: each has a test of its own in test_false_alarms.py.
def blamed(history: History) -> list[tuple[int, str, str, str]]:
    """Return what a history is blamed for, but for what a 5xx shows by itself."""
    return [
        (index, finding.id, finding.broken.expected, finding.broken.actual)
        for index, (group, findings) in enumerate(zip(history.groups, judged(history), strict=True))
        for finding in findings
        if finding.broken and not (finding.id in FAULT_IDS and any(said.what == "fault" for said in group))
    ]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories())
def test_a_conforming_history_is_not_blamed(history: History) -> None:
    """Whatever a correct server may answer, MUSTs and SHOULDs included, breaks nothing."""
    assert blamed(history) == []
