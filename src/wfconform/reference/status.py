"""The states of a run (§7, §8)."""

from enum import StrEnum


class Status(StrEnum):
    """Where a run can be; a turn answers with a resting one of these (§8)."""

    RUNNING = "running"
    WAITING = "waiting_for_user_input"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABORTED = "aborted_looping_risk"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.ABORTED})
