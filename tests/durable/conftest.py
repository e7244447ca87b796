import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.durable.databases import Databases
from tests.durable.servers import NAMES, Server, missing, running

Started = Callable[[str], Server]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def started() -> Iterator[Started]:
    """Start each database server once; a test that asks for one that cannot be had is skipped, with the reason."""
    servers: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(name: str) -> Server:
            reason = missing(name)
            if reason:
                pytest.skip(reason)
            if name not in servers:
                servers[name] = stack.enter_context(running(name))
            return servers[name]

        yield get


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest, started: Started) -> Server:
    """A database server."""
    return started(request.param)


@pytest.fixture(params=["embedded", *NAMES])
def databases(request: pytest.FixtureRequest, started: Started) -> Databases:
    """Makes databases of one kind, each empty."""
    if request.param == "embedded":
        return Databases(None)
    return Databases(started(request.param).url, prefix=f"wfconform_test_{uuid.uuid4().hex[:8]}")
