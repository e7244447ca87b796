"""What a check may do beside calling the endpoint: look into the run records, restart the deployment."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Protocol

import httpx
from bson import ObjectId
from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from wfconform.errors import TargetError, UsageError
from wfconform.scenarios import Stored
from wfconform.target import RestartAccess, StorageAccess, Target

LATELY = timedelta(hours=1)  # how far back a census goes: more than clocks differ
RESTART_TIMEOUT_S = 120.0
READY_TIMEOUT_S = 60.0
_POLL_S = 0.1
_SHOWN = 300  # characters of what a command said
_WRONG_PASSWORD = frozenset({18, 8000})  # AuthenticationFailed, and Atlas's word for it


class NotToBeSeen(TargetError):
    """The storage could not be looked into, or the deployment not be restarted."""


class Storage(Protocol):
    """Looks into the run records, and changes nothing; raises NotToBeSeen."""

    async def find(self, run_id: str) -> Stored:
        """Look up the record whose `_id` is the run_id's ObjectId."""
        ...

    async def count_lately(self) -> int:
        """Count the records that were made within the last hour."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


class Restarter(Protocol):
    """Restarts the deployment."""

    async def restart(self) -> None:
        """Restart, and return when it is ready; raises NotToBeSeen."""
        ...


@dataclass(frozen=True, slots=True)
class Durability:
    """What a driver can do beyond sending; None: it cannot."""

    storage: Storage | None = None
    restarter: Restarter | None = None


class MongoStorage:
    """The run records in MongoDB; wants the right to `find` in one collection, and no other.

    Raises UsageError for a URL that cannot be one; no message repeats it, for it may hold a password.
    """

    def __init__(self, access: StorageAccess) -> None:
        url = access.url.reveal() if access.url else ""
        try:
            self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
                url, serverSelectionTimeoutMS=5_000, socketTimeoutMS=10_000, appname="wfconform"
            )
        except (InvalidURI, ConfigurationError, ValueError) as error:
            raise UsageError(f"[storage]: the MongoDB URL cannot be used: {type(error).__name__}") from None
        self._runs = self._client[access.database][access.collection]
        self._status_field = access.status_field

    async def find(self, run_id: str) -> Stored:
        """Look up one record by its `_id`, and of it the status alone."""
        try:
            found = await self._runs.find_one({"_id": ObjectId(run_id)}, {self._status_field: 1})
        except PyMongoError as error:
            raise _unseen(error) from None
        return stored_as(found, self._status_field)

    async def count_lately(self) -> int:
        """Count by the index on `_id`, whose first bytes are the time of creation."""
        try:
            return await self._runs.count_documents({"_id": {"$gte": since()}})
        except PyMongoError as error:
            raise _unseen(error) from None

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()


def since() -> ObjectId:
    """Return the smallest id of those made lately."""
    return ObjectId.from_datetime(datetime.now(UTC) - LATELY)


def stored_as(document: Mapping[str, Any] | None, status_field: str) -> Stored:
    """Read the status at a dotted path."""
    if document is None:
        return Stored(found=False)
    value: Any = document
    for name in status_field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return Stored(found=True, status=value if isinstance(value, str) else None)


def _unseen(error: PyMongoError) -> NotToBeSeen:
    if _is_a_wrong_password(error):
        return NotToBeSeen(
            "the storage refused the user or the password",
            hint="check the URL that mongo_url_env names: user, password, authSource",
        )
    if isinstance(error, OperationFailure):
        said = (error.details or {}).get("codeName", "") or f"code {error.code}"
        return NotToBeSeen(
            f"the storage refused to be read ({said})", hint="[storage] wants the right to find in its collection"
        )
    return NotToBeSeen(
        f"the storage cannot be reached ({type(error).__name__})", hint="check the URL that mongo_url_env names"
    )


def _is_a_wrong_password(error: PyMongoError) -> bool:
    """Tell by the code, or by the words: where no server is left to ask, only they say why."""
    return getattr(error, "code", None) in _WRONG_PASSWORD or "authentication failed" in str(error).lower()


class CommandRestart:
    """Restarts by a shell command of the user's, and waits until the deployment answers again."""

    def __init__(self, access: RestartAccess, *, base_url: str, verify_tls: bool = True) -> None:
        self._command = access.command
        self._ready_url = access.ready_url
        self._base_url = base_url
        self._verify_tls = verify_tls

    async def restart(self) -> None:
        """Run the command to its end, and wait; what it prints is shown when it fails."""
        with TemporaryFile() as said:  # no pipe: a server that it leaves behind would hold that open
            code = await self._run(said)
            if code:
                shown = _end_of(said)
                raise NotToBeSeen(f"the restart command ended with {code}: {shown or 'it said nothing'}")
        await self._until_ready()

    async def _run(self, said: BinaryIO) -> int:
        """Return what the command ended with; what it has left behind goes on."""
        shell = await asyncio.create_subprocess_shell(
            self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=said,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(RESTART_TIMEOUT_S):
                return await shell.wait()
        except TimeoutError:
            raise NotToBeSeen(f"the restart command did not end within {RESTART_TIMEOUT_S:g} s") from None
        finally:
            if shell.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGKILL)
                await shell.wait()

    async def _until_ready(self) -> None:
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        async with httpx.AsyncClient(verify=self._verify_tls, timeout=5.0, trust_env=False) as client:
            while not await self._is_ready(client):
                if time.monotonic() > deadline_s:
                    where = self._ready_url or self._base_url
                    raise NotToBeSeen(f"{where} was not ready {READY_TIMEOUT_S:g} s after the restart")
                await asyncio.sleep(_POLL_S)

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            response = await client.get(self._ready_url or self._base_url)
        except httpx.HTTPError:
            return False
        return response.is_success if self._ready_url else response.status_code < 500


def _end_of(said: BinaryIO) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - 4 * _SHOWN))
    return said.read().decode("utf-8", "replace").strip()[-_SHOWN:]


def durability_of(target: Target) -> Durability:
    """Return what the target's description allows."""
    storage = MongoStorage(target.storage) if target.storage and target.storage.url else None
    restarter = None
    if target.restart and target.restart.command:
        access = target.access
        restarter = CommandRestart(target.restart, base_url=access.base_url, verify_tls=access.verify_tls)
    return Durability(storage, restarter)
