"""One kept connection to the target: sends a request once, reads one response, says what failed.

Nothing that may have been processed is ever sent again; a connection that was closed while idle is replaced before a
byte is written. Redirects are not followed. An ordinary answer costs one system call to send, one wait, one to receive.
"""

import re
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from gevent import socket as gevent_socket
from geventhttpclient.response import HTTPParseError, HTTPResponse

from wfconform.load.heads import Heads, Place, ResponseHead
from wfconform.load.streams import DeadlineError, Deadlines, Stream, TlsStream, Wakes
from wfconform.wire import Failure
from wfconform.wire.coding import Decoder, TooLargeError, UndecodableError

BODY_LIMIT = 32 * 1024 * 1024
CONNECT_LIMIT_S = 5.0
CONNECT_SHARE = 0.9  # of the timeout
IDLE_RACE_NS = 1_000_000_000  # a request that crosses the close of an idle connection is told so within a round trip
LEAST_PATIENCE_NS = 1_000_000_000  # of a server with idle connections
_NEAR = 0.8  # of a time: so near to it that it may be it
RESOLVED_FOR_NS = 30_000_000_000
KEPT_OF_A_FAILURE = 65536
ENDING_KEPT = 16_384
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_TRAILED = re.compile(rb"\r\n0+(?:;[^\r\n]*)?\r\n((?:[^\r\n]+\r\n)+)\r\n\Z")
HEAD_LIMIT = 262_144
_BROKEN_OFF = "the peer closed the connection before the response was complete"
READ_PLAINLY = 1024 * 1024
_SECOND_NS = 1_000_000_000
_FOR_EVER_NS = 1 << 62


@dataclass(slots=True)
class Reply:
    """What came back. Times: perf_counter_ns, of a plain answer when the loop saw its last piece.

    head None: no complete head; failure None: a whole response.

    body: decoded; raw: head and decoded body, of an ordinary answer alone.
    """

    sent_ns: int
    received_ns: int
    head: ResponseHead | None = None
    body: bytes = b""
    raw: bytes = b""
    failure: Failure | None = None
    detail: str = ""


class Wires:
    """What all connections of a process share, and how many were opened and used again.

    patience_ns: connections that are idle for longer are not used again, as far as is known of when the target closes
    them; survived_ns: the longest that one was idle and still good.
    """

    def __init__(self, place: Place, timeout_s: float) -> None:
        self.place, self.timeout_s = place, timeout_s
        self.timeout_ns = int(timeout_s * _SECOND_NS)
        self.heads, self.deadlines, self.wakes = Heads(), Deadlines(), Wakes()
        self.opened = self.reused = self.closed = 0
        self.tls = _tls_context(place) if place.tls else None
        self._resolved: tuple[Any, ...] = ()
        self._resolved_ns = 0
        self.patience_ns = _FOR_EVER_NS
        self.survived_ns = 0

    def learn(self, idle_ns: int) -> bool:
        """Take in that a connection was closed after so long; tell whether idle ones may be closed so."""
        if idle_ns < LEAST_PATIENCE_NS or idle_ns < _NEAR * self.survived_ns:
            return False
        self.patience_ns = min(self.patience_ns, int(_NEAR * idle_ns))
        return True

    def received_ns(self, sent_ns: int) -> int:
        """Return when the last piece of an answer came: when the loop saw it, if it has woken since the request."""
        woke_ns = self.wakes.last_ns
        return woke_ns if woke_ns > sent_ns else perf_counter_ns()

    def addresses(self) -> tuple[Any, ...]:
        """Return where the host is, asked for again each 30 s; raises OSError when it has no address."""
        now = perf_counter_ns()
        if not self._resolved or now - self._resolved_ns > RESOLVED_FOR_NS:
            found = gevent_socket.getaddrinfo(self.place.host, self.place.port, 0, gevent_socket.SOCK_STREAM)
            self._resolved, self._resolved_ns = tuple((one[0], one[4]) for one in found), now
        return self._resolved


def _tls_context(place: Place) -> Any:
    """Return one TLS context for all connections, verified unless the place says otherwise."""
    from gevent import ssl  # after the patching alone

    context = ssl.create_default_context()
    if not place.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Connection:
    """One connection, opened when first used and again when it was closed idle; used by one caller at a time."""

    __slots__ = ("_idle_ns", "_stream", "_used_ns", "_wires")

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._stream: Stream | None = None
        self._used_ns = 0
        self._idle_ns = 0  # before the call; 0: the connection is new

    def call(self, data: bytes) -> Reply:
        """Send a whole request and return what came of it within the timeout; raises nothing that a peer can cause."""
        wires, stream, sent_ns = self._wires, self._stream, perf_counter_ns()
        if stream is not None and self._is_good(stream, sent_ns):
            wires.reused += 1
        else:
            unsent = self._open()
            if unsent is not None:
                return unsent
            stream, sent_ns = self._stream, perf_counter_ns()
            assert stream is not None  # noqa: S101 - _open has said nothing against it
        wires.deadlines.add(stream, sent_ns + wires.timeout_ns)
        got = b""
        try:
            stream.send(data)
            got = stream.receive()
            end = got.find(b"\r\n\r\n")
            head = wires.heads.read(got[:end]) if end > 0 else None
            if head is not None and head.plain and (head.length or 0) < READ_PLAINLY:
                whole = end + 4 + (head.length or 0)
                while len(got) < whole and (more := stream.receive()):
                    got += more
                if len(got) == whole:
                    self._used_ns = received_ns = wires.received_ns(sent_ns)
                    if self._idle_ns > wires.survived_ns:
                        wires.survived_ns = self._idle_ns
                    return Reply(sent_ns, received_ns, head, got[end + 4 :], got)
            return self._read(stream, sent_ns, got, head, end + 4)
        except (DeadlineError, OSError, HTTPParseError) as error:
            return self._failed(error, sent_ns, got)
        except BaseException:
            self.close()  # whoever ends the caller leaves an answer on its way: nobody else must read it
            raise
        finally:
            wires.deadlines.remove(stream)

    def _is_good(self, stream: Stream, now_ns: int) -> bool:
        """Tell whether a kept connection can be used, and is not so old that the target may be about to close it."""
        self._idle_ns = idle_ns = now_ns - self._used_ns
        if not stream.idle:
            self._wires.learn(idle_ns)
            return False
        return idle_ns <= self._wires.patience_ns

    def _read(self, stream: Stream, sent_ns: int, got: bytes, head: ResponseHead | None, begins: int) -> Reply:
        """Read a response that is not one plain piece: long, chunked, coded, until the end.

        head: what the first piece says, None when it is not whole; begins: where the body begins in that piece.
        """
        reading, first = _Reading(), got
        try:
            while not reading.take(got):
                got = stream.receive()
            ending = reading.ending
            self._used_ns = received_ns = self._wires.received_ns(sent_ns)
            self._wires.survived_ns = max(self._wires.survived_ns, self._idle_ns)
            body = reading.body()
        except (DeadlineError, OSError, HTTPParseError, TooLargeError, UndecodableError) as error:
            return self._failed(error, sent_ns, reading.seen, reading.head())
        if reading.should_close():
            self.close()
        if head is not None and head.status == 200 and _ends_plainly(head, reading.bytes - begins, ending):
            return Reply(sent_ns, received_ns, head, body, first[:begins] + body)
        behind = _trailers(ending) if head is not None and head.chunked else b""
        return Reply(sent_ns, received_ns, reading.head(behind), body)

    def _open(self) -> Reply | None:
        """Connect; return a reply that was not sent when that fails."""
        self.close()
        wires, begun_ns = self._wires, perf_counter_ns()
        wires.wakes.watch()
        limit_s = min(wires.timeout_s * CONNECT_SHARE, CONNECT_LIMIT_S)
        detail = "no address"
        try:
            addresses = wires.addresses()
        except (OSError, UnicodeError) as error:
            addresses, detail = (), str(error)
        for family, address in addresses:
            stream = TlsStream(family) if wires.tls is not None else Stream(family)
            wires.deadlines.add(stream, begun_ns + int(limit_s * _SECOND_NS))
            try:
                stream.connect(address)
                if isinstance(stream, TlsStream):
                    stream.start_tls(wires.tls, wires.place.host)
            except DeadlineError:
                detail = f"no connection in {limit_s:g} s"
            except OSError as error:
                detail = str(error)
            else:
                self._stream, self._idle_ns = stream, 0
                wires.opened += 1
                return None
            finally:
                wires.deadlines.remove(stream)
            stream.close()
        return Reply(begun_ns, perf_counter_ns(), failure=Failure.NOT_SENT, detail=detail)

    def _failed(self, error: Exception, sent_ns: int, got: bytes, head: ResponseHead | None = None) -> Reply:
        """Close the connection and say why there is no whole response."""
        self.close()
        now = perf_counter_ns()
        failure, detail = Failure.TORN, str(error) or type(error).__name__
        if isinstance(error, DeadlineError):
            failure, detail = Failure.TIMEOUT, f"no complete response in {self._wires.timeout_s:g} s"
        elif isinstance(error, TooLargeError):
            failure, detail = Failure.TOO_LARGE, f"more than {BODY_LIMIT >> 20} MiB"
        elif isinstance(error, UndecodableError):
            failure = Failure.UNDECODABLE
        elif isinstance(error, HTTPParseError):
            failure = Failure.NOT_HTTP
        elif not got and now - sent_ns < IDLE_RACE_NS and self._idle_ns and self._wires.learn(self._idle_ns):
            failure = Failure.CLOSED_IDLE
        return Reply(sent_ns, now, head, got[:KEPT_OF_A_FAILURE], failure=failure, detail=detail)

    def close(self) -> None:
        """Close it; it is opened again when it is used."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._wires.closed += 1


def _ends_plainly(head: ResponseHead, length: int, ending: bytes) -> bool:
    """Tell whether nothing stands behind a body: no field, no other response."""
    if head.chunked:
        return ending.endswith(_LAST_CHUNK)
    return head.length is None or head.length == length


def _trailers(ending: bytes) -> bytes:
    """Return the lines of the fields that stand behind the last chunk, if any do."""
    found = _TRAILED.search(ending)
    return found[1] if found is not None else b""


class _Reading(HTTPResponse):
    """A response that is read by the library's parser, up to the limit."""

    def __init__(self) -> None:
        super().__init__(method="POST")
        self.seen = b""  # what came first, for the record of a failure
        self.ending = b""  # what came last
        self.bytes = 0

    def take(self, data: bytes) -> bool:
        """Take in bytes, none when the peer has closed; tell whether the response is whole.

        Raises OSError when it was broken off, HTTPParseError for what is no HTTP, TooLargeError.
        """
        self.seen = self.seen or data
        self.bytes += len(data)
        self.ending = (self.ending + data)[-ENDING_KEPT:] if len(data) < ENDING_KEPT else data[-ENDING_KEPT:]
        if self.bytes > BODY_LIMIT + HEAD_LIMIT:
            raise TooLargeError
        try:
            self.feed(data)
        except HTTPParseError:
            if not data:
                raise ConnectionResetError(_BROKEN_OFF) from None
            raise
        whole = self.message_complete and self.get_code() >= 200
        if not data and not whole:
            raise ConnectionResetError(_BROKEN_OFF)
        return bool(whole)

    def head(self, trailers: bytes = b"") -> ResponseHead | None:
        """Return the head, with the fields behind the body, None when it was not complete."""
        if not self.headers_complete:
            return None
        fields = tuple((str(name).lower(), str(value)) for name, value in self.items())
        lines = [f"HTTP/1.1 {self.get_code()}", *(f"{name}: {value}" for name, value in fields)]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        return Heads().read(head + b"\r\n" + trailers.rstrip(b"\r\n")) or Heads().read(head)

    def body(self) -> bytes:
        """Return the body without its content coding; raises UndecodableError or TooLargeError."""
        decoder = Decoder(", ".join(value for name, value in self._coding()), limit=BODY_LIMIT)
        whole = b"".join(decoder.feed(bytes(self._body_buffer)))
        decoder.finish()
        return whole

    def _coding(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.items() if str(name).lower() == "content-encoding"]
