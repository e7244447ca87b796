"""TCP connections on gevent, below its own socket class; calls that take too long are ended from outside.

Liveness is tested with poll(): select() fails on file descriptors above 1023.
"""

import errno
import os
from time import perf_counter_ns
from typing import Any

import gevent
from gevent import get_hub, monkey
from gevent import socket as gevent_socket

_socket = monkey.get_original("socket", "socket")
_poll = monkey.get_original("select", "poll")
_READABLE = 0x001 | 0x002 | 0x2000  # POLLIN, POLLPRI, POLLRDHUP; errors and hang-ups are told in any case
_READ, _WRITE = 1, 2
_TLS_DATA = b"\x17"  # a record that may be a session ticket: nothing that ends the connection
RECEIVED_AT_ONCE = 65536
SWEEP_S = 0.05
_FIRST = 2  # libev's highest priority: before any greenlet runs


class DeadlineError(Exception):
    """A call took longer than the timeout."""


class Stream:
    """A TCP connection without blocking calls; its waits can be expired from outside."""

    __slots__ = ("_hub", "_polled", "_readable", "_receive", "_send", "_sock", "_writable")

    def __init__(self, family: int) -> None:
        self._sock: Any = _socket(family, gevent_socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(gevent_socket.IPPROTO_TCP, gevent_socket.TCP_NODELAY, 1)
        self._hub = get_hub()
        self._readable: Any = self._hub.loop.io(self._sock.fileno(), _READ)
        self._writable: Any = None
        self._polled = _poll()
        self._polled.register(self._sock.fileno(), _READABLE)
        self._send, self._receive = self._sock.send, self._sock.recv

    def connect(self, address: Any) -> None:
        """Connect; raises OSError."""
        code = self._sock.connect_ex(address)
        if code == errno.EINPROGRESS:
            self._wait_writable()
            code = self._sock.getsockopt(gevent_socket.SOL_SOCKET, gevent_socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def send(self, data: bytes) -> None:
        """Send all of it; raises OSError."""
        sent = 0
        while True:
            try:
                sent += self._send(data[sent:] if sent else data)
            except BlockingIOError:
                self._wait_writable()
            if sent >= len(data):
                return

    def receive(self) -> bytes:
        """Wait for bytes and return them; empty: the peer has closed. Raises OSError."""
        while True:
            self._hub.wait(self._readable)
            try:
                data: bytes = self._receive(RECEIVED_AT_ONCE)
            except BlockingIOError:
                continue
            return data

    def _wait_writable(self) -> None:
        if self._writable is None:
            self._writable = self._hub.loop.io(self._sock.fileno(), _WRITE)
        self._hub.wait(self._writable)

    @property
    def idle(self) -> bool:
        """Nothing has come, and the peer has not closed."""
        return not self._polled.poll(0)

    def expire(self) -> None:
        """End whatever waits on it with a DeadlineError."""
        for watcher in (self._readable, self._writable):
            if watcher is not None and watcher.callback is not None:
                self._hub.cancel_wait(watcher, DeadlineError)

    def close(self) -> None:
        """Close it; nobody waits on it any more."""
        for watcher in (self._readable, self._writable):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._sock.close()


class TlsStream(Stream):
    """The same under TLS, over gevent's own TLS socket."""

    __slots__ = ()

    def start_tls(self, context: Any, host: str) -> None:
        """Shake hands; raises OSError (ssl.SSLError is one)."""
        for watcher in (self._readable, self._writable):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        plain = gevent_socket.socket(fileno=self._sock.detach())
        self._sock = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        self._readable, self._writable = self._sock._read_event, self._sock._write_event
        self._sock.do_handshake()

    def send(self, data: bytes) -> None:
        """Send all of it; raises OSError."""
        self._sock.sendall(data)

    def receive(self) -> bytes:
        """Wait for bytes and return them; empty: the peer has closed. Raises OSError."""
        data: bytes = self._sock.recv(RECEIVED_AT_ONCE)
        return data

    @property
    def idle(self) -> bool:
        """Nothing has come but what may be a session ticket, and the peer has not closed."""
        if not self._polled.poll(0):
            return True
        try:
            first: bytes = self._sock._sock.recv(1, gevent_socket.MSG_PEEK)
        except (OSError, ValueError, AttributeError):
            return False
        return first == _TLS_DATA

    def close(self) -> None:
        """Close it."""
        self._sock.close()


class Wakes:
    """When the event loop last came back from waiting: what it found readable then had come by then.

    Greenlets that wake together run one after the other; a clock read when each gets its turn would count the work of
    those before it as latency of the target. last_ns: perf_counter_ns.
    """

    def __init__(self) -> None:
        self.last_ns = 0
        self._watcher: Any = None

    def watch(self) -> None:
        """Begin to follow the loop of this thread."""
        if self._watcher is None:
            self._watcher = get_hub().loop.check(ref=False, priority=_FIRST)
            self._watcher.start(self._woke)

    def _woke(self) -> None:
        self.last_ns = perf_counter_ns()


class Deadlines:
    """Ends calls that take too long: one look at all of them each 50 ms costs less than a timer for each."""

    def __init__(self) -> None:
        self._waiting: dict[Stream, int] = {}
        self._sweeper: gevent.Greenlet | None = None

    def add(self, stream: Stream, deadline_ns: int) -> None:
        """Watch a stream until a moment of perf_counter_ns."""
        if self._sweeper is None:
            self._sweeper = gevent.spawn(self._sweep)
        self._waiting[stream] = deadline_ns

    def remove(self, stream: Stream) -> None:
        """The call is over."""
        self._waiting.pop(stream, None)

    def _sweep(self) -> None:
        while True:
            gevent.sleep(SWEEP_S)
            now = perf_counter_ns()
            for stream in [stream for stream, deadline_ns in self._waiting.items() if deadline_ns < now]:
                stream.expire()
