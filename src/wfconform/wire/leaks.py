"""Looks for the run's API keys in what came back (AUT-004)."""

import json
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from wfconform.target import Access

CERTAIN_KEY = 8  # characters; a shorter key may stand in an answer by chance, so more than the key must match
LIKELY_KEY = 6


@dataclass(frozen=True, slots=True)
class Leaks:
    """The keys in every form in which they may stand in a response, each with the pattern that decides."""

    forms: tuple[tuple[bytes, re.Pattern[bytes]], ...]

    @classmethod
    def of(cls, access: Access) -> Self | None:
        """Return what to look for, None when no key is used."""
        keys = [key.reveal() for key in (access.api_key, access.second_api_key) if key]
        if not keys or access.auth == "none":
            return None
        forms = {form.encode() for key in keys for form in _written(key)}
        return cls(tuple((form, re.compile(_pattern(form))) for form in sorted(forms)))

    def found_in(self, part: bytes | bytearray) -> bool:
        """Tell whether a key is there; the plain search comes first, for it is fast in a large body."""
        return any(form in part and pattern.search(part) is not None for form, pattern in self.forms)


def _written(key: str) -> set[str]:
    """Return the key as it may stand in a response: as it is, in a JSON string, in a URL."""
    in_json = json.dumps(key)[1:-1]
    return {key, in_json, in_json.replace("/", "\\/"), quote(key, safe="")}


def _pattern(key: bytes) -> bytes:
    """Return the pattern of a key in a response; a short one must stand for itself there."""
    escaped = re.escape(key)
    if len(key) >= CERTAIN_KEY:
        return escaped
    if len(key) >= LIKELY_KEY:
        return rb"(?<![\w-])" + escaped + rb"(?![\w-])"
    return rb'"' + escaped + rb'"|Bearer ' + escaped + rb"(?![\w-])"
