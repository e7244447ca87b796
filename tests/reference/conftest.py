import pytest
from tests.reference.deployment import Deployment


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def deployment() -> Deployment:
    return Deployment()
