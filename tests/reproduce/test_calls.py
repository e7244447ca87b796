"""Which calls a reproducer makes again, and when."""

from dataclasses import replace

from tests.reproduce.exchanges import RUN, answer, first, later, sent

from wfconform.reproduce.calls import OPENINGS, calls_for, is_race
from wfconform.wire import Exchange

OTHER = "6ab13be4ffffffffffffffff"


def numbers_of(id: str, judged: Exchange, *log: Exchange) -> list[int]:
    """The chosen calls as places in the log."""
    return [next(i for i, one in enumerate(log) if one is call.exchange) for call in calls_for(id, judged, log)]


def test_the_session_up_to_the_judged_call_is_replayed() -> None:
    """What came after it, and another session before it, is not."""
    log = (first(0, token="b" * 12, body=answer(run_id=OTHER)), first(1), later(2), later(3, 3))
    assert numbers_of("TRN-002", log[2], *log) == [1, 2]


def test_sessions_beside_it_are_replayed_where_they_may_matter() -> None:
    """A rule across sessions takes those that were open at the time; a rule of one answer does not."""
    beside = first(0.5, token="b" * 12, body=answer(run_id=OTHER)), later(1.5, token="b" * 12)
    log = (first(0), beside[0], later(1), beside[1], later(2, 3))
    assert numbers_of("TRN-004", log[4], *log) == [0, 1, 2, 3, 4]
    assert numbers_of("STS-003", log[4], *log) == [0, 2, 4]


def test_what_overlapped_is_sent_at_once_with_its_delay() -> None:
    """A turn and a stop half a second into it make one group; what follows makes the next."""
    log = (first(0), later(1, took_s=1.0), later(1.5, 3), later(2.1, 4))
    calls = calls_for("CAN-006", log[3], log)
    assert [(call.group, call.delay_s) for call in calls] == [(1, 0.0), (2, 0.0), (2, 0.5), (3, 0.0)]
    assert is_race(calls)


def test_a_call_of_a_group_brings_the_whole_group() -> None:
    """The judged call may be the first one of it."""
    log = (first(0), later(1, took_s=1.0), later(1.0, 3), later(3, 4))
    assert numbers_of("TRN-005", log[1], *log) == [0, 1, 2]


def test_a_wait_of_the_scenario_is_kept_and_a_gap_of_the_harness_is_not() -> None:
    """Two seconds between calls are slept again, a tenth of a second is not."""
    calls = calls_for("CAN-002", (log := (first(0), later(0.2), later(2.3, 3)))[2], log)
    assert [call.pause_s for call in calls] == [0.0, 0.0, 2.0]
    assert not is_race(calls)


def test_what_was_not_processed_and_sent_again_is_sent_once() -> None:
    """A 429 that a later attempt made good is left out."""
    again = later(2)
    refused = sent(again.request, 1, status=429)
    log = (first(0), refused, replace(again, request=replace(again.request, attempt=2)))
    assert numbers_of("TRN-002", log[2], *log) == [0, 2]


def test_a_run_id_given_twice_is_asked_for_several_times() -> None:
    """RUN-002 opens sessions in a row, whatever else the scenario did."""
    judged = first(1)
    calls = calls_for("RUN-002", judged, (first(0), later(0.5), judged))
    assert len(calls) == OPENINGS
    assert {call.exchange.request.run_id for call in calls} == {None}


def test_a_leak_is_looked_for_with_a_stranger_that_says_something_before() -> None:
    """Where no other session is at hand, a copy with a mark of its own comes first."""
    mark = f"wfm{'a' * 12}n0001z"
    said = later(1, mark=mark, json={"run_id": RUN, "run_input": {"text": mark}})
    calls = calls_for("EVT-008", said, (first(0), said))
    assert [call.exchange.request.token for call in calls] == ["0" * 12] * 2 + ["a" * 12] * 2
    assert mark not in str(calls[1].exchange.request.json)
