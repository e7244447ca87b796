"""What the ledger keeps of a long session: hashes of its events, and nothing else that grows."""

from dataclasses import fields
from typing import Any

from tests.session.shapes import EPOCH_S, WAITING
from tests.session.talk import RUN, Talk, body, event

from wfconform.session import Ledger, Refusal, Refused
from wfconform.session.history import RunHistory

TURNS = 2000
NODE = {"origin_node_logical_id": "node_1", "origin_node_run_id": "1"}


def history_of(ledger: Ledger) -> RunHistory:
    """Return what the ledger keeps of the run."""
    return ledger._runs[RUN]


def after(turns: int) -> RunHistory:
    """Return the history of a session of that many turns, four events in each."""
    talk = Talk(opened=False)
    for turn in range(1, turns + 1):
        stamp = EPOCH_S + talk.now_s + 0.5
        wait = event("busy_wait_for_user_message", timestamp=stamp)
        node = [event("start_node_run", timestamp=stamp, **NODE), event("end_node_run", timestamp=stamp, **NODE)]
        said = event("assistant_response", timestamp=stamp, content="x" * 200, **NODE)
        reply = body(turn, WAITING, events=[node[0], said, node[1], wait], next_input_hint=wait)
        shown = talk.first(reply) if turn == 1 else talk.turn(reply)
        assert not any(shown.values())
    return history_of(talk.ledger)


def sizes(value: Any) -> dict[str, int]:
    """Return the length of each collection in a dataclass value."""
    held = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: len(item) for name, item in held.items() if hasattr(item, "__len__") and not isinstance(item, str)}


def test_a_long_session_grows_by_its_event_hashes_only() -> None:
    """Of 2,000 turns with 8,000 events remain numbers, one for each id and each timestamp."""
    short, long = after(2), after(TURNS)
    assert sizes(long) == sizes(short)
    assert len(long.events.ids) == 4 * TURNS
    assert {type(item) for item in long.events.ids} == {int}
    assert {(type(key), type(value)) for key, value in long.events.stamps.items()} == {(int, float)}
    assert len(long.events.stamps) <= 4 * TURNS
    assert len(long.events.open_nodes) == 0


def test_refused_probes_are_forgotten_with_the_next_answer() -> None:
    """What a probe promised is kept until it is judged, and no longer."""
    talk = Talk()
    for _ in range(50):
        talk.turn(Refusal(404), Refused(("EXE-004",)))
    talk.turn(body(2))
    assert history_of(talk.ledger).refusals == []
