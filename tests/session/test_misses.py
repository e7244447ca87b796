"""What no correct server may do and is easily overlooked: one minimal example each."""

from tests.session.talk import OTHER_RUN, Talk, body, broken

from wfconform.session import Busy, Ended, Indeterminate, Kind, Refusal


def test_an_answer_of_an_expired_session_has_the_right_shape() -> None:
    """A session that was idle for too long may answer failed, but then with is_completed and an error."""
    talk = Talk(session_ttl_s=60.0)
    talk.now_s += 100
    assert broken(talk.turn(body(1, "failed", is_completed=False, error=None))) >= {"STS-003", "STS-006"}


def test_an_ended_run_stays_ended_after_its_time() -> None:
    """That a cancelled run is 404 after session_ttl_s does not allow it to run on."""
    talk = Talk(session_ttl_s=60.0)
    talk.stop(body(1, "cancelled"))
    talk.now_s += 100
    talk.turn(Refusal(404), Ended())
    assert "STS-009" in broken(talk.turn(body(2), Ended()))


def test_turns_are_counted_on_after_a_refused_stop_in_flight() -> None:
    """The turn beside it was answered with 2, so that the next one is 3."""
    for number in (2, 4):
        talk = Talk()
        turn, stop = talk.ask(Kind.TURN, Busy()), talk.ask(Kind.STOP, Busy(), after_s=0.2)
        talk.show((turn, body(2)), (stop, Refusal(409)))
        assert "TRN-002" in broken(talk.turn(body(number)))


def test_a_second_stop_does_not_lose_the_turn_in_flight() -> None:
    """The turn beside the first stop was answered with 2: 1 is not its number any more."""
    talk = Talk()
    turn, stop = talk.ask(Kind.TURN, Busy()), talk.ask(Kind.STOP, Busy(), after_s=0.2)
    talk.show((turn, body(2)), (stop, body(2, "cancelled")))
    assert "TRN-006" in broken(talk.stop(body(1, "cancelled"), Ended()))


def test_two_stops_at_once_cancel() -> None:
    """One of them answers that the run completed."""
    talk = Talk()
    asks = [talk.ask(Kind.STOP, Busy()) for _ in range(2)]
    shown = talk.show((asks[0], body(1, "cancelled")), (asks[1], body(1, "completed")))
    assert broken(shown) & {"CAN-001", "CAN-003"}


def test_two_stops_at_once_are_no_fault() -> None:
    """One of them is a 500 (CAN-003: never 5xx)."""
    talk = Talk()
    asks = [talk.ask(Kind.STOP, Busy()) for _ in range(2)]
    assert broken(talk.show((asks[0], body(1, "cancelled")), (asks[1], Indeterminate(500)))) & {"CAN-001", "CAN-003"}


def test_a_stop_in_flight_answers_its_own_run() -> None:
    """Every later 200 carries the run_id of its request (RUN-003)."""
    talk = Talk()
    turn, stop = talk.ask(Kind.TURN, Busy()), talk.ask(Kind.STOP, Busy(), after_s=0.2)
    shown = talk.show((turn, body(2)), (stop, body(2, "cancelled", run_id=OTHER_RUN)))
    assert "RUN-003" in broken(shown)


def test_a_turn_that_completed_is_not_cancelled_by_the_stop_beside_it() -> None:
    """The turn ended the run first, so that no 200 shows another status (CAN-005)."""
    talk = Talk()
    turn, stop = talk.ask(Kind.TURN, Busy()), talk.ask(Kind.STOP, Busy(), after_s=0.2)
    shown = talk.show((turn, body(2, "completed")), (stop, body(2, "cancelled")))
    assert broken(shown) & {"CAN-005", "CAN-006"}
