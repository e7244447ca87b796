"""The HTTP driver: Requests over httpx to Exchanges. It never sends again what may have been processed.

A failure is an Exchange with `failure`, never an exception; whatever a peer does, a call ends within the timeout and
reads at most BODY_LIMIT bytes. It stands on httpx's transports, without a client around them: a client would send back
cookies (a call must show what its own key opens), and would read the Location of a redirect that nobody follows.
"""

import json
import re
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode
from urllib.request import getproxies, proxy_bypass

import httpx

from wfconform.conformance.call import BODY_LIMIT, Call
from wfconform.errors import UsageError
from wfconform.target import Access
from wfconform.wire import Connection, Credential, Exchange, Request
from wfconform.wire.leaks import Leaks

__all__ = ["BODY_LIMIT", "ASGIApp", "HttpDriver", "tls_context"]

WRONG_KEY = "wfconform-wrong-key-0000"
BEHIND_A_KEY = "0"
_SENDABLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

ASGIApp = Any


class HttpDriver:
    """Sends for one scenario: its own kept connections, and a new one where a request asks for it.

    reuse: False makes a new connection for each request: a kept one that the peer closes meanwhile loses a request.
    Raises UsageError for what cannot be sent to anybody: a base URL that is none, a key that fits in no header, a
    proxy in the environment that cannot be used.
    """

    def __init__(
        self, access: Access, *, app: ASGIApp | None = None, tls: ssl.SSLContext | None = None, reuse: bool = True
    ) -> None:
        _refuse_unsendable(access)
        self._access = access
        self._app = app
        self._tls = tls
        self._idle_limit = None if reuse else 0
        self._proxy = None if app is not None else _proxy_for(_parsed(access.base_url))
        self._leaks = Leaks.of(access)
        self._kept = self._new_transport()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._kept.aclose()

    def _new_transport(self) -> httpx.AsyncBaseTransport:
        if self._app is not None:
            return httpx.ASGITransport(self._app, raise_app_exceptions=False)
        try:
            return httpx.AsyncHTTPTransport(
                verify=self._tls if self._tls is not None else False,
                trust_env=False,
                proxy=self._proxy,
                limits=httpx.Limits(
                    max_connections=None, max_keepalive_connections=self._idle_limit, keepalive_expiry=5.0
                ),
            )
        except (ValueError, ImportError) as error:
            raise UsageError(f"the proxy in the environment cannot be used: {error}", hint="unset it") from None

    async def send(self, request: Request) -> Exchange:
        """Send one request and return what came of it; raises nothing for what a peer can do."""
        call = Call(request, timeout_s=self._access.timeout_s, leaks=self._leaks)
        built = self._built(request, call)
        if self._app is not None:
            return await call.run_in_process(self._kept, built)
        if request.connection is Connection.KEPT:
            return await call.run(self._kept, built)
        async with self._new_transport() as transport:
            return await call.run(transport, built)

    def _built(self, request: Request, call: Call) -> httpx.Request:
        query = f"?{urlencode(request.query)}" if request.query else ""
        content = request.raw
        if content is None and request.json is not None:
            content = json.dumps(request.json, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return httpx.Request(
            request.method,
            self._access.base_url.rstrip("/") + request.target_path + query,
            content=content,
            headers=self._headers(request),
            extensions=call.extensions,
        )

    def _headers(self, request: Request) -> dict[str, str]:
        second = request.credential is Credential.SECOND
        access = self._access
        extra = access.second_headers if second and access.second_headers is not None else access.headers
        headers = {
            "user-agent": "wfconform",
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
            "connection": "keep-alive",
            "content-type": "application/json",
            **{name.lower(): value.reveal() for name, value in extra.items()},
            **self._authorization(request.credential),
        }
        if request.credential is Credential.NONE:
            headers.pop("authorization", None)
        return {**headers, **{name.lower(): value for name, value in request.headers}}

    def _authorization(self, credential: Credential) -> Mapping[str, str]:
        access = self._access
        if access.auth == "none":
            return {}
        first = access.api_key.reveal() if access.api_key else None
        second = access.second_api_key.reveal() if access.second_api_key else None
        values = {
            Credential.FIRST: first and f"Bearer {first}",
            Credential.SECOND: second and f"Bearer {second}",
            Credential.WRONG: f"Bearer {WRONG_KEY}",
            Credential.WRONG_SCHEME: f"Wfconform {WRONG_KEY}",
            Credential.CUT: first and f"Bearer {first[:-1]}".rstrip(),
            Credential.EXTENDED: first and f"Bearer {first}{BEHIND_A_KEY}",
            Credential.SWAPPED: first and f"Bearer {first.swapcase()}",
            Credential.EMPTY: "Bearer",
        }
        value = values.get(credential)
        return {"authorization": value} if value else {}


def _refuse_unsendable(access: Access) -> None:
    """Raise UsageError for what a header cannot carry; a value may be a secret and is not repeated."""
    keys = {"the API key": access.api_key, "the second API key": access.second_api_key}
    headers = {**access.headers, **(access.second_headers or {})}
    for name in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise UsageError(f"{name[:40]!r} is not a header name")
    for what, value in {**keys, **{f"the header {name}": value for name, value in headers.items()}}.items():
        if value is not None and not _SENDABLE.fullmatch(value.reveal()):
            raise UsageError(f"{what} must be visible ASCII, without line ends or spaces around it")


def _parsed(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise UsageError(f"the base URL cannot be read: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError("the base URL must begin with http:// or https:// and name a host")
    return url


def _proxy_for(url: httpx.URL) -> str | None:
    """Return the proxy that the environment names for a host; none for the machine itself."""
    if _is_loopback(url.host) or proxy_bypass(url.host):
        return None
    named = getproxies()
    proxy = named.get(url.scheme) or named.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def tls_context(access: Access) -> ssl.SSLContext | None:
    """Return one TLS context for all connections of a run, None where none is used or nothing is verified."""
    if not access.base_url.lower().startswith("https") or not access.verify_tls:
        return None
    return httpx.create_ssl_context()
