"""What a run has shown so far: per requirement, how often it held and how it was broken."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from wfconform.outcomes import Evidence, TurnRecord
from wfconform.redactor import Redactor
from wfconform.reproduce import reproducer
from wfconform.scenarios.expectations import ROLE_PREFIX
from wfconform.session import Broken, Finding
from wfconform.target import Access, Secret
from wfconform.wire import Connection, Exchange

EVIDENCE_LIMIT = 5  # kept of each requirement
TURNS_LIMIT = 16  # kept of each evidence
TEXT_LIMIT = 2000  # characters kept of a body
_CREDENTIALS = {
    "second": " [second key]",
    "none": " [no key]",
    "wrong": " [wrong key]",
    "wrong_scheme": " [wrong key and scheme]",
    "cut": " [key cut short]",
    "extended": " [key with more behind it]",
    "swapped": " [key in the other letter case]",
    "empty": " [empty key]",
}


Roots = tuple[str, ...]


@dataclass(slots=True)
class Record:
    """One requirement: how often it held, and by what explains it (nothing: for itself) how often it was broken."""

    held: int = 0
    broken: Counter[Roots] = field(default_factory=Counter)
    evidence: dict[Roots, list[Evidence]] = field(default_factory=lambda: defaultdict(list))


class Recorder:
    """All requirements of a run, and the roles that did not behave as declared."""

    def __init__(self, access: Access, *, begun_s: float) -> None:
        self.records: dict[str, Record] = {}
        self.roles: dict[str, str] = {}
        self.established: set[str] = set()
        self.background = False  # whether a run ever moved on by itself, so that less can be told of it
        self._access = access
        self.secrets = _secrets(access)
        self.redact = Redactor(self.secrets)
        self._begun_s = begun_s

    def take(
        self,
        finding: Finding,
        exchange: Exchange,
        scenario: str,
        log: Sequence[Exchange],
        *,
        establishes: Collection[str] = (),
    ) -> bool:
        """Take in a finding; `log` is the scenario's traffic so far. Return whether it broke something new, by itself.

        establishes: the requirements that this scenario alone can prove broken, so that they explain what follows.
        """
        if finding.id.startswith(ROLE_PREFIX):
            if finding.broken:
                said = self.redact(f"{finding.broken.actual}, expected {finding.broken.expected}")
                self.roles.setdefault(finding.id.removeprefix(ROLE_PREFIX), said)
            return False
        record = self.records.setdefault(finding.id, Record())
        if finding.broken is None:
            record.held += 1
            return False
        roots = tuple(root for root in finding.broken.roots if root != finding.id)
        record.broken[roots] += 1
        if finding.id in establishes and self.established.isdisjoint(roots):
            self.established.add(finding.id)
        kept = record.evidence[roots]
        if len(kept) < EVIDENCE_LIMIT and all(one.scenario != scenario for one in kept):
            kept.append(self._evidence(finding.id, finding.broken, exchange, scenario, log))
        return self.established.isdisjoint(roots) and self.standing(finding.id)[0] == 1

    def standing(self, id: str) -> tuple[int, list[Evidence]]:
        """Return how often a requirement was broken, but for what an established failure of another one explains."""
        record = self.records.get(id, Record())
        kinds = [roots for roots in record.broken if self.established.isdisjoint(roots)]
        return sum(record.broken[roots] for roots in kinds), [one for roots in kinds for one in record.evidence[roots]]

    def unexplained(self, ids: Collection[str]) -> set[str]:
        """Return what could explain the failures of some requirements, were it established."""
        broken = (self.records[id].broken for id in ids if id in self.records)
        return {root for kinds in broken for roots in kinds for root in roots} - self.established

    def explained_by(self, id: str) -> list[str]:
        """Return the established failures that explain what was seen broken."""
        record = self.records.get(id, Record())
        return sorted({root for roots in record.broken for root in roots} & self.established)

    def _evidence(
        self, id: str, broken: Broken, exchange: Exchange, scenario: str, log: Sequence[Exchange]
    ) -> Evidence:
        session = [one for one in log if one is exchange or _same_session(one, exchange)]
        end = session.index(exchange) + 1 if exchange in session else len(session)
        turns = session[max(0, end - TURNS_LIMIT) : end]
        again = reproducer(id, broken, exchange, log, scenario=scenario, access=self._access)
        return Evidence(
            expected=self.redact(broken.expected),
            actual=self.redact(broken.actual),
            path=self.redact(broken.path),
            scenario=scenario,
            turns=tuple(map(self.turn, turns)),
            at_turn=len(turns) - 1 if turns else None,
            reproducer=again.script,
            predicate=again.predicate,
            reproduced=again.reproduced,
        )

    def turn(self, exchange: Exchange) -> TurnRecord:
        """Return a call as reports show it."""
        request = exchange.request
        query = "?" + "&".join(f"{key}={value[:100]}" for key, value in request.query) if request.query else ""
        who = _CREDENTIALS.get(request.credential.value, "")
        again = f" [attempt {request.attempt}]" if request.attempt > 1 else ""
        fresh = " [new connection]" if request.connection is Connection.FRESH else ""
        failure = f"{exchange.failure}: {exchange.detail}" if exchange.failure else ""
        return TurnRecord(
            request=self.redact(f"{request.method} {request.target_path}{query}{who}{fresh}{again}"),
            request_body=self._text(_sent_body(exchange)),
            status=exchange.status,
            response_body=self._text(exchange.body[: TEXT_LIMIT * 4].decode("utf-8", "replace")),
            sent_s=round(exchange.sent_s - self._begun_s, 4),
            elapsed_ms=round(exchange.elapsed_s * 1000, 2),
            failure=self.redact(failure),
        )

    def _text(self, text: str) -> str:
        text = self.redact(text).encode("utf-8", "replace").decode()
        return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} … ({len(text)} characters or more)"


def _sent_body(exchange: Exchange) -> str:
    request = exchange.request
    if request.raw is not None:
        return request.raw[: TEXT_LIMIT * 4].decode("utf-8", "replace")
    return "" if request.json is None else json.dumps(request.json, ensure_ascii=False)


def _same_session(one: Exchange, other: Exchange) -> bool:
    mine, theirs = one.request, other.request
    return mine.token is not None and mine.token == theirs.token


def _secrets(access: Access) -> tuple[str, ...]:
    values: list[Secret | None] = [access.api_key, access.second_api_key, *access.headers.values()]
    values += (access.second_headers or {}).values()
    return tuple(value.reveal() for value in values if value is not None)
