"""The failures of a run as a page tells them, within a size that a browser and a mailbox take.

Texts are cut, and from a budget on a reproducer is packed: still one paste, no longer readable. Worst first.
"""

import base64
import re
import zlib
from dataclasses import dataclass

from wfconform.outcomes import Evidence, RequirementResult, Run, TurnRecord, Verdict
from wfconform.report.text import clipped, lines, plain
from wfconform.report.words import Word, word_of
from wfconform.requirements import catalogue

IN_DETAIL = (Verdict.ERROR, Verdict.FAIL, Verdict.WARN, Verdict.EXPECTED_FAILURE)
TURNS_SHOWN = 6
BODY_LIMIT = 600
VALUE_LIMIT = 600
READABLE_BYTES = 64 * 1024  # of reproducers in all; further ones are packed
CALLS_BYTES = 64 * 1024  # of calls in all; of further failures the one call that shows it is left
_KEYS = re.compile(r"^\w*KEY=\$\{(\w+):-\}", re.MULTILINE)
_END = "WFCONFORM_END"


@dataclass(frozen=True, slots=True)
class Call:
    """One call and its answer; marked: it shows the violation."""

    request: str
    request_body: str
    answered: str
    response_body: str
    marked: bool

    @property
    def size(self) -> int:
        """How much it adds to the page, roughly."""
        return len(self.request) + len(self.request_body) + len(self.response_body) + 200


@dataclass(frozen=True, slots=True)
class Shown:
    """One evidence; earlier: how many calls before the first one of `turns` are left out."""

    expected: str
    actual: str
    path: str
    scenario: str
    turns: tuple[Call, ...]
    earlier: int
    reproducer: str
    reproduced: str
    key_name: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement that did not pass."""

    id: str
    level: str
    clause: str
    statement: str
    message: str
    word: Word
    evidence: tuple[Shown, ...]
    more: int


def findings(run: Run) -> tuple[Finding, ...]:
    """Return what did not pass, worst first."""
    budget = _Budget()
    ordered = (result for verdict in IN_DETAIL for result in run.results if result.verdict is verdict)
    return tuple(_finding(result, budget) for result in ordered)


class _Budget:
    """What is left of the page's size for scripts that can be read, and for calls."""

    def __init__(self) -> None:
        self._readable, self._calls = READABLE_BYTES, CALLS_BYTES

    def paste(self, id: str, text: str) -> str:
        script = "\n".join(lines(text))
        self._readable -= len(script)
        return readable(id, script) if self._readable >= 0 else packed(id, script)

    def calls(self, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        kept = calls if self._calls >= 0 else tuple(call for call in calls if call.marked)
        self._calls -= sum(call.size for call in kept)
        return kept


def readable(id: str, script: str) -> str:
    """Return shell lines that write a script into a file and run it: it may exit without ending the shell."""
    return f"cat >{id}.sh <<'{_END}'\n{script}\n{_END}\nsh {id}.sh"


def packed(id: str, script: str) -> str:
    """Return the same in a third of the size, no longer readable."""
    text = base64.b64encode(zlib.compress(script.encode() + b"\n", 9)).decode()
    unpack = "import base64,sys,zlib; sys.stdout.buffer.write(zlib.decompress(base64.b64decode(sys.argv[1])))"
    return f"python3 -c '{unpack}' '{text}' >{id}.sh && sh {id}.sh"


def _finding(result: RequirementResult, budget: _Budget) -> Finding:
    requirement = catalogue()[result.id]
    return Finding(
        id=result.id,
        level=result.level.value,
        clause=requirement.clause,
        statement=plain(requirement.statement),
        message=clipped(result.message, VALUE_LIMIT),
        word=word_of(result.verdict),
        evidence=tuple(_shown(result.id, one, budget) for one in result.evidence[:1]),
        more=max(0, len(result.evidence) - 1),
    )


def _shown(id: str, evidence: Evidence, budget: _Budget) -> Shown:
    end = len(evidence.turns) if evidence.at_turn is None else evidence.at_turn + 1
    start = max(0, end - TURNS_SHOWN)
    calls = tuple(_call(turn, marked=at == evidence.at_turn) for at, turn in enumerate(evidence.turns[:end]))[start:]
    kept = budget.calls(calls)
    names = dict.fromkeys(_KEYS.findall(evidence.reproducer or ""))
    return Shown(
        expected=clipped(evidence.expected, VALUE_LIMIT),
        actual=clipped(evidence.actual, VALUE_LIMIT),
        path=clipped(evidence.path, VALUE_LIMIT),
        scenario=plain(evidence.scenario),
        turns=kept,
        earlier=start + len(calls) - len(kept),
        reproducer=budget.paste(id, evidence.reproducer) if evidence.reproducer else "",
        reproduced=plain(evidence.reproduced or ""),
        key_name=", ".join(names) or "nothing: no key is needed",
    )


def _call(turn: TurnRecord, *, marked: bool) -> Call:
    answer = f"no answer: {turn.failure}" if turn.status is None else f"answered {turn.status}"
    return Call(
        request=clipped(turn.request, VALUE_LIMIT),
        request_body=clipped(turn.request_body, BODY_LIMIT),
        answered=clipped(f"{answer} after {turn.elapsed_ms:,.0f} ms", VALUE_LIMIT),
        response_body=clipped(turn.response_body, BODY_LIMIT),
        marked=marked,
    )
