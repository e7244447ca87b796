"""Several requests on one run at once: judged by what really overlapped (TRN-005, TRN-006, CAN-006)."""

import pytest
from tests.session.shapes import Json
from tests.session.talk import OTHER_RUN, Shown, Talk, body, broken

from wfconform.session import Busy, Ended, Indeterminate, Kind, NotProcessed, Refusal, Reply, Valid


def race(*replies: Json | Reply) -> tuple[Talk, set[str]]:
    """Return the talk after that many turns at once, and what they broke."""
    talk = Talk()
    group = [(talk.ask(Kind.TURN, Busy()), reply) for reply in replies]
    return talk, broken(talk.show(*group))


@pytest.mark.parametrize(
    "replies",
    [
        (body(2), body(3)),
        (body(3), body(2)),
        (body(2), Refusal(409)),
        (body(2), Refusal(423)),
        (body(2), NotProcessed(429)),
        (body(4), body(2), body(3)),
        (body(3), Indeterminate(None, "timeout")),
    ],
    ids=["in order", "in any order", "409", "423", "429", "three", "one lost"],
)
def test_turns_at_once_are_serialised_or_refused(replies: tuple[Json | Reply, ...]) -> None:
    """Distinct and contiguous numbers, or all but one refused, hold TRN-005."""
    assert race(*replies)[1] == set()


@pytest.mark.parametrize(
    "replies",
    [(body(2), body(2)), (body(2), body(4)), (body(1), body(2)), (body(3), Refusal(409))],
    ids=["the same number", "a gap", "the last number again", "a gap for a refused one"],
)
def test_turns_at_once_have_numbers_of_their_own(replies: tuple[Json | Reply, ...]) -> None:
    """A number twice, a gap, or the last one again breaks TRN-005."""
    assert "TRN-005" in race(*replies)[1]


@pytest.mark.parametrize(("number", "expected"), [(4, set()), (3, {"TRN-002", "TRN-005"}), (5, {"TRN-002", "TRN-005"})])
def test_the_turn_after_a_race_follows_on(number: int, expected: set[str]) -> None:
    """After 2 and 3 at once the next one is 4."""
    talk, _ = race(body(2), body(3))
    assert broken(talk.turn(body(number))) == expected


def test_turns_that_did_not_overlap_are_no_race() -> None:
    """Sent as one group but one after the other, they are judged one by one, whatever their order in the group."""
    talk = Talk()
    early, late = talk.ask(Kind.TURN, Busy()), talk.ask(Kind.TURN, Busy(), after_s=5.0)
    shown = talk.show((late, body(3)), (early, body(2)))
    assert broken(shown) == set()
    assert "TRN-005" not in shown


def test_sessions_at_once_do_not_race() -> None:
    """A first turn beside a turn of another run is judged by itself."""
    talk = Talk()
    turn, first = talk.ask(Kind.TURN), talk.ask(Kind.FIRST)
    shown = talk.show((turn, body(2)), (first, body(1, run_id=OTHER_RUN)))
    assert broken(shown) == set()
    assert "TRN-005" not in shown


def stop_in_flight(turn_reply: Json | Reply, stop_reply: Json | Reply) -> tuple[Talk, Shown]:
    """Return the talk after a stop that met a running turn, and what both showed."""
    talk = Talk()
    turn, stop = talk.ask(Kind.TURN, Busy(), took_s=2.0), talk.ask(Kind.STOP, Busy(), after_s=0.5)
    return talk, talk.show((turn, turn_reply), (stop, stop_reply))


ALLOWED = [
    pytest.param(body(2), body(2, "cancelled"), id="the turn finishes first"),
    pytest.param(body(2), body(3, "cancelled"), id="the turn finishes first, the stop takes a turn"),
    pytest.param(body(2, "cancelled"), body(2, "cancelled"), id="the turn is cut off"),
    pytest.param(body(1, "cancelled"), body(1, "cancelled"), id="the turn takes no number"),
    pytest.param(Refusal(409), body(1, "cancelled"), id="the turn is refused"),
    pytest.param(body(2), Refusal(409), id="the stop is refused"),
    pytest.param(body(2), Refusal(423), id="the stop is locked out"),
    pytest.param(body(2), NotProcessed(429), id="the stop is one too many"),
    pytest.param(body(2, "completed"), Refusal(404), id="the turn ended the run first"),
    pytest.param(body(2, "failed"), body(2, "failed"), id="the turn failed first"),
]


@pytest.mark.parametrize(("turn", "stop"), ALLOWED)
def test_every_allowed_outcome_of_a_stop_in_flight(turn: Json | Reply, stop: Json | Reply) -> None:
    """What CAN-006 allows breaks nothing."""
    assert broken(stop_in_flight(turn, stop)[1]) == set()


@pytest.mark.parametrize(
    ("turn", "stop", "id"),
    [
        (body(2), body(2), "CAN-006"),
        (body(2), body(2, "completed"), "CAN-006"),
        (body(2), Refusal(400), "CAN-006"),
        (body(2), Indeterminate(500), "CAN-006"),
        (Indeterminate(500), body(2, "cancelled"), "CAN-006"),
        (body(9), body(2, "cancelled"), "CAN-006"),
        (body(2, "running"), body(2, "cancelled"), "STS-002"),
        (body(2), body(4, "cancelled"), "TRN-006"),
        (body(2), body(0, "cancelled"), "TRN-006"),
    ],
)
def test_what_a_stop_in_flight_must_not_do(turn: Json | Reply, stop: Json | Reply, id: str) -> None:
    """Another status, another refusal, a fault, a number out of bounds."""
    assert id in broken(stop_in_flight(turn, stop)[1])


def test_a_stop_that_met_nothing_proves_nothing() -> None:
    """CAN-006 is exercised by overlap only."""
    talk = Talk()
    turn, stop = talk.ask(Kind.TURN, Busy()), talk.ask(Kind.STOP, Busy(), after_s=3.0)
    assert "CAN-006" not in talk.show((turn, body(2)), (stop, body(2, "cancelled")))


def test_a_refused_stop_in_flight_proves_nothing_until_it_is_sent_again() -> None:
    """… and then it must cancel."""
    talk, shown = stop_in_flight(body(2), Refusal(409))
    assert "CAN-006" not in shown
    assert broken(talk.stop(Refusal(409), Valid(("CAN-006",)))) == {"CAN-006"}


def test_a_run_that_was_stopped_in_flight_stays_cancelled() -> None:
    """A later turn that runs on breaks STS-009, CAN-002 and what its scenario says."""
    talk, _ = stop_in_flight(body(2), body(2, "cancelled"))
    assert broken(talk.turn(body(3), Ended(("CAN-006",)))) == {"STS-009", "CAN-002", "CAN-006"}


@pytest.mark.parametrize("second", [body(1, "cancelled"), body(2, "cancelled"), Refusal(409)])
def test_two_stops_at_once(second: Json | Reply) -> None:
    """Both cancel, or one is refused."""
    talk = Talk()
    asks = [talk.ask(Kind.STOP, Busy()) for _ in range(2)]
    assert broken(talk.show((asks[0], body(1, "cancelled")), (asks[1], second))) == set()


def test_a_stop_among_them_excuses_no_number_twice() -> None:
    """Turns that went on to wait were not cut off: each has a number of its own, whatever stopped the run then."""
    talk = Talk()
    turns = [(talk.ask(Kind.TURN, Busy()), body(2)) for _ in range(3)]
    stop = (talk.ask(Kind.STOP, Busy(), after_s=0.9), body(2, "cancelled"))
    assert "TRN-005" in broken(talk.show(*turns, stop))


def test_turns_that_a_stop_cut_off_may_share_a_number() -> None:
    """Both tell the run's final state."""
    talk = Talk()
    turns = [(talk.ask(Kind.TURN, Busy()), body(2, "cancelled")) for _ in range(2)]
    stop = (talk.ask(Kind.STOP, Busy(), after_s=0.5), body(2, "cancelled"))
    assert "TRN-005" not in broken(talk.show(*turns, stop))
