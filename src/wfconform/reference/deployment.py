"""The reference as it comes: in memory, with the shipped workflows and two tenants, and its own description."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from wfconform.reference.definitions import Definitions
from wfconform.reference.parts import Change, Parts, together
from wfconform.reference.store import RunStore, embedded_store

DEVELOPMENT_KEY = "wfconform-development-key"
SECOND_DEVELOPMENT_KEY = "wfconform-second-development-key"


def embedded_app(
    api_key: str = DEVELOPMENT_KEY,
    second_api_key: str = SECOND_DEVELOPMENT_KEY,
    *,
    store: RunStore | None = None,
    definitions: Definitions | None = None,
    changes: Iterable[Change] = (),
) -> ASGIApp:
    """Build the reference with two tenants; its runs live in memory unless a store is given.

    changes: faults and variants, made in order.
    """
    parts = Parts(keys={api_key: "first", second_api_key: "second"}, store=store or embedded_store())
    if definitions is not None:
        parts = replace(parts, definitions=definitions)
    return together(*changes)(parts).build()


class Restartable:
    """An application that can be restarted: what `build` makes is made anew, what it stands on stays."""

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._app = build()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a call on."""
        await self._app(scope, receive, send)

    async def restart(self) -> None:
        """Forget everything that is not in the database."""
        self._app = self._build()


def describe(base_url: str) -> dict[str, Any]:
    """Return what a target file says of the embedded reference."""
    return {
        "target": {
            "name": "embedded reference",
            "base_url": base_url,
            "api_key_env": "WFCONFORM_API_KEY",
            "auth": "bearer",
            "second_api_key_env": "WFCONFORM_SECOND_API_KEY",
        },
        "workflows": {
            "conversation": "5eb7cf5a86d9755df3a6c593",
            "conversation_end": "goodbye",
            "echoes": True,
            "completes": "5eb7cf5a86d9755df3a6c594",
            "fails": "5eb7cf5a86d9755df3a6c595",
            "loops": "5eb7cf5a86d9755df3a6c596",
            "pauses": "5eb7cf5a86d9755df3a6c597",
            "slow": "5eb7cf5a86d9755df3a6c598",
            "versioned": {
                "id": "5eb7cf5a86d9755df3a6c599",
                "versions": {"0": "version-0", "1": "version-1"},
                "active": 1,
            },
        },
    }
