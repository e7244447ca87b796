"""Every declared defect can be seen from outside: without it, nothing could be expected of a check."""

from functools import cache

import pytest
from tests.servers.broken import BROKEN
from tests.servers.broken_stops import ResurrectedAfterASecond
from tests.servers.conforming_wire import Plain
from tests.servers.target import Broken
from tests.servers.transcript import transcript

SLOW_S = 1.0
CASES = [case for case in BROKEN if not case.live and case.server is not ResurrectedAfterASecond]


@cache
def plain() -> list[str]:
    """What the base server answers."""
    return transcript(Plain(slow_s=SLOW_S))


def test_the_base_server_has_no_fault() -> None:
    """Nothing in the talk is a 5xx, and the talk is the same each time."""
    assert [line for line in plain() if line.startswith("5")] == []
    assert transcript(Plain(slow_s=SLOW_S)) == plain()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_server_answers_otherwise_than_the_base(case: Broken) -> None:
    """Somewhere in one long talk its answers differ from those of the server without the defect."""
    assert transcript(case.make(slow_s=SLOW_S), expected=plain()) != plain()


def test_a_cancelled_run_comes_back_after_its_time() -> None:
    """The defect that takes a second shows at once when it takes none."""

    class AtOnce(ResurrectedAfterASecond):
        after_s = -1.0

    assert transcript(AtOnce(slow_s=SLOW_S), expected=plain()) != plain()
