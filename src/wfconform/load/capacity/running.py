"""Runs a search against whatever can run a step: the load engine, a simulated target, a recording."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from wfconform.errors import WfconformError
from wfconform.load.capacity.digest import digest, is_enough
from wfconform.load.capacity.search import known, search
from wfconform.load.capacity.values import Found, Objective, Settings, StepResult, StepWanted
from wfconform.load.measured import Measured, Tick
from wfconform.load.plan import Model, Plan, Stage

Until = Callable[[Sequence[Tick]], bool]
RunStep = Callable[[Plan, Until], Measured]
"""Runs a plan; asks after each second, with all seconds so far, whether that was enough, and if so ends early."""

INTERRUPTED = "interrupted"


class RecordingDiffers(Exception):
    """A recorded step is not the one that the search wants at that point."""


def plan_of(wanted: StepWanted, plan: Plan, *, arrivals: bool) -> Plan:
    """Return the plan of one step: the given one, with a warm-up and a steady stage at the wanted level."""
    model: Model = "open" if arrivals else "closed"
    level = wanted.level
    stages = (
        Stage("warm-up", model, "warm-up", wanted.warm_up_s, level, level),
        Stage("steady", model, "steady", wanted.most_s, level, level),
    )
    return replace(plan, profile="capacity", stages=stages)


def run_search(
    run_step: RunStep,
    plan: Plan,
    objectives: Sequence[Objective],
    settings: Settings,
    *,
    recorded: Iterable[StepResult] = (),
    starting: Callable[[StepWanted, Found], None] = lambda _wanted, _found: None,
    done: Callable[[StepResult, Found], None] = lambda _result, _found: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Found:
    """Search to the end, or until interrupted; recorded steps are taken as they are, as far as they reach.

    Raises RecordingDiffers when a recorded step is not what the search wants.
    """
    searching, steps = search(settings), list[StepResult]()
    before = iter(recorded)
    try:
        wanted = next(searching)
        while True:
            result = next(before, None)
            if result is None:
                if interrupted():
                    return replace(known(steps, settings), ended=INTERRUPTED)
                starting(wanted, known(steps, settings))
                try:
                    result = _run(run_step, wanted, plan, objectives, settings)
                except WfconformError:
                    if not interrupted():
                        raise  # else: it was ended before it could make any load
                    result = None
                if result is None or interrupted():
                    return replace(known(steps, settings), ended=INTERRUPTED)
                done(result, known([*steps, result], settings))
            elif (result.level, result.purpose) != (wanted.level, wanted.purpose):
                raise RecordingDiffers(f"step {len(steps) + 1} was run at {result.level:g}, not at {wanted.level:g}")
            steps.append(result)
            wanted = searching.send(result)
    except StopIteration as end:
        found: Found = end.value
        return found


def _run(
    run_step: RunStep, wanted: StepWanted, plan: Plan, objectives: Sequence[Objective], settings: Settings
) -> StepResult:
    measured = run_step(
        plan_of(wanted, plan, arrivals=settings.arrivals), lambda ticks: is_enough(ticks, wanted, objectives)
    )
    return digest(measured, wanted, objectives, settings)
