"""The suite against servers that were written from the specification, not from the checks."""

import pytest
from tests.conformance.zoo import check_all, reported
from tests.servers.broken import BROKEN
from tests.servers.conforming import CONFORMING

from wfconform.requirements import Level, catalogue

BATCH = 12  # servers that one test checks side by side
MUSTS = frozenset(id for id, requirement in catalogue().items() if requirement.level is Level.MUST)


def _starts(count: int) -> range:
    return range(0, count, BATCH)


@pytest.mark.parametrize("start", _starts(len(CONFORMING)))
def test_no_conforming_server_is_flagged(start: int) -> None:
    """Each conforming server passes with exit 0; only SHOULDs that it is said not to keep are warned of."""
    cases = list(CONFORMING[start : start + BATCH])
    runs = check_all(cases)
    false_alarms = {
        case.name: (run.exit_code, reported(run), run.problems)
        for case, run in zip(cases, runs, strict=True)
        if run.exit_code != 0 or reported(run).keys() - case.warns
    }
    assert false_alarms == {}


@pytest.mark.parametrize("start", _starts(len(BROKEN)))
def test_each_defect_is_reported_under_its_requirement(start: int) -> None:
    """Each broken server is reported with the IDs that its defect certainly violates, and exits 1 for a MUST."""
    cases = list(BROKEN[start : start + BATCH])
    runs = check_all(cases)
    missed = {
        case.name: (sorted(case.expected - reported(run).keys()), run.exit_code)
        for case, run in zip(cases, runs, strict=True)
        if case.expected - reported(run).keys() or (case.expected & MUSTS and run.exit_code != 1)
    }
    assert missed == {}


def test_the_broken_servers_cover_every_requirement_on_the_wire() -> None:
    """There is a broken server for each requirement outside DUR and LOD."""
    wanted = {id for id in catalogue() if id[:3] not in ("DUR", "LOD")}
    assert wanted == {id for case in BROKEN for id in case.expected}
