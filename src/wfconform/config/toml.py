"""Writes a target file: the few TOML shapes that one needs."""

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def dumps(document: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a document of tables as TOML; what a table holds is written in line."""
    return "\n".join(f"[{_key(name)}]\n{_lines(table)}" for name, table in document.items() if table)


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items() if value is not None)


def _key(key: object) -> str:
    return str(key) if _BARE_KEY.fullmatch(str(key)) else _string(str(key))


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return _string(value)
        case Mapping():
            inside = ", ".join(f"{_key(key)} = {_value(child)}" for key, child in value.items() if child is not None)
            return f"{{ {inside} }}" if inside else "{}"
        case list() | tuple():
            return f"[{', '.join(_value(child) for child in value)}]"
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")
