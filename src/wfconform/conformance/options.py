"""What a check is told, and whom it tells how far it is."""

from dataclasses import dataclass
from typing import Protocol

DEFAULT_EXAMPLES = 25  # of the command line and of `wfconform.check`
TIME_BUDGET_S = 60.0


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How a check is run.

    level: `core`, `full` or `durable`, what must have been tested for exit 0; only, skip: requirement IDs or groups;
    concurrency: how many scenarios run at once; seed: makes texts, marks and order repeatable; scenarios: play these
    alone, where there are any, of those that the selection needs.

    scripted: play the scenarios; examples: how many requests are drawn for each generated phase, 0 for no such phase;
    explore: how many sessions the exploration tries; time_budget_s: what generated phases and exploration may take.
    """

    level: str = "core"
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    strict: bool = False
    seed: int = 1
    concurrency: int = 8
    scenarios: frozenset[str] = frozenset()
    scripted: bool = True
    examples: int = 0
    explore: int = 0
    time_budget_s: float = TIME_BUDGET_S


class Progress(Protocol):
    """Told as the check goes on; called from the event loop, so it must not block."""

    def scenario_done(self, *, name: str, done: int, total: int) -> None:
        """One more scenario has ended."""

    def violated(self, *, requirement_id: str, scenario: str) -> None:
        """A requirement was seen broken for the first time."""
