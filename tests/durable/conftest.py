import uuid
from collections.abc import Iterator

import pytest
from tests.durable.databases import Databases
from tests.durable.servers import NAMES, Server, missing, running


@pytest.fixture(scope="session", params=[pytest.param(name, id=name) for name in NAMES])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A database server, one for the whole session; skipped, with the reason, where it cannot be had."""
    reason = missing(request.param)
    if reason:
        pytest.skip(reason)
    with running(request.param) as started:
        yield started


@pytest.fixture(scope="session", params=["embedded", *NAMES])
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Makes databases of one kind, each empty."""
    if request.param == "embedded":
        yield Databases(None)
        return
    reason = missing(request.param)
    if reason:
        pytest.skip(reason)
    with running(request.param) as started:
        yield Databases(started.url, prefix=f"wfconform_test_{uuid.uuid4().hex[:8]}")
