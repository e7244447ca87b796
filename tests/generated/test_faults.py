"""What generated phases find by themselves, and what nobody thought of."""

import asyncio

import pytest
from tests.conformance.zoo import reported
from tests.generated.sweep import FLOOR, options, sweep_case, without_storage

from wfconform.commands.selftest import IN_PROCESS, HurriedLoop, cases
from wfconform.conformance import CheckOptions, run_check
from wfconform.outcomes import Run
from wfconform.reference import embedded_app
from wfconform.reference.faults import UNSCRIPTED
from wfconform.reference.faults.fault import Fault

FEW = 4
CAUGHT = (
    *("turn-number-as-float", "null-events-on-stops", "flags-as-numbers", "refusals-as-web-pages", "all-events-again"),
    *(
        "refused-turns-count",
        "refusal-cancels-the-run",
        "missing-input-is-empty",
        "unknown-run-starts",
        "last-event-again",
    ),
    *("stop-answers-completed", "hint-as-a-sentence", "stop-is-204"),
    *("cancelled-is-not-completed", "no-closing-event", "data-revives", "second-stop-crashes", "data-refused"),
)


def _check(chosen: CheckOptions, *faults: Fault) -> Run:
    app = embedded_app(changes=[one.apply for one in faults])
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        return runner.run(run_check(without_storage(cases()["reference"], IN_PROCESS), chosen, app=app))


def test_faults_of_the_scripted_suite_are_caught_by_generated_requests_alone() -> None:
    """Each of these is reported under one of its own requirements at least."""
    missed = {
        name for name in CAUGHT if not cases()[name].expected & {id for id, _ in sweep_case(name, 1, FEW).reported}
    }
    assert missed == set()
    assert len(CAUGHT) >= FLOOR


@pytest.mark.parametrize("fault", UNSCRIPTED, ids=lambda fault: fault.name)
def test_faults_that_nobody_thought_of_are_found_by_generated_requests(fault: Fault) -> None:
    """The generated phases report each of these servers."""
    assert fault.breaks <= reported(_check(options(1), fault)).keys()


def test_the_scripted_suite_passes_what_nobody_thought_of() -> None:
    """A server with all of these faults at once passes every scenario."""
    scripted = _check(CheckOptions(level="full", seed=1), *UNSCRIPTED)
    assert (reported(scripted), scripted.exit_code) == ({}, 0)
    assert len(UNSCRIPTED) >= 3
