"""The failures of a run as a page tells them, within a size that a browser and a mailbox take.

Each is told in the fullest form that there is room for, worst first; the least form keeps what was expected and what
came. A reproducer that is packed is still one paste, only no longer readable.
"""

import base64
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import escape

from wfconform.outcomes import Evidence, RequirementResult, Run, TurnRecord, Verdict
from wfconform.report.text import clipped, lines, plain
from wfconform.report.words import Word, word_of
from wfconform.requirements import catalogue

IN_DETAIL = (Verdict.ERROR, Verdict.FAIL, Verdict.WARN, Verdict.EXPECTED_FAILURE)
BUDGET_BYTES = 320 * 1024  # of all findings, escaped
_MARKUP_BYTES, _CALL_MARKUP_BYTES = 900, 250  # of the template around one finding, and around one call
_LARGEST_SHARE = 4  # no finding takes more than this part of what is left
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


@dataclass(frozen=True, slots=True)
class Shown:
    """One evidence. earlier: calls before the first one of `turns` that are left out; left_out: its reproducer is."""

    expected: str
    actual: str
    path: str
    scenario: str
    turns: tuple[Call, ...]
    earlier: int
    reproducer: str
    reproduced: str
    key_name: str
    left_out: bool


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


@dataclass(frozen=True, slots=True)
class Form:
    """How fully a finding is told: characters of a value and of a body, calls, and how its script is given."""

    value: int
    calls: int
    body: int
    paste: Callable[[str, str], str] | None


def findings(run: Run) -> tuple[Finding, ...]:
    """Return what did not pass, worst first."""
    ordered = [result for verdict in IN_DETAIL for result in run.results if result.verdict is verdict]
    told = [_told(result, FORMS[-1]) for result in ordered]
    left = BUDGET_BYTES - sum(map(_size, told))
    for at, result in enumerate(ordered):
        least = _size(told[at])
        for form in FORMS[:-1]:
            fuller = _told(result, form)
            if _size(fuller) - least <= left / _LARGEST_SHARE:
                told[at] = fuller
                left -= _size(fuller) - least
                break
    return tuple(told)


def _size(finding: Finding) -> int:
    """Return how many bytes a finding adds to the page."""
    size = _MARKUP_BYTES + _escaped(finding.statement, finding.message)
    for shown in finding.evidence:
        size += _escaped(shown.expected, shown.actual, shown.path, shown.scenario, shown.reproducer, shown.reproduced)
        size += sum(_CALL_MARKUP_BYTES + _escaped(*_texts(call)) for call in shown.turns)
    return size


def _texts(call: Call) -> tuple[str, ...]:
    return call.request, call.request_body, call.answered, call.response_body


def _escaped(*texts: str) -> int:
    return sum(len(str(escape(text)).encode()) for text in texts)


def readable(id: str, script: str) -> str:
    """Return shell lines that write a script into a file and run it: it may exit without ending the shell."""
    return f"cat >{id}.sh <<'{_END}'\n{script}\n{_END}\nsh {id}.sh"


def packed(id: str, script: str) -> str:
    """Return the same in a third of the size, no longer readable."""
    text = base64.b64encode(zlib.compress(script.encode() + b"\n", 9)).decode()
    unpack = "import base64,sys,zlib; sys.stdout.buffer.write(zlib.decompress(base64.b64decode(sys.argv[1])))"
    return f"python3 -c '{unpack}' '{text}' >{id}.sh && sh {id}.sh"


FORMS = (
    Form(value=600, calls=6, body=600, paste=readable),
    Form(value=600, calls=6, body=600, paste=packed),
    Form(value=600, calls=1, body=300, paste=packed),
    Form(value=300, calls=1, body=150, paste=packed),
    Form(value=150, calls=0, body=0, paste=None),
)
"""From the fullest to the least."""


def _told(result: RequirementResult, form: Form) -> Finding:
    requirement = catalogue()[result.id]
    return Finding(
        id=result.id,
        level=result.level.value,
        clause=requirement.clause,
        statement=plain(requirement.statement),
        message=clipped(result.message, form.value),
        word=word_of(result.verdict),
        evidence=tuple(_shown(result.id, one, form) for one in result.evidence[:1]),
        more=max(0, len(result.evidence) - 1),
    )


def _shown(id: str, evidence: Evidence, form: Form) -> Shown:
    end = len(evidence.turns) if evidence.at_turn is None else evidence.at_turn + 1
    start = max(0, end - form.calls)
    script = evidence.reproducer or ""
    names = dict.fromkeys(_KEYS.findall(script))
    return Shown(
        expected=clipped(evidence.expected, form.value),
        actual=clipped(evidence.actual, form.value),
        path=clipped(evidence.path, form.value),
        scenario=clipped(evidence.scenario, form.value),
        turns=tuple(_call(evidence.turns[at], form, marked=at == evidence.at_turn) for at in range(start, end)),
        earlier=start,
        reproducer=form.paste(id, "\n".join(lines(script))) if script and form.paste else "",
        reproduced=clipped(evidence.reproduced or "", form.value),
        key_name=", ".join(names) or "nothing: no key is needed",
        left_out=bool(script and not form.paste),
    )


def _call(turn: TurnRecord, form: Form, *, marked: bool) -> Call:
    answer = f"no answer: {turn.failure}" if turn.status is None else f"answered {turn.status}"
    return Call(
        request=clipped(turn.request, form.value),
        request_body=clipped(turn.request_body, form.body),
        answered=clipped(f"{answer} after {turn.elapsed_ms:,.0f} ms", form.value),
        response_body=clipped(turn.response_body, form.body),
        marked=marked,
    )
