"""What every test has: no secret of another test is known to it."""

from collections.abc import Iterator

import pytest

from wfconform.target import Secret


@pytest.fixture(autouse=True)
def _secrets_of_its_own() -> Iterator[None]:
    """A process keeps its secrets to the end; a key "mine" of another test, or module, would be stars in this one."""
    known = set(Secret.made)
    Secret.made.clear()
    yield
    Secret.made.clear()
    Secret.made.update(known)
