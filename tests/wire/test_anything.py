"""Whatever a server sends, observing it raises nothing: the harness fails no run by failing itself."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.exchanges import RUN, WORKFLOW, answer

from wfconform.session import Busy, Ended, Intent, Kind, Ledger, Lenient, Refused, Valid
from wfconform.wire import Exchange, Failure, Request, observe, reply_to

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(RUN)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from(["llm", "start_node_run", "end_node_run", "direct_edge", "end_workflow"])},
    optional={
        "logical_id": _SCALARS,
        "timestamp": _SCALARS,
        "thread_reference_id": _SCALARS,
        "origin_node_logical_id": _SCALARS,
        "source_node_logical_id": _SCALARS,
    },
)
_STATUS = st.sampled_from(["waiting_for_user_input", "completed", "failed", "cancelled", "paused", "running", "Paused"])
# Correct but for a few fields: what gets furthest into the checks.
_NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "run_id": _SCALARS,
        "status": _STATUS | _JSON,
        "turn_number": st.integers(-2, 5) | _JSON,
        "events": st.lists(_EVENT, max_size=3) | _JSON,
        "is_waiting_for_input": st.booleans() | _JSON,
        "is_completed": st.booleans() | _JSON,
        "error": _JSON,
        "next_input_hint": _EVENT | _JSON,
        "has_background_work": _JSON,
    },
).map(lambda changes: json.dumps(answer(**changes)).encode("utf-8", "surrogatepass"))
_BODIES = _NEARLY | st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
_DATES = st.text(max_size=30) | st.sampled_from(
    ["Mon, 21 Sep 9999 23:59:59 -2359", "1 1 1 1:1:1 +9999", "0 Jan 0 0:0 GMT"]
)
_HEADERS = st.lists(
    st.tuples(st.sampled_from(["content-type", "retry-after", "x-any"]), st.text(max_size=10))
    | st.tuples(st.just("date"), _DATES),
    max_size=3,
).map(tuple)
_INTENTS: st.SearchStrategy[Intent] = st.sampled_from(
    [
        Valid(),
        Valid(("RUN-009",), ("TRN-004",)),
        Refused(("EXE-006",), ("EXE-006",), (401,)),
        Ended(("STS-009",)),
        Lenient(("EXE-008",)),
        Busy(),
    ]
)
_REQUESTS = st.builds(
    Request,
    kind=st.sampled_from(Kind),
    workflow_id=st.just(WORKFLOW),
    intent=_INTENTS,
    run_id=st.sampled_from([None, RUN]),
    method=st.sampled_from(["POST", "POST", "POST", "GET"]),
    token=st.sampled_from([None, "0123456789ab"]),
    mark=st.sampled_from([None, "wfm0123456789abn0001z"]),
    echoed=st.booleans(),
)
_TIMES: st.SearchStrategy[Any] = st.floats(0, 10)
_EXCHANGES = st.builds(
    lambda request, status, headers, body, failure, sent_s, took_s: Exchange(
        request, None if failure else status, headers, body, sent_s, sent_s + took_s, 1_790_000_000.0 + sent_s, failure
    ),
    _REQUESTS,
    st.sampled_from([200, 200, 200]) | st.integers(100, 999),
    _HEADERS,
    _BODIES,
    st.none() | st.none() | st.none() | st.sampled_from(Failure),
    _TIMES,
    _TIMES,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_EXCHANGES, min_size=1, max_size=3), min_size=1, max_size=5))
def test_observing_never_raises(groups: list[list[Exchange]]) -> None:
    """Any status, headers, body and failure, alone or in a race, with any intent."""
    ledger = Ledger(session_ttl_s=5.0)
    for group in groups:
        for exchange, finding in observe(ledger, *group):
            assert exchange in group
            assert isinstance(finding.id, str)
            assert finding.broken is None or (finding.broken.expected and isinstance(finding.broken.actual, str))


@given(_EXCHANGES)
def test_a_reply_is_always_told(exchange: Exchange) -> None:
    """… and judging it twice gives the same."""
    assert reply_to(exchange) == reply_to(exchange)
