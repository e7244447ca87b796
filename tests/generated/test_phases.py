"""The generated phases of a check: nothing found in what conforms, the same again with a seed, always an end."""

import asyncio
import json
import re
from typing import Any

import pytest
from tests.conformance.zoo import reported
from tests.generated.sweep import EXAMPLES, options, sweep_case, sweep_server, without_storage
from tests.servers.conforming import CONFORMING

import wfconform
from wfconform.commands.selftest import IN_PROCESS, VARIANT, HurriedLoop, cases
from wfconform.conformance import CheckOptions, run_check
from wfconform.conformance.abilities import PHASES, can_show, phases_of
from wfconform.outcomes import Run
from wfconform.reference import embedded_app
from wfconform.reference.calls import Call, Handler, Reply
from wfconform.reference.faults import FAULTS
from wfconform.reference.parts import Change, around
from wfconform.requirements import catalogue

FEW = 6
VARIANTS = ("four-open-runs", "sometimes-429-and-503", "lax-input", "snapshots-after-the-end", "small-bodies")


def _run(chosen: CheckOptions, *changes: Change) -> Run:
    app = embedded_app(changes=changes)
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        return runner.run(run_check(without_storage(cases()["reference"], IN_PROCESS), chosen, app=app))


def _fault(name: str) -> Change:
    return next(one.apply for one in FAULTS if one.name == name)


def _recording(into: list[str]) -> Change:
    """Write down every request, without the run_ids that were issued until then."""
    issued: set[str] = set()

    async def layer(call: Call, go: Handler) -> Reply:
        text = f"{call.method} {call.path} {call.query} {call.body!r}"
        into.append(re.sub("[0-9a-f]{24}", lambda found: "run" if found[0] in issued else found[0], text))
        reply = await go(call)
        issued.add(str(reply.json.get("run_id", "")))
        return reply

    return around(layer)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found_in_the_reference(seed: int) -> None:
    """Every phase makes requests, and none of them a finding."""
    swept = sweep_case("reference", seed, EXAMPLES)
    assert (swept.reported, swept.problems) == ((), ())
    assert min(swept.requests) > 100


@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_is_found_in_variants(name: str) -> None:
    """Those that were nearest to a false alarm; `make selftest-generated` plays them all."""
    assert cases()[name].kind == VARIANT
    swept = sweep_case(name, 3, FEW)
    assert (swept.reported, swept.problems) == ((), ())


@pytest.mark.parametrize("index", range(0, len(CONFORMING), 16))
def test_nothing_is_found_in_servers_that_were_written_from_the_contract(index: int) -> None:
    """A sample of them; `make selftest-generated` plays them all."""
    swept = sweep_server(index, 1, FEW)
    assert (swept.reported, swept.problems) == ((), ())


def test_a_seed_makes_the_same_requests_and_the_same_verdicts() -> None:
    """Two checks of a faulty server differ in nothing but run_ids and times."""
    told: list[tuple[list[str], dict[str, str], list[int]]] = []
    for _ in range(2):
        requests: list[str] = []
        run = _run(options(5, examples=FEW), _fault("turn-number-as-float"), _recording(requests))
        told.append((sorted(requests), reported(run), [phase.requests for phase in run.phases]))
    assert told[0] == told[1]
    assert told[0][1]


def test_every_run_that_was_opened_is_stopped_at_the_end() -> None:
    """Nothing that waits is left behind, whatever the requests were."""
    status: dict[str, str] = {}

    async def layer(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        if reply.answer:
            status[reply.answer["run_id"]] = reply.answer["status"]
        return reply

    run = _run(options(2, examples=FEW, explore=3), around(layer))
    assert [phase.name for phase in run.phases] == list(PHASES)
    assert set(status.values()) <= {"cancelled", "completed", "failed", "aborted_looping_risk"}


def test_a_phase_without_a_request_is_a_problem() -> None:
    """No time, no verdict: exit 3, and what to do."""
    run = _run(CheckOptions(scripted=False, examples=FEW, time_budget_s=0.0))
    assert run.exit_code == 3
    assert {problem.message for problem in run.problems if "generated phase" in problem.message} == {
        f"the generated phase {name} out of time after 0 of {planned} scenarios"
        for name, planned in (("valid", 5), ("invalid", 5), ("interleaved", 3))
    }


def test_a_selection_that_they_cannot_show_leaves_them_out() -> None:
    """Who asks for authentication alone waits for nothing else."""
    run = _run(CheckOptions(only=("AUT-001",), examples=FEW))
    assert (run.phases, run.exit_code) == ((), 0)


def test_a_check_from_python_makes_them_too_unless_told_otherwise() -> None:
    """`wfconform.check` tests what the command line tests."""
    target, app = without_storage(cases()["reference"], IN_PROCESS), embedded_app()
    with_them = wfconform.check(app, target=target, only=("TRN-001",), examples=FEW)
    without = wfconform.check(app, target=target, only=("TRN-001",), examples=0)
    assert [phase.name for phase in with_them.phases] == ["valid", "invalid", "interleaved"]
    assert without.phases == ()


def test_the_names_of_scenarios_lead_back_to_their_phase() -> None:
    """So --replay knows what to play again; a scripted scenario belongs to none."""
    assert phases_of(["generated plain session", "generated invalid 3", "twelve_turns"]) == {"valid", "invalid"}
    assert can_show() <= frozenset(catalogue())


def test_what_was_played_is_forgotten() -> None:
    """Memory does not grow with the number of examples: no history and no traffic is kept."""
    from wfconform.conformance import suite

    checks: list[Any] = []
    made = suite._Check

    class Kept(made):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            checks.append(self)

    suite._Check = Kept  # type: ignore[misc]
    try:
        run = _run(options(1, examples=FEW))
    finally:
        suite._Check = made  # type: ignore[misc]
    (check,) = checks
    assert run.sessions > 30
    assert len(check.ledger._runs) <= 2  # of the first contact
    assert set(check.played) == {"first contact"}
    assert json.dumps(run.summary)
