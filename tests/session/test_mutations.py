"""A single defect in a conforming history is noticed, or is on the written list of what no client can see."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from random import Random

import pytest
from tests.session.model import History, judged, played
from tests.session.mutations import MUTATIONS, Mutation, Place
from tests.session.shapes import TERMINAL, WAITING

from wfconform.session import Finding

HISTORIES = 500
PLACES = 80


@dataclass(frozen=True, slots=True)
class Blind:
    """A circumstance in which a mutation cannot be seen; names: the mutations (by their beginnings)."""

    names: tuple[str, ...]
    when: Callable[[Place], bool]
    why: str


def _fits(place: Place, status: str) -> bool:
    """Tell whether an answer could have this status as far as its other fields show."""
    body, ends = place.body, [event["type"] for event in place.body["events"]]
    closers = {
        "paused": {"pause_event", "pause_thread", "busy_wait_for_user_message"},
        "completed": {"end_workflow"},
        "failed": {"workflow_error"},
        "aborted_looping_risk": {"workflow_error", "end_workflow", "workflow_warning"},
    }
    if status == WAITING:
        hint = body.get("next_input_hint") or {}
        return body["is_waiting_for_input"] and hint.get("type") == "busy_wait_for_user_message"
    if status not in (*TERMINAL, "paused") or body["is_completed"] is not (status in TERMINAL):
        return False
    exempt = status == "cancelled" or place.said.what in ("stopped_in_flight", "stopped", "snapshot", "expired")
    return ((status == "failed") == bool(body.get("error"))) and (exempt or not closers[status].isdisjoint(ends))


def _moved(place: Place) -> bool:
    return bool({"background", "expired"} & place.said.clouds)


def _uncertain(place: Place) -> bool:
    return bool(place.said.clouds) or any(said.what == "fault" for said in place.beside)


def _went_paused(place: Place) -> bool:
    return place.body["status"] in (WAITING, "paused")


UNDETECTABLE = (
    Blind(
        (
            *(
                "turn ",
                "stop loses",
                "stop takes",
                "stop in flight",
                "snapshot of",
                "number twice",
                "gap in",
                "run_id ",
            ),
            *(
                "event",
                "closing",
                "start_workflow",
                "node",
                "hint is no event",
                "time",
                "status ",
                "ended run",
                "valid",
            ),
            *("stop refused", "completed run", "second stop"),
        ),
        _moved,
        "a run with background work, or one that was idle for too long, may move on by itself: shape and flags only",
    ),
    Blind(
        (
            "turn skipped",
            "stop takes",
            "stop in flight",
            "snapshot of",
            "gap in",
            "ended run",
            "valid",
            "stop refused",
            "status ",
            "node",
            "turn repeated",
            "stop loses",
            "number twice",
            "start_workflow",
            "cancelled run",
            "second stop",
        ),
        _uncertain,
        "after a request without an answer the run may be further on, or ended",
    ),
    Blind(
        ("node",),
        lambda place: place.after_background,
        "background work may have started and ended nodes that no answer told of",
    ),
    Blind(
        ("ended run breaks",),
        lambda place: bool(place.beside),
        "of several requests at once nobody can tell which came after the end",
    ),
    Blind(
        ("is_waiting_for_input flipped",),
        lambda place: place.body["status"] == "paused",
        "paused with either is allowed",
    ),
    Blind(
        (
            "turn ",
            "stop",
            "snapshot",
            "status ",
            "run_id ",
            "event",
            "closing",
            "start_workflow",
            "node",
            "time",
            "ended run",
            "valid",
        ),
        lambda place: place.idled,
        "a session that was idle for too long may have expired: 404, 410 or failed",
    ),
    Blind(
        ("stop takes two turns", "stop refused"),
        lambda place: place.beside_a_stop,
        "of two stops at once each may be the second: up to n+2, or a refusal",
    ),
)


def _blind(mutation: Mutation, place: Place) -> Blind | None:
    hits = (blind for blind in UNDETECTABLE if mutation.name.startswith(blind.names) and blind.when(place))
    return next(hits, None)


def _same_but_for_the_status(mutation: Mutation, place: Place) -> bool:
    """Nothing contradicts the other status: each is a way for a turn to end, and what else it shows fits both."""
    status = mutation.name.removeprefix("status ")
    if status == mutation.name or place.said.body is None or not _fits(place, status):
        return False
    lives_on = _went_paused(place) and status in (WAITING, "paused")
    return lives_on or not place.others(earlier=False)


@cache
def corpus() -> tuple[tuple[History, frozenset[tuple[int, str]]], ...]:
    """Return conforming histories, with what their own faults show."""
    made = (played(Random(seed)) for seed in range(HISTORIES))
    return tuple((history, broken(judged(history))) for history in made)


def broken(found: list[list[Finding]]) -> frozenset[tuple[int, str]]:
    """Return what broke, by group."""
    return frozenset((index, one.id) for index, group in enumerate(found) for one in group if one.broken)


def places(mutation: Mutation) -> Iterator[tuple[Place, History, frozenset[tuple[int, str]]]]:
    """Return places that the mutation applies to with the mutated history, in an order of its own."""
    every = [
        (Place(history, group, member), known)
        for history, known in corpus()
        for group, members in enumerate(history.groups)
        for member, said in enumerate(members)
        if said.what in mutation.kinds
    ]
    Random(mutation.name).shuffle(every)
    for place, known in every:
        said = mutation.change(place)
        if said is not None:
            yield place, place.mutated(said), known


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_single_defect_is_noticed(mutation: Mutation) -> None:
    """Wherever it happens, one of the requirements that it violates is reported, or nobody could have seen it."""
    caught, missed = 0, []
    for place, history, known in islice(places(mutation), PLACES):
        found = {id for _, id in broken(judged(history)) - known}
        if found & mutation.ids:
            caught += 1
        elif not _blind(mutation, place) and not _same_but_for_the_status(mutation, place):
            missed.append((place.said.what, sorted(place.said.clouds), place.said.ask.intent, sorted(found)))
    assert missed == []
    assert caught > 0
