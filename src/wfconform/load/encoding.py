"""Jobs, plans and measurements as JSON, between the processes of a load run; secrets never travel in them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from wfconform.target import Access, Input, Secret, Target, Versioned, Workflows

API_KEY_VARIABLE = "WFCONFORM_API_KEY"
HEADERS_VARIABLE = "WFCONFORM_LOAD_HEADERS"

_T = TypeVar("_T")


def to_json(value: object) -> bytes:
    """Return a dataclass of this package as one line of JSON."""
    return msgspec.json.encode(value)


def from_json(data: bytes, kind: type[_T]) -> _T:
    """Return the dataclass in a line of JSON; raises ValueError when it is none."""
    return msgspec.json.decode(data, type=kind)


def from_builtins(data: Any, kind: type[_T]) -> _T:
    """Return the dataclass in JSON-like values; raises ValueError when it is none."""
    return msgspec.convert(data, kind)


def public_target(target: Target) -> dict[str, Any]:
    """Return the target as JSON values, without its keys and headers."""
    access = target.access
    bare = {
        "base_url": access.base_url,
        "auth": access.auth,
        "timeout_s": access.timeout_s,
        "verify_tls": access.verify_tls,
    }
    return {
        "access": bare,
        "name": target.name,
        "workflows": msgspec.to_builtins(target.workflows, str_keys=True),
        "input": {"start": _plain(target.input.start), "template": _plain(target.input.template)},
        "session_ttl_s": target.session_ttl_s,
    }


def secrets_of(target: Target) -> dict[str, str]:
    """Return the environment variables that carry what `public_target` leaves out."""
    access, carried = target.access, {}
    if access.api_key is not None:
        carried[API_KEY_VARIABLE] = access.api_key.reveal()
    if access.headers:
        headers = {name: value.reveal() for name, value in access.headers.items()}
        carried[HEADERS_VARIABLE] = to_json(headers).decode()
    return carried


def target_of(public: Mapping[str, Any], environment: Mapping[str, str]) -> Target:
    """Return the target again, with the secrets of an environment; raises ValueError for what is no target."""
    access = Access(**public["access"])
    key = environment.get(API_KEY_VARIABLE)
    named = from_json(environment.get(HEADERS_VARIABLE, "{}").encode(), dict[str, str])
    headers = {name: Secret(value) for name, value in named.items()}
    wants_key = access.auth != "none" and bool(key)
    return Target(
        access=replace(access, api_key=Secret(key) if wants_key and key else None, headers=headers),
        workflows=_workflows(public["workflows"]),
        name=public["name"],
        input=Input(**public["input"]),
        session_ttl_s=public["session_ttl_s"],
    )


def _workflows(values: Mapping[str, Any]) -> Workflows:
    versioned = values.get("versioned")
    role = None
    if versioned:
        texts = {int(number): text for number, text in versioned["versions"].items()}
        role = Versioned(versioned["id"], texts, versioned["active"])
    return Workflows(**{**values, "versioned": role})


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(value) for value in node] if isinstance(node, list | tuple) else node
