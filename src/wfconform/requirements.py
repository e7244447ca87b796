"""The requirement catalogue as values, read once from contracts/requirements.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any

import yaml

from wfconform.errors import HarnessError, UsageError
from wfconform.shipped import read_contract


class Level(StrEnum):
    """How binding a requirement is, as in RFC 2119."""

    MUST = "MUST"
    SHOULD = "SHOULD"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of the catalogue.

    needs: alternatives, each a set of what a target must offer (`conv`, `end`, `echo`, `key2`, a role's name);
    empty when nothing is needed. allowed: choices of a conforming server that are never flagged.
    """

    id: str
    level: Level
    clause: str
    statement: str
    needs: tuple[frozenset[str], ...]
    allowed: str = ""

    @property
    def group(self) -> str:
        """The three letters before the dash."""
        return self.id[:3]

    def shown_by(self, offers: frozenset[str]) -> bool:
        """Tell whether a target that offers this much can show the requirement."""
        return not self.needs or any(need <= offers for need in self.needs)


class _StrictLoader(yaml.SafeLoader):
    """YAML without silent surprises: a key given twice is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise HarnessError(f"contracts: key given twice: {sorted(map(str, twice))} at {node.start_mark}")
        return super().construct_mapping(node, deep=deep)


def load_yaml(text: str) -> Any:
    """Parse YAML (safe types only; a duplicate key raises HarnessError)."""
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader underneath


@cache
def catalogue() -> Mapping[str, Requirement]:
    """Return all requirements by ID, in catalogue order."""
    rows = load_yaml(read_contract("requirements.yaml"))["requirements"]
    return MappingProxyType({row["id"]: _requirement(row) for row in rows})


@cache
def groups() -> Mapping[str, str]:
    """Return the group prefixes with their titles, in catalogue order."""
    return MappingProxyType(load_yaml(read_contract("requirements.yaml"))["groups"])


def _requirement(row: Mapping[str, Any]) -> Requirement:
    return Requirement(
        id=row["id"],
        level=Level(row["level"]),
        clause=row["clause"],
        statement=row["statement"],
        needs=tuple(frozenset(need) for need in row["needs"]),
        allowed=row.get("allowed", ""),
    )


def select(patterns: tuple[str, ...]) -> frozenset[str]:
    """Return the IDs that the patterns name: an ID (`TRN-002`) or a group (`TRN`), any letter case.

    Raises UsageError for a pattern that names nothing.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        wanted = pattern.strip().upper()
        hits = {id for id in catalogue() if wanted in (id, id[:3])}
        if not hits:
            raise UsageError(
                f"unknown requirement {pattern!r}",
                hint="`wfconform requirements` lists the IDs; a group (TRN) works too",
            )
        chosen |= hits
    return frozenset(chosen)


_OUTSIDE: Mapping[str, frozenset[str]] = {
    "core": frozenset({"DUR", "LOD"}),
    "full": frozenset({"DUR", "LOD"}),
    "durable": frozenset({"LOD"}),
}
ROLES = ("conversation", "completes", "fails", "loops", "pauses", "slow", "versioned")
LEVELS = ("core", "full", "durable")
FULL_ACCESS = ("conv", "end", "echo", "completes", "fails", "loops", "pauses", "slow", "versioned", "active", "key2")
DURABLE_ACCESS = (*FULL_ACCESS, "mongo", "restart")


def required_at(level: str) -> frozenset[str]:
    """Return the MUSTs that have to be tested for exit 0 at a level; raises UsageError for an unknown level."""
    if level not in LEVELS:
        raise UsageError(f"unknown level {level!r}", hint=f"one of: {', '.join(LEVELS)}")
    musts = [r for r in catalogue().values() if r.level is Level.MUST and r.group not in _OUTSIDE[level]]
    if level == "core":
        return frozenset(r.id for r in musts if r.shown_by(frozenset({"conv"})))
    return frozenset(r.id for r in musts)


def by_level(counts: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Split counts by requirement ID into those of MUSTs and those of SHOULDs, without zeros, in order."""
    counted = sorted((id, count) for id, count in counts.items() if count)
    musts = {id: count for id, count in counted if catalogue()[id].level is Level.MUST}
    return musts, {id: count for id, count in counted if id not in musts}
