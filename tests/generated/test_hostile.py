"""Targets that are not there, or that stop answering in the middle of a generated phase."""

import asyncio
from dataclasses import replace

from tests.generated.sweep import without_storage

from wfconform.commands.selftest import cases
from wfconform.conformance import CheckOptions, run_check
from wfconform.outcomes import Run
from wfconform.reference import embedded_app, serving
from wfconform.reference.calls import Call, Handler, Reply
from wfconform.reference.parts import around
from wfconform.target import Target

CALLS_ANSWERED = 6
CHOSEN = CheckOptions(scripted=False, examples=4, explore=3, time_budget_s=6.0)


def _target(url: str) -> Target:
    described = without_storage(cases()["reference"], url)
    return replace(described, access=replace(described.access, timeout_s=0.5))


def _falling_silent() -> Run:
    """Check a server that answers for a while and then never again."""
    answered = 0

    async def layer(call: Call, go: Handler) -> Reply:
        nonlocal answered
        answered += 1
        if answered > CALLS_ANSWERED:
            await asyncio.Event().wait()
        return await go(call)

    with serving(embedded_app(changes=(around(layer),))) as url:
        return asyncio.run(run_check(_target(url), CHOSEN))


def test_a_target_that_is_not_there_is_a_problem_and_no_phase() -> None:
    """Nothing is generated for nobody."""
    run = asyncio.run(run_check(_target("http://127.0.0.1:9"), CHOSEN))
    assert (run.exit_code, run.phases) == (3, ())


def test_a_target_that_falls_silent_is_told_and_ends_the_phases_in_time() -> None:
    """A lost answer is EXE-008 and nothing else: what became of its run is not certain."""
    run = _falling_silent()
    assert [result.id for result in run.failed] == ["EXE-008"]
    assert run.exit_code == 1
    assert run.duration_s < 60
