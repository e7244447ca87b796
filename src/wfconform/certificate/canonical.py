"""RFC 8785: each value has one encoding, so what is signed can be compared byte by byte."""

import hashlib
import json
from typing import Any

from wfconform.certificate.complaints import BadBundle


def encode(value: Any) -> bytes:
    """Return the canonical JSON (RFC 8785) of a JSON value; raises ValueError for what it cannot carry."""
    import rfc8785

    encoded: bytes = rfc8785.dumps(value)
    return encoded


def decode(content: bytes, *, name: str) -> Any:
    """Return the value of canonical JSON; raises BadBundle for any other spelling of it, a duplicate key included."""
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
        same = encode(value) == content
    except (ValueError, RecursionError) as error:
        said = str(error) or type(error).__name__
        raise BadBundle(name, f"is no canonical JSON: {said[:120]}") from None
    if not same:
        raise BadBundle(name, "is not in its canonical form (RFC 8785): its bytes were changed")
    return value


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is given twice")
    return made


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
