"""The embedded reference as a check sees it: its application, its records, its restart."""

from collections.abc import Iterable
from dataclasses import dataclass

from bson import ObjectId

from wfconform.conformance.durability import Durability, stored_as
from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, Restartable, embedded_app
from wfconform.reference.embedded import EmbeddedCollection
from wfconform.reference.parts import Change
from wfconform.reference.store import RunStore, embedded_collection
from wfconform.scenarios import Stored


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
