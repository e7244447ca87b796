"""How a server is made, as values that travel to the processes that serve it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from wfconform.reference.definitions import Definitions
from wfconform.reference.faults import FAULTS
from wfconform.reference.mongo import MongoDatabase
from wfconform.reference.parts import Parts, together
from wfconform.reference.store import RunStore
from wfconform.reference.variants import VARIANTS

RECALLED = 4096  # runs, of a few KiB each


@dataclass(frozen=True, slots=True)
class Recipe:
    """keys: an API key's tenant; mongo_url: None for this process's memory; changes: names of faults and variants."""

    keys: Mapping[str, str]
    mongo_url: str | None = field(default=None, repr=False)
    changes: tuple[str, ...] = ()

    def build(self) -> ASGIApp:
        """Return the application; nothing is asked of the database before the first call."""
        by_name = {
            **{fault.name: fault.apply for fault in FAULTS},
            **{variant.name: variant.apply for variant in VARIANTS},
        }
        parts = Parts(keys=self.keys)
        if self.mongo_url is not None:
            database = MongoDatabase(self.mongo_url)
            store = RunStore(database.runs, recalls=RECALLED)
            parts = Parts(keys=self.keys, store=store, definitions=Definitions(database.workflows))
        return together(*(by_name[name] for name in self.changes))(parts).build()
