"""Conforming servers that differ: flagging any of them is a false alarm."""

from tests.servers import conforming_events, conforming_runs, conforming_wire
from tests.servers.target import Conforming

CONFORMING: tuple[Conforming, ...] = (
    *conforming_wire.TABLE,
    *conforming_runs.TABLE,
    *conforming_events.TABLE,
)
