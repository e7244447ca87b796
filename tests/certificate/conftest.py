"""The fixtures of the command line's tests, for the commands about certificates."""

from dataclasses import replace
from typing import Any

import pytest
from tests.cli.conftest import _own_environment, wfconform
from tests.cli.faked import Suite

from wfconform.conformance.options import CheckOptions
from wfconform.outcomes import Run
from wfconform.target import Target

__all__ = ["_own_environment", "suite", "wfconform"]


class SeededSuite(Suite):
    """The prepared suite, whose runs have the seed that was asked for."""

    async def __call__(self, target: Target, options: CheckOptions, **reporting: Any) -> Run:
        return replace(await super().__call__(target, options, **reporting), seed=options.seed)


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite that answers with a prepared run instead of calling a target."""
    fake = SeededSuite()
    monkeypatch.setattr("wfconform.conformance.run_check", fake)
    return fake
