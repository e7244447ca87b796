"""`wfconform load`: resolve target and plan, run the generator as a child, watch it, judge it, report."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.text import Text

import wfconform
from wfconform.commands.ending import INTERRUPTED
from wfconform.commands.interrupts import interrupts_of
from wfconform.commands.live import Watcher, watching
from wfconform.commands.outputs import Outputs
from wfconform.commands.reference_process import reference_process
from wfconform.commands.reporting import Shown, report
from wfconform.commands.terminal import stderr_console
from wfconform.config import Configured, Overrides, read_environment, resolve
from wfconform.config.profile import describe_profiles, read_profile, read_texts
from wfconform.errors import HarnessError
from wfconform.load.child import Child, start
from wfconform.load.job import WORKERS_WAIT_S, Job, Role
from wfconform.load.measured import Measured, Violation
from wfconform.load.outcome import load_outcome, load_results
from wfconform.load.plan import Plan
from wfconform.load.profile import Changes, changed, fitted, lacks
from wfconform.load.rolling import Miss, Watch
from wfconform.load.slo import parse_slo
from wfconform.outcomes import Problem, Run
from wfconform.report.text import plain
from wfconform.target import Target

LEVEL = "load"
_WITHOUT_MARKS = (
    "texts that are given carry no marks: whether answers are those to them (TRN-007, EVT-008) is not judged"
)
MASTER_PORT = 5557


@dataclass(frozen=True, slots=True)
class LoadCall:
    """What the command line asks for.

    role: of this machine in a distributed run: the master waits for `expect_workers` workers and listens on
    bind_host:master_port, a worker (of `processes` processes) joins the master at master_host:master_port.
    """

    overrides: Overrides
    outputs: Outputs
    profile: str = "smoke"
    changes: Changes = field(default_factory=Changes)
    text_file: Path | None = None
    embedded: bool = False
    processes: int = 1
    role: Role = "alone"
    expect_workers: int = 1
    workers_wait_s: float = WORKERS_WAIT_S
    bind_host: str = "127.0.0.1"
    master_host: str = "127.0.0.1"
    master_port: int = MASTER_PORT
    show_reproducers: bool = False
    redact_bodies: bool = False
    strict: bool = False
    rerun: bool = True
    quiet: bool = False
    no_color: bool = False


def load(call: LoadCall) -> int:
    """Run a load profile against a target and report; returns the exit code of the run."""
    plan = planned(call)
    if call.embedded:
        call.overrides.refuse_beside_embedded()
    configured = None if call.embedded else resolve(call.overrides)
    call.outputs.prepare()
    if configured is not None:
        return _run(call, configured, plan)
    timeout_s = read_environment().timeout_s if call.overrides.timeout_s is None else call.overrides.timeout_s
    with reference_process(timeout_s=timeout_s) as embedded:
        return _run(call, embedded, plan)


def list_profiles() -> int:
    """Print a line for each shipped profile."""
    for name, description in describe_profiles().items():
        sys.stdout.write(f"{name:<8} {description}\n")
    return 0


def planned(call: LoadCall) -> Plan:
    """Return what the call does; raises UsageError for a profile or an option that cannot be used."""
    changes = call.changes
    if call.text_file is not None:
        changes = replace(changes, texts=read_texts(call.text_file, where="--text-file"))
    return changed(read_profile(call.profile), changes)


def _run(call: LoadCall, configured: Configured, plan: Plan) -> int:
    run = run_once(call, configured, plan)
    return run if isinstance(run, int) else report(run, call.outputs, _shown(call))


def run_once(call: LoadCall, configured: Configured, plan: Plan) -> Run | int:
    """Make the load, judge it, run the reproducers of what broke; a worker, which judges nothing, gives a code."""
    target = configured.target
    plan, left_out = fitted(plan, target.offers, asked=call.changes.mix is not None)
    left = {name: ", ".join(lacks(name, target.offers)) for name in left_out}
    notes = [
        *configured.notes,
        *(f"{name} is left out of the mix: not configured: {need}" for name, need in left.items()),
    ]
    if plan.texts and target.workflows.echoes:
        notes.append(_WITHOUT_MARKS)
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    problem = None if call.role == "worker" else asyncio.run(_first_contact(target, plan))
    if problem is not None:
        return replace(_made(target, plan, begun), problems=(problem,), notes=tuple(notes))
    _announce(call, target, plan)
    with TemporaryDirectory(prefix="wfconform-load-") as folder:
        measured, miss, interrupted = _carried_out(call, _job(call, target, plan, Path(folder)))
    if measured is None:
        return INTERRUPTED if interrupted else 0
    run = _scrubbed(_judged(_made(target, plan, begun), _redacted(measured, target), plan, target, miss), target)
    run = replace(run, strict=call.strict, interrupted=interrupted, notes=(*notes, *run.notes))
    return _rerun(call, run, target)


async def _first_contact(target: Target, plan: Plan) -> Problem | None:
    from wfconform.conformance.contact import first_contact

    return await first_contact(target, seed=plan.seed)


def _announce(call: LoadCall, target: Target, plan: Plan) -> None:
    if call.quiet or call.role == "worker":
        return
    kind = "sessions at once" if plan.stages[0].model == "closed" else "arrivals per second"
    most = max(max(stage.start, stage.end) for stage in plan.stages)
    url = plain(target.access.base_url)
    said = f"loading {url}: profile {plain(plan.profile)}, up to {most:g} {kind}, {plan.duration_s:.0f} s"
    stderr_console(no_color=call.no_color).print(Text(f"{said}, seed {plan.seed}"), soft_wrap=True)


# --- the generator


def _job(call: LoadCall, target: Target, plan: Plan, folder: Path) -> Job:
    job = Job(target=target, plan=plan, directory=folder, processes=call.processes, role=call.role)
    if call.role == "alone":
        return job
    return replace(
        job,
        expect_workers=call.expect_workers,
        workers_wait_s=call.workers_wait_s,
        bind_host=call.bind_host,
        master_host=call.master_host,
        master_port=call.master_port,
    )


def _carried_out(call: LoadCall, job: Job) -> tuple[Measured | None, Miss | None, bool]:
    """Run the generator to its end; whatever happens, it is gone afterwards."""
    console = stderr_console(no_color=call.no_color)
    with (
        start(job) as child,
        watching(console, job.plan, quiet=call.quiet) as watcher,
        _ending(child, console) as ending,
    ):
        miss = _follow(child, job.plan, watcher, ending)
        ended = call.role == "worker" and (child.wait() == 0 or ending.asked)
        measured = None if ended else child.result()
    return measured, miss, ending.asked


@dataclass(slots=True)
class _Ending:
    """The end of a run before its time, by whomever; once, for the generator leaves at once when told twice."""

    child: Child
    asked: bool = False
    begun: bool = False

    def begin(self) -> None:
        """Have the generator drain, stop what is open and report, unless it does so already."""
        if not self.begun:
            self.begun = True
            self.child.interrupt()


@contextmanager
def _ending(child: Child, console: Console) -> Iterator[_Ending]:
    """Have the first Ctrl-C end the run in good order; the second one unwinds everything."""
    ending = _Ending(child)

    def ask() -> None:
        ending.asked = True
        ending.begin()
        console.print("ending the run: open sessions are stopped, then it reports; Ctrl-C again ends at once")

    with interrupts_of(ask):
        yield ending


def _follow(child: Child, plan: Plan, watcher: Watcher, ending: _Ending) -> Miss | None:
    """Tell of each second; end the run at the first SLO that is missed for good, when the plan says so."""
    watch = Watch([parse_slo(text) for text in plan.slos]) if plan.abort else None
    missed: Miss | None = None
    for tick in child.ticks():
        watcher.tick(tick)
        found = watch.take(tick) if watch and missed is None else None
        if found is not None:
            missed = found
            watcher.say(f"{found.slo}: {found.said}; ending the run (--abort)")
            ending.begin()
    return missed


# --- the outcome


def _made(target: Target, plan: Plan, begun: str) -> Run:
    return Run(
        tool={"name": "wfconform", "version": wfconform.__version__},
        target=_described(target),
        level=LEVEL,
        seed=plan.seed,
        started_at=begun,
        duration_s=0.0,
        results=(),
    )


def _judged(run: Run, measured: Measured, plan: Plan, target: Target, miss: Miss | None) -> Run:
    outcome = load_outcome(measured, plan, miss=miss)
    notes = [*measured.notes]
    if miss is not None:
        notes.append(f"ended after {miss.at_s:.0f} s: {miss.slo} was missed for good ({miss.said})")
    if measured.left_open:
        asked = "left open as asked" if plan.leave_open else "could not be stopped at the end"
        notes.append(f"{measured.left_open} runs {asked}")
    failed = (Problem(HarnessError.exit_code, measured.failure),) if measured.failure else ()
    return replace(
        run,
        problems=failed,
        duration_s=round(measured.duration_s, 3),
        results=load_results(measured, target.expected_failures),
        calls=outcome.turns + outcome.stops + outcome.refused + outcome.failed,
        sessions=outcome.sessions.get("started", 0),
        notes=tuple(notes),
        load=outcome,
    )


def _rerun(call: LoadCall, run: Run, target: Target) -> Run:
    from wfconform.reproduce import rerun_failures

    if run.interrupted or not call.rerun:
        return run
    try:
        return asyncio.run(rerun_failures(run, target.access))
    except KeyboardInterrupt:
        return replace(run, notes=(*run.notes, "reproducers were not run again: interrupted"))


def _redacted(measured: Measured, target: Target) -> Measured:
    """Return what was measured without any secret of the target in its texts."""
    from wfconform.conformance.record import Recorder

    redact = Recorder(target.access, begun_s=0.0).redact

    def clean(node: Any) -> Any:
        match node:
            case str():
                return redact(node)
            case Mapping():
                return {key: clean(value) for key, value in node.items()}
            case _:
                return node

    def kept(violation: Violation) -> Violation:
        texts = {name: clean(getattr(violation, name)) for name in ("expected", "actual", "path", "reproducer")}
        return replace(violation, **texts, turns=tuple(map(clean, violation.turns)))

    return replace(
        measured,
        first_violations=tuple(map(kept, measured.first_violations)),
        failures={redact(cause): count for cause, count in measured.failures.items()},
        notes=tuple(map(redact, measured.notes)),
    )


def _scrubbed(run: Run, target: Target) -> Run:
    """Return the run without any secret in what reproducers rest on: answers of the target, whole."""
    from wfconform.conformance.record import Recorder
    from wfconform.conformance.scrub import scrubbed

    return scrubbed(run, Recorder(target.access, begun_s=0.0).secrets)


def _described(target: Target) -> dict[str, object]:
    """Return the target as reports name it: no secret in it."""
    flows = target.workflows
    roles = {role: flows.id_of(role) for role in ("conversation", "versioned")}
    return {
        "name": target.name,
        "base_url": target.access.base_url,
        "auth": target.access.auth,
        "roles": {role: id for role, id in roles.items() if id is not None},
    }


def _shown(call: LoadCall) -> Shown:
    return Shown(
        quiet=call.quiet, no_color=call.no_color, print_reproducers=call.show_reproducers, redact=call.redact_bodies
    )
