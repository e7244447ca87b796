"""Fields of a recorded entry, read from whatever stands there: a value of another type counts as absent."""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MOST_SECONDS = 1e11


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def number(value: Any) -> float | None:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and abs(found) < MOST_SECONDS else None


def epoch(value: Any) -> float | None:
    """Return a time in epoch seconds, from that or from ISO 8601 (without a zone: UTC)."""
    if not isinstance(value, str):
        return number(value)
    try:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def unpacked(text: str) -> bytes | None:
    """Return what a base64 text holds, None when it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def body_bytes(value: Any) -> bytes | None:
    """Return a body as bytes: a text as it is, anything else as JSON; None for null."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def status(value: Any) -> int:
    """Return an HTTP status, 0 when there is none."""
    found = number(value)
    return int(found) if found is not None and 100 <= found <= 599 else 0


def header_rows(value: Any) -> list[tuple[str, str]]:
    """Return headers from an object, or from a list of objects with name and value; names in lower case."""
    rows: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else []
    if isinstance(value, list):
        rows = [(mapping(row).get("name"), mapping(row).get("value")) for row in value]
    return [(name.lower(), text) for name, text in rows if isinstance(name, str) and isinstance(text, str)]
