"""Which of a scenario's exchanges a script makes again, and when: in order, what was sent at once at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wfconform.session import Answer, Kind, NotProcessed
from wfconform.target import Input
from wfconform.wire import Exchange, make_mark, minimal_body, reply_to

# What is said of a session alone: its own calls are enough. Everything else may need the sessions beside it.
_OF_ONE_ANSWER = ("EXE-00", "EXE-011", "EXE-013", "EXE-014", "AUT-001", "AUT-002", "AUT-004", "AUT-005", "STS-00")
_OF_ONE_SESSION = ("RUN-001", "RUN-008", "RUN-012", "TRN-001", "TRN-005", "TRN-006", "EVT-001", "EVT-002", "EVT-003")
_ALONE = (*_OF_ONE_ANSWER, *_OF_ONE_SESSION, "STS-01", "EVT-005", "EVT-006", "EVT-007", "EVT-010")
_LONGEST_PAUSE_S = 2.5
_PAUSE_S = 0.9  # a shorter gap is the harness's own
_DELAY_S = 0.02  # a shorter one within a group is none
_STRANGER, _STRANGE_TOKEN = "5f" + "0" * 21 + "1", "0" * 12
_STRANGE_MARK = make_mark(_STRANGE_TOKEN, 1)
OPENINGS = 6  # for RUN-002: how many sessions are opened in a row at least


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a script, numbered from 1. pause_s: before its group begins; delay_s: after that.

    run: the run it speaks of, as it was then; opens: its answer was the first to name that run.
    """

    number: int
    exchange: Exchange
    group: int
    pause_s: float = 0.0
    delay_s: float = 0.0
    run: str | None = None
    opens: bool = False

    @property
    def answer(self) -> Answer | None:
        """The answer of then, None when there was none."""
        reply = reply_to(self.exchange)
        return reply if isinstance(reply, Answer) else None


def calls_for(id: str, judged: Exchange, log: Sequence[Exchange]) -> tuple[Call, ...]:
    """Return the calls that show a requirement broken; `log`: what the scenario has sent so far, in order."""
    kept = _without_retries([*log] if any(one is judged for one in log) else [*log, judged], judged)
    if id == "RUN-002":
        return _numbered(_openings(judged, kept))
    last = max(one.received_s for one in kept if _at_once(one, judged))
    before = [one for one in kept if one.sent_s <= judged.sent_s or _at_once(one, judged)]
    if id.startswith(_ALONE):
        chosen = [one for one in before if _same_session(one, judged, kept)]
    else:
        chosen = _beside(judged, before)
    if id == "EVT-008" and all(_same_session(one, judged, kept) for one in chosen):
        chosen = [*_stranger(chosen, kept), *chosen]
    return _numbered([one for one in chosen if one.sent_s <= last])


def is_race(calls: Sequence[Call]) -> bool:
    """Tell whether any two are sent at once."""
    return len({call.group for call in calls}) < len(calls)


def _without_retries(log: Sequence[Exchange], judged: Exchange) -> list[Exchange]:
    """Leave out what was not processed and sent again."""
    again = {(id(one.request.json), one.request.raw, one.request.mark) for one in log if one.request.attempt > 1}
    return [
        one
        for one in log
        if one is judged
        or (id(one.request.json), one.request.raw, one.request.mark) not in again
        or not isinstance(reply_to(one), NotProcessed)
    ]


def _at_once(one: Exchange, other: Exchange) -> bool:
    return one is other or (one.sent_s < other.received_s and other.sent_s < one.received_s)


def _run_of(exchange: Exchange) -> str | None:
    reply = reply_to(exchange)
    return exchange.request.run_id or (reply.run_id if isinstance(reply, Answer) else None)


def _tokens(judged: Exchange, log: Sequence[Exchange]) -> set[str | None]:
    """The judged call's session; for one that has none of its own, that of its run."""
    if judged.request.token is not None:
        return {judged.request.token}
    run = _run_of(judged)
    return {one.request.token for one in log if run is not None and _run_of(one) == run} - {None}


def _same_session(one: Exchange, judged: Exchange, log: Sequence[Exchange]) -> bool:
    return one is judged or one.request.token in _tokens(judged, log)


def _beside(judged: Exchange, log: Sequence[Exchange]) -> list[Exchange]:
    """The judged session's calls, and those of every session that was open while it was."""
    mine = [one for one in log if _same_session(one, judged, log)]
    begun, ended = min(one.sent_s for one in mine), max(one.received_s for one in mine)
    spans: dict[str | None, tuple[float, float]] = {}
    for one in log:
        low, high = spans.get(one.request.token, (one.sent_s, one.received_s))
        spans[one.request.token] = (min(low, one.sent_s), max(high, one.received_s))
    open_then = {token for token, (low, high) in spans.items() if low <= ended and begun <= high}
    return [one for one in log if one in mine or one.request.token in open_then]


def _openings(judged: Exchange, log: Sequence[Exchange]) -> list[Exchange]:
    """First turns: those of the scenario, and the judged one again until there are enough."""
    starts = [one for one in log if one.request.kind is Kind.FIRST and one is not judged][-OPENINGS:]
    end_s = judged.received_s
    more = [replace(judged, sent_s=end_s + n, received_s=end_s + n) for n in range(OPENINGS - len(starts) - 1)]
    return [*starts, judged, *more]


def _stranger(session: Sequence[Exchange], log: Sequence[Exchange]) -> list[Exchange]:
    """Another session that says something before this one begins: a first turn and a marked text, as copies."""
    first = next((one for one in (*session, *log) if one.request.kind is Kind.FIRST and one.status == 200), None)
    if first is None:
        return []
    said = next((one for one in (*session, *log) if one.request.mark and one.request.run_id), None)
    text = _STRANGE_MARK if said is None or said.request.mark is None else said.request.mark
    body = minimal_body(Input().with_text(text), run_id=_STRANGER) if said is None else said.request.json
    renamed = {str(_run_of(one)): _STRANGER for one in (first, said) if one} | {text: _STRANGE_MARK}
    opened = _renamed(first.request.json, renamed), first.body.decode("utf-8", "replace")
    begun_s = min(one.sent_s for one in session) - 2
    turn = replace(first.request, kind=Kind.TURN, json=_renamed(body, renamed), run_id=_STRANGER, token=_STRANGE_TOKEN)
    start = replace(first.request, json=opened[0], token=_STRANGE_TOKEN)
    answer = opened[1].replace(str(_run_of(first)), _STRANGER).encode()
    return [
        replace(first, request=start, body=answer, sent_s=begun_s, received_s=begun_s + 0.5),
        replace(first, request=turn, body=answer, sent_s=begun_s + 1, received_s=begun_s + 1.5),
    ]


def _renamed(node: Any, renamed: Mapping[str, str]) -> Any:
    text = json.dumps(node)
    for old, new in renamed.items():
        text = text.replace(old, new)
    return json.loads(text)


def _numbered(chosen: Sequence[Exchange]) -> tuple[Call, ...]:
    """Put the exchanges in order, and in groups of what was in flight at one moment."""
    ordered = sorted(chosen, key=lambda one: one.sent_s)
    calls: list[Call] = []
    begun_s, until_s, group = 0.0, float("-inf"), 0
    known: set[str] = set()
    for number, one in enumerate(ordered, 1):
        pause_s = delay_s = 0.0
        if one.sent_s >= until_s:
            gap_s = one.sent_s - until_s if calls else 0.0
            pause_s = round(min(gap_s, _LONGEST_PAUSE_S), 1) if gap_s >= _PAUSE_S else 0.0
            begun_s, group = one.sent_s, group + 1
        else:
            delay_s = round(one.sent_s - begun_s, 2) if one.sent_s - begun_s >= _DELAY_S else 0.0
        until_s = max(until_s, one.received_s)
        reply = reply_to(one)
        told = reply.run_id if isinstance(reply, Answer) else None
        opens = told is not None and told not in known
        known |= {told} if told else set()
        calls.append(Call(number, one, group, pause_s, delay_s, _run_of(one), opens))
    return tuple(calls)
