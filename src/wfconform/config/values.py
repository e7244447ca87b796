"""What one value may look like, wherever it was written: file, environment and flags share these checks.

Each check returns the value to use or raises ValueError with the rest of a sentence ("must be …"). None of them
repeats a value that could be, or hold, a secret.
"""

import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

from wfconform.errors import ConfigError
from wfconform.requirements import catalogue

_In = TypeVar("_In")
_Out = TypeVar("_Out")

_WORKFLOW_ID = re.compile(r"[0-9a-f]{24}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_KEY = re.compile(r"[\x21-\x7e]+")
_ENDPOINT = re.compile(r"/v1/workflows/[^/]*/execute$")
_MADE_BY_HARNESS = {"content-length", "content-type", "connection", "transfer-encoding"}


def checked(where: str, check: Callable[[_In], _Out], value: _In) -> _Out:
    """Return what a check makes of a value; its refusal becomes a ConfigError that says where."""
    try:
        return check(value)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def base_url(value: str) -> str:
    """Check a base URL and return it without a trailing slash."""
    if re.search(r"[\x00-\x20\x7f]", value):
        raise ValueError("must not hold spaces or control characters")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL (host or port cannot be read)") from None
    for refused, reason in _url_complaints(value, parts):
        if refused:
            raise ValueError(reason)
    return value.rstrip("/")


def _url_complaints(value: str, parts: SplitResult) -> list[tuple[bool, str]]:
    secretive = parts.username is not None or parts.password is not None
    return [
        (parts.scheme not in ("http", "https"), "must begin with http:// or https://"),
        (secretive, "must not hold credentials: name the key's environment variable in api_key_env instead"),
        (not parts.hostname, "must name a host, such as https://api.example.com/workflows"),
        ("?" in value or "#" in value, "must not have a query or a fragment: give the part before /v1/workflows/…"),
        (
            bool(_ENDPOINT.search(parts.path)),
            "must end before /v1/workflows/…/execute: that part is added to it for each call",
        ),
    ]


def workflow_id(value: str) -> str:
    """Check that a workflow id is 24 hexadecimal characters in lower case."""
    if _WORKFLOW_ID.fullmatch(value):
        return value
    if _WORKFLOW_ID.fullmatch(value.lower()):
        raise ValueError(f"must be in lower case: {value.lower()}")
    if value.startswith("<"):
        raise ValueError("is still the placeholder that `wfconform init` wrote: put the workflow's id in its place")
    raise ValueError(f"must be a workflow id, 24 hexadecimal characters (0-9, a-f); this has {len(value)} characters")


def env_name(value: str) -> str:
    """Check that a value names an environment variable (and is not the secret itself)."""
    if not _ENV_NAME.fullmatch(value):
        raise ValueError(
            "must be the name of an environment variable, such as ACME_API_KEY, never the secret itself: "
            "a secret that was written here should be replaced by a new one"
        )
    return value


def key_value(value: str) -> str:
    """Check that an API key can travel in a header."""
    if not _KEY.fullmatch(value):
        raise ValueError("must be a key of visible ASCII characters: it is empty, or holds a space or a line end")
    return value


def header_name(value: str) -> str:
    """Check that a header may be added to every request."""
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError(f"is not a header name: {value[:40]!r}")
    if value.lower() in _MADE_BY_HARNESS:
        raise ValueError(f"must not set {value}: the harness makes this header for each request")
    return value


def header_value(value: str) -> str:
    """Check that a header's value is visible ASCII without spaces around it."""
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError("must have a value of visible ASCII characters, without spaces around it or line ends")
    return value


def seconds(value: float) -> float:
    """Check that a span of time is finite and above zero."""
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"must be a number of seconds greater than 0, not {value:g}")
    return value


def text(value: str) -> str:
    """Check that a text says something."""
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def requirement_id(value: str) -> str:
    """Check that a requirement ID is in the catalogue."""
    if value in catalogue():
        return value
    near = get_close_matches(value.upper(), catalogue(), n=3, cutoff=0.5)
    suffix = f"; did you mean {' or '.join(near)}?" if near else "; `wfconform requirements` lists them"
    raise ValueError(f"is not a requirement ID{suffix}")


def reason(value: str) -> str:
    """Check that an expected failure has a reason."""
    if not value.strip():
        raise ValueError("must give the reason why this failure is accepted")
    return value


def json_table(value: dict[str, Any]) -> dict[str, Any]:
    """Check that a TOML table can be sent as JSON: no dates, no infinities."""
    _refuse_non_json(value)
    return value


def template(value: dict[str, Any]) -> dict[str, Any]:
    """Check that an input template has a place for the text."""
    if not any("{text}" in leaf for leaf in _strings(json_table(value))):
        raise ValueError('must contain "{text}" in one of its strings: there goes what the user says')
    return value


def _refuse_non_json(node: Any) -> None:
    match node:
        case Mapping():
            for child in node.values():
                _refuse_non_json(child)
        case list():
            for child in node:
                _refuse_non_json(child)
        case float() if not math.isfinite(node):
            raise ValueError(f"holds {node}, which JSON cannot express")
        case str() | int() | float() | None:
            pass
        case _:
            raise ValueError(f"holds a {type(node).__name__}, which JSON cannot express: write it as a string")


def _strings(node: Any) -> list[str]:
    match node:
        case str():
            return [node]
        case Mapping():
            return [leaf for child in node.values() for leaf in _strings(child)]
        case list():
            return [leaf for child in node for leaf in _strings(child)]
        case _:
            return []


def _secret_key(value: SecretStr) -> SecretStr:
    key_value(value.get_secret_value())
    return value


BaseUrl = Annotated[str, AfterValidator(base_url)]
WorkflowId = Annotated[str, AfterValidator(workflow_id)]
EnvName = Annotated[str, AfterValidator(env_name)]
KeyValue = Annotated[SecretStr, AfterValidator(_secret_key)]
HeaderName = Annotated[str, AfterValidator(header_name)]
HeaderValue = Annotated[str, AfterValidator(header_value)]
Seconds = Annotated[float, AfterValidator(seconds)]
Text = Annotated[str, AfterValidator(text)]
RequirementId = Annotated[str, AfterValidator(requirement_id)]
Reason = Annotated[str, AfterValidator(reason)]
JsonTable = Annotated[dict[str, Any], AfterValidator(json_table)]
Template = Annotated[dict[str, Any], AfterValidator(template)]
