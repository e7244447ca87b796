"""Exchanges to the ledger: what the reply is, and what the bytes alone show."""

import re
from dataclasses import replace
from typing import Any

from wfconform.session import (
    Answer,
    Ask,
    Broken,
    Ended,
    Finding,
    Indeterminate,
    Kind,
    Ledger,
    Lenient,
    NotProcessed,
    NotSent,
    Observed,
    Refusal,
    Refused,
    Reply,
    Unreadable,
)
from wfconform.wire.decode import answer_of, parse, spoken, strings
from wfconform.wire.exchange import Exchange, Failure
from wfconform.wire.marks import foreign_mark, marks_in

Read = tuple[Reply, list[Finding]]

# EXE-009: refusals that may have any form, because a gateway or the HTTP layer may have made them.
_ANY_FORM = frozenset({401, 403, 405, 413, 414, 429, 431})
_METHOD_REFUSALS = frozenset({405, 404, 501})
_READABLE = re.compile(r"[^\W\d_]{3}")
# EXE-008: a response that never came, or never ended. A connection that was never made tells nothing.
_INCOMPLETE = frozenset({Failure.TIMEOUT, Failure.TORN, Failure.TOO_LARGE, Failure.NOT_HTTP, Failure.UNDECODABLE})


def observe(ledger: Ledger, *exchanges: Exchange) -> list[tuple[Exchange, Finding]]:
    """Take in exchanges that were sent together (or one) and return what each shows.

    A finding of the ledger over several exchanges is given with the last of them.
    """
    found: list[tuple[Exchange, Finding]] = []
    group: list[Observed] = []
    for exchange in exchanges:
        reply, findings = _read(exchange)
        found += [(exchange, finding) for finding in findings]
        group.append(Observed(_ask(exchange), reply))
    found += [(exchanges[-1], finding) for finding in ledger.observe(*group)]
    return found


def reply_to(exchange: Exchange) -> Reply:
    """Return what the reply to a request is, without judging it."""
    return _read(exchange)[0]


def _ask(exchange: Exchange) -> Ask:
    request = exchange.request
    return Ask(
        kind=request.kind if request.method == "POST" else Kind.OTHER,
        workflow_id=request.workflow_id,
        run_id=request.run_id,
        intent=request.intent,
        expects=request.expects,
        credential=request.credential,
        mark=request.mark,
        sent_s=exchange.sent_s,
        received_s=exchange.received_s,
        sent_at=exchange.sent_at,
        received_at=exchange.sent_at + exchange.elapsed_s,
    )


def _read(exchange: Exchange) -> Read:
    if exchange.kept_reading is None:
        object.__setattr__(exchange, "kept_reading", _reading(exchange))
    read: Read = exchange.kept_reading
    return read


def _reading(exchange: Exchange) -> Read:
    if exchange.failure is not None:
        return _failed(exchange)
    status = exchange.status or 0
    reply, findings = _by_status(exchange, status)
    return reply, [*_every_response(exchange, status), *findings]


def _failed(exchange: Exchange) -> Read:
    failure = exchange.failure
    if failure is Failure.NOT_SENT:
        return NotSent(), []
    if failure not in _INCOMPLETE or exchange.request.method != "POST":
        return Indeterminate(None, str(failure)), []
    actual = f"{failure}: {exchange.detail}" if exchange.detail else str(failure)
    findings = [Finding("EXE-008", Broken("a complete response below 500 within the timeout", actual))]
    if exchange.status == 200 and exchange.request.kind is Kind.FIRST and failure is Failure.UNDECODABLE:
        findings.append(Finding("EXE-001", Broken("200 with one JSON object", actual)))
    return Indeterminate(None, actual), findings


def _by_status(exchange: Exchange, status: int) -> Read:
    if exchange.request.method != "POST":
        return Unreadable(status, "another method"), []
    if status == 200:
        return _answer(exchange)
    if status == 429 or (status == 503 and exchange.header("retry-after") is not None):
        return NotProcessed(status), []
    if status >= 500:
        broken = Finding("EXE-008", Broken("a status below 500", str(status)))
        return Indeterminate(status), [broken]
    if 400 <= status < 500:
        return Refusal(status), _refusal_form(exchange, status)
    return Unreadable(status, "redirects are not followed" if 300 <= status < 400 else ""), []


def _every_response(exchange: Exchange, status: int) -> list[Finding]:
    """What any response shows: no key in it, nothing of another session, the headers that refusals carry."""
    findings: list[Finding] = []
    if exchange.leaked is not None:
        leak = Broken("the API key nowhere", "it is in the response") if exchange.leaked else None
        findings.append(Finding("AUT-004", leak))
    if status in (429, 503):
        there = exchange.header("retry-after") is not None
        findings.append(Finding("EXE-014", None if there else Broken("a Retry-After header", "none", "headers")))
    if status == 401:
        there = exchange.header("www-authenticate") is not None
        findings.append(Finding("AUT-005", None if there else Broken("a WWW-Authenticate header", "none", "headers")))
    if exchange.request.method == "POST" and isinstance(exchange.request.intent, Lenient) and 200 <= status < 500:
        findings += [Finding("EXE-008")] if "EXE-008" in exchange.request.intent.ids else []
    if exchange.request.method != "POST" and status not in (429, 503):
        fits = status in _METHOD_REFUSALS
        findings.append(Finding("EXE-011", None if fits else Broken("405", str(status))))
    token = exchange.request.token
    if token is not None:
        findings += _leak(exchange, token)
    return findings


def _leak(exchange: Exchange, token: str) -> list[Finding]:
    """EVT-008: nothing of another session's input, in the body or in a header."""
    places = (("$", exchange.body), ("headers", str(exchange.headers).encode()))
    for path, haystack in places:
        alien = foreign_mark(haystack, token)
        if alien is not None:
            if path == "headers":  # a cookie may stand beside it
                return [Finding("EVT-008", Broken("nothing of another session's input", f"{alien!r}", path))]
            at = haystack.index(alien.encode())
            around = haystack[max(0, at - 60) : at + len(alien) + 20].decode("utf-8", "replace")
            return [Finding("EVT-008", Broken("nothing of another session's input", f"…{around}…", path))]
    return []


def _answer(exchange: Exchange) -> Read:
    request, parsed = exchange.request, parse(exchange.body)
    if not isinstance(parsed.value, dict):
        what = parsed.fault or f"JSON, but no object: {exchange.body[:60]!r}"
        id = "EXE-001" if request.kind is Kind.FIRST else "EXE-002"
        return Unreadable(200, what), [Finding(id, Broken("one JSON object", what))]
    answer, findings = answer_of(parsed.value, date=exchange.header("date"))
    findings += _strictness(exchange, parsed.fault)
    if request.expects or request.echoed:
        answer = replace(answer, spoken=tuple(spoken(parsed.value)))
    return answer, [*findings, *_own_mark(exchange, answer)]


def _strictness(exchange: Exchange, fault: str) -> list[Finding]:
    first = exchange.request.kind is Kind.FIRST
    if fault:
        lax = Broken("strict RFC 8259 JSON", fault, roots=() if first else ("EXE-001",))
        return [Finding("EXE-001" if first else "EXE-002", lax)]
    media_type = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
    if not first:
        return []
    wrong = media_type != "application/json"
    broken = Broken("application/json", media_type or "none", "headers.content-type") if wrong else None
    return [Finding("EXE-001", broken)]


def _own_mark(exchange: Exchange, answer: Answer) -> list[Finding]:
    """TRN-007: the answer to a marked text carries that mark in what the server says; so EVT-008 means something."""
    request = exchange.request
    if not request.echoed or request.mark is None or isinstance(request.intent, Ended | Refused):
        return []
    if answer.status is None or answer.run_id != request.run_id or not answer.events:
        return []
    if any(request.mark in text for text in answer.spoken):
        return [Finding("TRN-007"), Finding("EVT-008")]
    if answer.status in ("cancelled", "failed", "aborted_looping_risk"):
        return []
    others = sorted(marks_in("\n".join(answer.spoken).encode("utf-8", "replace"), request.token or ""))
    seen = f"an earlier text's mark {others[-1]!r}" if others else "no mark"
    return [Finding("TRN-007", Broken(f"the text's own mark {request.mark!r} in the answer", seen, "$.events"))]


def _refusal_form(exchange: Exchange, status: int) -> list[Finding]:
    """EXE-009: JSON with a human-readable string, where the endpoint itself refused."""
    if status in _ANY_FORM or not exchange.request.probes_endpoint:
        return []
    parsed = parse(exchange.body)
    rough = isinstance(exchange.request.intent, Lenient) and "EXE-008" in exchange.request.intent.ids
    if parsed.fault and status == 400 and rough:
        return []  # what only just is HTTP may be refused by the HTTP layer, in its own form
    if parsed.fault:
        return [Finding("EXE-009", Broken("a refusal in JSON", f"{status}: {parsed.fault}"))]
    if any(_READABLE.search(text) for text in strings(parsed.value)):
        return [Finding("EXE-009")]
    return [Finding("EXE-009", Broken("a human-readable string in the refusal", _shortened(parsed.value), "$"))]


def _shortened(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 120 else shown[:117] + "..."
