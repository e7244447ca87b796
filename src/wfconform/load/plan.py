"""What a load run does, as frozen values; made by the parent, read by the process that makes the load."""

from dataclasses import dataclass
from typing import Literal

Model = Literal["closed", "open"]
Phase = Literal["warm-up", "steady", "drain"]
Distribution = Literal["constant", "uniform", "exponential", "lognormal"]

SCENARIOS = ("complete", "abandon", "cancel", "cancel-in-flight", "double-submit", "resume-after-end", "pinned-version")
"""The sessions that users simulate, by the names that a mix gives weights to."""
ENDLESS = (10**9, 10**9)
"""So many turns that a session goes on until the run ends."""


@dataclass(frozen=True, slots=True)
class Think:
    """How long a user waits between two turns; spread: half the width (uniform, seconds), or sigma (lognormal)."""

    distribution: Distribution = "exponential"
    mean_s: float = 1.0
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the run; the level goes in a straight line from `start` to `end`.

    closed: so many sessions are going on at once, each begun when one ends; open: so many sessions arrive per second,
    and arrivals wait for no answer. Figures come from steady stages only.
    """

    name: str
    model: Model
    phase: Phase
    duration_s: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run.

    mix: (scenario, weight) pairs; turns: least and most turns of a session; refusal_wait_s: how long one start may be
    refused as not processed (429, 503 with Retry-After) before the session counts as refused; texts: what users say,
    in turn, empty: generated; connections_kept: a session keeps one connection; leave_open: runs are not stopped;
    one_each: in closed stages a slot thinks between two of its sessions, too, and a run that its user left is stopped
    then, so that turns are a think time apart and no more runs are open than there are slots.
    """

    profile: str
    stages: tuple[Stage, ...]
    mix: tuple[tuple[str, float], ...] = (("complete", 1.0),)
    think: Think = Think()
    turns: tuple[int, int] = (5, 5)
    slos: tuple[str, ...] = ()
    abort: bool = False
    refusal_wait_s: float = 30.0
    stop_timeout_s: float = 30.0
    texts: tuple[str, ...] = ()
    seed: int = 1
    leave_open: bool = False
    one_each: bool = False

    @property
    def duration_s(self) -> float:
        """How long the stages take together; the end of open sessions comes on top."""
        return sum(stage.duration_s for stage in self.stages)
