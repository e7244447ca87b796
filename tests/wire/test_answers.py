"""The JSON types of a 200 (EXE-002, EVT-001), its Content-Type, and what an answer is read as."""

import time
from typing import Any

import pytest
from tests.wire.exchanges import JSON_TYPE, RUN, answer, broken, came_back, first, shown_by

from wfconform.session import Answer
from wfconform.wire import answer_of, reply_to

REQUIRED = ("run_id", "status", "turn_number", "events", "is_waiting_for_input", "is_completed")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_field_is_there(name: str) -> None:
    """Left out, or null, breaks EXE-002."""
    left_out = {key: value for key, value in answer().items() if key != name}
    assert "EXE-002" in broken(came_back(first(), 200, left_out))
    assert "EXE-002" in broken(came_back(first(), 200, answer(**{name: None})))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_id", 5),
        ("run_id", {"$oid": RUN}),
        ("status", 3),
        ("turn_number", "1"),
        ("turn_number", 1.0),
        ("turn_number", True),
        ("events", {}),
        ("events", "none"),
        ("is_waiting_for_input", 1),
        ("is_waiting_for_input", "true"),
        ("is_completed", 0),
        ("is_completed", "false"),
    ],
)
def test_a_required_field_has_its_json_type(name: str, value: Any) -> None:
    """Booleans not 0 or 1, integers not "1", 1.0 or true; the path names the field."""
    how = shown_by(came_back(first(), 200, answer(**{name: value})))["EXE-002"]
    assert how is not None
    assert how.path == f"$.{name}"


@pytest.mark.parametrize("name", ["error", "next_input_hint"])
@pytest.mark.parametrize("value", [7, [], True, 1.5])
def test_an_optional_field_of_another_type_is_noticed(name: str, value: Any) -> None:
    """Neither is anything but what §7 says, by whichever requirement speaks of it."""
    wanted = {"EXE-002", "STS-007", "STS-012"}
    assert broken(came_back(first(), 200, answer(**{name: value}))) & wanted


@pytest.mark.parametrize("name", ["error", "next_input_hint"])
def test_an_optional_field_is_null_or_left_out(name: str) -> None:
    """Null fields may be left out (§7)."""
    completed = answer(
        status="completed", is_waiting_for_input=False, is_completed=True, events=[{"type": "end_workflow"}]
    )
    completed = {**completed, "next_input_hint": None, "error": None}
    left_out = {key: value for key, value in completed.items() if key != name}
    assert broken(came_back(first(), 200, completed)) == set()
    assert broken(came_back(first(), 200, left_out)) == set()


def test_unknown_fields_are_accepted() -> None:
    """Newer servers add fields."""
    assert broken(came_back(first(), 200, answer(has_background_work=False, tomorrow={"a": [1]}))) == set()


@pytest.mark.parametrize("event", ["llm", None, 3, [], {}, {"type": None}, {"type": 7}, {"logical_id": "event_1"}])
def test_an_event_is_an_object_with_a_string_type(event: Any) -> None:
    """EVT-001 names the place of the first one that is none."""
    how = shown_by(came_back(first(), 200, answer(events=[*answer()["events"], event])))["EVT-001"]
    assert how is not None
    assert how.path == "$.events[1]"


@pytest.mark.parametrize(
    "fields",
    [
        {"logical_id": None, "timestamp": None, "thread_reference_id": None},
        {"logical_id": 7, "timestamp": "now", "thread_reference_id": 0},
        {"timestamp": True},
        {"timestamp": 10**30},
        {"timestamp": [1]},
        {"origin_node_run_id": 1, "anything": {"else": []}},
    ],
)
def test_other_fields_of_events_are_free(fields: dict[str, Any]) -> None:
    """Only `type` is required (§9)."""
    odd = {"type": "made_up_tomorrow", **fields}
    assert broken(came_back(first(), 200, answer(events=[odd, *answer()["events"]]))) == set()


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("application/json", set()),
        ("application/json; charset=utf-8", set()),
        ("Application/JSON;charset=ISO-8859-1", set()),
        ("text/json", {"EXE-001"}),
        ("text/html", {"EXE-001"}),
        ("application/jsonp", {"EXE-001"}),
    ],
)
def test_a_first_answer_has_the_content_type_of_json(media_type: str, expected: set[str]) -> None:
    """Any charset parameter is allowed (EXE-001)."""
    assert broken(came_back(first(), 200, None, ("content-type", media_type))) == expected


def test_a_first_answer_without_a_content_type_breaks_it() -> None:
    """None at all."""
    assert broken(came_back(first(), 200, None, ("server", "any"))) == {"EXE-001"}


def test_an_answer_is_read_in_lower_case_and_kept_as_it_was() -> None:
    """Invariants compare the lower case; RUN-012 and STS-001 look at what was sent."""
    read, _ = answer_of(answer(run_id=RUN.upper(), status="PAUSED"))
    assert (read.run_id, read.raw_run_id) == (RUN, RUN.upper())
    assert (read.status, read.raw_status) == ("paused", "PAUSED")


@pytest.mark.parametrize("run_id", ["", "1", RUN[:-1], RUN + "0", RUN[:-1] + "g", RUN + "\n", "\u0660" * 24])
def test_a_run_id_that_is_no_object_id_is_none(run_id: str) -> None:
    """Nothing can be sent to it, and RUN-001 tells."""
    assert answer_of(answer(run_id=run_id))[0].run_id is None
    assert "RUN-001" in broken(came_back(first(), 200, answer(run_id=run_id)))


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Mon, 21 Sep 2026 14:15:01 GMT", 1790000101.0),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("Mon, 99 Sep 2026 14:15:01 GMT", None),
    ],
)
def test_the_date_header_is_the_clock_of_the_server(date: str | None, expected: float | None) -> None:
    """A header that is no date is none."""
    assert answer_of(answer(), date=date)[0].server_date == expected


@pytest.mark.parametrize("date", ["Mon Sep 21 14:15:01 2026", "Mon, 21 Sep 2026 14:15:01 -0000"])
def test_a_date_without_a_zone_is_utc(date: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipients take the obsolete form of HTTP dates too, and wherever they run it is UTC."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        read = answer_of(answer(), date=date)[0].server_date
    finally:
        monkeypatch.undo()
        time.tzset()
    assert read == 1790000101.0


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), (False, False), (None, False), (1, False), ("true", False)]
)
def test_background_work_is_declared_by_true_alone(value: Any, expected: bool) -> None:
    """Anything else does not loosen the checks."""
    assert answer_of(answer(has_background_work=value))[0].background is expected


def test_the_reply_to_an_exchange_is_the_answer() -> None:
    """Sessions learn from it without judging."""
    reply = reply_to(came_back(first(), 200, None, JSON_TYPE))
    assert isinstance(reply, Answer)
    assert (reply.run_id, reply.turn_number) == (RUN, 1)
