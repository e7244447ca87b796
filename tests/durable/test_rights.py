"""A database that asks for a user and a password: what a check may do there, and what is said of a refusal."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from bson import ObjectId
from pymongo import MongoClient
from tests.durable.servers import GUARDED, Server, elsewhere, missing
from typer.testing import CliRunner

from wfconform.cli.commands import app
from wfconform.conformance.durability import MongoStorage, NotToBeSeen
from wfconform.reference.database import Denied
from wfconform.reference.mongo import MongoDatabase
from wfconform.scenarios import Stored
from wfconform.target import Secret, StorageAccess

pytestmark = pytest.mark.anyio
RUN = ObjectId()
LOOKER, NOBODY, STRANGER = "looker:may-look@", "", "looker:wr0ng@"


@pytest.fixture(scope="module", params=GUARDED)
def guarded(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with one record, and a user who may `find` in its collection and nothing else."""
    name = request.param
    if missing(name):
        pytest.skip(missing(name))
    if elsewhere(name):
        pytest.skip("a mongod that runs elsewhere is not guarded")
    with TemporaryDirectory(prefix="wfconform-guarded-") as directory:
        data = Path(directory) / "data"
        data.mkdir()
        server = Server(name, data, synchronous=True)
        try:
            server.start()
            _fill(server.url)
            server.kill()
            server.guarded = True
            server.start()
            yield server
        finally:
            server.kill()


def _fill(url: str) -> None:
    with MongoClient[dict[str, object]](url) as client:
        runs = client["workflows"]
        runs["workflow_runs"].insert_one({"_id": RUN, "status": "paused"})
        resource = {"db": "workflows", "collection": "workflow_runs"}
        privileges = [{"resource": resource, "actions": ["find"]}]
        runs.command("createRole", "wfconform", privileges=privileges, roles=[])
        runs.command("createUser", "looker", pwd="may-look", roles=[{"role": "wfconform", "db": "workflows"}])


def _url(server: Server, user: str) -> str:
    return server.url.replace("://", f"://{user}").replace("/?", "/workflows?")


async def test_a_check_needs_the_right_to_find_alone(guarded: Server) -> None:
    """It looks up and counts as a user who can write nothing."""
    storage = MongoStorage(StorageAccess(Secret(_url(guarded, LOOKER)), "workflows", "workflow_runs", "status"))
    try:
        assert await storage.find(str(RUN)) == Stored(found=True, status="paused")
        assert await storage.count_lately() == 1
    finally:
        await storage.close()


@pytest.mark.parametrize(
    ("user", "said"),
    [(STRANGER, "the storage refused the user or the password"), (NOBODY, "the storage refused to be read")],
)
async def test_a_refusal_is_told(guarded: Server, user: str, said: str) -> None:
    """A wrong password and a missing right apart, whichever way it is looked; no message repeats the password."""
    storage = MongoStorage(StorageAccess(Secret(_url(guarded, user)), "workflows", "workflow_runs", "status"))
    try:
        for look in (lambda: storage.find(str(RUN)), storage.count_lately, storage.count_lately):
            with pytest.raises(NotToBeSeen, match=said) as told:
                await look()
            assert "wr0ng" not in str(told.value) + told.value.hint
    finally:
        await storage.close()


@pytest.mark.parametrize("user", [STRANGER, NOBODY, LOOKER])
async def test_a_store_that_is_refused_has_done_nothing(guarded: Server, user: str) -> None:
    """So calls are answered 503, not 500."""
    database = MongoDatabase(_url(guarded, user))
    try:
        with pytest.raises(Denied):
            await database.runs.insert_one({"_id": ObjectId()})
    finally:
        await database.close()


def test_serve_refuses_to_start_where_it_is_refused(guarded: Server) -> None:
    """A usage error with what to check; the password is not repeated."""
    result = CliRunner().invoke(app, ["serve", "--port", "0", "--mongo-url", _url(guarded, STRANGER)])
    assert (result.exit_code, "refuses the user" in result.stderr) == (2, True), result.output
    assert ("readWrite" in result.stderr, "wr0ng" in result.output) == (True, False)
