"""Managing workflows and looking at runs, as far as a client needs it to set up a test.

The workflows that come with the server are everybody's and cannot be removed; those made here are their tenant's.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from bson import ObjectId

from wfconform.reference.definitions import Definition, Definitions, definition_of
from wfconform.reference.model import DefinitionError, Workflow, parse_workflow
from wfconform.reference.records import Page
from wfconform.reference.refusals import conflict, invalid, not_found
from wfconform.reference.status import Status
from wfconform.reference.store import RunStore
from wfconform.reference.workflows import Workflows

Query = Mapping[str, str]
PAGE_SIZE, LARGEST_PAGE = 20, 100
_NESTED = ("workflow", "workflow_definition", "definition", "document")
_ANY_STATUS = (*Status, "not_started", "started")  # no run of this server rests in the last two
_encode = msgspec.json.Encoder().encode


class Management:
    """Answers what is asked about workflows and runs; raises Refusal, and what the stores raise."""

    def __init__(
        self, *, store: RunStore, workflows: Workflows, definitions: Definitions, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._workflows = workflows
        self._definitions = definitions
        self._clock = clock

    async def make(self, tenant: str, body: bytes) -> bytes:
        """Take a workflow in (§11): the document itself, or under `workflow` beside a name and a description."""
        given = _object(body)
        document = _document(given)
        config = dict(document["workflow_config"]) | _texts(given)
        id = ObjectId()
        encoded = _encode({**document, "workflow_config": config})
        _refuse_wrong(encoded, id)
        definition = Definition(
            id=id,
            tenant=tenant,
            name=str(config.get("name") or ""),
            description=str(config.get("description") or ""),
            document=encoded,
            created_at=self._clock(),
        )
        await self._definitions.insert(definition)
        return _encode(_shown(definition))

    async def workflows(self, tenant: str, query: Query) -> bytes:
        """List workflows: the tenant's own, newest first, then those that come with the server."""
        page, size = _place(query)
        search = query.get("search", "")
        shipped = [_shipped(one) for one in self._workflows.active if search.lower() in one.name.lower()]
        skip = (page - 1) * size
        own = await self._definitions.page(tenant=tenant, search=search, skip=skip, limit=size)
        items = [_shown(definition_of(one)) for one in own.items]
        after = max(0, skip - own.total)
        items += shipped[after : after + size - len(items)]
        return _listing(Page(items, own.total + len(shipped)), page, size)

    async def workflow(self, tenant: str, id: str, query: Query) -> bytes:
        """Show a workflow; with fully_hydrate=true its whole definition."""
        shipped = self._workflows.find(id)
        definition = None if shipped else await self._definitions.find(id, tenant=tenant)
        found = shipped or definition
        if found is None:
            raise not_found("workflow")
        whole = msgspec.json.decode(found.document) if _flag(query, "fully_hydrate") else {}
        shown = _shipped(found) if isinstance(found, Workflow) else _shown(found)
        return _encode({**whole, **shown})

    async def remove(self, tenant: str, id: str, _: Query) -> bytes:
        """Remove a workflow; its runs stay, and take no further turns."""
        if self._workflows.find(id) is not None:
            raise conflict("this workflow comes with the server and cannot be removed")
        if not await self._definitions.delete(id, tenant=tenant):
            raise not_found("workflow")
        return _encode({"id": id, "deleted": True})

    async def runs(self, tenant: str, query: Query) -> bytes:
        """List the tenant's runs, newest first; of one workflow or with one status, where asked for."""
        page, size = _place(query)
        filter: dict[str, Any] = {"tenant": tenant}
        filter |= {name: query[name] for name in ("workflow_id", "status") if query.get(name)}
        if filter.get("status", Status.WAITING) not in _ANY_STATUS:
            raise invalid(("query", "status"), f"must be one of {', '.join(_ANY_STATUS)}", type="enum")
        found = await self._store.page(filter, skip=(page - 1) * size, limit=size)
        return _listing(Page([_run(one) for one in found.items], found.total), page, size)

    async def run(self, tenant: str, id: ObjectId) -> bytes:
        """Show a run with its turns."""
        found = await self._store.history(id, tenant=tenant)
        if found is None:
            raise not_found("run")
        turns = [{key: value for key, value in turn.items() if key != "claim"} for turn in found["turns"]]
        return _encode({**_run(found), "turns": turns})


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(("body",), f"no valid JSON: {error}", type="json_invalid") from None
    if not isinstance(given, dict):
        raise invalid(("body",), "must be an object")
    return given


def _document(given: dict[str, Any]) -> dict[str, Any]:
    nested = next((given[key] for key in _NESTED if isinstance(given.get(key), dict)), given)
    if not isinstance(nested.get("workflow_config"), dict):
        raise invalid(("body", "workflow_config"), "field required", type="missing")
    return {key: value for key, value in nested.items() if key not in ("name", "description")}


def _texts(given: dict[str, Any]) -> dict[str, str]:
    """Return the name and the description beside the document; null is the same as none."""
    told = {key: given[key] for key in ("name", "description") if given.get(key) is not None}
    for key, text in told.items():
        if not isinstance(text, str):
            raise invalid(("body", key), "must be a string", type="string_type")
    return told


def _refuse_wrong(document: bytes, id: ObjectId) -> None:
    try:
        parse_workflow(document, id=str(id))
    except DefinitionError as error:
        raise invalid(("body",), str(error)) from None


def _shown(definition: Definition) -> dict[str, Any]:
    return {
        "id": str(definition.id),
        "name": definition.name,
        "description": definition.description,
        "version_number": 0,
        "created_at": definition.created_at,
    }


def _shipped(workflow: Workflow) -> dict[str, Any]:
    return {
        "id": workflow.id,
        "name": workflow.name,
        "description": "",
        "version_number": workflow.version,
        "created_at": None,
    }


def _run(document: Mapping[str, Any]) -> dict[str, Any]:
    names = ("workflow_id", "version_number", "status", "turn_number", "created_at", "updated_at")
    return {"id": str(document["_id"]), **{name: document[name] for name in names}}


def _listing(page: Page, number: int, size: int) -> bytes:
    pages = -(-page.total // size)
    return _encode({"items": page.items, "total": page.total, "page": number, "size": size, "pages": pages})


def _place(query: Query) -> tuple[int, int]:
    return _number(query, "page", 1, most=10**6), _number(query, "size", PAGE_SIZE, most=LARGEST_PAGE)


def _number(query: Query, name: str, default: int, *, most: int) -> int:
    given = query.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) < 8 and 1 <= int(given) <= most):
        raise invalid(("query", name), f"must be a whole number from 1 to {most}", type="int_parsing")
    return int(given)


def _flag(query: Query, name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1")
