"""Peers that take their time, or never end."""

import asyncio

from tests.hostile.peers.table import peer
from tests.hostile.sockets import Talk, chunked, response

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_LATE = ("EXE-008",)


@peer(first=1, ids=_LATE, problem="too large", slow=True)
async def endless_body(talk: Talk) -> None:
    """Answers with a body that never ends."""
    await talk.request()
    await talk.send(_HEAD + b"\r\n")
    while True:
        await talk.send(b" " * 65536)


@peer(first=1, ids=_LATE, problem="too large", slow=True)
async def endless_chunks(talk: Talk) -> None:
    """Answers with chunks that never end."""
    await talk.request()
    await talk.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        await talk.send(chunked(b" " * 65536))


@peer(first=1, ids=_LATE, problem="timeout", slow=True)
async def slow_drip(talk: Talk) -> None:
    """Answers one byte each 0.2 s."""
    for byte in await talk.good_answer(await talk.request()):
        await talk.send(bytes([byte]))
        await asyncio.sleep(0.2)


@peer(first=1, ids=_LATE, problem="timeout", slow=True)
async def drips_headers(talk: Talk) -> None:
    """Sends one more header each 0.1 s, and never the end of them."""
    await talk.request()
    await talk.send(_HEAD)
    while True:
        await talk.send(b"X-More: 1\r\n")
        await asyncio.sleep(0.1)


@peer(first=1, ids=_LATE, problem="timeout", slow=True)
async def promises_a_gibibyte(talk: Talk) -> None:
    """Promises 1 GiB, sends 64 KiB and falls silent."""
    await talk.request()
    await talk.send(_HEAD + b"Content-Length: 1073741824\r\n\r\n" + b" " * 65536)
    await talk.hang()


@peer(first=1, ids=_LATE, problem="too large", slow=True)
async def sends_a_gibibyte(talk: Talk) -> None:
    """Promises 1 GiB, and sends it."""
    await talk.request()
    await talk.send(_HEAD + b"Content-Length: 1073741824\r\n\r\n")
    for _ in range(16384):
        await talk.send(b" " * 65536)


@peer(first=1, ids=_LATE, problem="timeout", slow=True)
async def half_then_hangs(talk: Talk) -> None:
    """Sends half of an answer and falls silent."""
    answer = await talk.good_answer(await talk.request())
    await talk.send(answer[: len(answer) - 40])
    await talk.hang()


@peer(first=1, ids=_LATE, problem="timeout", slow=True)
async def hangs_before_headers(talk: Talk) -> None:
    """Reads requests and says nothing."""
    while True:
        await talk.request()


@peer(first=1, ids=_LATE, problem="timeout", slow=True)
async def hangs_after_headers(talk: Talk) -> None:
    """Sends the headers, and no body."""
    await talk.request()
    await talk.send(_HEAD + b"Content-Length: 100\r\n\r\n")
    await talk.hang()


@peer(first=1, ids=_LATE, problem="timeout", slow=True)
async def never_reads(talk: Talk) -> None:
    """Takes connections and reads nothing."""
    await asyncio.sleep(60)


@peer(first=1, ids=_LATE, problem="timeout", slow=True)
async def endless_1xx(talk: Talk) -> None:
    """Sends `102 Processing` for ever."""
    await talk.request()
    while True:
        await talk.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 8)
        await asyncio.sleep(0.01)


@peer(later=(0, 1), slow=True)
async def hangs_on_stop(talk: Talk) -> None:
    """Converses well, but never answers a stop."""
    while True:
        call = await talk.request()
        if b'"stop"' in call.body:
            await talk.hang()
        await talk.well(call)


@peer(first=3, later=3)
async def dies(talk: Talk) -> None:
    """Answers one request more, then is gone: no connection is taken any longer."""
    await talk.well(await talk.request())
    talk.served.dead.set()


@peer(first=1, ids=_LATE, problem="timeout", slow=True)
async def drips_gzip(talk: Talk) -> None:
    """Sends a gzip header, and the rest a byte at a time."""
    await talk.request()
    await talk.send(response(b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip", "Content-Length": "4000"}))
    while True:
        await talk.send(b"\x00")
        await asyncio.sleep(0.2)
