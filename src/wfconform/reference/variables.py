"""Variables in texts: `{{dynamic}}` and `[[runtime]]` names replaced by their values (§4)."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}|\[\[\s*([A-Za-z_][\w.-]*)\s*\]\]")


def render(template: str, *, dynamic: Mapping[str, Any], runtime: Mapping[str, Any]) -> str:
    """Replace every known name once; an unknown one stays as it is written."""

    def value(found: re.Match[str]) -> str:
        source, name = (dynamic, found[1]) if found[1] else (runtime, found[2])
        return _text(source[name]) if name in source else found[0]

    return _PLACEHOLDER.sub(value, template)


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
