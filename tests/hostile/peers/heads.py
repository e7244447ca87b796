"""Peers with wrong status lines and headers."""

from tests.hostile.peers.table import answer_all, peer
from tests.hostile.sockets import Talk, response

_NOT_HTTP = ("EXE-008",)
_NO_HTTP = "speaks no HTTP"
_SHORT = b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@peer(first=(0, 3), later=0)
async def continue_then_answer(talk: Talk) -> None:
    """Sends `100 Continue` before each answer, unasked."""
    while True:
        answer = await talk.good_answer(await talk.request())
        await talk.send(b"HTTP/1.1 100 Continue\r\n\r\n", answer)


@peer(first=(0, 3), later=0)
async def many_1xx_then_answer(talk: Talk) -> None:
    """Sends 200 interim responses before each answer."""
    while True:
        answer = await talk.good_answer(await talk.request())
        await talk.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 200, answer)


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def switches_protocols(talk: Talk) -> None:
    """Answers `101 Switching Protocols` and sends something else."""
    await answer_all(talk, b"HTTP/1.1 101 Switching\r\nUpgrade: nonsense\r\n\r\n\x00\x01\x02")


@peer(first=(0, 3), later=0)
async def thousands_of_headers(talk: Talk) -> None:
    """Sends 1,000 short headers with each answer."""
    while True:
        head, _, body = (await talk.good_answer(await talk.request())).partition(b"\r\n\r\n")
        await talk.send(head + b"\r\nA: bcd" * 1_000 + b"\r\n\r\n" + body)


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def ten_thousand_long_headers(talk: Talk) -> None:
    """Sends 10,000 headers of 100 bytes."""
    await talk.request()
    lines = b"".join(b"X-Header-%05d: %s\r\n" % (number, b"v" * 80) for number in range(10_000))
    await talk.send(b"HTTP/1.1 200 OK\r\n" + lines + _SHORT)


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def one_large_header(talk: Talk) -> None:
    """Sends a header of 1 MiB."""
    await talk.request()
    await talk.send(b"HTTP/1.1 200 OK\r\nX-Large: " + b"v" * 1_048_576 + b"\r\n" + _SHORT)


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def endless_header(talk: Talk) -> None:
    """Sends a header that never ends."""
    await talk.request()
    await talk.send(b"HTTP/1.1 200 OK\r\nX-Large: ")
    while True:
        await talk.send(b"v" * 65536)


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def header_without_a_colon(talk: Talk) -> None:
    """Sends a header line without a colon."""
    await answer_all(talk, b"HTTP/1.1 200 OK\r\nnonsense\r\n" + _SHORT)


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def header_with_a_zero_byte(talk: Talk) -> None:
    """Sends a zero byte in a header."""
    await answer_all(talk, b"HTTP/1.1 200 OK\r\nX-Zero: a\x00b\r\n" + _SHORT)


@peer(first=(0, 3), later=0)
async def headers_in_latin_1(talk: Talk) -> None:
    """Sends headers whose bytes are no UTF-8."""
    while True:
        head, _, body = (await talk.good_answer(await talk.request())).partition(b"\r\n\r\n")
        await talk.send(head + b"\r\nX-Name: \xe4\xf6\xfc \xff\xfe\r\n\r\n" + body)


@peer(first=(0, 3), later=0)
async def absurd_cookies_and_dates(talk: Talk) -> None:
    """Sets cookies that no jar can hold, and a date that no calendar has."""
    lines = (
        b"\r\nSet-Cookie: \x7f=;;;;=; expires=99999999999; domain=..; path=\xff; max-age=1e999"
        b"\r\nSet-Cookie: " + b"a=b; " * 2000 + b"\r\nDate: Foo, 99 Bar 99999999999999999999 25:61:61 +9999999999"
    )
    while True:
        head, _, body = (await talk.good_answer(await talk.request())).partition(b"\r\n\r\n")
        await talk.send(head + lines + b"\r\n\r\n" + body)


@peer(first=(0, 3), later=(0, 1, 3))
async def wrong_version(talk: Talk) -> None:
    """Answers in HTTP/9.9."""
    while True:
        answer = await talk.good_answer(await talk.request())
        await talk.send(answer.replace(b"HTTP/1.1", b"HTTP/9.9", 1))


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def version_without_a_minor(talk: Talk) -> None:
    """Answers in `HTTP/2`, in the form of HTTP/1."""
    await answer_all(talk, b"HTTP/2 200 OK\r\n" + _SHORT)


@peer(first=1, ids=("EXE-008",), problem="999")
async def status_999(talk: Talk) -> None:
    """Answers with status 999."""
    await answer_all(talk, response(b"{}", status=999))


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def status_000(talk: Talk) -> None:
    """Answers with status 000."""
    await answer_all(talk, b"HTTP/1.1 000 Zero\r\n" + _SHORT)


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def status_1000(talk: Talk) -> None:
    """Answers with status 1000."""
    await answer_all(talk, b"HTTP/1.1 1000 Many\r\n" + _SHORT)


@peer(ids=_NOT_HTTP, problem=_NO_HTTP)
async def status_in_words(talk: Talk) -> None:
    """Answers with a status that is no number."""
    await answer_all(talk, b"HTTP/1.1 fine OK\r\n" + _SHORT)


@peer(first=(0, 3), later=0)
async def no_reason(talk: Talk) -> None:
    """Answers with no reason after the status."""
    while True:
        answer = await talk.good_answer(await talk.request())
        await talk.send(answer.replace(b" Whatever\r\n", b"\r\n", 1))


@peer(problem="redirects (307) to /v1/again", later=1, ids=("EXE-001", "TRN-002", "RUN-009", "EXE-007", "TRN-004"))
async def redirect_loop(talk: Talk) -> None:
    """Redirects to itself."""
    await answer_all(talk, response(b"", status=307, headers={"Location": "/v1/again"}))


@peer(problem="redirects (302) to http://[", later=1, ids=("EXE-001", "TRN-002", "RUN-009", "EXE-007", "TRN-004"))
async def redirects_nowhere(talk: Talk) -> None:
    """Redirects to what is no URL."""
    await answer_all(talk, response(b"", status=302, headers={"Location": "http://[::1/%zz\x7f:99999999"}))


@peer(problem="kept answering 429", later=(1, 3))
async def too_many_requests(talk: Talk) -> None:
    """Answers 429 and asks to be left alone for ages."""
    await answer_all(talk, response(b"{}", status=429, headers={"Retry-After": "9" * 400}))


@peer(problem="refuses the key (401)", later=(1, 3))
async def always_401(talk: Talk) -> None:
    """Refuses every key."""
    await answer_all(talk, response(b'{"detail": "\x1b[31mno"}', status=401))
