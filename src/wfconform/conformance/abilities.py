"""Which requirements generated phases can show: light, so that a check without them loads nothing for them."""

from collections.abc import Iterable

from wfconform.scenarios.registry import CONVERSING, EVERYWHERE, UNHARMED

# The scenarios of each generated phase, by the beginning of their names.
PHASES = {
    "valid": ("generated plain session", "generated valid"),
    "invalid": ("generated invalid",),
    "interleaved": ("generated interleaving",),
    "explored": ("explored",),
}
PLAIN = (*EVERYWHERE, *CONVERSING, "CAN-001")  # what `generated plain session`, played alone, proves broken
_BY_REQUESTS = ("EXE-003", "EXE-005", "EXE-006", "EXE-008", "EXE-009", "EXE-011", "RUN-005", "RUN-006", "VER-003")
_BY_SESSIONS = (
    *("EXE-007", "EXE-012", "RUN-004", "RUN-007", "RUN-009", "RUN-011", "TRN-004", "TRN-005", "TRN-006", "TRN-007"),
    *("STS-006", "STS-009", "STS-010", "STS-013", "EVT-008", "VER-001", "VER-006"),
    *("CAN-001", "CAN-002", "CAN-003", "CAN-004", "CAN-005"),
)


def can_show() -> frozenset[str]:
    """Return every requirement that a generated phase can show kept or broken."""
    return frozenset((*EVERYWHERE, *CONVERSING, *UNHARMED, *_BY_REQUESTS, *_BY_SESSIONS))


def phases_of(scenarios: Iterable[str]) -> frozenset[str]:
    """Return the generated phases that scenarios belong to; a scripted one belongs to none."""
    return frozenset(name for name, heads in PHASES.items() for one in scenarios if one.startswith(heads))
