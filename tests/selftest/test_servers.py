"""Faults are reported under exactly what they break, variants under nothing: `make selftest` in small.

A sample of them; the whole takes minutes, and is `make selftest`.
"""

import pytest

from wfconform.commands.selftest import FAULT, cases, judge

CASES = cases()
EACH = 15  # every fifteenth in the order of the tables


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.kind == FAULT][::EACH])
def test_a_fault_is_caught_by_exactly_what_it_breaks(name: str) -> None:
    """No requirement that it breaks is missed, and none is reported that it does not break."""
    row = judge(name, seed=1)
    assert (sorted(row.missed), row.messages) == ([], ())


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.kind != FAULT][::EACH])
def test_a_conforming_server_passes(name: str) -> None:
    """All that its level asks for is tested, and nothing is reported but the SHOULDs that it does not keep."""
    row = judge(name, seed=1)
    assert (sorted(row.missed), row.messages, row.problems) == ([], (), ())
