"""Hostile peers through the command: exit codes, no traceback, nothing on stdout that acts on a terminal."""

from pathlib import Path

import pytest
from tests.hostile.checking import SCENARIOS, finished
from tests.hostile.harmless import acting
from tests.hostile.peers import PEERS
from tests.hostile.sockets import listening

_AT_ONCE = ("garbage", "html-at-200", "always-401", "redirects-nowhere", "hangs-before-headers", "nested-gzip-bomb")
_LATER = ("escapes-everywhere", "tricks-of-unicode", "dies", "run-id-for-a-shell", "half-a-body-then-resets")


@pytest.mark.parametrize(("name", "good"), [*((name, 0) for name in _AT_ONCE), *((name, 2) for name in _LATER)])
def test_the_command_ends_with_a_code_and_a_report(name: str, good: int, tmp_path: Path) -> None:
    """The exit code fits and is the report's, and the streams are plain text without a traceback."""
    peer = PEERS[name]
    only = ",".join(("EXE-001", "EXE-008", "RUN-001", "STS-001", *SCENARIOS)) if good == 0 else ",".join(SCENARIOS)
    with listening(peer.serve, good=good) as served:
        done = finished(served, tmp_path, "--only", only)
    assert done.code in (peer.first if good == 0 else {1, 3}), done.err
    assert done.report["exit_code"] == done.code
    assert b"Traceback" not in done.err
    assert acting(done.out.decode() + done.err.decode()) == set()
    assert (tmp_path / "pwned").exists() is False


def test_what_was_found_before_the_peer_died_is_reported(tmp_path: Path) -> None:
    """The calls that were answered are in the report, and so is why it ends there."""
    with listening(PEERS["dies"].serve, good=12) as served:
        done = finished(served, tmp_path, "--concurrency", "1")
    verdicts = {one["id"]: one["verdict"] for one in done.report["requirements"]}
    assert (verdicts["RUN-001"], verdicts["TRN-001"]) == ("pass", "pass")
    assert done.code == 3
    assert any("no connection" in problem["message"] for problem in done.report["problems"])
