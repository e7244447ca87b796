"""Every hostile peer of the table ends in a verdict, or in what could not be tested, within its bounds."""

import time

import pytest
from tests.hostile.checking import SCENARIOS, broken, checked
from tests.hostile.harmless import assert_reports_are_harmless
from tests.hostile.peers import PEERS, Peer
from tests.hostile.sockets import listening, well

FIRST_LIMIT_S = 6.0  # one or two timeouts, and room for a busy machine
LATER_LIMIT_S = 25.0
FIRST_CALLS = 4


def _rows(*rows: Peer) -> list[object]:
    return [pytest.param(row, id=row.name) for row in rows]


@pytest.mark.parametrize("peer", _rows(*(row for row in PEERS.values() if row.problem)))
def test_a_peer_that_is_hostile_at_once_is_told_so_after_a_few_calls(peer: Peer) -> None:
    """First contact ends the check: a problem says why, and no more than four calls were made."""
    begun_s = time.monotonic()
    with listening(peer.serve) as served:
        run = checked(served.url, only=("EXE-001", "EXE-002", "EXE-008", *SCENARIOS, *sorted(peer.ids)))
    assert time.monotonic() - begun_s < FIRST_LIMIT_S
    said = " | ".join(problem.message for problem in run.problems)
    told = peer.problem in said or (peer.slow and "no complete response in" in said)  # a slow machine sees no flood
    assert (run.exit_code in peer.first, told) == (True, True), (run.exit_code, said)
    assert run.calls <= FIRST_CALLS
    assert_reports_are_harmless(run)


@pytest.mark.parametrize("peer", _rows(*PEERS.values()))
def test_a_peer_that_turns_hostile_gets_a_verdict(peer: Peer) -> None:
    """After a good first contact the check goes on to its end, and reports what it has seen."""
    begun_s = time.monotonic()
    judged = () if peer.slow else sorted(peer.ids)
    with listening(peer.serve, good=2) as served:
        run = checked(served.url, only=(*SCENARIOS, *judged))
    assert time.monotonic() - begun_s < LATER_LIMIT_S
    expected = peer.later | {3} if peer.slow else peer.later
    assert run.exit_code in expected, (run.exit_code, broken(run), run.problems)
    assert peer.slow or not peer.ids or broken(run) & peer.ids, (broken(run), run.problems)
    assert_reports_are_harmless(run)


def test_a_good_peer_passes() -> None:
    """The raw server that the hostile ones are made of conforms, so what is found is found in the hostility."""
    with listening(well) as served:
        run = checked(served.url, timeout_s=10)
    assert (run.exit_code, broken(run), served.open_runs) == (0, set(), [])


def test_the_table_says_what_each_peer_does() -> None:
    """Every row has a sentence, and the table is as long as it should be."""
    assert [row.name for row in PEERS.values() if not row.says.endswith(".")] == []
    assert len(PEERS) >= 60
