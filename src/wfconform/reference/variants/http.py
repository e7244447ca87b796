"""Variants in HTTP: coding, connections, paths, headers, keys, limits."""

import asyncio
import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wfconform.reference.calls import Call, Handler, Layer, Reply, refusal
from wfconform.reference.parts import Change, Parts, answers, around, instead, part, remembering, replies
from wfconform.reference.variants.variant import Variant, variant

PREFIX = "/workflows/eu"
_LARGE = 512 * 1024


def _ok(reply: Reply, _: Call) -> bool:
    return reply.status == 200


def _everything(_: Reply, __: Call) -> bool:
    return True


def _gzipped(reply: Reply, call: Call) -> Reply:
    if "gzip" not in call.headers.get("accept-encoding", ""):
        return reply
    return reply.but(body=gzip.compress(reply.body)).with_headers(content_encoding="gzip", vary="Accept-Encoding")


def _indented(reply: Reply, _: Call) -> Reply:
    text = json.dumps(reply.json, ensure_ascii=False, indent=2)
    body = text.encode("utf-8", "replace")
    return reply.but(body=body).with_headers(content_type="Application/JSON; Charset=UTF-8")


def _below_prefix() -> Layer:
    async def layer(call: Call, go: Handler) -> Reply:
        if not call.path.startswith(PREFIX + "/v1/"):
            return refusal(404, "nothing is here")
        return await go(call.but(path=call.path.removeprefix(PREFIX)))

    return layer


def _demanding(parts: Parts) -> Parts:
    """Demand the headers teamid and uuid, and that they belong to the key."""
    numbers = {f"Bearer {key}": str(at) for at, key in enumerate(parts.keys or {}, start=1)}

    async def layer(call: Call, go: Handler) -> Reply:
        number = numbers.get(call.authorization)
        given = (call.headers.get("teamid"), call.headers.get("uuid"))
        if number is not None and given != (f"t{number}", f"u{number}"):
            return refusal(403, "teamid and uuid do not belong to the key")
        return await go(call)

    return around(layer)(parts)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _nulls_left_out(reply: Reply, _: Call) -> Reply:
    return reply.but(body=json.dumps(_without_nulls(reply.json)).encode())


def _slowly(seconds: float) -> Change:
    async def layer(call: Call, go: Handler) -> Reply:
        await asyncio.sleep(seconds)
        return await go(call)

    return around(layer)


def _now_and_then(answer: Callable[[int], Reply | None]) -> Change:
    """Answer some calls, by their number, without making them."""

    def make() -> Layer:
        count = 0

        async def layer(call: Call, go: Handler) -> Reply:
            nonlocal count
            count += 1
            return answer(count) or await go(call)

        return layer

    return remembering(make)


def _limited(number: int) -> Reply | None:
    if number % 7 == 0:
        return refusal(429, "slow down", retry_after="0")
    return refusal(503, "try again", retry_after="0") if number % 11 == 0 else None


def _limited_by_a_gateway(number: int) -> Reply | None:
    page = Reply(429, b"<html>slow down</html>", {"content-type": "text/html", "retry-after": "1"})
    return page if number % 50 == 0 else None


def _open_runs_at_most(limit: int, refuse: Reply) -> Change:
    """Refuse a start when a workflow has that many open runs of a tenant."""

    def make() -> Layer:
        open_runs: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

        async def layer(call: Call, go: Handler) -> Reply:
            mine = open_runs[(call.workflow_id, call.authorization)]
            if call.opens and len(mine) >= limit:
                return refuse
            reply = await go(call)
            if reply.answer:
                (mine.discard if reply.json["is_completed"] else mine.add)(reply.json["run_id"])
            return reply

        return layer

    return remembering(make)


VARIANTS: tuple[Variant, ...] = (
    variant("gzip", "Bodies are compressed for those who accept it.", replies(_gzipped, _everything), "EXE-001"),
    variant(
        "chunked",
        "Bodies come in three chunks, without a length.",
        replies(lambda reply, _: reply.but(pieces=3), _everything),
        "EXE-001",
        live=True,
    ),
    variant(
        "connection-close",
        "Each response closes its connection.",
        replies(lambda reply, _: reply.with_headers(connection="close"), _everything),
        "EXE-001",
        live=True,
    ),
    variant("indented-utf-8", "Bodies are indented, in raw UTF-8, and say so.", replies(_indented, _ok), "EXE-001"),
    variant(
        "path-prefix",
        "The deployment sits behind a path prefix.",
        remembering(_below_prefix),
        prefix=PREFIX,
    ),
    variant(
        "demanded-headers",
        "The headers teamid and uuid are demanded, and have to belong to the key.",
        _demanding,
        target={
            "target": {"headers": {"teamid": "t1", "uuid": "u1"}, "second_headers": {"teamid": "t2", "uuid": "u2"}}
        },
    ),
    variant(
        "no-keys",
        "The deployment asks for no key.",
        part(keys=None),
        "AUT-001",
        target={"target": {"auth": "none"}},
        level="core",
    ),
    variant("nulls-left-out", "Null fields are left out, in events too.", replies(_nulls_left_out, _ok), "EXE-002"),
    variant(
        "newer-fields",
        "Answers have fields of newer servers.",
        answers(lambda answer, _: answer.update(server={"build": 7}, cost=0.5, trace=[None, {"a": []}])),
        "EXE-002",
    ),
    variant("slow-calls", "Every call takes 50 ms.", _slowly(0.05)),
    variant(
        "sometimes-429-and-503",
        "Every seventh call is 429, every eleventh 503, with Retry-After 0.",
        _now_and_then(_limited),
        "EXE-008",
    ),
    variant(
        "gateway-429",
        "Every fiftieth call is 429 with Retry-After 1, as a page.",
        _now_and_then(_limited_by_a_gateway),
        "EXE-008",
        "EXE-009",
    ),
    variant(
        "four-open-runs",
        "A workflow has at most four open runs a tenant; further starts are 429 with Retry-After 1.",
        _open_runs_at_most(4, refusal(429, "too many open runs", retry_after="1")),
        "LOD-002",
    ),
    variant(
        "ten-open-runs",
        "A workflow has at most ten open runs a tenant; further starts are 409.",
        _open_runs_at_most(10, refusal(409, "too many open runs")),
        "LOD-002",
    ),
    variant(
        "small-bodies",
        "Bodies above 512 KiB are refused by a gateway, with a page.",
        instead(
            Reply(413, b"<html>too large</html>", {"content-type": "text/html"}), lambda call: len(call.body) > _LARGE
        ),
        "EXE-009",
    ),
    variant(
        "clock-behind",
        "The clock of the runtime is half a second behind the gateway's.",
        lambda parts: replace(parts, clock=lambda: parts.clock() - 0.5),
        live=True,
    ),
)
