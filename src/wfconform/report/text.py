"""Makes text from a target fit to be shown: nothing in it may act on a terminal, break an XML or a table."""

import re
import unicodedata

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plain(text: str) -> str:
    """Return the text on one line, with control, format and unassigned characters as visible escapes."""
    if text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def lines(text: str) -> list[str]:
    """Return the lines of a text, each made plain."""
    return [plain(line) for line in text.splitlines()]


def clipped(text: str, limit: int) -> str:
    """Return the text made plain and cut to a length, with an ellipsis where it was cut."""
    shown = plain(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def sentence(statement: str, limit: int) -> str:
    """Return a statement's first clause, cut to a length."""
    return clipped(re.split(r"\. |; ", statement, maxsplit=1)[0], limit)


def _shown(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if unicodedata.category(char) not in _UNSAFE_CATEGORIES:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
