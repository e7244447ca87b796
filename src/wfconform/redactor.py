"""Keeps secrets out of texts: whole or cut off, as they are or as they stand in JSON, a URL, HTML, base64."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

SHORTEST = 4  # characters; shorter values stand in texts by chance
CUT_AT_LEAST = 6  # characters of a secret that a cut left over
STARS = "***"
_CUT_AFTER = re.compile(r"…|\.\.\.|['\"]?\Z")
_CUT_BEFORE = re.compile(r"\A['\"]?|…")
_PLACES = 200  # at most that many ends of a text are looked at


class Redactor:
    """Replaces each known secret by stars, whatever its letter case."""

    def __init__(self, secrets: Iterable[str]) -> None:
        values = {value for value in secrets if len(value) >= SHORTEST}
        values |= {value[:-1] for value in values if len(value) > CUT_AT_LEAST}  # as wrong keys are sent
        forms = sorted({form for value in values for form in _written(value)}, key=len, reverse=True)
        self._long = sorted({_folded(form) for form in forms if len(form) > CUT_AT_LEAST}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None

    def __call__(self, text: str) -> str:
        """Return the text without the secrets."""
        if self._pattern is None or not text:
            return text
        return self._without_pieces(self._pattern.sub(STARS, text))

    def _without_pieces(self, text: str) -> str:
        """Take away what is left of a secret where a text was cut: its beginning at an end, its end at a beginning."""
        folded = _folded(text)
        spans = [span for form in self._long for span in (*self._beginnings(folded, form), *self._ends(folded, form))]
        for start, end in sorted(set(spans), reverse=True):
            text = f"{text[:start]}{STARS}{text[end:]}"
        return text

    def _beginnings(self, text: str, form: str) -> Iterable[tuple[int, int]]:
        head = form[:CUT_AT_LEAST]
        if head in text:
            for found in _some(_CUT_AFTER, text):
                at = text.rfind(head, max(0, found.start() - len(form)), found.start())
                if at >= 0 and form.startswith(text[at : found.start()]):
                    yield at, found.start()

    def _ends(self, text: str, form: str) -> Iterable[tuple[int, int]]:
        tail = form[-CUT_AT_LEAST:]
        if tail in text:
            for found in _some(_CUT_BEFORE, text):
                at = text.find(tail, found.end(), found.end() + len(form))
                if at >= 0 and form.endswith(text[found.end() : at + len(tail)]):
                    yield found.end(), at + len(tail)


def _some(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Return the first matches and the last ones."""
    found = list(pattern.finditer(text))
    return found if len(found) <= _PLACES else [*found[: _PLACES // 2], *found[-_PLACES // 2 :]]


def _folded(text: str) -> str:
    """Return a text in small letters, each in its place (`lower` alone makes some characters two)."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(char.lower()[0] for char in text)


def _written(value: str) -> set[str]:
    """Return how a value may stand in a text."""
    in_json = json.dumps(value)[1:-1]
    forms = {value, in_json, in_json.replace("/", "\\/"), quote(value, safe=""), html.escape(value), repr(value)[1:-1]}
    return forms | {packed for packed in _packed(value.encode()) if len(packed) > CUT_AT_LEAST}


def _packed(value: bytes) -> Iterator[str]:
    """Yield how a value may stand within the base64 of a longer text, by where it begins in a group of three bytes.

    The characters at both ends that neighbours take part in are left away.
    """
    for before in range(3):
        whole = base64.b64encode(bytes(before) + value).decode().rstrip("=")
        unsure_at_end = 1 if (before + len(value)) % 3 else 0
        yield whole[(0, 2, 3)[before] : len(whole) - unsure_at_end]
