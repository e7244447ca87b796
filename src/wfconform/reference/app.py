"""The endpoint as a Starlette application (§1, §2, §10)."""

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import cast

import msgspec
from bson import ObjectId
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from wfconform.reference.database import WORKFLOWS, NotReached, TooLarge, Unanswered
from wfconform.reference.definitions import Definitions
from wfconform.reference.events import new_event_id
from wfconform.reference.language_model import Model, scripted
from wfconform.reference.management import Management
from wfconform.reference.refusals import (
    Refusal,
    indeterminate,
    invalid,
    run_too_large,
    too_large,
    unauthorized,
    unavailable,
)
from wfconform.reference.request import read_body, read_run_id, read_version, read_workflow_id
from wfconform.reference.sessions import Asked, Sessions
from wfconform.reference.store import RunStore, embedded_collection
from wfconform.reference.workflows import Workflows

MAX_BODY_BYTES = 2 * 1024 * 1024
EVERYBODY = "everybody"
_logger = logging.getLogger(__name__)
_JSON_TYPE = re.compile(r"\s*application/([\w.-]+\+)?json\s*(;.*)?", re.IGNORECASE | re.DOTALL)


def create_app(
    *,
    store: RunStore,
    workflows: Workflows,
    keys: Mapping[str, str] | None,
    definitions: Definitions | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    new_run_id: Callable[[], ObjectId] = ObjectId,
    new_event_id: Callable[[], str] = new_event_id,
    model: Model = scripted,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Starlette:
    """Build the application; `keys` maps an API key to its tenant, None asks for no key.

    definitions: where workflows that are made through the API are kept, by default in memory.
    """
    made = definitions or Definitions(embedded_collection(name=WORKFLOWS))
    sessions = Sessions(
        store=store,
        workflows=workflows,
        definitions=made,
        clock=clock,
        sleep=sleep,
        new_run_id=new_run_id,
        new_event_id=new_event_id,
        model=model,
    )
    management = Management(store=store, workflows=workflows, definitions=made, clock=clock)
    endpoint = _Endpoint(sessions, management, keys, max_body_bytes)
    app = Starlette(
        routes=[
            Route("/v1/workflows/{workflow_id}/execute", endpoint.execute, methods=["POST"]),
            Route("/v1/workflows", endpoint.workflows, methods=["GET", "POST"]),
            Route("/v1/workflows/{workflow_id}", endpoint.workflow, methods=["GET", "DELETE"]),
            Route("/v1/workflow-runs", endpoint.runs, methods=["GET"]),
            Route("/v1/workflow-runs/{run_id}", endpoint.run, methods=["GET"]),
            Route("/healthz", _healthz, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _http_error, ClientDisconnect: _hung_up, Exception: _fault},
    )
    app.router.redirect_slashes = False
    return app


class _Endpoint:
    """Authenticates, reads the request, and hands it to the sessions or the management."""

    def __init__(
        self, sessions: Sessions, management: Management, keys: Mapping[str, str] | None, max_body_bytes: int
    ) -> None:
        self._sessions = sessions
        self._management = management
        self._keys = None if keys is None else [(key.encode(), tenant) for key, tenant in keys.items()]
        self._max_body_bytes = max_body_bytes

    async def execute(self, request: Request) -> Response:
        """Answer one POST to a workflow's execute."""

        async def answer() -> bytes:
            asked = Asked(
                tenant=self._tenant(request.headers.get("authorization", "")),
                workflow_id=read_workflow_id(request.path_params["workflow_id"]),
                version=read_version(request.query_params.get("version") if request.scope["query_string"] else None),
                call=read_body(await self._body(request)),
            )
            return await self._sessions.execute(asked)

        return await _answered(answer)

    async def workflows(self, request: Request) -> Response:
        """List workflows, or make one."""
        tenant = partial(self._tenant, request.headers.get("authorization", ""))
        if request.method == "POST":

            async def make() -> bytes:
                return await self._management.make(tenant(), await self._body(request))

            return await _answered(make, status=201)

        async def listed() -> bytes:
            return await self._management.workflows(tenant(), request.query_params)

        return await _answered(listed)

    async def workflow(self, request: Request) -> Response:
        """Show a workflow, or remove it."""
        do = self._management.remove if request.method == "DELETE" else self._management.workflow

        async def answer() -> bytes:
            tenant = self._tenant(request.headers.get("authorization", ""))
            return await do(tenant, read_workflow_id(request.path_params["workflow_id"]), request.query_params)

        return await _answered(answer)

    async def runs(self, request: Request) -> Response:
        """List runs."""

        async def answer() -> bytes:
            tenant = self._tenant(request.headers.get("authorization", ""))
            return await self._management.runs(tenant, request.query_params)

        return await _answered(answer)

    async def run(self, request: Request) -> Response:
        """Show a run with its turns."""

        async def answer() -> bytes:
            tenant = self._tenant(request.headers.get("authorization", ""))
            return await self._management.run(tenant, read_run_id(request.path_params["run_id"], ("path", "run_id")))

        return await _answered(answer)

    def _tenant(self, authorization: str) -> str:
        """Return whose key it is; every key is compared in full, so the time tells nothing."""
        if self._keys is None:
            return EVERYBODY
        scheme, _, given = authorization.partition(" ")
        presented = given.strip().encode("latin-1")
        tenants = [tenant for key, tenant in self._keys if hmac.compare_digest(key, presented)]
        if not tenants or scheme.lower() != "bearer":
            raise unauthorized()
        return tenants[0]

    async def _body(self, request: Request) -> bytes:
        if not _JSON_TYPE.fullmatch(request.headers.get("content-type", "application/json")):
            raise invalid(("header", "content-type"), "must be application/json")
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self._max_body_bytes:
                raise too_large(self._max_body_bytes)
            chunks.append(chunk)
        return b"".join(chunks)


async def _answered(answer: Callable[[], Awaitable[bytes]], *, status: int = 200) -> Response:
    """Return the answer, or say as §10 has it what was refused and what the database did not do."""
    try:
        return _json(await answer(), status=status)
    except Refusal as error:
        refusal = error
    except NotReached:
        refusal = unavailable()
    except Unanswered:
        refusal = indeterminate()
    except TooLarge:
        refusal = run_too_large()
    return _json(refusal.body, status=refusal.status, headers=refusal.headers)


async def _healthz(_: Request) -> Response:
    return _json(b'{"status":"ok"}')


def _http_error(_: Request, error: Exception) -> Response:
    """Answer what the router refuses (404, 405) as JSON too (EXE-009)."""
    refused = cast(HTTPException, error)
    return _json(msgspec.json.encode({"detail": refused.detail}), status=refused.status_code, headers=refused.headers)


def _hung_up(_: Request, __: Exception) -> Response:
    """End a request whose client went away before its body was whole; nobody reads the answer."""
    return _json(b'{"detail":"the body is incomplete"}', status=400)


def _fault(_: Request, error: Exception) -> Response:
    _logger.error("a request failed", exc_info=error)
    return _json(b'{"detail":"internal error"}', status=500)


def _json(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status_code=status, headers=headers, media_type="application/json")
