"""The reference as it is shipped, over real HTTP on a loopback port."""

import asyncio
import signal
import socket
import subprocess
import sys
from subprocess import DEVNULL, PIPE
from typing import Any

import httpx
import pytest
from tests.reference.deployment import run_input

from wfconform.errors import UsageError
from wfconform.reference import (
    DEVELOPMENT_KEY,
    SECOND_DEVELOPMENT_KEY,
    describe,
    embedded_app,
    serving,
    shipped_workflows,
)
from wfconform.reference.model import DefinitionError
from wfconform.reference.serve import listen
from wfconform.reference.workflows import Workflows

HEADERS = {"Authorization": f"Bearer {DEVELOPMENT_KEY}"}


def test_64_clients_never_share_a_turn_number() -> None:
    """Over 64 connections at once, one run's turns are numbered without a gap and without a double (TRN-005)."""

    async def scenario(base_url: str) -> list[int]:
        path = f"/v1/workflows/{describe(base_url)['workflows']['conversation']}/execute"
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=base_url, headers=HEADERS, limits=limits, timeout=30) as client:
            run_id = (await client.post(path, json={"run_input": run_input()})).json()["run_id"]
            body = {"run_id": run_id, "run_input": run_input("hi")}
            answers = await asyncio.gather(*(client.post(path, json=body) for _ in range(64)))
            return [answer.json()["turn_number"] for answer in answers]

    with serving(embedded_app()) as base_url:
        assert sorted(asyncio.run(scenario(base_url))) == list(range(2, 66))


def test_an_idle_connection_does_not_hold_up_the_end() -> None:
    """The block ends while a client keeps its connection, and nothing listens any more."""
    with serving(embedded_app()) as base_url, httpx.Client(base_url=base_url) as client:
        assert client.get("/healthz").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base_url}/healthz")


def test_a_taken_port_is_said() -> None:
    """It is the caller's mistake to learn of, with a hint."""
    with serving(embedded_app()) as base_url:
        taken = serving(embedded_app(), port=int(base_url.rsplit(":", 1)[1]))
        with pytest.raises(UsageError, match="cannot listen") as raised, taken:
            pass
    assert raised.value.hint


def test_connections_are_not_delayed() -> None:
    """The listener names TCP: only then does asyncio switch off Nagle's delay, which costs 40 ms a turn."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_one_who_listens_everywhere_is_found_on_loopback() -> None:
    """The base URL is one that a client can use."""
    with serving(embedded_app(), host="0.0.0.0") as base_url:
        assert base_url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{base_url}/healthz").status_code == 200


def test_the_foreground_server_ends_on_an_interrupt() -> None:
    """It says its base URL once it can be reached, and Ctrl-C ends it."""
    code = "from wfconform.reference import *; run(embedded_app(), port=0, on_ready=lambda url: print(url, flush=True))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=PIPE, stderr=DEVNULL, text=True) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        assert httpx.get(f"{base_url}/healthz").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == -signal.SIGINT


@pytest.mark.parametrize("key", [DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, "mine"])
def test_the_embedded_app_has_two_keys(key: str) -> None:
    """The defaults are for development; a caller may bring its own."""
    app = embedded_app() if key != "mine" else embedded_app(api_key="mine")
    path = f"/v1/workflows/{describe('')['workflows']['conversation']}/execute"

    async def scenario() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://reference") as client:
            headers = {"Authorization": f"Bearer {key}"}
            return (await client.post(path, json={"run_input": run_input()}, headers=headers)).status_code

    assert asyncio.run(scenario()) == 200


def test_a_version_is_defined_once() -> None:
    """Two definitions of one version are refused, not silently replaced."""
    completes = shipped_workflows().find(describe("")["workflows"]["completes"])
    assert completes is not None
    with pytest.raises(DefinitionError, match="version 0 is defined twice"):
        Workflows([completes, completes])


def test_every_described_workflow_is_shipped() -> None:
    """The description and contracts/workflows agree: ids, versions, the active one."""
    described: dict[str, Any] = describe("http://x")["workflows"]
    shipped = shipped_workflows()
    for role in ("conversation", "completes", "fails", "loops", "pauses", "slow"):
        found = shipped.find(described[role])
        assert found is not None
        assert found.name == role.capitalize()
    versioned = described["versioned"]
    active = shipped.find(versioned["id"])
    assert active is not None
    assert active.version == versioned["active"]
    assert all(shipped.find(versioned["id"], int(version)) for version in versioned["versions"])
