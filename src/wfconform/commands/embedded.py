"""The embedded reference as a check sees it: its application, its records, its restart."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from bson import ObjectId

from wfconform.config import Configured, Overrides, configure, parse_document, read_environment
from wfconform.conformance.durability import Durability, stored_as
from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, Restartable, describe, embedded_app, serving
from wfconform.reference.embedded import EmbeddedCollection
from wfconform.reference.parts import Change
from wfconform.reference.store import RunStore, embedded_collection
from wfconform.scenarios import Stored
from wfconform.target import RestartAccess, StorageAccess


@dataclass(frozen=True, slots=True)
class EmbeddedStorage:
    """The records in this process's memory."""

    runs: EmbeddedCollection
    status_field: str = "status"

    async def find(self, run_id: str) -> Stored:
        """Look up the record whose `_id` is the run_id's ObjectId."""
        return stored_as(await self.runs.find_one({"_id": ObjectId(run_id)}), self.status_field)

    async def count_lately(self) -> int:
        """Count all: none is older than the check."""
        return (await self.runs.page({}, skip=0, limit=1)).total

    async def close(self) -> None:
        """There is nothing to end."""


def embedded_reference(
    *, changes: Iterable[Change] = (), status_field: str = "status"
) -> tuple[Restartable, Durability]:
    """Return the reference with its development keys, and how to look into its records and restart it.

    A restart makes the application anew on the same records; faults and variants come back with it.
    """
    runs, chosen = embedded_collection(), tuple(changes)

    app = Restartable(
        lambda: embedded_app(DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, store=RunStore(runs), changes=chosen)
    )
    return app, Durability(EmbeddedStorage(runs, status_field), app)


@contextmanager
def served_reference(overrides: Overrides) -> Iterator[tuple[Configured, Durability]]:
    """Serve the reference on a loopback port with its development keys, and yield it as a target."""
    app, durability = embedded_reference()
    keys = {"EMBEDDED_KEY": DEVELOPMENT_KEY, "EMBEDDED_SECOND_KEY": SECOND_DEVELOPMENT_KEY}
    timeout_s = read_environment().timeout_s if overrides.timeout_s is None else overrides.timeout_s
    with serving(app) as base_url:
        document = parse_document(_with_keys(describe(base_url), *keys), source="the embedded reference")
        embedded = configure(document, environ=keys, overrides=Overrides(timeout_s=timeout_s))
        target = replace(embedded.target, storage=StorageAccess(), restart=RestartAccess())
        yield replace(embedded, target=target), durability


def _with_keys(description: Mapping[str, Any], first: str, second: str) -> dict[str, Any]:
    table = {**description["target"], "api_key_env": first, "second_api_key_env": second}
    return {**description, "target": table}
