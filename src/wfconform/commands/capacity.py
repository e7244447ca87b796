"""`wfconform capacity`: search for the number of sessions that a target holds, step by step, and report."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

import wfconform
from wfconform.commands import capacity_steps
from wfconform.commands.capacity_record import Record
from wfconform.commands.capacity_steps import Machines, Steps, ending
from wfconform.commands.outputs import STDOUT, Outputs, write_whole
from wfconform.commands.reference_process import reference_process
from wfconform.commands.reporting import tell_files
from wfconform.commands.terminal import drop_closed_pipe, stderr_console, stdout_console
from wfconform.config import Configured, Overrides, read_environment, resolve
from wfconform.errors import NotTestable, UsageError
from wfconform.load.capacity.conclude import conclude
from wfconform.load.capacity.objectives import SloObjective, objectives_of
from wfconform.load.capacity.running import RecordingDiffers, RunStep, run_search
from wfconform.load.capacity.search import needed_s
from wfconform.load.capacity.values import Found, Settings, StepResult, StepWanted
from wfconform.load.job import Job
from wfconform.load.plan import ENDLESS, Plan
from wfconform.load.profile import span_s, think, turns
from wfconform.report import capacity as capacity_report
from wfconform.report import capacity_html, capacity_json
from wfconform.report.capacity import CapacityReport
from wfconform.report.text import plain
from wfconform.target import Target

MOST_SESSIONS = 10_000
_TURNS = "5"
_RENDER: Mapping[str, Callable[[CapacityReport], str]] = {
    "json": capacity_json.render,
    "markdown": capacity_report.markdown,
    "html": capacity_html.render,
}


@dataclass(frozen=True, slots=True)
class CapacityCall:
    """What the command line asks for; max_level: sessions, or with arrivals sessions per second.

    turns: of a session; None: it goes on for as long as a step lasts, where that leaves something to judge.
    """

    overrides: Overrides
    outputs: Outputs
    slos: tuple[str, ...] = ()
    max_level: float = MOST_SESSIONS
    think: str = "1s"
    turns: str | None = None
    budget: str = "10min"
    tolerance: float = 0.03
    arrivals: bool = False
    target_sessions: float | None = None
    resume: Path | None = None
    processes: int = 1
    machines: Machines = field(default_factory=Machines)
    seed: int = 1
    embedded: bool = False
    quiet: bool = False
    no_color: bool = False


def capacity(call: CapacityCall, *, run_step: RunStep | None = None) -> int:
    """Search and report; returns the exit code. run_step: runs the steps instead of the load engine."""
    objectives = objectives_of(call.slos)
    plan = _plan(call, objectives)
    settings = _settings(call, objectives, plan)
    _refuse_a_budget_for_nothing(settings)
    if call.embedded:
        call.overrides.refuse_beside_embedded()
    configured = None if call.embedded else resolve(call.overrides)
    call.outputs.prepare()
    if configured is not None:
        return _run(call, configured, plan, objectives, settings, run_step)
    timeout_s = read_environment().timeout_s if call.overrides.timeout_s is None else call.overrides.timeout_s
    with reference_process(timeout_s=timeout_s) as embedded:
        return _run(replace(call, embedded=True), embedded, plan, objectives, settings, run_step)


def work(call: CapacityCall) -> int:
    """Make load for the master of a search, step after step; returns the exit code."""
    if call.embedded:
        raise UsageError("--worker loads what the master does", hint="give the target that the master was given")
    target = resolve(call.overrides)
    if target is None:
        raise UsageError("--worker needs a target", hint="give the target, key and workflows that the master was given")
    return capacity_steps.work(
        target.target, call.machines, processes=call.processes, quiet=call.quiet, no_color=call.no_color
    )


def _plan(call: CapacityCall, objectives: Sequence[SloObjective]) -> Plan:
    """Return what each step does; in the closed model every turn is a think time after the last, as its law has it."""
    finite = call.turns is not None or call.arrivals or any(objective.needs_ends for objective in objectives)
    of_session = turns(call.turns or _TURNS) if finite else ENDLESS
    one_each = not call.arrivals
    return Plan("capacity", (), think=think(call.think), turns=of_session, seed=call.seed, one_each=one_each)


def _settings(call: CapacityCall, objectives: Sequence[SloObjective], plan: Plan) -> Settings:
    return Settings(
        max_level=call.max_level,
        budget_s=span_s(call.budget, where="--budget"),
        think_s=plan.think.mean_s,
        tolerance=call.tolerance,
        first_level=min(8.0 if not call.arrivals else 2.0, call.max_level),
        arrivals=call.arrivals,
        samples=max(objective.samples for objective in objectives),
        scaled=any(objective.scaled for objective in objectives),
        turns_per_session=sum(plan.turns) / 2,
        limit_s=min((limit_s for objective in objectives if (limit_s := objective.limit_s)), default=0.0),
    )


def _refuse_a_budget_for_nothing(settings: Settings) -> None:
    least_s = needed_s(settings)
    if settings.budget_s < least_s:
        raise UsageError(
            f"--budget: too short for a step (needs at least {least_s:.0f} s)",
            hint="an answer takes some ten steps or more: the default is 10min",
        )


def _run(
    call: CapacityCall,
    configured: Configured,
    plan: Plan,
    objectives: Sequence[SloObjective],
    settings: Settings,
    run_step: RunStep | None,
) -> int:
    target = configured.target
    if "end" not in target.offers or plan.turns == ENDLESS:  # nothing to say that ends it: it is left, and stopped
        plan = replace(plan, mix=(("abandon", 1.0),))
    record, recorded = _recorded(call, settings, objectives, plan, target)
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    if run_step is None:
        _meet(target, plan)
    console = stderr_console(no_color=call.no_color)
    with TemporaryDirectory(prefix="wfconform-capacity-") as folder:
        job = call.machines.led(Job(target, plan, Path(folder), processes=call.processes))
        with Steps(job, run_step) as steps, ending(steps, console):
            found = _searched(call, plan, objectives, settings, steps, record, recorded, console)
    report = CapacityReport(
        tool={"name": "wfconform", "version": wfconform.__version__},
        target={"name": target.name, "base_url": target.access.base_url},
        seed=plan.seed,
        started_at=begun,
        capacity=conclude(found, settings, target_sessions=call.target_sessions),
        notes=(*configured.notes, *_warnings(found)),
    )
    return _report(report, call)


def _warnings(found: Found) -> Iterator[str]:
    """Say which SHOULDs were not met: as in a check and in a load run, they warn, and limit nothing."""
    counted: Counter[str] = Counter()
    for step in found.steps:
        counted.update(dict(step.warned))
    for id, count in sorted(counted.items()):
        yield f"{id} (SHOULD) was not met {count} {'time' if count == 1 else 'times'}: a warning, no limit"


def _recorded(
    call: CapacityCall, settings: Settings, objectives: Sequence[SloObjective], plan: Plan, target: Target
) -> tuple[Record | None, list[StepResult]]:
    if call.resume is None:
        return None, []
    about = {
        "target": "the embedded reference" if call.embedded else target.access.base_url,
        "slo": [objective.expression for objective in objectives],
        "think": [plan.think.distribution, plan.think.mean_s, plan.think.spread],
        "turns": list(plan.turns),
        "seed": plan.seed,
    }
    record = Record(call.resume, settings, about)
    return record, record.steps()


def _meet(target: Target, plan: Plan) -> None:
    """Make first contact; raises NotTestable when the target is not what it was said to be."""
    from wfconform.conformance.contact import first_contact

    problem = asyncio.run(first_contact(target, seed=plan.seed))
    if problem is not None:
        raise NotTestable(problem.message, hint=problem.hint)


def _searched(
    call: CapacityCall,
    plan: Plan,
    objectives: Sequence[SloObjective],
    settings: Settings,
    steps: Steps,
    record: Record | None,
    recorded: Sequence[StepResult],
    console: Console,
) -> Found:
    progress = _Progress(console, settings, quiet=call.quiet)

    def done(result: StepResult, found: Found) -> None:
        nonlocal record
        try:
            if record is not None:
                record.add(result)
        except OSError as error:  # a full disk is no reason to lose what was found
            record = None
            console.print(Text(f"--resume: the record could not be written: {error}; the search goes on without it"))
        progress.done(result, found)

    try:
        return run_search(
            steps,
            plan,
            objectives,
            settings,
            recorded=recorded,
            starting=progress.starting,
            done=done,
            interrupted=lambda: steps.asked,
        )
    except RecordingDiffers as error:
        raise UsageError(f"--resume: {error}", hint="the record was made by another version; start a new one") from None


# --- progress


class _Progress:
    """A line for each step: what it showed, the edge so far, the load time left."""

    def __init__(self, console: Console, settings: Settings, *, quiet: bool) -> None:
        self._console, self._settings, self._quiet = console, settings, quiet

    def starting(self, wanted: StepWanted, _found: Found) -> None:
        """Say what runs now, on a terminal only."""
        if not self._quiet and self._console.is_terminal:
            most_s = wanted.warm_up_s + wanted.most_s
            self._console.print(Text(f"  {wanted.level:g} for up to {most_s:.0f} s", style="dim"))

    def done(self, result: StepResult, found: Found) -> None:
        """Say what a step showed."""
        if self._quiet:
            return
        unit = "sessions/s" if self._settings.arrivals else "sessions"
        showed = result.unfit or ("breaks" if result.broken else "holds")
        so_far = f"edge {found.edge.low:.4g} to {found.edge.high:.4g}" if found.edge else "edge not enclosed yet"
        left_s = max(self._settings.budget_s - found.spent_s, 0.0)
        said = (
            f"{result.level:g} {unit}: {result.turns_per_s:.4g} turns/s, p95 {result.turn_ms[1]:.0f} ms, {showed}; "
            f"{so_far}; at most {left_s:.0f} s left"
        )
        self._console.print(Text(plain(said)), soft_wrap=True)


# --- the report


def _report(report: CapacityReport, call: CapacityCall) -> int:
    """Write the files, then print; a closed pipe changes nothing about the verdict."""
    try:
        for kind, path in call.outputs.paths.items():
            _write(kind, path, report)
        make = stderr_console if call.outputs.takes_stdout else stdout_console
        console = make(no_color=call.no_color)
        capacity_report.show(report, console, quiet=call.quiet)
        tell_files(call.outputs, stderr_console(no_color=call.no_color))
        console.file.flush()
    except BrokenPipeError:
        drop_closed_pipe()
    return report.capacity.exit_code


def _write(kind: str, path: str, report: CapacityReport) -> None:
    text = _RENDER[kind](report)
    if path == STDOUT:
        sys.stdout.write(text)
    else:
        write_whole(Path(path), text, option=f"--{kind}")
