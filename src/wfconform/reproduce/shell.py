"""Text for a POSIX shell: quoting that nothing gets out of, and bodies with the shell's variables in them."""

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence

PLAIN_LIMIT = 4000  # characters of a body that is written out; a longer one is packed
Substitutions = Mapping[str, str]  # literal text -> the shell expression that stands for it


def quoted(text: str) -> str:
    """Return a text as one word; it must hold no NUL, which no shell can."""
    return "'" + text.replace("'", "'\\''") + "'"


def comment(text: str) -> str:
    """Return a text as one comment line."""
    return "# " + "".join(char if char.isprintable() else " " for char in text)


def is_plain(body: bytes) -> bool:
    """Tell whether a body can stand in a script as it is: readable text of moderate length."""
    try:
        return len(body) <= PLAIN_LIMIT and body.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def word(text: str, substitutions: Substitutions) -> str:
    """Return a text as one word, with expressions in place of the literals."""
    parts = _split(text, substitutions)
    return "".join(f'"{substitutions[part]}"' if odd else quoted(part) for odd, part in parts if part) or "''"


def packed(body: bytes, substitutions: Substitutions) -> tuple[str, tuple[str, ...]]:
    """Return a body packed for `unpack`, and the expressions that go between its pieces, in order."""
    bytewise = {key.encode("utf-8").decode("latin-1"): value for key, value in substitutions.items()}
    parts = _split(body.decode("latin-1"), bytewise)
    pieces = json.dumps([part for odd, part in parts if not odd]).encode()
    return base64.b64encode(zlib.compress(pieces, 9)).decode(), tuple(bytewise[part] for odd, part in parts if odd)


def _split(text: str, substitutions: Mapping[str, str]) -> Sequence[tuple[bool, str]]:
    """Cut a text at the literals, the longest first; True: it is one."""
    literals = sorted((key for key in substitutions if key), key=len, reverse=True)
    if not literals:
        return [(False, text)]
    pattern = re.compile("(" + "|".join(map(re.escape, literals)) + ")")
    return [(bool(index % 2), part) for index, part in enumerate(pattern.split(text))]
