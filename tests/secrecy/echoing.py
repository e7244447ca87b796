"""A server that gives away all that it is told: keys, headers and texts, everywhere and in every form."""

import base64
import json
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from tests.servers.conforming import CONFORMING

Message = MutableMapping[str, Any]
COOKIE = "sid-cookie-4711-0815"
KEY, SECOND_KEY = "sk-live-first+/0123456789abcdef", "sk-live-second-9876543210fedcba"
_TOLD = ("authorization", "teamid", "x-tenant", "cookie")
_INSIDE = {f"Bearer {KEY}".encode(): b"Bearer key-one", f"Bearer {SECOND_KEY}".encode(): b"Bearer key-two"}


Says = Callable[[dict[str, str], str], dict[str, Any]]


class Echoing:
    """A conforming server whose answers carry, as far as they are JSON objects, whatever `says` makes of a request."""

    def __init__(self, says: Says, *, status: int | None = None) -> None:
        self._app = CONFORMING[0].make()
        self._says, self._status = says, status

    async def __call__(self, scope: Message, receive: Callable[[], Any], send: Callable[[Message], Any]) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked, told = bytearray(), bytearray()
        start: dict[str, Any] = {}

        async def receiving() -> Message:
            message: Message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def holding(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            told.extend(message.get("body", b""))

        inside = [(name, _INSIDE.get(value, value)) for name, value in scope["headers"]]
        await self._app({**scope, "headers": inside}, receiving, holding)
        sent = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        body = _with(bytes(told), self._says(sent, asked.decode("utf-8", "replace")))
        headers = [(b"content-type", b"application/json"), (b"set-cookie", f"sid={COOKIE}".encode())]
        headers += [(b"x-echo", value.encode("latin-1")) for value in sent.values()]
        await send({"type": "http.response.start", "status": self._status or start["status"], "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _with(body: bytes, more: dict[str, Any]) -> bytes:
    try:
        value = json.loads(body)
    except ValueError:
        value = {}
    return json.dumps({**value, **more} if isinstance(value, dict) else more).encode()


def in_every_form(sent: dict[str, str]) -> list[str]:
    """Return what a request's headers held, as it may stand in a text."""
    held = [value for name, value in sent.items() if name in _TOLD]
    held += [value.removeprefix("Bearer ") for value in held]
    return [
        form
        for value in held
        for form in (value, value.upper(), quote(value, safe=""), base64.b64encode(value.encode()).decode())
    ]


def leaks(sent: dict[str, str], asked: str) -> dict[str, Any]:
    """Give the headers away in every field, padded so that each cut of a report falls within a secret somewhere."""
    forms = in_every_form(sent)
    words = " ".join(forms)
    padded = "x" * (140 + len(asked) % 37) + words
    return {
        "error": padded,
        "status": forms[1] if forms else "odd",
        "turn_number": words,
        "next_input_hint": {"type": padded, "cookie": words},
        "detail": words * 40,
        words: words,
    }


def padded(sent: dict[str, str], asked: str) -> dict[str, Any]:
    """Give the headers away where bodies, messages and titles are cut, at places that differ from call to call."""
    words = " ".join(in_every_form(sent))
    return {
        "pad": "z" * (7900 - len(asked) % 97),
        "detail": words * 50,
        "status": "x" * (60 + len(asked) % 60) + words,
        "next_input_hint": None,
    }
