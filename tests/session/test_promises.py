"""What one request promises about the next: unharmed runs, unknown outcomes, expiry, background work, foreign runs."""

from dataclasses import replace
from email.utils import formatdate

import pytest
from tests.session.shapes import EPOCH_S, Json
from tests.session.talk import OTHER_RUN, RUN, Talk, body, broken

from wfconform.session import (
    Busy,
    Ended,
    Indeterminate,
    Kind,
    Lenient,
    NotProcessed,
    NotSent,
    Refusal,
    Refused,
    Reply,
    Unreadable,
    Valid,
)

PROBE = Refused(("RUN-007",), unharmed=("RUN-007",))


@pytest.mark.parametrize("number", [1, 3])
def test_a_refused_request_takes_no_turn(number: int) -> None:
    """The turn after it is the very next one: else TRN-003, EXE-010 and the probe's own promise are broken."""
    talk = Talk()
    talk.turn(Refusal(404), PROBE)
    assert {"TRN-002", "TRN-003", "EXE-010", "RUN-007"} <= broken(talk.turn(body(number)))


def test_a_refused_request_leaves_the_run_unharmed() -> None:
    """The very next number shows that the promises hold, once."""
    talk = Talk()
    talk.stop(Refusal(403), PROBE)
    shown = talk.turn(body(2))
    assert broken(shown) == set()
    assert {"TRN-003", "EXE-010", "RUN-007"} <= set(shown)
    assert {"TRN-003", "EXE-010", "RUN-007"}.isdisjoint(talk.turn(body(3)))


def test_a_run_that_is_refused_after_a_probe_was_harmed() -> None:
    """The probe's stop was carried out although it was refused: EXE-010 says so."""
    talk = Talk()
    talk.stop(Refusal(403), PROBE)
    assert {"EXE-010", "RUN-007"} <= broken(talk.turn(Refusal(409)))


def test_a_probe_that_is_executed_breaks_what_it_probes() -> None:
    """200 where a refusal must be."""
    assert "RUN-007" in broken(Talk().turn(body(2), PROBE))


@pytest.mark.parametrize(("code", "expected"), [(401, set()), (403, set()), (404, {"AUT-001"})])
def test_a_refusal_has_one_of_the_codes_asked_for(code: int, expected: set[str]) -> None:
    """AUT-001 wants 401 or 403."""
    intent = Refused(("AUT-001",), codes=(401, 403))
    assert broken(Talk().turn(Refusal(code), intent)) == expected


@pytest.mark.parametrize("code", [500, 502])
def test_a_probe_that_ends_in_a_fault_breaks_what_it_probes(code: int) -> None:
    """A 5xx is no refusal."""
    assert broken(Talk().turn(Indeterminate(code), PROBE)) == {"RUN-007"}


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("lost", [Indeterminate(None, "timeout"), Indeterminate(502)])
def test_a_lost_turn_may_or_may_not_have_been_executed(number: int, lost: Reply) -> None:
    """Nothing is judged beyond what is certain (§10)."""
    talk = Talk()
    talk.turn(lost, Busy())
    assert broken(talk.turn(body(number))) == set()


@pytest.mark.parametrize("number", [1, 4])
def test_a_lost_turn_excuses_one_number_and_no_more(number: int) -> None:
    """After one lost turn the next is 2 or 3, nothing else."""
    talk = Talk()
    talk.turn(Indeterminate(None, "timeout"), Busy())
    assert "TRN-002" in broken(talk.turn(body(number)))


@pytest.mark.parametrize("reply", [NotProcessed(429), NotProcessed(503), NotSent()])
def test_what_was_not_processed_takes_no_turn(reply: Reply) -> None:
    """It shows nothing and changes nothing."""
    talk = Talk()
    assert talk.turn(reply) == {}
    assert broken(talk.turn(body(3))) == {"TRN-002"}


@pytest.mark.parametrize(("asked", "id"), [("first", "EXE-001"), ("stop", "CAN-001")])
@pytest.mark.parametrize("reply", [Indeterminate(500), Unreadable(302)])
def test_a_valid_request_is_answered_with_200(asked: str, id: str, reply: Reply) -> None:
    """A fault, or a redirect, breaks what the request stands for."""
    talk = Talk(opened=asked == "stop")
    assert broken(getattr(talk, asked)(reply)) == {id}


def test_an_unreadable_turn_breaks_the_sequence() -> None:
    """A later turn must be answered, too."""
    assert broken(Talk().turn(Unreadable(200, "no JSON"))) == {"TRN-002"}


@pytest.mark.parametrize("reply", [Refusal(404), Refusal(410), body(1, "failed"), body(2, "failed")])
def test_a_session_may_expire_after_its_time(reply: Json | Reply) -> None:
    """Idle for longer than session_ttl_s: 404, 410 or failed."""
    talk = Talk(session_ttl_s=60.0)
    talk.now_s += 100
    assert broken(talk.turn(reply)) == set()


@pytest.mark.parametrize(("idle_s", "reply"), [(10, Refusal(404)), (100, Refusal(409)), (100, body(3))])
def test_a_session_does_not_expire_before_its_time_or_otherwise(idle_s: float, reply: Json | Reply) -> None:
    """Too early, with another refusal, or by running on with a wrong number."""
    talk = Talk(session_ttl_s=60.0)
    talk.now_s += idle_s
    assert broken(talk.turn(reply)) == {"TRN-002"}


def test_without_a_declared_time_no_session_expires() -> None:
    """A 404 after a year is a lost session."""
    talk = Talk()
    talk.now_s += 31_536_000
    assert broken(talk.turn(Refusal(404))) == {"TRN-002"}


@pytest.mark.parametrize("reply", [body(2), body(5), body(1, "completed"), Refusal(409)])
def test_a_run_with_background_work_may_move_by_itself(reply: Json | Reply) -> None:
    """After has_background_work: true only shape and flags are judged."""
    talk = Talk(opened=False)
    talk.first(body(1, has_background_work=True))
    assert broken(talk.turn(reply)) == set()


def test_flags_are_judged_with_background_work() -> None:
    """is_completed with waiting_for_user_input is wrong at any time."""
    talk = Talk(opened=False)
    talk.first(body(1, has_background_work=True))
    assert {"STS-003", "STS-005"} <= broken(talk.turn(body(2, is_completed=True)))


def test_transitions_are_judged_again_without_background_work() -> None:
    """The first answer without it is the new base."""
    talk = Talk(opened=False)
    talk.first(body(1, has_background_work=True))
    talk.turn(body(4))
    assert broken(talk.turn(body(6))) == {"TRN-002"}


def test_a_run_id_is_issued_once() -> None:
    """A second session with the same run_id breaks RUN-002, in the other letter case too."""
    assert "RUN-002" in broken(Talk().first(body(1)))
    assert "RUN-002" in broken(Talk().first(body(1, run_id=RUN.upper())))


def test_two_sessions_at_once_have_run_ids_of_their_own() -> None:
    """RUN-002 for first turns that are in flight together."""
    talk = Talk(opened=False)
    group = [(talk.ask(Kind.FIRST), body(1)) for _ in range(2)]
    assert "RUN-002" in broken(talk.show(*group))


def test_a_foreign_run_is_remembered_to_be_stopped() -> None:
    """A run_id that turns up in another run's answer is open, but nothing about it is judged."""
    talk = Talk()
    assert broken(talk.turn(body(2, run_id=OTHER_RUN))) == {"RUN-003"}
    assert talk.ledger.status_of(OTHER_RUN) == "waiting_for_user_input"
    assert broken(talk.turn(body(9, run_id=OTHER_RUN), run_id=OTHER_RUN)) == set()


def test_a_run_that_a_refused_request_opened_is_remembered() -> None:
    """An invalid start that is executed leaves a run that must be stopped."""
    talk = Talk(opened=False)
    assert "EXE-005" in broken(talk.first(body(1), Refused(("EXE-005",))))
    assert talk.ledger.status_of(RUN) == "waiting_for_user_input"


def test_the_status_of_an_unknown_run_is_unknown() -> None:
    """Nobody has seen it."""
    assert Talk().ledger.status_of(OTHER_RUN) is None


@pytest.mark.parametrize("reply", [body(2), Refusal(422)])
def test_a_lenient_request_is_executed_or_refused(reply: Json | Reply) -> None:
    """Both hold what it stands for."""
    shown = Talk().turn(reply, Lenient(("EXE-006",), same=("RUN-010",)))
    assert broken(shown) == set()
    assert {"EXE-006", "RUN-010"} <= set(shown)


def test_a_lenient_request_must_not_lead_elsewhere() -> None:
    """RUN-010: an answer of another run."""
    shown = Talk().turn(body(2, run_id=OTHER_RUN), Lenient(same=("RUN-010",)))
    assert broken(shown) == {"RUN-003", "RUN-010"}


def test_a_valid_request_goes_on_with_its_session() -> None:
    """One that starts again with turn 1 breaks what it stands for."""
    assert "RUN-009" in broken(Talk().turn(body(1), Valid(("RUN-009",))))


def test_a_number_that_the_scenario_counts_on_is_exact() -> None:
    """CAN-007: the turn after another session's stop is the very next one."""
    assert broken(Talk().turn(body(3), Valid(exact=("CAN-007",)))) == {"TRN-002", "CAN-007"}


@pytest.mark.parametrize("code", [409, 410, 404, 400, 422])
def test_an_ended_run_refuses_as_it_likes(code: int) -> None:
    """STS-009, and CAN-002 where a stop ended it, hold."""
    talk = Talk()
    talk.stop(body(1, "cancelled"))
    shown = talk.turn(Refusal(code), Ended())
    assert {id: how for id, how in shown.items() if id in ("STS-009", "CAN-002")} == {"STS-009": None, "CAN-002": None}


def test_a_stop_after_the_end_changes_nothing() -> None:
    """CAN-005: the status that the next snapshot shows is the one of before the stop."""
    talk = Talk(opened=False)
    talk.first(body(1, "completed"))
    talk.stop(body(1, "completed"), Ended())
    assert {"CAN-005", "STS-009"} <= broken(talk.turn(body(1, "cancelled"), Ended()))


@pytest.mark.parametrize(
    ("reply", "expected"), [(body(1), {"CAN-004"}), (body(1, "cancelled"), set()), (Refusal(422), set())]
)
def test_a_stop_without_a_run_id(reply: Json | Reply, expected: set[str]) -> None:
    """A refusal, or a run that is born cancelled."""
    talk = Talk(opened=False)
    ask = replace(talk.ask(Kind.STOP, Lenient(("CAN-004",))), run_id=None)
    assert broken(talk.show((ask, reply))) == expected


@pytest.mark.parametrize(("dated", "expected"), [(True, set()), (False, {"RUN-008"})])
def test_the_clock_of_the_server_counts(dated: bool, expected: set[str]) -> None:
    """RUN-008 goes by the Date header, not by the client's clock, where there is one."""
    yesterday = int(EPOCH_S) - 86_400
    reply = body(1, run_id=f"{yesterday:08x}0123456789abcdef")
    date = formatdate(yesterday, usegmt=True) if dated else None
    assert broken(Talk(opened=False).first(reply, date=date)) == expected


def test_an_ended_run_that_answers_for_another_one_is_not_absorbing() -> None:
    """A turn after the end opened a new run: the run_id is wrong (RUN-003), and the end was not told (STS-009)."""
    talk = Talk()
    talk.turn(body(2, "completed"))
    assert broken(talk.turn(body(1, run_id=OTHER_RUN), Ended(("STS-009",)))) == {"RUN-003", "STS-009"}


def test_a_stop_of_nothing_that_stopped_another_session_harms_that_one() -> None:
    """The answer names a session that nobody named: that one was not cancelled by its owner, and must go on."""
    talk = Talk()
    stop = replace(talk.ask(Kind.STOP, Lenient(("CAN-004",))), run_id=None)
    assert broken(talk.show((stop, body(1, "cancelled")))) == {"CAN-007"}
    assert "CAN-007" in broken(talk.turn(Refusal(409), Valid(exact=("CAN-007",))))


def test_a_cancelled_run_that_answers_for_another_one_has_come_back() -> None:
    """The same after a stop breaks CAN-002, too."""
    talk = Talk()
    talk.stop(body(1, "cancelled"))
    assert {"CAN-002", "STS-009", "RUN-003"} <= broken(talk.turn(body(1, run_id=OTHER_RUN), Ended(("CAN-002",))))
