"""Broken servers, one defect each, with the requirements that the defect violates with certainty."""

from tests.servers import (
    broken_auth,
    broken_bodies,
    broken_calls,
    broken_events,
    broken_run_ids,
    broken_status,
    broken_stops,
    broken_texts,
    broken_turns,
    broken_versions,
)
from tests.servers.target import Broken

BROKEN: tuple[Broken, ...] = (
    *broken_calls.TABLE,
    *broken_bodies.TABLE,
    *broken_texts.TABLE,
    *broken_auth.TABLE,
    *broken_run_ids.TABLE,
    *broken_turns.TABLE,
    *broken_status.TABLE,
    *broken_events.TABLE,
    *broken_stops.TABLE,
    *broken_versions.TABLE,
)
