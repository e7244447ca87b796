"""The levels that can be certified, and what each asks for: a check of some level, and for `load` a load run, too."""

from collections.abc import Mapping

from wfconform.errors import UsageError
from wfconform.requirements import Level, catalogue, required_at

CHECKED_AT: Mapping[str, str] = {"full": "full", "durable": "durable", "load": "full"}
"""A level to that of its checks."""
LEVELS = tuple(CHECKED_AT)
LOAD = "load"
SEEDS_AT_LEAST = 3


def required_for(level: str) -> frozenset[str]:
    """Return the MUSTs that have to pass for a certificate at a level; raises UsageError for none of `LEVELS`."""
    if level not in CHECKED_AT:
        raise UsageError(f"unknown level {level!r} of a certificate", hint=f"one of: {', '.join(LEVELS)}")
    musts = required_at(CHECKED_AT[level])
    return musts | _under_load() if level == LOAD else musts


def _under_load() -> frozenset[str]:
    return frozenset(one.id for one in catalogue().values() if one.group == "LOD" and one.level is Level.MUST)
