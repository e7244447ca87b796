"""Plays the generated phases alone against many servers; run as a script it is `make selftest-generated`.

The reference, its variants and the conforming servers must give no finding, with each seed; of the faults at least
FLOOR must be caught, and every fault that the scripted suite misses.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context

from tests.conformance.zoo import reported, target_of
from tests.servers.conforming import CONFORMING

from wfconform.commands.selftest import FAULT, IN_PROCESS, Case, HurriedLoop, cases
from wfconform.commands.selftest import target_of as reference_target
from wfconform.conformance import CheckOptions, run_check
from wfconform.outcomes import Run
from wfconform.reference import embedded_app, serving
from wfconform.target import Target

FLOOR = 15
EXAMPLES = 25


@dataclass(frozen=True, slots=True)
class Swept:
    """What one server showed: the requirements reported, what made the run worth nothing, requests by phase."""

    name: str
    seed: int
    reported: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    requests: tuple[int, ...]

    @classmethod
    def of(cls, name: str, seed: int, run: Run, spared: Iterable[str] = ()) -> "Swept":
        """Return a run in short, without the SHOULDs that its server is said not to keep."""
        found = {id: said for id, said in reported(run).items() if id not in spared}
        problems = tuple(one.message for one in run.problems)
        return cls(name, seed, tuple(found.items()), problems, tuple(phase.requests for phase in run.phases))


def options(seed: int, *, level: str = "full", examples: int = EXAMPLES, explore: int = 0) -> CheckOptions:
    """Return the options that play the generated phases and nothing else."""
    return CheckOptions(level=level, seed=seed, scripted=False, examples=examples, explore=explore)


def without_storage(case: Case, base_url: str) -> Target:
    """Return the description of a case's server, whose records nobody looks into here."""
    return replace(reference_target(case, base_url), storage=None, restart=None)


def sweep_case(name: str, seed: int, examples: int = EXAMPLES) -> Swept:
    """Check the reference, a variant or a fault."""
    case = cases()[name]
    app, chosen = (
        embedded_app(changes=case.changes),
        options(seed, level="full" if case.level == "durable" else case.level, examples=examples),
    )
    with serving(app) if case.live else nullcontext(IN_PROCESS) as url:
        work = run_check(without_storage(case, url), chosen, app=None if case.live else app)
        if case.live:
            return Swept.of(name, seed, asyncio.run(work), case.expected)
        with asyncio.Runner(loop_factory=HurriedLoop) as runner:
            run = runner.run(work)
    return Swept.of(name, seed, run, () if case.kind == FAULT else case.expected)


def sweep_server(index: int, seed: int, examples: int = EXAMPLES) -> Swept:
    """Check one of the conforming servers."""
    server = CONFORMING[index]
    app = server.make()
    with serving(app) if server.live else nullcontext("http://test") as url:
        target = target_of(server, url)
        run = asyncio.run(run_check(target, options(seed, examples=examples), app=None if server.live else app))
    return Swept.of(server.name, seed, run, server.warns)


def _show_progress(checks: Sequence[Future[Swept]]) -> None:
    """Say on standard error how far it is, and at once what failed."""
    started = time.monotonic()
    for done, check in enumerate(as_completed(checks), 1):
        if error := check.exception():
            sys.stderr.write(f"a check ended with {error!r}\n")
        if done % 20 == 0 or done == len(checks):
            sys.stderr.write(f"{done} of {len(checks)} checks, {time.monotonic() - started:.0f} s\n")


def _all(seeds: Sequence[int], jobs: int, examples: int) -> int:
    conforming = [name for name, case in cases().items() if case.kind != FAULT]
    faults = [name for name, case in cases().items() if case.kind == FAULT]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        must_pass = [pool.submit(sweep_case, name, seed, examples) for seed in seeds for name in conforming]
        must_pass += [pool.submit(sweep_server, i, seed, examples) for seed in seeds for i in range(len(CONFORMING))]
        caught = [pool.submit(sweep_case, name, seeds[0], examples) for name in faults]
        _show_progress(must_pass + caught)
        flagged = [one for one in (future.result() for future in must_pass) if one.reported or one.problems]
        missed = [one.name for one in (future.result() for future in caught) if not one.reported]
    for one in flagged:
        sys.stdout.write(f"{one.name}, seed {one.seed}: {one.reported} {one.problems}\n")
    sys.stdout.write(f"{len(must_pass) - len(flagged)} of {len(must_pass)} conforming checks without a finding\n")
    sys.stdout.write(f"{len(faults) - len(missed)} of {len(faults)} faults caught by generated phases alone\n")
    return 1 if flagged or len(faults) - len(missed) < FLOOR else 0


def main() -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    given = parser.parse_args()
    return _all(given.seeds, given.jobs, given.examples)


if __name__ == "__main__":
    sys.exit(main())
