"""What a variant is: a server that keeps the contract in its own way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wfconform.reference.parts import Change

TargetTables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Variant:
    """A conforming server. uses: the requirements whose `allowed` it makes use of; warns: the SHOULDs it does not keep.

    target: what its target file says beyond the reference's, table by table; prefix: a path before /v1; level: what can
    be tested of it; live: it shows on a real connection only.
    """

    name: str
    sentence: str
    apply: Change
    uses: frozenset[str] = frozenset()
    warns: frozenset[str] = frozenset()
    target: TargetTables = field(default_factory=dict)
    prefix: str = ""
    level: str = "full"
    live: bool = False


def variant(name: str, sentence: str, apply: Change, *uses: str, warns: tuple[str, ...] = (), **more: Any) -> Variant:
    """Return a variant; `uses` and `warns` are requirement IDs."""
    return Variant(name, sentence, apply, frozenset(uses), frozenset(warns), **more)
