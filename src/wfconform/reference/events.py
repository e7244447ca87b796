"""The events of one turn (§9): their common fields, ids and times."""

from collections.abc import Callable
from random import Random
from typing import Any

from wfconform.reference.model import Edge, Node

MAIN_THREAD = "0"
Event = dict[str, Any]
_VERSION_4 = 0x4000 << 64 | 0x8000 << 48
_KEPT_BITS = (1 << 128) - 1 ^ (0xF000 << 64 | 0xC000 << 48)
_random = Random()  # noqa: S311 - unique is all that an event id has to be


def new_event_id() -> str:
    """Return `event_<uuid>` (version 4); a fifth of the cost of `uuid4`, which asks the system each time."""
    digits = f"{_random.getrandbits(128) & _KEPT_BITS | _VERSION_4:032x}"
    return f"event_{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class EventLog:
    """Collects one turn's events.

    Times have microseconds and strictly grow, from turn to turn too: `last_us` is handed on in the run's state.
    """

    __slots__ = ("_clock", "_new_id", "events", "last_us")

    def __init__(self, *, clock: Callable[[], float], new_id: Callable[[], str], last_us: int) -> None:
        self._clock = clock
        self._new_id = new_id
        self.last_us = last_us
        self.events: list[Event] = []

    def add(self, type: str, **fields: object) -> Event:
        """Append an event of the main thread."""
        return self._append(type, fields)

    def add_node(self, type: str, node: Node, run: int, fields: dict[str, Any]) -> Event:
        """Append an event of a node's run."""
        origin = {
            "origin_node_logical_id": node.logical_id,
            "origin_node_name": node.name,
            "origin_node_run_id": str(run),
        }
        return self._append(type, origin | fields)

    def add_edge(self, type: str, edge: Edge, reason: str, **fields: object) -> Event:
        """Append an event of an edge that was taken."""
        taken = {
            "edge_logical_id": edge.logical_id,
            "edge_name": edge.name,
            "source_node_logical_id": edge.source.logical_id,
            "source_node_name": edge.source.name,
            "destination_node_logical_id": edge.destination.logical_id,
            "destination_node_name": edge.destination.name,
            "reason": reason,
        }
        return self._append(type, taken | fields)

    def _append(self, type: str, fields: dict[str, Any]) -> Event:
        self.last_us = max(int(self._clock() * 1_000_000), self.last_us + 1)
        event: Event = {
            "type": type,
            "logical_id": self._new_id(),
            "timestamp": self.last_us / 1_000_000,
            "origin_thread_id": MAIN_THREAD,
            "thread_reference_id": MAIN_THREAD,
            "comments": None,
            "interrupted": False,
            **fields,
        }
        self.events.append(event)
        return event
