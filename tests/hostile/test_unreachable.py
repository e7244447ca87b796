"""Targets that cannot be talked to at all: each is exit 3, soon, with what the operating system said and what to do."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from shutil import which

import pytest
from tests.hostile.checking import checked
from tests.hostile.sockets import Talk, listening, response, well

from wfconform.outcomes import Run

LIMIT_S = 6.0


def _says(run: Run) -> tuple[int, str, str]:
    assert len(run.problems) == 1
    return run.exit_code, run.problems[0].message, run.problems[0].hint


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
        return port


async def _refuses(talk: Talk) -> None:
    await talk.reader.read(100)
    await talk.send(response(b"{}", status=400))


async def _silent(talk: Talk) -> None:
    await talk.hang()


def test_a_closed_port_is_said_to_be_closed() -> None:
    """The operating system's words are kept, and the hint asks for the server."""
    code, message, hint = _says(checked(f"http://127.0.0.1:{_free_port()}"))
    assert (code, hint) == (3, "is the server running, on that host and port?")
    assert "cannot be reached: [Errno 111]" in message


def test_a_name_that_is_unknown_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint is about the host name."""

    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    code, message, hint = _says(checked("http://peer.invalid"))
    assert (code, hint) == (3, "check the host name in base_url")
    assert message.endswith("Name or service not known")


@pytest.mark.parametrize("host", ["a" * 70 + ".invalid", "a..b"])
def test_a_name_that_no_resolver_takes_is_no_crash(host: str) -> None:
    """A label that is too long, or empty, is an unreachable target like any other."""
    assert _says(checked(f"http://{host}"))[0] == 3


def test_a_black_hole_is_given_up_after_the_timeout() -> None:
    """A port whose queue is full drops what comes: nothing was sent, and the check is over in a timeout."""
    with ExitStack() as stack:
        hole = stack.enter_context(closing(socket.socket()))
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        if not _filled(stack, hole):
            pytest.skip("this system queues more connections than it was asked to")
        begun_s = time.monotonic()
        code, message, _ = _says(checked(f"http://127.0.0.1:{hole.getsockname()[1]}"))
    assert (code, "no connection in 0.45 s" in message) == (3, True), message
    assert time.monotonic() - begun_s < LIMIT_S


def _filled(stack: ExitStack, hole: socket.socket) -> bool:
    for _ in range(8):
        waiting = stack.enter_context(closing(socket.socket()))
        waiting.settimeout(0.2)
        try:
            waiting.connect(hole.getsockname())
        except TimeoutError:
            return True
    return False


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's context with a certificate that nobody has signed, made now."""
    openssl = which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture(autouse=True)
def _quiet_handshakes(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    caplog.clear()  # asyncio's own word on handshakes that the other side broke off


def test_a_certificate_that_nobody_signed_is_refused_and_said_so(own_certificate: ssl.SSLContext) -> None:
    """The message names the certificate, the hint names --insecure, and no request was sent."""
    with listening(well, tls=own_certificate) as served:
        code, message, hint = _says(checked(served.url))
    assert (code, served.calls) == (3, [])
    assert "certificate verify failed" in message
    assert "--insecure" in hint


def test_a_certificate_that_nobody_signed_is_taken_when_asked(own_certificate: ssl.SSLContext) -> None:
    """Without verification the check goes through."""
    with listening(well, tls=own_certificate) as served:
        run = checked(served.url, only=("TRN-002",), verify_tls=False, timeout_s=10)
    assert (run.exit_code, served.open_runs) == (0, [])


def test_https_on_a_plain_port_is_told_from_other_failures() -> None:
    """A plain server's refusal of a TLS hello is seen as what it is, and the hint asks for the scheme."""
    with listening(_refuses) as served:
        code, message, hint = _says(checked(served.url.replace("http:", "https:")))
    assert (code, served.calls) == (3, []), message
    assert "does not speak TLS: is it http://" in hint


def test_http_on_a_tls_port_is_told_from_other_failures(own_certificate: ssl.SSLContext) -> None:
    """The hint asks for the scheme."""
    with listening(well, tls=own_certificate) as served:
        code, message, hint = _says(checked(served.url.replace("https:", "http:")))
    assert (code, "no HTTP" in message, "https://" in hint) == (3, True, True), message


def test_a_handshake_that_never_ends_is_given_up() -> None:
    """A port that takes connections and says nothing to a TLS hello counts as unreachable."""
    begun_s = time.monotonic()
    with listening(_silent) as served:
        code, message, hint = _says(checked(served.url.replace("http:", "https:")))
    assert (code, "no TLS handshake in 0.45 s" in message, "scheme" in hint) == (3, True, True), message
    assert time.monotonic() - begun_s < LIMIT_S


def test_garbage_after_the_handshake_is_no_crash(own_certificate: ssl.SSLContext) -> None:
    """Bytes that are no TLS record, where one was due, tear the call and nothing else."""

    async def derailed(talk: Talk) -> None:
        await talk.request()
        raw = talk.writer.get_extra_info("socket").dup()
        with closing(raw):
            raw.send(b"\x00garbage" * 100)
        talk.writer.transport.abort()

    with listening(derailed, tls=own_certificate) as served:
        assert checked(served.url, verify_tls=False).exit_code == 3
