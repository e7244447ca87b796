"""Verdicts as a page shows them: a sign, a word and a tone, so that nothing hangs on colour alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from wfconform.outcomes import Verdict
from wfconform.report.verdicts import WORDS


@dataclass(frozen=True, slots=True)
class Word:
    """tone: good, bad, warn or none, a class of the style sheet."""

    sign: str
    text: str
    tone: str


_SIGNS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.PASS: ("✓", "good"),
    Verdict.NOT_TESTED: ("·", "none"),
    Verdict.EXPECTED_FAILURE: ("~", "warn"),
    Verdict.WARN: ("!", "warn"),
    Verdict.FAIL: ("✗", "bad"),
    Verdict.ERROR: ("‼", "bad"),
}
MET, MISSED = Word("✓", "met", "good"), Word("✗", "missed", "bad")


def word_of(verdict: Verdict) -> Word:
    """Return how a verdict is shown."""
    sign, tone = _SIGNS[verdict]
    return Word(sign, WORDS[verdict], tone)
