"""The HTTP driver: Requests over httpx to Exchanges. It never sends again what may have been processed.

A failure is an Exchange with `failure`, never an exception; whatever a peer does, a call ends within the timeout and
reads at most BODY_LIMIT bytes.
"""

import asyncio
import json
import re
import ssl
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import httpx

from wfconform.target import Access
from wfconform.wire import Connection, Credential, Exchange, Failure, Request

BODY_LIMIT = 32 * 1024 * 1024
CONNECT_LIMIT_S = 5.0
CERTAIN_KEY = 8  # characters; a shorter key may stand in an answer by chance, so more than the key must match
LIKELY_KEY = 6
WRONG_KEY = "wfconform-wrong-key-0000"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

ASGIApp = Any

_CLOSED = ("Server disconnected", "peer closed connection")


class HttpDriver:
    """Sends for one scenario: its own kept connections, and a new one where a request asks for it."""

    def __init__(self, access: Access, *, app: ASGIApp | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._access = access
        self._app = app
        self._tls = tls
        self._leaks = self._leak_pattern()
        self._client = self._new_client()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    def _new_client(self) -> httpx.AsyncClient:
        transport = None if self._app is None else httpx.ASGITransport(self._app, raise_app_exceptions=False)
        return httpx.AsyncClient(
            transport=transport,
            verify=self._tls if self._tls is not None else False,
            follow_redirects=False,
            trust_env=urlsplit(self._access.base_url).hostname not in _LOOPBACK,
            timeout=httpx.Timeout(self._access.timeout_s, connect=min(self._access.timeout_s, CONNECT_LIMIT_S)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        )

    async def send(self, request: Request) -> Exchange:
        """Send one request and return what came of it; raises nothing for what a peer can do."""
        if request.connection is Connection.KEPT:
            return await self._call(self._client, request)
        async with self._new_client() as client:
            return await self._call(client, request)

    async def _call(self, client: httpx.AsyncClient, request: Request) -> Exchange:
        call = _Call(request, self._leaks)
        if self._app is not None:
            await asyncio.sleep(0)  # in-process, what is sent together is under way before any of it is answered
        try:
            async with asyncio.timeout(self._access.timeout_s):
                await call.run(client, self._built(client, request, call))
        except TimeoutError:
            call.fail(Failure.TIMEOUT, f"no complete response in {self._access.timeout_s:g} s")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            call.fail(Failure.NOT_SENT, _reason(error))
        except httpx.TimeoutException:
            call.fail(Failure.TIMEOUT, f"nothing came for {self._access.timeout_s:g} s")
        except httpx.DecodingError as error:
            call.fail(Failure.UNDECODABLE, _reason(error))
        except (httpx.RemoteProtocolError, httpx.NetworkError) as error:
            call.fail(call.torn(error), _reason(error))
        return call.exchange()

    def _built(self, client: httpx.AsyncClient, request: Request, call: "_Call") -> httpx.Request:
        query = f"?{urlencode(request.query)}" if request.query else ""
        content = request.raw
        if content is None and request.json is not None:
            content = json.dumps(request.json, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return client.build_request(
            request.method,
            self._access.base_url.rstrip("/") + request.target_path + query,
            content=content,
            headers=self._headers(request),
            extensions={"trace": call.trace},
        )

    def _headers(self, request: Request) -> dict[str, str]:
        second = request.credential is Credential.SECOND
        access = self._access
        extra = access.second_headers if second and access.second_headers is not None else access.headers
        headers = {
            "user-agent": "wfconform",
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
            "content-type": "application/json",
            **{name.lower(): value.reveal() for name, value in extra.items()},
            **self._authorization(request.credential),
        }
        if request.credential is Credential.NONE:
            headers.pop("authorization", None)
        return {**headers, **dict(request.headers)}

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
        }
        value = values.get(credential)
        return {"authorization": value} if value else {}

    def _leak_pattern(self) -> re.Pattern[bytes] | None:
        keys = (self._access.api_key, self._access.second_api_key)
        patterns = [_leak(key.reveal().encode()) for key in keys if key]
        return re.compile(b"|".join(patterns)) if patterns and self._access.auth != "none" else None


def _leak(key: bytes) -> bytes:
    """Return a pattern for a key in a response; a short one must stand for itself there."""
    escaped = re.escape(key)
    if len(key) >= CERTAIN_KEY:
        return escaped
    if len(key) >= LIKELY_KEY:
        return rb"(?<![\w-])" + escaped + rb"(?![\w-])"
    return rb'"' + escaped + rb'"|Bearer ' + escaped + rb"(?![\w-])"


class _Call:
    """One call as it happens: times, whether its connection was reused, the body up to the limit."""

    def __init__(self, request: Request, leaks: re.Pattern[bytes] | None) -> None:
        self._request = request
        self._leaks = leaks
        self._begun_s = self._sent_s = time.monotonic()
        self._sent_at = time.time()
        self._received_s = 0.0
        self._connected = self._answering = False
        self._status: int | None = None
        self._headers: tuple[tuple[str, str], ...] = ()
        self._body = bytearray()
        self._failure: Failure | None = None
        self._detail = ""

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        """Take what the HTTP library tells: a connection made, the request leaving."""
        if event == "connection.connect_tcp.started":
            self._connected = True
        elif event.endswith("send_request_headers.started"):
            self._sent_s = time.monotonic()
            self._sent_at = time.time()

    async def run(self, client: httpx.AsyncClient, request: httpx.Request) -> None:
        """Send, and read the whole response."""
        response = await client.send(request, stream=True)
        self._answering = True
        self._status = response.status_code
        self._headers = tuple((name.lower(), value) for name, value in response.headers.multi_items())
        try:
            async for chunk in response.aiter_bytes(65536):
                self._body += chunk
                if len(self._body) > BODY_LIMIT:
                    self.fail(Failure.TOO_LARGE, f"more than {BODY_LIMIT >> 20} MiB")
                    break
        finally:
            self._received_s = time.monotonic()
            await response.aclose()

    def fail(self, failure: Failure, detail: str) -> None:
        """Remember why there is no complete response."""
        self._failure, self._detail = failure, detail

    def torn(self, error: Exception) -> Failure:
        """Tell a kept connection that was closed while idle from a response that was broken off."""
        reused = not self._connected and not self._answering
        closed = isinstance(error, httpx.NetworkError) or str(error).startswith(_CLOSED)
        if reused and closed:
            return Failure.CLOSED_IDLE
        return Failure.TORN if closed else Failure.NOT_HTTP

    def exchange(self) -> Exchange:
        """Return it as a value."""
        whole = bytes(self._body[:BODY_LIMIT])
        received_s = self._received_s or time.monotonic()
        shown = whole + b"\n".join(value.encode("utf-8", "surrogateescape") for _, value in self._headers)
        return Exchange(
            request=self._request,
            status=self._status,
            headers=self._headers,
            body=whole,
            sent_s=min(self._sent_s, received_s),
            received_s=received_s,
            sent_at=self._sent_at,
            failure=self._failure,
            detail=self._detail,
            leaked=self._leaks.search(shown) is not None if self._leaks else None,
        )


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def tls_context(access: Access) -> ssl.SSLContext | None:
    """Return one TLS context for all connections of a run, None where none is used or nothing is verified."""
    if not access.base_url.lower().startswith("https") or not access.verify_tls:
        return None
    return httpx.create_ssl_context()
