"""What shows a violation again: from a finding to a predicate over the answers that a script gets.

A predicate is data: its name (a function of `judging`), the judged call, and arguments. Where a rule relates a call
to earlier ones, the arguments say so, and name the calls. What no rule here knows is compared with what came then.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wfconform.reproduce.answers import at
from wfconform.reproduce.calls import Call
from wfconform.reproduce.judging import OF_ANSWERS
from wfconform.scenarios.expectations import IsNotCancelled
from wfconform.session import Broken, Kind, Lenient, Refused, Valid
from wfconform.session.states import (
    BUSY_REFUSALS,
    CANCELLED,
    CLOSING_EVENTS,
    NODE_WORK,
    PAUSED,
    RESTING,
    STATUSES,
    TERMINAL,
    WAITING,
)
from wfconform.wire import parse
from wfconform.wire.exchange import Failure

Arguments = Mapping[str, Any]
Named = tuple[str, Arguments]

_REFUSALS = [[400, 428], [430, 499]]
_BUSY = [[code, code] for code in sorted(BUSY_REFUSALS)]
_BOUNDS = re.compile(r"(-?\d+)(?: to (-?\d+))?")
_FINAL = re.compile(r"a refusal, or status (\w+)")
_KINDS = {
    "a string": "string",
    "an integer": "integer",
    "a boolean": "boolean",
    "an array": "array",
    "an object": "object",
}


@dataclass(frozen=True, slots=True)
class Predicate:
    """What must hold of a script's answers: `name` of a function in `judging`, the judged call, its arguments.

    may_be_refused: a 4xx of the judged call conforms, too.
    """

    name: str
    call: int
    arguments: Arguments
    may_be_refused: bool = False

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "call": self.call,
            "arguments": dict(self.arguments),
            "may_be_refused": self.may_be_refused,
        }


@dataclass(frozen=True, slots=True)
class Case:
    """A finding, the call that showed it, and all calls of the script."""

    id: str
    broken: Broken
    judged: Call
    calls: Sequence[Call]
    key_names: Sequence[str]

    @property
    def before(self) -> list[list[int]]:
        """Earlier calls on the same run, by group; another one of a group may be answered the next time."""
        groups: dict[int, list[int]] = {}
        for call in self.calls:
            if call.run is not None and call.run == self.judged.run and call.group < self.judged.group:
                groups.setdefault(call.group, []).append(call.number)
        return list(groups.values())

    @property
    def base(self) -> int:
        """The turn number then, of the last of those that were answered."""
        told = {call.number: call.answer.turn_number for call in self.calls if call.answer}
        numbers = [[told[n] or 0 for n in group if n in told] for group in self.before]
        return next((max(group) for group in reversed(numbers) if group), 0)

    @property
    def together(self) -> list[int]:
        """The calls that were sent at once with the judged one, on its run."""
        return [one.number for one in self.calls if one.group == self.judged.group and one.run == self.judged.run]

    @property
    def expectations(self) -> list[Any]:
        """What the judged request expected on behalf of the requirement, and did not get."""
        answer, expects = self.judged.answer, self.judged.exchange.request.expects
        mine = [one for one in expects if self.id in one.ids] if answer is not None else []
        return [one for one in mine if answer is not None and isinstance(one.judge(answer), Broken)]


def predicate(case: Case) -> Predicate:
    """Return the predicate that is false of what came then and true of an answer that conforms."""
    valid = isinstance(case.judged.exchange.request.intent, Valid)
    for rule in (_by_meaning, _by_wording, _by_id, _by_place):
        found = rule(case)
        if found is not None:
            return Predicate(found[0], case.judged.number, found[1], not valid and found[0] in OF_ANSWERS)
    return Predicate("same_as_then", case.judged.number, _then(case))


def _then(case: Case) -> Arguments:
    exchange, path = case.judged.exchange, case.broken.path
    path = path if path.startswith("$") else ""
    return {"status": exchange.status or 0, "path": path, "value": at(parse(exchange.body).value, path)}


def _by_meaning(case: Case) -> Named | None:
    """Rules of what any response shows, and of requests that got no complete answer."""
    exchange = case.judged.exchange
    named: dict[str, Named] = {
        "AUT-004": ("no_key", {"variables": [*case.key_names]}),
        "EVT-008": ("no_foreign_mark", {"token": exchange.request.token or ""}),
        "EXE-008": ("complete", {}),
        "EXE-009": ("readable_refusal", {}),
        "EXE-011": ("http_status", {"allowed": [[404, 405], [501, 501]]}),
        "EXE-014": ("has_header", {"name": "retry-after", "statuses": [429, 503]}),
        "AUT-005": ("has_header", {"name": "www-authenticate", "statuses": [401]}),
    }
    if case.id in named:
        return named[case.id]
    if exchange.failure is not Failure.UNDECODABLE and exchange.status == 200:
        return None
    return ("one_object", {}) if exchange.failure is Failure.UNDECODABLE else None


def _by_wording(case: Case) -> Named | None:
    """What was expected of the exchange as a whole: a refusal, an execution, JSON."""
    intent, expected = case.judged.exchange.request.intent, case.broken.expected
    codes = [[code, code] for code in intent.codes] if isinstance(intent, Refused) else []
    if expected.startswith("a refusal (4xx)") or expected == " or ".join(str(low) for low, _ in codes) != "":
        executed = [] if isinstance(intent, Refused) else [[200, 200]]
        return "http_status", {"allowed": codes or [*executed, [400, 499]]}
    if expected in ("200: the request is valid", "a complete answer"):
        lenient = isinstance(intent, Lenient)
        return ("http_status", {"allowed": [[200, 200], [400, 499]]}) if lenient else ("one_object", {})
    if expected.startswith("200 cancelled, or"):
        return "http_status", {"allowed": [[200, 200], [400, 499] if "refusal" in expected else [409, 429]]}
    if expected == "an answer or a refusal of the turn that the stop met":
        return "http_status", {"allowed": [[200, 200], [400, 499]]}
    if expected in ("one JSON object", "200 with one JSON object"):
        return "one_object", {}
    if expected == "strict RFC 8259 JSON":
        return "one_object", {"strict": True}
    if case.broken.path == "headers.content-type":
        return "one_object", {"media": "application/json"}
    return None


def _by_id(case: Case) -> Named | None:
    for expectation in case.expectations:
        return _expected(expectation)
    rule = _RULES.get(case.id)
    return rule(case) if rule else None


def _expected(expectation: Any) -> Named | None:
    """What a role, a text or a version promised of the answer."""
    if isinstance(expectation, IsNotCancelled):
        return "value_in", {"path": "$.status", "values": sorted(STATUSES - {CANCELLED})}
    if hasattr(expectation, "status"):
        return "value_in", {"path": "$.status", "values": [expectation.status]}
    if hasattr(expectation, "text"):
        return "says", {"text": expectation.text, "others": [*getattr(expectation, "others", ())]}
    return None


def _by_place(case: Case) -> Named | None:
    """By the place that was wrong: bounds of a number, a status, a type, the run."""
    path, expected = case.broken.path, case.broken.expected
    bounds, final = _BOUNDS.fullmatch(expected), _FINAL.match(expected)
    refusals = _REFUSALS if final or case.id in _MAY_BE_REFUSED else []
    if path == "$.turn_number" and bounds:
        low, high = int(bounds[1]) - case.base, int(bounds[2] or bounds[1]) - case.base
        return "in_bounds", {"path": path, "low": low, "high": high, "after": case.before, "refusals": refusals}
    if path == "$.status" and final:
        return "stays_ended", {"before": case.before, "refusals": refusals}
    if path == "$.status" and CANCELLED in expected:
        busy = _BUSY if case.together[1:] else refusals
        return "value_in", {"path": path, "values": [CANCELLED], "refusals": busy}
    if expected in _KINDS and path.startswith("$."):
        return "typed", {"path": path, "kind": _KINDS[expected]}
    opener = next((call.number for call in case.calls if call.opens and call.run == case.judged.run), None)
    if path in ("$.run_id", "$.turn_number") and opener not in (None, case.judged.number):
        return "same_run", {"of": opener}
    return None


_MAY_BE_REFUSED = ("STS-009", "CAN-002", "CAN-003", "CAN-004", "CAN-005")


def _by_status(path: str, **wanted: str) -> Callable[[Case], Named]:
    """Return a rule: what goes with each status; `others` with those that are not named."""
    others = wanted.pop("others", "")
    table = {status: wanted.get(status, others) for status in sorted(STATUSES)}
    return lambda _: ("by_status", {"path": path, "wanted": {key: value for key, value in table.items() if value}})


def _always(name: str, **arguments: Any) -> Callable[[Case], Named]:
    return lambda _: (name, arguments)


def _flat(groups: Sequence[Sequence[int]]) -> list[int]:
    return [number for group in groups for number in group]


def _again(*keys: str) -> Callable[[Case], Named]:
    return lambda case: ("new_events", {"before": _flat(case.before), "keys": [*keys]})


def _unique(case: Case) -> Named:
    starts = [call.number for call in case.calls if call.exchange.request.kind is Kind.FIRST]
    return "distinct", {"path": "$.run_id", "among": starts}


def _at_once(case: Case) -> Named | None:
    if len(case.together) < 2:
        return None
    return "contiguous", {"among": case.together, "after": case.before}


def _after_a_stop(case: Case) -> Named | None:
    flags = {"$.is_completed": True, "$.is_waiting_for_input": False}
    path = case.broken.path
    return ("value_in", {"path": path, "values": [flags[path]]}) if path in flags else None


def _own_mark(case: Case) -> Named:
    return "says", {"text": case.judged.exchange.request.mark or ""}


_EVENT = ("type", "timestamp", "origin_node_logical_id", "source_node_logical_id")
_RULES: Mapping[str, Callable[[Case], Named | None]] = {
    "RUN-001": _always("matches", path="$.run_id", pattern="[0-9a-fA-F]{24}"),
    "RUN-002": _unique,
    "RUN-008": _always("created_now"),
    "RUN-012": _always("matches", path="$.run_id", pattern="[^A-Z]*"),
    "TRN-005": _at_once,
    "TRN-007": _own_mark,
    "STS-001": _always("value_in", path="$.status", values=sorted(STATUSES)),
    "STS-002": _always("value_in", path="$.status", values=sorted(RESTING)),
    "STS-003": _by_status("$.is_completed", others="false", **dict.fromkeys(TERMINAL, "true")),
    "STS-004": _by_status("$.is_waiting_for_input", others="false", **{WAITING: "true", PAUSED: ""}),
    "STS-005": _always("not_both"),
    "STS-006": _by_status("$.error", failed="text"),
    "STS-007": _by_status("$.next_input_hint", others="null", **{WAITING: "object", PAUSED: ""}),
    "STS-008": _always("value_in", path="$.next_input_hint.type", values=["busy_wait_for_user_message"]),
    "STS-012": _by_status("$.error", completed="none", **{WAITING: "none"}),
    "STS-013": _by_status("$.error", paused="none", cancelled="none", aborted_looping_risk="none"),
    "STS-014": _always("hint_among_events"),
    "EVT-001": _always("event_objects"),
    "EVT-002": _always("some_events"),
    "EVT-003": _always("told_end", wanted={key: sorted(value) for key, value in CLOSING_EVENTS.items()}),
    "EVT-004": _again("logical_id"),
    "EVT-005": _always("in_time"),
    "EVT-006": lambda case: ("paired", {"before": _flat(case.before)}),
    "EVT-007": _always("no_event", type="start_workflow"),
    "EVT-009": _again("timestamp", *(key for key in _EVENT if key != "timestamp")),
    "EVT-010": _always("node_events", work=sorted(NODE_WORK)),
    "CAN-001": _after_a_stop,
}
