"""The HTTP client of the load engine against peers that do what peers do."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep

import gevent
import pytest

from wfconform.load.connection import Connection, Reply, Wires
from wfconform.load.heads import Place, place_of, request_head
from wfconform.target import Access, Secret
from wfconform.wire import Failure

BODY = b'{"run_id": "x"}'
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n" + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\n"
    + BODY[:7]
    + b"\r\n8\r\n"
    + BODY[7:]
    + b"\r\n0\r\n\r\n"
)
_PACKED = gzip.compress(BODY, mtime=0)  # a test id must not carry the time: workers would disagree
GZIP = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (len(_PACKED), _PACKED)
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + BODY
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n" + PLAIN
CLOSING = PLAIN.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)
REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"

Serve = Callable[[socket.socket], None]


@contextmanager
def peer(*serves: Serve) -> Iterator[Wires]:
    """Serve one connection after the other, each in its own way, and yield wires to the peer."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        for serve in serves:
            sock, _ = listener.accept()
            with sock:
                serve(sock)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield Wires(Place("127.0.0.1", listener.getsockname()[1], tls=False, prefix=""), 2.0)
    finally:
        thread.join(5)
        listener.close()


def answering(*answers: bytes | tuple[bytes, ...]) -> Serve:
    """Return a peer that gives one answer (in pieces, where it is a tuple) to each request, and closes."""

    def serve(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for answer in answers:
            if not sock.recv(65536):
                return
            for piece in answer if isinstance(answer, tuple) else (answer,):
                sock.sendall(piece)

    return serve


def asked(serve: Serve) -> Reply:
    """Ask a peer once."""
    with peer(serve) as wires:
        connection = Connection(wires)
        reply = connection.call(REQUEST)
        connection.close()
        return reply


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED, GZIP, UNTIL_THE_END, INTERIM, CLOSING])
def test_every_framing_of_a_body_is_read(answer: bytes) -> None:
    """Length, chunks, gzip, the end of the connection, an interim answer before it: the same body."""
    reply = asked(answering(answer))
    assert (reply.failure, reply.body) == (None, BODY)
    assert reply.head is not None
    assert reply.head.status == 200
    quickly_read = reply.raw.startswith(b"HTTP/1.1 200") and reply.raw.endswith(b"\r\n\r\n" + BODY)
    assert quickly_read is (answer is not INTERIM)


@pytest.mark.parametrize("announced", [b"", b"trailer: x-late\r\n"])
@pytest.mark.parametrize("fields", [b"x-late: 1\r\n", b"x-late: 1\r\nx-later: 0\r\n"])
def test_fields_behind_a_body_are_looked_at_whole(announced: bytes, fields: bytes) -> None:
    """An answer with trailers, announced or not, is none that the quick way reads, and shows all of them."""
    trailed = CHUNKED.replace(b"\r\n\r\n", b"\r\n" + announced + b"\r\n", 1)[:-2] + fields + b"\r\n"
    reply = asked(answering(trailed))
    assert (reply.failure, reply.body, reply.raw) == (None, BODY, b"")
    assert reply.head is not None
    told = [(name, value) for name, value in reply.head.fields if name.startswith("x-")]
    assert set(told) == {tuple(line.decode().split(": ")) for line in fields.splitlines()}


def test_a_body_that_looks_like_trailers_is_a_body() -> None:
    """Only behind chunks stand fields."""
    body = b"odd\r\n0\r\nx-late: 1\r\n\r\n"
    reply = asked(answering(b"HTTP/1.1 500 Oh\r\ncontent-type: text/plain\r\n\r\n" + body))
    assert reply.head is not None
    assert (reply.body, "x-late" in dict(reply.head.fields)) == (body, False)


@pytest.mark.parametrize("answer", [CHUNKED, GZIP, PLAIN])
@pytest.mark.parametrize("second", [b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n"])
def test_a_second_response_at_once_is_not_passed_over(answer: bytes, second: bytes) -> None:
    """Whatever comes of two responses in one packet, the first is never taken for an ordinary one."""
    assert asked(answering(answer + second)).raw == b""


def test_codings_in_two_fields_are_all_undone() -> None:
    """`identity` first and gzip in a field of its own."""
    twice = GZIP.replace(b"content-encoding: gzip", b"content-encoding: identity\r\ncontent-encoding: gzip")
    assert asked(answering(twice)).body == BODY


@pytest.mark.parametrize("at", [5, 40, len(PLAIN) - 3])
def test_an_answer_in_pieces_is_read(at: int) -> None:
    """A head that comes in two, and a body that comes later."""
    assert asked(answering((PLAIN[:at], PLAIN[at:]))).body == BODY


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", Failure.TORN),
        (PLAIN[:-4], Failure.TORN),
        (CHUNKED[:-12], Failure.TORN),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Failure.NOT_HTTP),
        (GZIP[:-6] + b"......", Failure.UNDECODABLE),
    ],
)
def test_what_is_no_whole_answer_says_why(answer: bytes, failure: Failure) -> None:
    """Broken off, no HTTP, broken coding: a reply with a failure, never an exception."""
    assert asked(answering(answer)).failure is failure


def test_a_connection_is_used_again() -> None:
    """Three answers come over one connection."""
    with peer(answering(PLAIN, CHUNKED, PLAIN)) as wires:
        connection = Connection(wires)
        assert [connection.call(REQUEST).body for _ in range(3)] == [BODY] * 3
        assert (wires.opened, wires.reused) == (1, 2)
        connection.close()


def test_a_connection_closed_while_idle_is_opened_again() -> None:
    """The peer closes after its answer; the next request goes over a new connection, and is sent once."""
    with peer(answering(PLAIN), answering(PLAIN)) as wires:
        connection = Connection(wires)
        connection.call(REQUEST)
        stream = connection._stream
        while stream is not None and stream.idle:
            pass
        assert connection.call(REQUEST).body == BODY
        assert (wires.opened, wires.reused) == (2, 0)
        connection.close()


@pytest.mark.parametrize(
    ("idle_s", "survived_s", "failure"),
    [
        (0.0, 0.0, Failure.TORN),
        (2.0, 0.0, Failure.CLOSED_IDLE),
        (2.0, 2.2, Failure.CLOSED_IDLE),
        (2.0, 4.0, Failure.TORN),
    ],
)
def test_a_kept_connection_that_is_closed_instead_of_an_answer_is_told_so(
    idle_s: float, survived_s: float, failure: Failure
) -> None:
    """Idle for so long as a server may have patience, it crossed the close; used a moment ago, or where others
    were idle for longer, an answer was lost. Nobody knows whether the request was processed; it is not sent again."""

    def serve(sock: socket.socket) -> None:
        answering(PLAIN)(sock)
        sock.recv(65536)

    with peer(serve) as wires:
        connection = Connection(wires)
        connection.call(REQUEST)
        wires.survived_ns = int(survived_s * 1e9)
        connection._used_ns -= int(idle_s * 1e9)
        assert connection.call(REQUEST).failure is failure
    crossed = failure is Failure.CLOSED_IDLE
    assert (wires.patience_ns < 2_000_000_000) is crossed


def test_a_target_that_closes_idle_connections_is_not_met_at_that_moment() -> None:
    """Closed after 2 s once: a connection that was idle for nearly as long is made anew, another is used."""
    with peer(answering(PLAIN), answering(PLAIN, PLAIN), answering(PLAIN)) as wires:
        connection = Connection(wires)
        assert connection.call(REQUEST).failure is None
        sleep(0.1)  # the peer has closed it
        connection._used_ns -= 2_000_000_000
        assert connection.call(REQUEST).failure is None
        assert 1_600_000_000 <= wires.patience_ns < 1_800_000_000
        assert connection.call(REQUEST).failure is None
        opened = wires.opened
        connection._used_ns -= 1_900_000_000
        assert connection.call(REQUEST).failure is None
        assert (opened, wires.opened) == (2, 3)
        connection.close()


def test_silence_ends_at_the_timeout() -> None:
    """A peer that never answers costs the timeout, and its connection."""
    over = threading.Event()

    def serve(sock: socket.socket) -> None:
        over.wait(5)

    with peer(serve) as wires:
        wires.timeout_s, wires.timeout_ns = 0.1, 100_000_000
        reply = Connection(wires).call(REQUEST)
        over.set()
    assert reply.failure is Failure.TIMEOUT
    assert 0.1 <= (reply.received_ns - reply.sent_ns) / 1e9 < 2.0


def test_nobody_there_means_not_sent() -> None:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reply = Connection(Wires(Place("127.0.0.1", port, tls=False, prefix=""), 2.0)).call(REQUEST)
    assert reply.failure is Failure.NOT_SENT


def test_the_head_keeps_the_whole_base_url_and_carries_the_key() -> None:
    """A path prefix stays, the port is named, configured headers go along."""
    access = Access("http://api.example.com:8080/flows/", api_key=Secret("k-1"), headers={"teamid": Secret("t")})
    head = request_head(place_of(access), access, "/v1/x", (("version", "3"),)).decode()
    assert head.startswith("POST /flows/v1/x?version=3 HTTP/1.1\r\nhost: api.example.com:8080\r\n")
    assert "\r\nteamid: t\r\n" in head
    assert "\r\nauthorization: Bearer k-1\r\n" in head


def test_the_work_of_a_session_that_woke_with_another_is_not_its_latency() -> None:
    """Two answers come while the loop is busy; whoever has its turn second does not count the first one's work."""
    asked, answered = threading.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        socks = [listener.accept()[0] for _ in range(2)]
        for sock in socks:
            sock.recv(65536)
        asked.set()
        answered.wait(5)
        for sock in socks:
            sock.sendall(PLAIN)
            sock.close()

    def call() -> int:
        connection = Connection(wires)
        reply = connection.call(REQUEST)
        sleep(0.1)  # the loop stands still, as it does while a turn is judged
        connection.close()
        return reply.received_ns

    def hold() -> None:
        while not asked.is_set():
            gevent.sleep(0.005)
        answered.set()
        thread.join(5)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    wires = Wires(Place("127.0.0.1", listener.getsockname()[1], tls=False, prefix=""), 5.0)
    calls = [gevent.spawn(call), gevent.spawn(call), gevent.spawn(hold)][:2]
    first, second = (one.get(timeout=10) for one in calls)
    listener.close()
    assert abs(second - first) < 50_000_000
