"""Processes that serve one socket, and what becomes of one that dies before it takes calls."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.durable.stumbling import Stumbling

from wfconform.errors import HarnessError
from wfconform.reference.serve import listen, url_of
from wfconform.reference.workers import _Supervisor


def test_a_process_that_dies_while_it_starts_is_started_again(tmp_path: Path) -> None:
    """One that is killed in the middle of a restart does not take the server with it."""
    recipe: Any = Stumbling(tmp_path, 1)
    with listen("127.0.0.1", 0) as listener:
        supervisor = _Supervisor(recipe, listener, 1)
        try:
            supervisor.start()
            assert httpx.get(f"{url_of(listener)}/healthz").json() == {"status": "ok"}
        finally:
            supervisor.stop()


def test_processes_that_cannot_be_started_are_told(tmp_path: Path) -> None:
    """After a few tries, and none is left."""
    recipe: Any = Stumbling(tmp_path, 99)
    with listen("127.0.0.1", 0) as listener:
        supervisor = _Supervisor(recipe, listener, 1)
        with pytest.raises(HarnessError, match="did not start"):
            supervisor.start()
        assert supervisor._processes == []
