"""Peers that break connections and the framing of messages."""

from tests.hostile.peers.table import answer_all, peer
from tests.hostile.sockets import Talk, chunked, response

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_TORN = ("EXE-008",)
_NO_HTTP = "speaks no HTTP"


@peer(later=(1, 3), problem=_NO_HTTP)
async def accepts_and_closes(talk: Talk) -> None:
    """Closes every connection at once."""


@peer(later=(1, 3), problem="http://127.0.0.1")
async def resets_on_accept(talk: Talk) -> None:
    """Resets every connection at once."""
    talk.reset()


@peer(later=(1, 3), problem=_NO_HTTP)
async def closes_after_the_request(talk: Talk) -> None:
    """Reads a request and closes."""
    await talk.request()


@peer(later=(1, 3), problem=_NO_HTTP)
async def resets_after_the_request(talk: Talk) -> None:
    """Reads a request and resets."""
    await talk.request()
    talk.reset()


@peer(later=(1, 3), problem=_NO_HTTP)
async def half_a_head_then_closes(talk: Talk) -> None:
    """Closes in the middle of the headers."""
    await talk.request()
    await talk.send(b"HTTP/1.1 200 OK\r\nContent-Ty")


@peer(first=1, ids=_TORN, problem="torn")
async def half_a_body_then_closes(talk: Talk) -> None:
    """Closes in the middle of the body."""
    answer = await talk.good_answer(await talk.request())
    await talk.send(answer[:-20])


@peer(first=1, ids=_TORN, problem="torn")
async def half_a_body_then_resets(talk: Talk) -> None:
    """Resets in the middle of the body."""
    answer = await talk.good_answer(await talk.request())
    await talk.send(answer[:-20])
    talk.reset()


@peer(ids=_TORN, problem=_NO_HTTP)
async def garbage(talk: Talk) -> None:
    """Answers with bytes that are no HTTP."""
    await answer_all(talk, bytes(range(256)) * 4)


@peer(first=1, ids=_TORN, problem="timeout", slow=True)
async def greets_like_ssh(talk: Talk) -> None:
    """Is an SSH server."""
    await talk.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    await talk.hang()


@peer(ids=_TORN, problem=_NO_HTTP)
async def speaks_tls(talk: Talk) -> None:
    """Answers plain HTTP with a TLS alert."""
    await talk.request()
    await talk.send(b"\x15\x03\x01\x00\x02\x02\x16")


@peer(ids=_TORN, problem=_NO_HTTP)
async def body_without_a_head(talk: Talk) -> None:
    """Answers with JSON and no header, as HTTP/0.9 did."""
    await talk.request()
    await talk.send(b'{"run_id": "5f0000000000000000000000"}\r\n')


@peer(ids=_TORN, problem=_NO_HTTP)
async def two_content_lengths(talk: Talk) -> None:
    """Sends two Content-Lengths that differ."""
    await answer_all(talk, _HEAD + b"Content-Length: 2\r\nContent-Length: 4\r\n\r\n{}  ")


@peer(ids=_TORN, problem=_NO_HTTP)
async def negative_content_length(talk: Talk) -> None:
    """Sends a Content-Length of -1."""
    await answer_all(talk, _HEAD + b"Content-Length: -1\r\n\r\n{}")


@peer(first=1, ids=_TORN, problem="not http")
async def bad_chunk_size(talk: Talk) -> None:
    """Sends a chunk whose size is no number."""
    await talk.request()
    await talk.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")


@peer(first=1, ids=_TORN, problem="not http")
async def huge_chunk_size(talk: Talk) -> None:
    """Sends a chunk size of a thousand digits."""
    await talk.request()
    await talk.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 1000 + b"\r\n{}\r\n0\r\n\r\n")


@peer(first=1, ids=_TORN, problem="torn")
async def chunks_cut_short(talk: Talk) -> None:
    """Closes before the last chunk."""
    call = await talk.request()
    body = (await talk.good_answer(call)).partition(b"\r\n\r\n")[2]
    await talk.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body))


@peer(later=(1, 3), first=(1, 3))
async def length_and_chunks(talk: Talk) -> None:
    """Sends a Content-Length beside chunks, which smuggles a second message past some readers."""
    await talk.request()
    await talk.send(_HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"{}") + b"0\r\n\r\n")


@peer(first=(0, 1, 3), later=(0, 1, 3))
async def trailing_garbage(talk: Talk) -> None:
    """Sends more bytes after each answer, on a connection that it keeps open."""
    while True:
        await talk.send(await talk.good_answer(await talk.request()) + b"and another thing\r\n\r\n")


@peer(first=(1, 3), later=(1, 3))
async def answers_twice(talk: Talk) -> None:
    """Sends every answer twice, so that the second is taken for the answer to the next request."""
    while True:
        await talk.send(await talk.good_answer(await talk.request()) * 2)


@peer(first=(0, 3), later=0)
async def closes_after_each_answer(talk: Talk) -> None:
    """Closes after each answer without having said so."""
    await talk.well(await talk.request())


@peer(first=(0, 3), later=0)
async def closes_after_some_answers(talk: Talk) -> None:
    """Closes kept connections without a word, now after one answer, now after three."""
    for _ in range(1 + talk.served.connections % 3):
        await talk.well(await talk.request())


@peer(first=(0, 3), later=(0, 3))
async def resets_after_some_answers(talk: Talk) -> None:
    """Resets kept connections, now after one answer, now after three."""
    for _ in range(1 + talk.served.connections % 3):
        await talk.well(await talk.request())
    talk.reset()


@peer(first=(0, 3), later=0)
async def byte_by_byte(talk: Talk) -> None:
    """Sends each answer in single bytes, without a pause."""
    while True:
        for byte in await talk.good_answer(await talk.request()):
            talk.writer.write(bytes([byte]))
        await talk.writer.drain()


@peer(first=(0, 3), later=0)
async def line_feeds_alone(talk: Talk) -> None:
    """Ends its header lines with LF alone."""
    while True:
        head, _, body = (await talk.good_answer(await talk.request())).partition(b"\r\n\r\n")
        await talk.send(head.replace(b"\r\n", b"\n") + b"\n\n" + body)


@peer(first=1, ids=_TORN, problem="answered 200")
async def length_one_short(talk: Talk) -> None:
    """Promises a byte less than it sends, on connections that it keeps open."""
    while True:
        body = (await talk.good_answer(await talk.request())).partition(b"\r\n\r\n")[2]
        await talk.send(response(body, headers={"Content-Length": str(len(body) - 1)}))
