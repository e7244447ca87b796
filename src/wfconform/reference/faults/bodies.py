"""Faults in how answers and refusals are written: EXE-001, EXE-002, EXE-009, EXE-013, EXE-014."""

import html
import json
import unicodedata
from collections.abc import Callable

from wfconform.reference.calls import Call, Handler, Json, Layer, Reply, refusal
from wfconform.reference.faults.fault import Fault, fault, later, sets, stopped, turn_from
from wfconform.reference.parts import Change, answers, calls, remembering, replies


def _first_body(rewrite: Callable[[bytes], bytes]) -> Change:
    """Rewrite the bytes of first answers."""
    return replies(
        lambda reply, _: reply.but(body=rewrite(reply.body)), lambda reply, call: reply.status == 200 and call.opens
    )


def _latin_1(reply: Reply, _: Call) -> Reply:
    text = json.dumps({**reply.json, "product": "Conversación"}, ensure_ascii=False)
    return reply.but(body=text.encode("latin-1", "replace"))


def _refused_by_the_endpoint(reply: Reply, _: Call) -> bool:
    return reply.status in (400, 404, 409, 422)


def _texts(rewrite: Callable[[str], str]) -> Change:
    """Rewrite each text as it comes in."""
    return calls(lambda call: call.saying(rewrite(call.text or "")), lambda call: bool(call.goes_on and call.text))


def _limited() -> Layer:
    count = 0

    async def layer(call: Call, go: Handler) -> Reply:
        nonlocal count
        count += 1
        return await go(call) if count % 40 else refusal(429, "slow down")

    return layer


def _without_false(answer: Json, _: Call) -> None:
    for name in [name for name, value in answer.items() if value is False]:
        del answer[name]


FAULTS: tuple[Fault, ...] = (
    fault(
        "nan-in-the-first-answer",
        "A latency that was never measured is written as NaN.",
        _first_body(lambda body: b'{"latency_ms": NaN, ' + body[1:]),
        "EXE-001",
    ),
    fault(
        "status-written-twice",
        "The first answer has the key `status` twice.",
        _first_body(lambda body: b'{"status": "running", ' + body[1:]),
        "EXE-001",
    ),
    fault(
        "two-objects",
        "A second JSON object follows the first answer.",
        _first_body(lambda body: body + b'\n{"type": "end_of_stream"}'),
        "EXE-001",
    ),
    fault(
        "json-inside-a-string",
        "The first answer is a JSON string that holds JSON.",
        _first_body(lambda body: json.dumps(body.decode()).encode()),
        "EXE-001",
    ),
    fault(
        "answers-as-plain-text",
        "JSON is sent as text/plain.",
        replies(lambda reply, _: reply.with_headers(content_type="text/plain"), lambda reply, _: reply.status == 200),
        "EXE-001",
    ),
    fault(
        "first-turn-is-201",
        "A first turn answers 201 Created.",
        replies(lambda reply, _: reply.but(status=201), lambda reply, call: reply.status == 200 and call.opens),
        "EXE-001",
    ),
    fault(
        "first-answer-in-latin-1",
        "The body of a first answer is not UTF-8 but Latin-1.",
        replies(_latin_1, lambda reply, call: reply.status == 200 and call.opens),
        "EXE-001",
    ),
    fault(
        "nan-on-later-turns",
        "A latency that was never measured is NaN on later turns.",
        replies(
            lambda reply, _: reply.but(body=b'{"latency_ms": NaN, ' + reply.body[1:]),
            lambda reply, call: reply.status == 200 and call.goes_on,
        ),
        "EXE-002",
    ),
    fault(
        "flags-as-numbers",
        "The booleans of a later turn are 0 and 1.",
        answers(lambda answer, _: answer.update({n: int(v) for n, v in answer.items() if isinstance(v, bool)}), later),
        "EXE-002",
    ),
    fault(
        "turn-number-as-text-from-turn-10",
        "From turn 10 on turn_number is a string.",
        answers(lambda answer, _: answer.update(turn_number=str(answer["turn_number"])), turn_from(10)),
        "EXE-002",
    ),
    fault(
        "turn-number-as-float",
        "turn_number is written as 2.0.",
        answers(lambda answer, _: answer.update(turn_number=float(answer["turn_number"])), later),
        "EXE-002",
    ),
    fault("false-is-left-out", "Fields that are false are left out.", answers(_without_false), "EXE-002"),
    fault(
        "run-id-left-out-of-stops",
        "The answer to a stop has no run_id.",
        answers(lambda answer, _: answer.pop("run_id"), stopped),
        "EXE-002",
    ),
    fault(
        "null-events-on-stops",
        "The answer to a stop has null for its events.",
        answers(sets(events=None), stopped),
        "EXE-002",
        "EVT-001",
    ),
    fault(
        "refusals-as-web-pages",
        "What the endpoint refuses is answered with a web page.",
        replies(
            lambda reply, _: reply.but(body=b"<html><body>no</body></html>").with_headers(content_type="text/html"),
            _refused_by_the_endpoint,
        ),
        "EXE-009",
    ),
    fault(
        "refusals-without-a-sentence",
        "A refusal carries a number and no sentence.",
        replies(lambda reply, _: reply.but(body=json.dumps({"code": reply.status}).encode()), _refused_by_the_endpoint),
        "EXE-009",
    ),
    fault("texts-cut-at-4000", "Texts are cut at 4000 characters.", _texts(lambda text: text[:4000]), "EXE-013"),
    fault(
        "emoji-lost",
        "Characters of four UTF-8 bytes are lost.",
        _texts(lambda text: "".join(letter for letter in text if ord(letter) < 0x10000)),
        "EXE-013",
    ),
    fault("texts-escaped-for-html", "Quotes and brackets are escaped for HTML.", _texts(html.escape), "EXE-013"),
    fault("unix-line-ends", "CR LF becomes LF.", _texts(lambda text: text.replace("\r\n", "\n")), "EXE-013"),
    fault(
        "texts-normalised",
        "Texts are brought to Unicode normal form C.",
        _texts(lambda text: unicodedata.normalize("NFC", text)),
        "EXE-013",
    ),
    fault(
        "rate-limit-without-retry-after",
        "Every fortieth call is 429, and nobody says until when.",
        remembering(_limited),
        "EXE-014",
    ),
)
