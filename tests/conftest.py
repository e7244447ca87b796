"""What every test has: no secret of another test is known to it."""

from collections.abc import Iterator

import pytest

from wfconform.target import Secret


@pytest.fixture(autouse=True)
def _secrets_of_its_own() -> Iterator[None]:
    """A process keeps its secrets to the end; a test's key "mine" would be stars in the errors of the next."""
    known = set(Secret.made)
    yield
    Secret.made.intersection_update(known)
