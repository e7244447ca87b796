"""Marks tell whose input a response carries: nothing of another session (EVT-008), its own text (TRN-007)."""

from typing import Any

import pytest
from tests.wire.exchanges import JSON_TYPE, RUN, WAIT, answer, broken, came_back, first, later, shown_by

from wfconform.session import Ended, Lenient, Refused
from wfconform.wire import make_mark, token_of
from wfconform.wire.marks import foreign_mark, marks_in

OWN, FOREIGN = "0123456789ab", "ba9876543210"
MARK, EARLIER, ALIEN = make_mark(OWN, 2), make_mark(OWN, 1), make_mark(FOREIGN, 1)


def test_marks_have_a_fixed_length_and_name_their_session() -> None:
    """So that no mark is part of another one."""
    assert {len(make_mark(OWN, number)) for number in (0, 1, 9999, 0x10001)} == {21}
    assert token_of(MARK) == OWN


def test_a_foreign_mark_is_found_among_own_ones() -> None:
    """The first of another session, None when there is none."""
    assert foreign_mark(f"{MARK} and {ALIEN}".encode(), OWN) == ALIEN
    assert foreign_mark(f"{MARK} and {EARLIER} and wfm".encode(), OWN) is None
    assert marks_in(f"{MARK} and {EARLIER} and {ALIEN}".encode(), OWN) == {MARK, EARLIER}


def said(text: str, *, turn: int = 2, type: str = "assistant_response", **changes: Any) -> dict[str, Any]:
    """Return a later answer whose events carry a text."""
    wait = {**WAIT, "logical_id": f"event_wait_{turn}"}
    node = {"origin_node_logical_id": "node_1", "origin_node_run_id": "1"}
    events = [
        {"type": "start_node_run", **node},
        {"type": type, "content": text},
        {"type": "end_node_run", **node},
        wait,
    ]
    return answer(turn_number=turn, events=events, next_input_hint=wait, **changes)


def talked(body: dict[str, Any], *, echoed: bool = True, mark: str | None = MARK, **fields: Any) -> dict[str, object]:
    """Return what a marked turn and its answer show."""
    return dict(
        shown_by(came_back(first()), came_back(later(token=OWN, mark=mark, echoed=echoed, **fields), 200, body))
    )


def test_the_own_mark_holds_both() -> None:
    """TRN-007 and EVT-008 are exercised by it."""
    shown = talked(said(f"You said: {MARK}."))
    assert (shown["TRN-007"], shown["EVT-008"]) == (None, None)
    assert not any(shown.values())


@pytest.mark.parametrize("text", [EARLIER, "nothing", ""])
def test_an_answer_without_the_own_mark_breaks_it(text: str) -> None:
    """The text before it, or none."""
    shown = talked(said(text))
    assert {id for id, how in shown.items() if how} == {"TRN-007"}
    assert "EVT-008" not in shown


@pytest.mark.parametrize("type", ["user_messages", "start_node_run"])
def test_the_input_that_is_carried_back_says_nothing(type: str) -> None:
    """An event that repeats the input shows nothing of what was made of it."""
    body = said("nothing")
    body["events"].insert(0, {"type": type, "messages": [{"content": MARK}], "origin_node_logical_id": "n"})
    assert talked(body)["TRN-007"] is not None


def test_the_mark_may_be_in_the_hint() -> None:
    """What the server said is events and hint."""
    body = said("nothing")
    wait = {**body["events"][-1], "say": [{"text": f"after {MARK}"}]}
    assert talked({**body, "events": [*body["events"][:-1], wait], "next_input_hint": wait})["TRN-007"] is None


@pytest.mark.parametrize(
    "fields", [{"echoed": False}, {"mark": None}, {"intent": Ended()}, {"intent": Refused(("EXE-006",))}]
)
def test_only_a_marked_text_of_an_echoing_role_is_looked_for(fields: dict[str, Any]) -> None:
    """TRN-007 is not exercised otherwise."""
    assert "TRN-007" not in talked(said("nothing"), **fields)


@pytest.mark.parametrize("status", ["failed", "aborted_looping_risk", "cancelled"])
def test_a_turn_that_was_cut_off_need_not_echo(status: str) -> None:
    """TRN-007 is not exercised."""
    assert "TRN-007" not in talked(said("nothing", status=status))


def test_an_answer_of_another_run_is_not_searched() -> None:
    """RUN-003 tells enough."""
    assert "TRN-007" not in talked(said(MARK, run_id=RUN[:-1] + "0"))


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, said(f"{MARK} {ALIEN}"), (JSON_TYPE,)),
        (200, said(MARK, error=ALIEN), (JSON_TYPE,)),
        (200, said(MARK), (JSON_TYPE, ("x-last-input", ALIEN))),
        (422, {"detail": f"cannot take {ALIEN}"}, (JSON_TYPE,)),
        (500, ALIEN.encode(), (JSON_TYPE,)),
        (302, b"", (("location", f"/{ALIEN}"),)),
    ],
    ids=["event", "error", "header", "refusal", "fault", "redirect"],
)
def test_a_foreign_mark_anywhere_breaks_it(status: int, body: Any, headers: tuple[tuple[str, str], ...]) -> None:
    """Events, hint, error, headers, in any response (EVT-008)."""
    request = later(token=OWN, mark=MARK, intent=Lenient())
    assert "EVT-008" in broken(came_back(first()), came_back(request, status, body, *headers))


def test_an_own_mark_in_a_refusal_is_no_foreign_one() -> None:
    """A server may quote what it refuses."""
    request = later(token=OWN, mark=MARK, intent=Lenient())
    assert "EVT-008" not in broken(came_back(request, 422, {"detail": f"cannot take {MARK}"}))
