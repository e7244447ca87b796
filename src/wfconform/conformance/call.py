"""One call as it happens: what is sent, how far it got, what came back up to the limit."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from wfconform.wire import Exchange, Failure, Request
from wfconform.wire.coding import Decoder, TooLargeError, UndecodableError
from wfconform.wire.leaks import Leaks

BODY_LIMIT = 32 * 1024 * 1024
CONNECT_LIMIT_S = 5.0
CONNECT_SHARE = 0.9  # of the timeout: a handshake that is cancelled from outside would leave its socket open
IDLE_RACE_S = 1.0  # a request that crosses the close of an idle connection is told so within a round trip
KEPT_OF_A_FAILURE = 65536  # bytes; nobody judges an incomplete body, it is only shown

_CLOSED = ("Server disconnected", "peer closed connection")
_UNCONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, UnicodeError)  # the last: no host name
_TORN = (httpx.NetworkError, OSError)  # the latter: what TLS says of broken records comes as it is
_BROKEN_OFF = (*_TORN, httpx.TimeoutException, httpx.RemoteProtocolError, *_UNCONNECTED)


class Call:
    """Sends one request and becomes an Exchange; only a fault of our own is raised."""

    def __init__(self, request: Request, *, timeout_s: float, leaks: Leaks | None) -> None:
        self._request = request
        self._timeout_s = timeout_s
        self._connect_s = min(timeout_s * CONNECT_SHARE, CONNECT_LIMIT_S)
        self._leaks = leaks
        self._sent_s = time.monotonic()
        self._sent_at = time.time()
        self._received_s = 0.0
        self._connected = self._sending = False
        self._awaited = "connection"
        self._status: int | None = None
        self._headers = httpx.Headers()
        self._body = bytearray()
        self._failure: Failure | None = None
        self._detail = ""

    @property
    def extensions(self) -> dict[str, Any]:
        """What the HTTP library is told beside the request."""
        return {"trace": self._trace, "timeout": httpx.Timeout(None, connect=self._connect_s).as_dict()}

    async def run(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> Exchange:
        """Send, read the whole response, and return what came of it."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(transport, request)
        except TimeoutError:
            self._fail(Failure.TIMEOUT, f"no complete response in {self._timeout_s:g} s")
        except TooLargeError:
            self._fail(Failure.TOO_LARGE, f"more than {BODY_LIMIT >> 20} MiB")
        except UndecodableError as error:
            self._fail(Failure.UNDECODABLE, str(error))
        except _BROKEN_OFF as error:
            self._fail(self._kind_of(error), self._reason(error))
        return self._made()

    async def run_in_process(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> Exchange:
        """Call an application; what is sent together is under way before any of it is answered."""
        self._connected = self._sending = True
        await asyncio.sleep(0)
        try:
            return await self.run(transport, request)
        except AssertionError:  # how the transport says that the application returned without a whole response
            self._fail(Failure.TORN, "the application ended without a complete response")
            return self._made()

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take what the HTTP library tells: a connection made, the request leaving (not the one to a proxy)."""
        if event == "connection.connect_tcp.started":
            self._connected = True
        elif event == "connection.start_tls.started":
            self._awaited = "TLS handshake"
        elif event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self._sending = True
            self._sent_s = time.monotonic()
            self._sent_at = time.time()

    async def _exchange(self, transport: httpx.AsyncBaseTransport, request: httpx.Request) -> None:
        response = await transport.handle_async_request(request)
        self._status, self._headers = response.status_code, response.headers
        decoder = Decoder(response.headers.get("content-encoding", ""), limit=BODY_LIMIT)
        try:
            async for chunk in response.aiter_raw():
                for piece in decoder.feed(chunk):
                    self._body += piece
            decoder.finish()
        finally:
            self._received_s = time.monotonic()
            await response.aclose()

    def _fail(self, failure: Failure, detail: str) -> None:
        """Remember why there is no complete response; what never left us was not sent, whatever ended it."""
        self._failure, self._detail = failure, detail
        if failure is Failure.TIMEOUT and not self._sending:
            self._failure, self._detail = Failure.NOT_SENT, f"no {self._awaited} in {self._timeout_s:g} s"

    def _kind_of(self, error: Exception) -> Failure:
        """Tell what was never sent, a kept connection closed while idle, a response broken off, and what is no HTTP."""
        if isinstance(error, _UNCONNECTED) or not self._sending:
            return Failure.NOT_SENT
        if isinstance(error, httpx.TimeoutException):
            return Failure.TIMEOUT
        if not isinstance(error, _TORN) and not str(error).startswith(_CLOSED):
            return Failure.NOT_HTTP
        reused = not self._connected and self._status is None
        return Failure.CLOSED_IDLE if reused and time.monotonic() - self._sent_s < IDLE_RACE_S else Failure.TORN

    def _reason(self, error: Exception) -> str:
        if isinstance(error, httpx.ConnectTimeout):
            return f"no {self._awaited} in {self._connect_s:g} s"
        return _told(error)

    def _made(self) -> Exchange:
        received_s = self._received_s or time.monotonic()
        leaked = None if self._leaks is None else any(map(self._leaks.found_in, self._shown()))
        if self._failure is not None:
            del self._body[KEPT_OF_A_FAILURE:]
        return Exchange(
            request=self._request,
            status=self._status,
            headers=tuple((name.lower(), value) for name, value in self._headers.multi_items()),
            body=bytes(self._body),
            sent_s=min(self._sent_s, received_s),
            received_s=received_s,
            sent_at=self._sent_at,
            failure=self._failure,
            detail=self._detail,
            leaked=leaked,
        )

    def _shown(self) -> Iterator[bytes | bytearray]:
        yield self._body
        for header in self._headers.raw:
            yield from header


def _told(error: Exception) -> str:
    """Return what the operating system said, where it said something, rather than what was made of it."""
    causes = [error, *_causes(error)]
    system = [cause for cause in causes if isinstance(cause, OSError) and str(cause)]
    told = [str(cause) for cause in (*system[-1:], *causes) if str(cause)]
    return told[0] if told else type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    for _ in range(10):
        cause = error.__cause__ or error.__context__  # the latter, too, where the library hid it
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if cause is None:
            return
        yield cause
        error = cause
