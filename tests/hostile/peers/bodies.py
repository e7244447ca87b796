"""Peers whose bodies are not what their headers say, or not what a reader can take."""

import gzip
import json
import zlib

from tests.hostile.peers.table import answer_all, peer
from tests.hostile.sockets import Talk, response

_FORM = ("EXE-001", "EXE-002")
_CODED = ("EXE-001", "EXE-008")
_WHAT = "answered 200"


def _bomb(mebibytes: int) -> bytes:
    return gzip.compress(b" " * (mebibytes << 20), 9)


_BOMB = _bomb(256)
_NESTED_BOMB = gzip.compress(gzip.compress(gzip.compress(b" " * (64 << 20), 9), 9) * 1000, 9)
_NUMBERS = ("1e999", "-1e999", "9" * 400, "1e-999")
_EMPTY_BLOCKS = gzip.compress(zlib.compress(b"")[:2] + b"\x00\x00\x00\xff\xff" * 200_000, 9)


@peer(first=1, ids=_CODED, problem="too large", slow=True)
async def gzip_bomb(talk: Talk) -> None:
    """Sends 250 KB of gzip that swell to 256 MiB."""
    await answer_all(talk, response(_BOMB, headers={"Content-Encoding": "gzip"}))


@peer(first=1, problem="too large", slow=True)
async def nested_gzip_bomb(talk: Talk) -> None:
    """Sends gzip in gzip in gzip."""
    await answer_all(talk, response(_NESTED_BOMB, headers={"Content-Encoding": "gzip, gzip, gzip"}))


@peer(first=1, ids=_CODED, problem="content codings on top of each other")
async def a_hundred_codings(talk: Talk) -> None:
    """Names a hundred content codings."""
    await answer_all(talk, response(_BOMB, headers={"Content-Encoding": ", ".join(["gzip"] * 100)}))


@peer(first=1, problem="cut short", slow=True)
async def gzip_of_nothing(talk: Talk) -> None:
    """Sends deflate blocks with nothing in them, packed again."""
    await answer_all(talk, response(_EMPTY_BLOCKS, headers={"Content-Encoding": "deflate, gzip"}))


@peer(first=1, ids=_CODED, problem="undecodable")
async def says_gzip_and_is_plain(talk: Talk) -> None:
    """Names gzip and sends plain JSON."""
    while True:
        body = await talk.good_body(await talk.request())
        await talk.send(response(json.dumps(body).encode(), headers={"Content-Encoding": "gzip"}))


@peer(first=1, ids=_CODED, problem="cut short")
async def gzip_cut_short(talk: Talk) -> None:
    """Sends gzip without its end."""
    while True:
        body = await talk.good_body(await talk.request())
        await talk.send(response(gzip.compress(json.dumps(body).encode())[:-9], headers={"Content-Encoding": "gzip"}))


@peer(first=1, ids=_FORM, problem=_WHAT)
async def unknown_coding(talk: Talk) -> None:
    """Names a content coding that nobody knows, and sends bytes that nobody can read."""
    await answer_all(talk, response(bytes(range(128, 256)) * 8, headers={"Content-Encoding": "x-wfc"}))


@peer(later=(1, 3), problem="not at")
async def html_at_200(talk: Talk) -> None:
    """Answers everything with a page and status 200."""
    page = b"<!doctype html><title>\x1b[2JWelcome</title>"
    await answer_all(talk, response(page, headers={"Content-Type": "text/html"}))


@peer(first=1, ids=_FORM, problem=_WHAT)
async def empty_200(talk: Talk) -> None:
    """Answers 200 with nothing."""
    await answer_all(talk, response(b""))


@peer(first=1, problem="204", later=(1, 3))
async def no_content(talk: Talk) -> None:
    """Answers 204."""
    await answer_all(talk, b"HTTP/1.1 204 No Content\r\n\r\n")


@peer(first=1, ids=_FORM, problem=_WHAT)
async def a_list(talk: Talk) -> None:
    """Answers with a JSON array."""
    await answer_all(talk, response(b"[1, 2, 3]"))


@peer(first=1, ids=_FORM)
async def nothing_but_nan(talk: Talk) -> None:
    """Answers with numbers that JSON does not have."""
    while True:
        if body := await talk.good_body(await talk.request()):
            body |= {"x": float("nan"), "y": float("inf"), "turn_number": float("-inf")}
            await talk.send(response(json.dumps(body).encode()))


@peer(first=1, ids=_FORM)
async def duplicate_keys(talk: Talk) -> None:
    """Answers with every key given twice."""
    while True:
        if body := await talk.good_body(await talk.request()):
            text = json.dumps(body)
            await talk.send(response(f"{text[:-1]}, {text[1:]}".encode()))


@peer(first=1, problem=_WHAT, slow=True)
async def nested_100_000_deep(talk: Talk) -> None:
    """Answers with 100,000 arrays in each other."""
    await answer_all(talk, response(b"[" * 100_000 + b"]" * 100_000))


@peer(first=1, problem=_WHAT, slow=True)
async def objects_100_000_deep(talk: Talk) -> None:
    """Answers with 100,000 objects in each other, never closed."""
    await answer_all(talk, response(b'{"a":' * 100_000))


@peer(first=1, ids=_FORM)
async def huge_turn_number(talk: Talk) -> None:
    """Answers with a turn_number of 5,000 digits."""
    while True:
        if body := await talk.good_body(await talk.request()):
            text = json.dumps(body | {"turn_number": "@"}).replace('"@"', "1" + "0" * 5000)
            await talk.send(response(text.encode()))


@peer(first=1, ids=("TRN-001", "TRN-002", *_FORM))
async def long_turn_number(talk: Talk) -> None:
    """Answers with a turn_number of 3,900 digits, which a reader can just take."""
    while True:
        if body := await talk.good_body(await talk.request()):
            text = json.dumps(body | {"turn_number": "@"}).replace('"@"', "1" + "0" * 3900)
            await talk.send(response(text.encode()))


@peer(first=(0, 1, 3), later=(0, 1))
async def infinite_timestamps(talk: Talk) -> None:
    """Answers with timestamps of 1e999, and of 400 digits."""
    while True:
        if body := await talk.good_body(await talk.request()):
            for number, event in enumerate(body["events"]):
                event["timestamp"] = _NUMBERS[number % len(_NUMBERS)]
            text = json.dumps(body)
            for digits in _NUMBERS:
                text = text.replace(f'"{digits}"', digits)
            await talk.send(response(text.encode()))


@peer(first=1, ids=_FORM)
async def invalid_utf_8(talk: Talk) -> None:
    """Answers with bytes that are no UTF-8."""
    while True:
        if body := await talk.good_body(await talk.request()):
            await talk.send(response(json.dumps(body | {"x": "@"}).encode().replace(b"@", b"\xff\xc0\x80")))


@peer(first=1, ids=_FORM)
async def byte_order_mark(talk: Talk) -> None:
    """Answers with a byte order mark before the JSON."""
    while True:
        if body := await talk.good_body(await talk.request()):
            await talk.send(response(b"\xef\xbb\xbf" + json.dumps(body).encode()))


@peer(first=1, ids=_FORM)
async def utf_16(talk: Talk) -> None:
    """Answers in UTF-16."""
    while True:
        if body := await talk.good_body(await talk.request()):
            headers = {"Content-Type": "application/json; charset=utf-16"}
            await talk.send(response(json.dumps(body).encode("utf-16"), headers=headers))


@peer(first=1, ids=_FORM, problem=_WHAT)
async def zero_bytes(talk: Talk) -> None:
    """Answers with a mebibyte of zero bytes."""
    await answer_all(talk, response(bytes(1 << 20)))
