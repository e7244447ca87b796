"""What a check is told, and whom it tells how far it is."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How a check is run.

    level: `core`, `full` or `durable`, what must have been tested for exit 0; only, skip: requirement IDs or groups;
    concurrency: how many scenarios run at once; seed: makes texts, marks and order repeatable; scenarios: play these
    alone, where there are any, of those that the selection needs.
    """

    level: str = "core"
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    strict: bool = False
    seed: int = 1
    concurrency: int = 8
    scenarios: frozenset[str] = frozenset()


class Progress(Protocol):
    """Told as the check goes on; called from the event loop, so it must not block."""

    def scenario_done(self, *, name: str, done: int, total: int) -> None:
        """One more scenario has ended."""

    def violated(self, *, requirement_id: str, scenario: str) -> None:
        """A requirement was seen broken for the first time."""
