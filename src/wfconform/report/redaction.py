"""--redact-bodies: a run whose texts are hashes; every report of it is made afterwards, as of any run.

What stays is what the contract itself says (field names, statuses, event types), identifiers in hexadecimal, numbers.
Every other string of a body becomes `sha256:` and 12 digits of a keyed hash: the same text has the same hash within a
report, and a short one cannot be guessed from it, for the key is thrown away.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from wfconform.outcomes import Evidence, Problem, RequirementResult, Run, TurnRecord
from wfconform.requirements import catalogue
from wfconform.shipped import read_contract

LEFT_OUT = "left out: --redact-bodies"
NOTE = "texts of requests and responses are replaced by hashes (--redact-bodies); reproducers are left out"
_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)("?)', re.DOTALL)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*+'?|\"(?:[^\"\\]|\\.)*+\"?|…[^…]*+…?", re.DOTALL)
_WORD = re.compile(r"[A-Za-z][A-Za-z_]+")
_IDENTIFIER = re.compile(
    r"[0-9A-Fa-f]{24}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|-?\d{1,20}(?:\.\d{1,9})?"
)
_OWN_WORDS = frozenset({"sha256", "true", "false", "null", "None", "True", "False"})
_QUERY = re.compile(r"(?<==)[^&\s]+")

Hash = Callable[[str], str]


def redact_bodies(run: Run, *, salt: bytes) -> Run:
    """Return the run with every text of its requests and responses replaced by a hash; salt: the hash's key."""

    def hashed(text: str) -> str:
        made = hmac.new(salt, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"sha256:{made[:12]}"

    return replace(
        run,
        results=tuple(_result(result, hashed) for result in run.results),
        problems=tuple(_problem(problem, hashed) for problem in run.problems),
        notes=(*(_prose(note, hashed) for note in run.notes), NOTE),
    )


def _problem(problem: Problem, hashed: Hash) -> Problem:
    return replace(problem, message=_prose(problem.message, hashed))


def _result(result: RequirementResult, hashed: Hash) -> RequirementResult:
    evidence = tuple(_evidence(one, hashed) for one in result.evidence)
    return replace(result, message=_prose(result.message, hashed), evidence=evidence)


def _evidence(evidence: Evidence, hashed: Hash) -> Evidence:
    return replace(
        evidence,
        expected=_prose(evidence.expected, hashed),
        actual=_prose(evidence.actual, hashed),
        turns=tuple(_turn(turn, hashed) for turn in evidence.turns),
        reproducer=None,
        reproduced=evidence.reproduced or LEFT_OUT,
        predicate=None,
    )


def _turn(turn: TurnRecord, hashed: Hash) -> TurnRecord:
    return replace(
        turn,
        request=_QUERY.sub(lambda found: _kept_or_hashed(found.group(), hashed), turn.request),
        request_body=_body(turn.request_body, hashed),
        response_body=_body(turn.response_body, hashed),
        failure=_prose(turn.failure, hashed),
    )


def _body(text: str, hashed: Hash) -> str:
    """Return a body with its strings hashed; one that is no JSON object or array is one text."""
    if not text.strip():
        return text
    if text.lstrip()[:1] not in ("{", "["):
        return hashed(text)
    pieces, end = [], 0
    for found in _STRING.finditer(text):
        pieces += [
            _between(text[end : found.start()], hashed),
            f'"{_in_string(found.group(1), hashed)}{found.group(2)}',
        ]
        end = found.end()
    return "".join([*pieces, _between(text[end:], hashed)])


def _between(text: str, hashed: Hash) -> str:
    """Return what stands outside of strings: in JSON punctuation, numbers, literals; anything else is a text."""
    return re.sub(r"[^\s\[\]{}:,]+", lambda found: _kept_or_hashed(found.group(), hashed), text)


def _in_string(raw: str, hashed: Hash) -> str:
    try:
        text = json.loads(f'"{raw}"', strict=False)
    except ValueError:
        text = raw
    return _kept_or_hashed(text, hashed)


def _kept_or_hashed(text: str, hashed: Hash) -> str:
    kept = text in vocabulary() or _IDENTIFIER.fullmatch(text) is not None or not text
    return text if kept else hashed(text)


def _prose(text: str, hashed: Hash) -> str:
    """Return a sentence of ours whose quotations are hashed."""
    return _QUOTED.sub(lambda found: _quotation(found.group(), hashed), text)


def _quotation(quoted: str, hashed: Hash) -> str:
    mark = quoted[0]
    inner = quoted[1:].removesuffix(mark)
    return f"{mark}{_kept_or_hashed(inner, hashed)}{mark}"


@cache
def vocabulary() -> frozenset[str]:
    """Return the words of the contract: names of fields, statuses, commands, event types."""
    words = set(_WORD.findall(read_contract("openapi.yaml"))) | _OWN_WORDS
    return frozenset(words | set(catalogue()))
