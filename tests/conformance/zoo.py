"""Runs the whole suite against the test servers, several at once: most of a check's time is spent waiting."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext

from tests.servers.target import SECRETS, Broken, Conforming, describe

from wfconform.commands.selftest import HurriedLoop
from wfconform.config import configure, parse_document
from wfconform.conformance import CheckOptions, run_check
from wfconform.outcomes import Run, Verdict
from wfconform.reference import serving
from wfconform.target import Target

AT_ONCE = 6


def target_of(case: Conforming | Broken | None = None, base_url: str = "http://test") -> Target:
    """Return a test server's target."""
    return configure(parse_document(describe(case, base_url=base_url), source="test"), environ=SECRETS).target


async def check_case(case: Conforming | Broken, *, seed: int = 1, level: str = "full") -> Run:
    """Check one server in-process, or over a socket where its point is on the wire."""
    app, options = case.make(), CheckOptions(level=level, seed=seed)
    with serving(app) if case.live else nullcontext("http://test") as url:
        return await run_check(target_of(case, url), options, app=None if case.live else app)


def check_all(cases: Sequence[Conforming | Broken], *, seed: int = 1) -> list[Run]:
    """Check several servers; those in this process wait for nothing: their clock jumps."""
    live = [case for case in cases if case.live]
    with asyncio.Runner(loop_factory=HurriedLoop) as hurried:
        runs = hurried.run(_check_each([case for case in cases if not case.live], seed))
    runs |= asyncio.run(_check_each(live, seed))
    return [runs[case.name] for case in cases]


async def _check_each(cases: Sequence[Conforming | Broken], seed: int) -> dict[str, Run]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(case: Conforming | Broken) -> Run:
        async with places:
            return await check_case(case, seed=seed)

    runs = await asyncio.gather(*map(one, cases))
    return dict(zip((case.name for case in cases), runs, strict=True))


def reported(run: Run) -> dict[str, str]:
    """Return what a run holds against its target, by ID."""
    bad = (Verdict.FAIL, Verdict.WARN, Verdict.ERROR)
    return {result.id: result.message for result in run.results if result.verdict in bad}
