"""Answers shaped like a real server's (§12) break nothing, SHOULDs included, through the wire as bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from wfconform.session import Finding, Kind, Ledger
from wfconform.wire import Exchange, Request, observe

ANSWERS: dict[str, Any] = json.loads((Path(__file__).parent / "real_answer.json").read_text(encoding="utf-8"))
WORKFLOW = "5eb7cf5a86d9755df3a6c593"


def exchange(kind: Kind, name: str, *, sent_s: float, date: str) -> Exchange:
    """Return the exchange whose 200 has that answer."""
    run_id = None if kind is Kind.FIRST else ANSWERS["first"]["run_id"]
    headers = (("date", date), ("content-type", "application/json; charset=utf-8"))
    body = json.dumps(ANSWERS[name]).encode()
    request = Request(kind, WORKFLOW, run_id=run_id)
    return Exchange(request, 200, headers, body, sent_s, sent_s + 2.0, 1_790_000_000.0 + sent_s)


@pytest.fixture
def findings() -> list[Finding]:
    ledger = Ledger()
    first = exchange(Kind.FIRST, "first", sent_s=100.0, date="Mon, 21 Sep 2026 14:15:01 GMT")
    later = exchange(Kind.TURN, "later", sent_s=109.5, date="Mon, 21 Sep 2026 14:15:11 GMT")
    return [finding for one in (first, later) for _, finding in observe(ledger, one)]


def test_the_first_answer_is_shaped_as_the_contract_tells() -> None:
    """15 events, no start_workflow, node run "1" for several nodes, thread ids "0" or null, the hint among them."""
    events = ANSWERS["first"]["events"]
    assert len(events) == 15
    assert "start_workflow" not in {event["type"] for event in events}
    starts = {
        (event["origin_node_logical_id"], event["origin_node_run_id"])
        for event in events
        if event["type"] == "start_node_run"
    }
    assert starts == {("node_welcome", "1"), ("node_route", "1"), ("node_ask", "1")}
    assert {event["thread_reference_id"] for event in events} == {"0", None}
    assert events[-1] == ANSWERS["first"]["next_input_hint"]


def test_a_real_session_breaks_nothing(findings: list[Finding]) -> None:
    """A checker that expects more order than this is wrong."""
    assert [finding for finding in findings if finding.broken] == []


def test_a_real_session_exercises_the_rules_of_events(findings: list[Finding]) -> None:
    """It passes because it was judged."""
    events = {f"EVT-{number:03d}" for number in (1, 2, 3, 4, 5, 6, 7, 9, 10)}
    assert events | {"STS-014", "TRN-002", "RUN-008"} <= {finding.id for finding in findings}
