"""Marks: texts of fixed length that tell whose input a response carries (EVT-008, TRN-007)."""

import re

_MARK = re.compile(rb"wfm([0-9a-f]{12})n([0-9a-f]{4})z")
TOKEN_DIGITS = 12


def make_mark(token: str, number: int) -> str:
    """Return the mark of a session (its token: 12 hex digits) for its text of that number."""
    return f"wfm{token}n{number % 0x10000:04x}z"


def token_of(mark: str) -> str:
    """Return the session token of a mark."""
    return mark[3 : 3 + TOKEN_DIGITS]


def foreign_mark(haystack: bytes, token: str) -> str | None:
    """Return a mark of another session, None when there is none."""
    if b"wfm" not in haystack:
        return None
    own = token.encode()
    return next((found.group(0).decode() for found in _MARK.finditer(haystack) if found.group(1) != own), None)


def marks_in(haystack: bytes, token: str) -> set[str]:
    """Return the session's own marks."""
    own = token.encode()
    return {found.group(0).decode() for found in _MARK.finditer(haystack) if found.group(1) == own}
