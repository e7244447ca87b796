"""What correct servers may do and the ledger must not blame: one minimal example each."""

from email.utils import formatdate

import pytest
from tests.session.shapes import EPOCH_S, WAITING
from tests.session.talk import Talk, body, broken, event

from wfconform.session import Busy, Indeterminate, Kind, Refusal

LOST = Indeterminate(None, "timeout")


def test_a_turn_after_a_lost_stop_may_be_refused() -> None:
    """A stop without an answer may have cancelled the run, so that the next turn is a 409 (§10)."""
    talk = Talk()
    talk.stop(LOST)
    assert broken(talk.turn(Refusal(409))) == set()


def test_a_turn_after_a_lost_stop_may_show_the_cancelled_run() -> None:
    """… or answers its final state: the turn of before, without events (STS-009 allows the snapshot)."""
    talk = Talk()
    talk.stop(LOST)
    assert broken(talk.turn(body(1, "cancelled"))) == set()


def test_a_turn_after_a_lost_turn_may_show_the_ended_run() -> None:
    """A turn without an answer may have ended the run: its final state once more, without that turn's events."""
    talk = Talk()
    talk.turn(LOST)
    assert broken(talk.turn(body(2, "completed", events=[]))) == set()


def test_a_stop_after_a_lost_turn_may_be_refused() -> None:
    """… so that a stop is a refusal (CAN-005)."""
    talk = Talk()
    talk.turn(LOST)
    assert broken(talk.stop(Refusal(409))) == set()


def test_a_lost_turn_may_be_executed_after_the_next_one() -> None:
    """It ends the run behind an answered turn, and a stop shows that end."""
    talk = Talk()
    talk.turn(LOST)
    talk.turn(body(2))
    assert broken(talk.stop(body(3, "completed"))) == set()


@pytest.mark.parametrize("turns", [2, 3])
def test_a_turn_in_a_race_may_end_the_run(turns: int) -> None:
    """The others then answer its final state: no executed turns, so that a number comes back and events are exempt."""
    talk = Talk()
    asks = [talk.ask(Kind.TURN, Busy()) for _ in range(turns)]
    snapshot = body(2, "completed", events=[])
    assert broken(talk.show((asks[0], body(2, "completed")), *((ask, snapshot) for ask in asks[1:]))) == set()


def test_a_race_on_a_run_with_background_work_is_judged_by_shape_and_flags() -> None:
    """The run may have completed by itself: both turns show its final state."""
    talk = Talk(opened=False)
    talk.first(body(1, has_background_work=True))
    snapshot = body(1, "completed", events=[])
    asks = [talk.ask(Kind.TURN, Busy()) for _ in range(2)]
    assert broken(talk.show(*((ask, snapshot) for ask in asks))) == set()


def test_a_stop_in_flight_on_an_expired_session_may_find_nothing() -> None:
    """Idle for longer than session_ttl_s: both are 404."""
    talk = Talk(session_ttl_s=60.0)
    talk.now_s += 100
    turn, stop = talk.ask(Kind.TURN, Busy()), talk.ask(Kind.STOP, Busy(), after_s=0.2)
    assert broken(talk.show((turn, Refusal(404)), (stop, Refusal(404)))) == set()


def test_background_work_may_end_a_node() -> None:
    """A node that was parked before need not have its end in an answer (EVT-006)."""
    node = {"origin_node_logical_id": "node_1", "origin_node_run_id": "1"}
    other = {"origin_node_logical_id": "node_2", "origin_node_run_id": "1"}
    wait = event("busy_wait_for_user_message")
    talk = Talk(opened=False)
    talk.first(body(1, events=[event("start_node_run", **node), wait], next_input_hint=wait, has_background_work=True))
    talk.turn(body(3, WAITING))
    ends = [event("start_node_run", **other), event("end_node_run", **other), event("end_workflow")]
    assert broken(talk.turn(body(4, "completed", events=ends))) == set()


@pytest.mark.parametrize(("late_s", "found"), [(0.5, set()), (7.0, {"EVT-005"}), (-30.0, {"EVT-005"})])
def test_the_date_header_of_a_busy_server_may_be_old(late_s: float, found: set[str]) -> None:
    """An event that the Date puts into the future happened during the call by the caller's clock (EVT-005)."""
    wait = event("busy_wait_for_user_message", timestamp=EPOCH_S + 100 + late_s)
    old = formatdate(EPOCH_S + 100 - 12, usegmt=True)
    assert broken(Talk(opened=False).first(body(1, events=[wait], next_input_hint=wait), date=old)) == found
