"""Deliberate faults of the reference: named, each with the requirements that it breaks, all of them and no other.

The self-test shows that the checks report exactly those. A fault takes hold at the ASGI seam or at the store seam (see
`parts`); no code of the reference asks whether it is on.
"""

from wfconform.reference.faults import (
    access,
    bodies,
    durability,
    events,
    neighbours,
    requests,
    run_ids,
    status,
    stops,
    turns,
    versions,
)
from wfconform.reference.faults.fault import Fault
from wfconform.reference.faults.unscripted import UNSCRIPTED

FAULTS: tuple[Fault, ...] = (
    *bodies.FAULTS,
    *requests.FAULTS,
    *access.FAULTS,
    *run_ids.FAULTS,
    *turns.FAULTS,
    *status.FAULTS,
    *events.FAULTS,
    *stops.FAULTS,
    *neighbours.FAULTS,
    *versions.FAULTS,
    *durability.FAULTS,
)

__all__ = ["FAULTS", "UNSCRIPTED", "Fault"]
