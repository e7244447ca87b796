"""The exploration: what it finds, it shows by the shortest session there is."""

import asyncio

import pytest
from tests.generated.sweep import without_storage

from wfconform.commands.selftest import IN_PROCESS, HurriedLoop, cases
from wfconform.conformance import CheckOptions, run_check
from wfconform.outcomes import Run
from wfconform.reference import embedded_app
from wfconform.reference.calls import Call, Handler, Reply
from wfconform.reference.parts import around


def _explored(name: str, examples: int, seed: int = 1) -> Run:
    chosen = CheckOptions(scripted=False, explore=examples, seed=seed)
    app = embedded_app(changes=cases()[name].changes)
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        return runner.run(run_check(without_storage(cases()[name], IN_PROCESS), chosen, app=app))


def _calls(run: Run, id: str) -> list[str]:
    """The commands of the session that showed a requirement broken."""
    (result,) = (one for one in run.results if one.id == id)
    shown = result.evidence[0]
    assert shown.scenario == "explored"
    return ["stop" if '"stop"' in turn.request_body else "turn" for turn in shown.turns]


@pytest.mark.parametrize(
    ("name", "id", "calls"),
    [
        ("all-events-again", "EVT-004", ["turn", "turn"]),
        ("data-revives", "CAN-002", ["turn", "stop", "turn"]),
        ("second-stop-crashes", "CAN-003", ["turn", "stop", "stop"]),
    ],
)
def test_a_failure_is_shrunk_to_the_shortest_session(name: str, id: str, calls: list[str]) -> None:
    """The session in the report has not one call more than the violation needs, and a script that replays it."""
    run = _explored(name, 15)
    assert _calls(run, id) == calls
    (result,) = (one for one in run.results if one.id == id)
    assert "curl" in (result.evidence[0].reproducer or "")


def test_nothing_is_found_in_the_reference() -> None:
    """Sessions are explored, and nothing in them is broken."""
    run = _explored("reference", 10)
    assert [one.id for one in run.failed] == []
    assert run.phases[0].requests > 50
    assert run.phases[0].findings == 0


def test_an_interrupted_exploration_ends_at_once() -> None:
    """Ctrl-C is heard while Hypothesis has the word; what was found until then is kept."""

    async def interrupted() -> Run:
        stop, seen = asyncio.Event(), 0

        async def layer(call: Call, go: Handler) -> Reply:
            nonlocal seen
            seen += 1
            if seen == 30:
                stop.set()
            return await go(call)

        app = embedded_app(changes=(around(layer),))
        chosen = CheckOptions(scripted=False, explore=100_000, time_budget_s=300)
        task = asyncio.create_task(
            run_check(without_storage(cases()["reference"], IN_PROCESS), chosen, app=app, interrupted=stop)
        )
        return await asyncio.wait_for(task, 20)

    run = asyncio.run(interrupted())
    assert (run.interrupted, run.exit_code) == (True, 130)
