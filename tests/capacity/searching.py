"""Runs whole searches against simulated targets, for the tests."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from tests.capacity.simulated import Model, Queue, Target

from wfconform.load.capacity.conclude import conclude
from wfconform.load.capacity.objectives import objectives_of
from wfconform.load.capacity.running import run_search
from wfconform.load.capacity.values import Found, Settings, StepResult
from wfconform.load.plan import Plan, Think
from wfconform.outcomes.capacity import Capacity

TEN = Queue(servers=10, service_s=0.05)
P95 = ("turn.p95 < 500ms",)
BUDGET_S = 180.0


def settings_for(slos: tuple[str, ...], *, think_s: float = 1.0, **changes: Any) -> Settings:
    """The settings that the command line makes of SLOs, with three minutes to spend."""
    objectives = objectives_of(slos)
    known: dict[str, Any] = {
        "max_level": 5000.0,
        "budget_s": BUDGET_S,
        "think_s": think_s,
        "samples": max(objective.samples for objective in objectives),
        "scaled": any(objective.scaled for objective in objectives),
        "turns_per_session": 5.0,
        "limit_s": min((objective.limit_s for objective in objectives if objective.limit_s), default=0.0),
    }
    return Settings(**{**known, **changes})


def searched(
    target: Target,
    slos: tuple[str, ...] = P95,
    *,
    think_s: float = 1.0,
    recorded: Iterable[StepResult] = (),
    done: Callable[[StepResult, Found], None] = lambda _result, _found: None,
    interrupted: Callable[[], bool] = lambda: False,
    **changes: Any,
) -> Found:
    """Search a simulated target to the end."""
    return run_search(
        target,
        Plan("capacity", (), think=Think(mean_s=think_s)),
        objectives_of(slos),
        settings_for(slos, think_s=think_s, **changes),
        recorded=recorded,
        done=done,
        interrupted=interrupted,
    )


def answered(target: Target, slos: tuple[str, ...] = P95, **options: Any) -> Capacity:
    """Search a simulated target and conclude."""
    wanted = {name: options.pop(name) for name in ("target_sessions",) if name in options}
    found = searched(target, slos, **options)
    return conclude(found, settings_for(slos, **options), **wanted)


@cache
def ten(seed: int) -> Found:
    """A search of ten servers of 50 ms, kept: several tests look at the same ones."""
    return searched(Target(TEN, seed=seed))


def model_name(model: Model) -> str:
    """A short name for a test's parameters."""
    return type(model).__name__.lower()
