"""A suite that makes no calls, for the tests of the command line; run as a script it is `wfconform` with that suite.

As a script: it waits until it is interrupted, after having said on stdout that it runs.
"""

import asyncio
import sys
from dataclasses import replace

import httpx
from tests.report.runs import a_full_run, a_result, a_run, an_evidence

from wfconform.conformance.durability import Durability
from wfconform.conformance.options import CheckOptions, Progress
from wfconform.outcomes import Run, Verdict
from wfconform.target import Target

CONVERSATION = "5eb7cf5a86d9755df3a6c593"
TARGET = ("http://127.0.0.1:9", "--workflow", f"conversation={CONVERSATION}", "--api-key-env", "ACME_API_KEY")
CONFORMING = a_full_run()
FAILING = a_run(a_result("TRN-001", Verdict.FAIL, "it began at 5", an_evidence()))


class Suite:
    """Stands in for `run_check`: remembers what it was asked, answers with `run` or raises `error`."""

    def __init__(self) -> None:
        self.run = CONFORMING
        self.error: BaseException | None = None
        self.target: Target | None = None
        self.options: CheckOptions | None = None
        self.health: int | None = None
        self.call_target = False

    async def __call__(
        self,
        target: Target,
        options: CheckOptions,
        *,
        progress: Progress | None = None,
        interrupted: asyncio.Event | None = None,
        durability: Durability | None = None,
    ) -> Run:
        self.target, self.options = target, options
        if self.error is not None:
            raise self.error
        if self.call_target:
            async with httpx.AsyncClient() as client:
                self.health = (await client.get(f"{target.access.base_url}/healthz")).status_code
        if progress is not None:
            progress.violated(requirement_id="TRN-001", scenario="long\x1b[31m_session")
            for done in range(1, 9):
                progress.scenario_done(name=f"scenario {done}", done=done, total=8)
        return replace(self.run, level=options.level)


async def _until_interrupted(
    target: Target,
    options: CheckOptions,
    *,
    progress: Progress | None,
    interrupted: asyncio.Event,
    durability: Durability | None = None,
) -> Run:
    sys.stdout.write("running\n")
    sys.stdout.flush()
    await interrupted.wait()
    if "stubborn" in target.name:
        await asyncio.sleep(60)
    return replace(FAILING, interrupted=True)


if __name__ == "__main__":
    import wfconform.conformance
    from wfconform.cli import main

    wfconform.conformance.run_check = _until_interrupted  # type: ignore[assignment]
    main()
