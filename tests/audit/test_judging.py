"""Recorded sessions: what is certain is told, what a missing call could explain is not."""

import random
from functools import cache
from typing import Any

import pytest
from tests.audit.recordings import RUN, Row, answer, broken, judged, recorded, row, session
from tests.servers.broken import BROKEN
from tests.servers.conforming import CONFORMING

OTHER_RUN = "65a1b2c3d4e5f60718293a4c"


def test_a_conforming_session_is_exercised_and_not_blamed() -> None:
    """A plain session puts many requirements to the test and breaks none."""
    found = judged(session())
    assert broken(session()) == set()
    assert {"TRN-001", "TRN-002", "RUN-003", "STS-003", "EVT-004", "TRN-006"} <= set(found.exercised)
    assert [(one.run_id, one.from_start, one.calls) for one in found.sessions] == [(RUN, True, 6)]


def _with(index: int, **changes: Any) -> list[Row]:
    rows = session()
    rows[index] = {**rows[index], "response": {**rows[index]["response"], **changes}}
    return rows


@pytest.mark.parametrize(
    ("rows", "id"),
    [
        (_with(0, turn_number=5), "TRN-001"),
        (_with(0, run_id="nonsense"), "RUN-001"),
        (_with(2, turn_number=2), "TRN-002"),
        (_with(2, turn_number=1), "TRN-002"),
        (_with(2, run_id=OTHER_RUN), "RUN-003"),
        (_with(2, is_completed=True), "STS-003"),
        (_with(2, status="dancing"), "STS-001"),
        (_with(2, events=[{"type": "busy_wait_for_user_message", "logical_id": f"{RUN}-1"}]), "EVT-004"),
        (_with(2, events=[]), "EVT-002"),
        (_with(4, status="waiting_for_user_input", is_completed=False, is_waiting_for_input=True,
               next_input_hint={"type": "busy_wait_for_user_message"}), "CAN-001"),
        (_with(4, turn_number=1), "TRN-006"),
        ([*session(), row(9, answer(5))], "STS-009"),
        ([*session(), row(9, answer(1), run_id=None, took_ms=50)], "RUN-002"),
        ([*session(), row(9, answer(4, "completed"), command="stop")], "CAN-003"),
        *(([*session(), row(9, answer(1), run_id=None, command=command, took_ms=50)], "RUN-002")
          for command in ("data", "resume", None)),
    ],
)  # fmt: skip
def test_what_no_missing_call_explains_is_told(rows: list[Row], id: str) -> None:
    """Each violation that is certain from the recording alone is reported under its ID."""
    assert id in broken(rows)


def test_a_session_that_starts_midway_is_not_judged_by_what_was_before() -> None:
    """Without its first turn a session has no known history."""
    assert broken(session()[2:]) == set()
    assert not judged(session()[2:]).sessions[0].from_start


def test_calls_that_are_missing_explain_a_gap() -> None:
    """Any subset of a conforming session conforms: 200 random ones, in random order in the file."""
    chance, rows = random.Random(3), session(turns=12)
    for _ in range(200):
        some = [one for one in rows if chance.random() < 0.5]
        chance.shuffle(some)
        assert broken(some) == set()


def test_a_run_that_a_missing_call_ended_is_not_blamed_for_it() -> None:
    """A stop may find a run completed, and a turn may find it ended, by a call that is not in the recording."""
    opened = row(0, answer(1), run_id=None)
    assert broken([opened, row(1, answer(3, "completed"), command="stop")]) == set()
    assert broken([opened, row(1, answer(3, "completed", events=[]))]) == set()
    assert broken([opened, row(1, {"detail": "the run has ended"}, status=409)]) == set()


def test_lost_and_unrecorded_answers_prove_nothing() -> None:
    """A gateway's 502, a status 0, a body that was left out or cut: the call may have been executed or not."""
    for lost in (
        {"status": 502},
        {"status": 0},
        {"status": 504, "response": "<html>"},
        {"response": None},
        {"response": '{"run_id": "65a1'},
    ):
        rows = session()
        rows[2] = {**rows[2], **lost}
        assert broken(rows) == set(), lost
        assert judged(rows).lost == 1


def test_interleaved_sessions_and_deployments_are_kept_apart() -> None:
    """Two sessions at once, and the same run_id at two deployments, are nothing to each other."""
    other = session(run_id=OTHER_RUN, start_s=0.4)
    elsewhere = [{**one, "url": one["url"].replace("api.", "staging.")} for one in session()]
    rows = [*session(), *other, *elsewhere]
    assert broken(rows) == set()
    assert len(judged(rows).sessions) == 3


def test_calls_that_overlap_are_judged_as_a_set() -> None:
    """Of two turns in flight at once either may be executed first; the same number twice is certain."""
    opened = row(0, answer(1), run_id=None)
    pair = [row(1, answer(3), took_ms=500), row(1.2, answer(2), took_ms=500)]
    assert broken([opened, *pair]) == set()
    again = answer(2, events=[{"type": "busy_wait_for_user_message", "logical_id": "another"}])
    assert "TRN-005" in broken([opened, row(1, answer(2), took_ms=500), row(1.2, again, took_ms=500)])


def test_a_call_that_was_recorded_twice_is_judged_once() -> None:
    """A browser writes a call of its worker twice: the same bytes at the same time are one call."""
    rows = session()
    twice = [*rows, *({**one, "at": one["at"] + 0.01} for one in rows)]
    assert broken(twice) == set()
    assert judged(twice).repeats == len(rows)


def test_a_recorders_clock_that_is_wrong_blames_nobody() -> None:
    """Without a Date header the recorder's clock is all there is: hours off, it says nothing of the server's times."""
    rows = [{**one, "at": one["at"] + 7200} for one in session()]
    assert broken(rows) == set()


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[]", "{}", '{"run_input": 3}', '{"run_id": {"$ne": null}, "run_input": {}}', None,
             '{"run_id": 3, "run_input": {"command": ["start"]}}', '{"run_input": {"command": "dance"}}'],
)  # fmt: skip
def test_a_request_that_asks_nothing_clear_is_judged_by_nothing(body: Any) -> None:
    """Malformed and unrecorded requests move a run, or do not."""
    assert broken([row(0, answer(7), request=body), *session(start_s=1)]) <= {"RUN-002"}
    assert broken([*session(), row(9, answer(4, "cancelled", events=[]), request=body)]) == set()


@pytest.mark.parametrize("change", [{"method": "GET"}, {"url": "https://api.example.com/other"}, {"url": "http://[x"}])
def test_what_is_no_call_of_the_endpoint_is_left_alone(change: Row) -> None:
    """Other methods and other paths are nobody's session."""
    found = judged([{**one, **change} for one in session()])
    assert (found.calls, found.sessions) == (0, ())


# A sample, for the time that it takes; every eleventh differs from the others in another way.
_IN_PROCESS = [case for case in CONFORMING if not case.live][::11]


@cache
def _conforming_traffic() -> dict[str, list[Row]]:
    return recorded(_IN_PROCESS, only=("RUN", "TRN", "STS", "CAN", "EVT"))


def test_the_recorded_traffic_of_conforming_servers_is_not_blamed() -> None:
    """What the suite sends, races and refusals included, to servers that differ in allowed choices, breaks nothing."""
    blamed = {case.name: broken(_conforming_traffic()[case.name]) - case.warns for case in _IN_PROCESS}
    assert {name: ids for name, ids in blamed.items() if ids} == {}


def test_no_part_of_it_in_any_order_is_blamed() -> None:
    """Clipped, thinned and shuffled, the same traffic still breaks nothing."""
    chance = random.Random(11)
    for case in _IN_PROCESS:
        rows = _conforming_traffic()[case.name]
        some = [one for one in rows[chance.randrange(len(rows)) // 3 :] if chance.random() < chance.choice((0.5, 0.9))]
        chance.shuffle(some)
        assert broken(some) <= case.warns, case.name


def test_defects_show_in_recorded_traffic() -> None:
    """Of broken servers whose defect a plain session shows, the recording tells it under one of its IDs."""
    wanted = ("TRN-001", "TRN-002", "STS-003", "STS-001", "EVT-004", "RUN-003", "STS-009")
    cases = [case for id in wanted for case in BROKEN if not case.live and case.expected == {id}]
    cases = [case for case in cases if case.name != "counts-by-two"][:3]  # a missing call explains every gap
    assert len(cases) == 3
    traffic = recorded(cases, only=("RUN", "TRN", "STS", "CAN", "EVT"))
    missed = [case.name for case in cases if not broken(traffic[case.name]) & case.expected]
    assert missed == []
