"""The session core: what a history of turns may look like. Pure: standard library only, no clock, no I/O.

`Ledger.observe` is where all traffic meets; everything else here is what it consults: `states` (the tables),
`values` (what it is told), `history` (what it remembers of a run), `invariants` (one function per requirement),
`races` (several requests on one run at once).
"""

from wfconform.session.ledger import Ledger
from wfconform.session.values import (
    ANY_NUMBER,
    Answer,
    Ask,
    Broken,
    Busy,
    Ended,
    Event,
    Expectation,
    Finding,
    Indeterminate,
    Intent,
    Kind,
    Lenient,
    NotProcessed,
    NotSent,
    Observed,
    Refusal,
    Refused,
    Reply,
    Unreadable,
    Valid,
)

__all__ = [
    "ANY_NUMBER",
    "Answer",
    "Ask",
    "Broken",
    "Busy",
    "Ended",
    "Event",
    "Expectation",
    "Finding",
    "Indeterminate",
    "Intent",
    "Kind",
    "Ledger",
    "Lenient",
    "NotProcessed",
    "NotSent",
    "Observed",
    "Refusal",
    "Refused",
    "Reply",
    "Unreadable",
    "Valid",
]
