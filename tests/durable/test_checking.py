"""What a check does beside calling the endpoint: it looks into a storage, and restarts a deployment."""

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from tests.durable.servers import Server

from wfconform.commands.embedded import embedded_reference
from wfconform.conformance import run_check
from wfconform.conformance.durability import (
    CommandRestart,
    Durability,
    MongoStorage,
    NotToBeSeen,
    durability_of,
    since,
    stored_as,
)
from wfconform.conformance.options import CheckOptions
from wfconform.errors import UsageError
from wfconform.outcomes import Verdict
from wfconform.reference import DEVELOPMENT_KEY, describe, embedded_app, serving
from wfconform.reference.mongo import MongoDatabase
from wfconform.requirements import required_at
from wfconform.scenarios import Stored
from wfconform.target import Access, RestartAccess, Secret, StorageAccess, Target, Workflows

pytestmark = pytest.mark.anyio
URL = "http://wfconform.invalid"
FLOWS = Workflows(conversation=describe("")["workflows"]["conversation"])


def target(**more: Any) -> Target:
    return Target(Access(URL, api_key=Secret(DEVELOPMENT_KEY)), FLOWS, **more)


def test_level_durable_is_full_and_the_musts_of_storage() -> None:
    """DUR-004 is a SHOULD."""
    assert required_at("durable") - required_at("full") == {"DUR-001", "DUR-002", "DUR-003", "DUR-005"}
    assert required_at("full") < required_at("durable")


@pytest.mark.parametrize(
    ("document", "stored"),
    [
        (None, Stored(found=False)),
        ({"run": {"state": {"name": "paused"}}}, Stored(found=True, status="paused")),
        ({"run": {"state": "paused"}}, Stored(found=True)),
        ({}, Stored(found=True)),
        ({"run": {"state": {"name": 7}}}, Stored(found=True)),
    ],
)
def test_a_status_is_found_at_a_dotted_path(document: Any, stored: Stored) -> None:
    """What is missing, or no string, is None."""
    assert stored_as(document, "run.state.name") == stored


async def test_a_real_storage_is_looked_into(server: Server) -> None:
    """By `_id`; a census counts what was made within the last hour."""
    database = MongoDatabase(server.url, name="wfconform_looked_into")
    runs = await database.collection("runs")
    id, old = ObjectId(), ObjectId("5eb7cf5a86d9755df3a6c593")
    await runs.insert_many([{"_id": id, "run": {"status": "paused"}}, {"_id": old, "run": {"status": "failed"}}])
    storage = MongoStorage(StorageAccess(Secret(server.url), "wfconform_looked_into", "runs", "run.status"))
    try:
        assert await storage.find(str(id).upper()) == Stored(found=True, status="paused")
        assert await storage.find("5f" + "0" * 22) == Stored(found=False)
        assert await storage.count_lately() == 1
    finally:
        await storage.close()
        await runs.database.client.drop_database("wfconform_looked_into")
        await database.close()


def test_an_hour_ago_is_before_now() -> None:
    """A census goes back as far as clocks may differ."""
    assert since() < ObjectId() < ObjectId("ffffffff" + "0" * 16)


def test_a_storage_url_that_is_none_is_told_without_its_password() -> None:
    """UsageError, before anything is called."""
    with pytest.raises(UsageError) as told:
        durability_of(target(storage=StorageAccess(Secret("mongodb://u:se%cret@h"), "d", "c")))
    assert "cret" not in str(told.value)


async def test_a_storage_that_cannot_be_reached_is_the_users_to_mend() -> None:
    """Exit 3 with what to do; DUR is not tested, and nothing is held against the target."""

    class Unreached:
        async def find(self, run_id: str) -> Stored:
            raise NotToBeSeen("the storage cannot be reached (Timeout)", hint="check the URL")

        async def count_lately(self) -> int:
            raise NotToBeSeen("the storage cannot be reached (Timeout)", hint="check the URL")

        async def close(self) -> None:
            pass

    options = CheckOptions(only=("DUR", "TRN-002"))
    run = await run_check(
        target(storage=StorageAccess()), options, app=embedded_app(), durability=Durability(Unreached())
    )
    verdicts = {one.id: one.verdict for one in run.results}
    assert (run.exit_code, verdicts["DUR-001"], verdicts["TRN-002"]) == (3, Verdict.NOT_TESTED, Verdict.PASS)
    problems = {(one.message, one.hint) for one in run.problems}
    assert ("the storage cannot be reached (Timeout)", "check the URL") in problems


async def test_level_durable_without_storage_says_what_it_needs() -> None:
    """Exit 3."""
    run = await run_check(target(), CheckOptions(level="durable", only=("DUR",)), app=embedded_app())
    said = " ".join(one.message for one in run.problems)
    assert (run.exit_code, run.results[0].message) == (3, "not configured: storage access ([storage])")
    assert "no requirement was exercised" in said


@dataclass
class _Elsewhere:
    """A storage that can be read, and is not where the deployment writes to."""

    lately: int

    async def find(self, run_id: str) -> Stored:
        return Stored(found=False)

    async def count_lately(self) -> int:
        return self.lately

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(("lately", "refusals", "hinted"), [(0, Verdict.NOT_TESTED, True), (3, Verdict.PASS, False)])
async def test_where_nothing_is_stored_nothing_is_shown(
    lately: int, refusals: Verdict, hinted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No record of a refused request among none at all is no proof, and the evidence asks for the right place."""
    monkeypatch.setattr("wfconform.scenarios.durable.WITHIN_S", 0.1)
    options = CheckOptions(only=("DUR-001", "DUR-005"))
    durability = Durability(_Elsewhere(lately))
    run = await run_check(target(storage=StorageAccess()), options, app=embedded_app(), durability=durability)
    first, fifth = run.results
    assert (first.verdict, fifth.verdict) == (Verdict.FAIL, refusals)
    assert ("are database and collection in [storage]" in first.message) is hinted


async def test_a_wrong_status_field_is_hinted_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is there, and at the path that the target file names is no text."""
    monkeypatch.setattr("wfconform.scenarios.durable.WITHIN_S", 0.1)
    app, durability = embedded_reference(status_field="state.status")
    options = CheckOptions(only=("DUR-002",))
    run = await run_check(target(storage=StorageAccess()), options, app=app, durability=durability)
    assert "no text at status_field ([storage])" in run.results[0].message


async def test_the_embedded_reference_is_looked_into_and_restarted() -> None:
    """A restart forgets what is not in the records, and nothing else."""
    app, durability = embedded_reference()
    assert durability.storage is not None
    assert durability.restarter is not None
    options = CheckOptions(level="durable", only=("DUR",))
    run = await run_check(
        target(storage=StorageAccess(), restart=RestartAccess()), options, app=app, durability=durability
    )
    assert {one.id: one.verdict for one in run.results} == {f"DUR-00{n}": Verdict.PASS for n in (1, 2, 3, 4, 5) if n}
    assert await durability.storage.count_lately() > 0


async def test_a_deployment_is_restarted_by_a_command(tmp_path: Path) -> None:
    """It is run by a shell, to its end, and the deployment waited for."""
    done = tmp_path / "done"
    with serving(embedded_app()) as url:
        ready = RestartAccess(f"echo restarted > {done}", f"{url}/healthz")
        await CommandRestart(ready, base_url=url).restart()
        await CommandRestart(RestartAccess("true"), base_url=url).restart()
    assert done.read_text(encoding="utf-8") == "restarted\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo no such service >&2; exit 7", "the restart command ended with 7: no such service"),
        ("exit 1", "the restart command ended with 1: it said nothing"),
    ],
)
async def test_a_command_that_fails_is_told(command: str, said: str) -> None:
    """With what it printed."""
    with pytest.raises(NotToBeSeen) as told:
        await CommandRestart(RestartAccess(command), base_url=URL).restart()
    assert str(told.value) == said


async def test_a_command_may_leave_the_server_behind(tmp_path: Path) -> None:
    """What it starts in the background goes on, and holds its output open; the command has ended all the same."""
    left = tmp_path / "left"
    with serving(embedded_app()) as url:
        await CommandRestart(RestartAccess(f"sleep 60 & echo $! > {left}"), base_url=url).restart()
    os.kill(int(left.read_text(encoding="ascii")), signal.SIGKILL)  # it was there


async def test_a_command_that_hangs_is_ended_and_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With all that it started."""
    monkeypatch.setattr("wfconform.conformance.durability.RESTART_TIMEOUT_S", 0.5)
    left = tmp_path / "left"
    with pytest.raises(NotToBeSeen, match=r"the restart command did not end within 0\.5 s"):
        await CommandRestart(RestartAccess(f"sleep 60 & echo $! > {left}; wait"), base_url=URL).restart()
    try:
        process = os.pidfd_open(int(left.read_text(encoding="ascii")))
    except ProcessLookupError:
        return
    assert select.select([process], [], [], 10.0)[0]  # readable once it has ended
    os.close(process)


async def test_a_deployment_that_does_not_come_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, with its URL."""
    monkeypatch.setattr("wfconform.conformance.durability.READY_TIMEOUT_S", 0.2)
    with pytest.raises(NotToBeSeen, match=r"http://127\.0\.0\.1:9/healthz was not ready"):
        await CommandRestart(RestartAccess("true", "http://127.0.0.1:9/healthz"), base_url=URL).restart()
