"""Two reports of one target, an earlier and a later one: what is new, fixed, still failing, slower."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wfconform.outcomes import Verdict
from wfconform.report.json import Report, Result
from wfconform.report.latency_change import LatencyChange, latency_changes
from wfconform.requirements import catalogue


class Became(StrEnum):
    """What became of a requirement, in the order in which it is told."""

    NEW = "newly failing"
    STILL = "still failing"
    FIXED = "fixed"
    UNTESTED = "no longer tested"
    WARNS = "new warning"
    SILENT = "warning gone"


@dataclass(frozen=True, slots=True)
class Change:
    """A requirement whose verdict is worth a line; None: that report does not have it."""

    id: str
    became: Became
    before: Verdict | None
    after: Verdict | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of the comparison; notes: why the two may not be comparable."""

    before: Report
    after: Report
    changes: tuple[Change, ...]
    latency: tuple[LatencyChange, ...]
    notes: tuple[str, ...]

    def of(self, became: Became) -> tuple[Change, ...]:
        """Return the changes of one kind."""
        return tuple(change for change in self.changes if change.became is became)

    @property
    def exit_code(self) -> int:
        """1 when something is newly failing, else 0."""
        return 1 if self.of(Became.NEW) else 0


def compare(
    before: Report,
    after: Report,
    *,
    load_before: Mapping[str, Any] | None = None,
    load_after: Mapping[str, Any] | None = None,
) -> Comparison:
    """Compare an earlier report with a later one; load_*: their parts about a load run, where they have one."""
    rows = [{result.id: result for result in report.requirements} for report in (before, after)]
    changes = [
        change
        for id in catalogue()
        if (change := _change(id, rows[0].get(id), rows[1].get(id), (before.strict, after.strict))) is not None
    ]
    order = list(Became)
    return Comparison(
        before=before,
        after=after,
        changes=tuple(sorted(changes, key=lambda change: order.index(change.became))),
        latency=latency_changes(load_before or {}, load_after or {}),
        notes=tuple(_notes(before, after)),
    )


def _change(id: str, before: Result | None, after: Result | None, strict: tuple[bool, bool]) -> Change | None:
    old, new = before.verdict if before else None, after.verdict if after else None
    became = _became(old, new, failed=(_fails(old, strict=strict[0]), _fails(new, strict=strict[1])))
    return None if became is None else Change(id, became, old, new, after.message if after else "")


def _became(old: Verdict | None, new: Verdict | None, *, failed: tuple[bool, bool]) -> Became | None:
    untested = new in (None, Verdict.NOT_TESTED)
    candidates = {
        Became.NEW: failed == (False, True),
        Became.STILL: failed == (True, True),
        Became.UNTESTED: untested and old not in (None, Verdict.NOT_TESTED),
        Became.FIXED: failed == (True, False),
        Became.WARNS: new is Verdict.WARN and old is not Verdict.WARN,
        Became.SILENT: old is Verdict.WARN and new is Verdict.PASS,
    }
    return next((became for became, holds in candidates.items() if holds), None)


def _fails(verdict: Verdict | None, *, strict: bool) -> bool:
    return verdict in (Verdict.FAIL, Verdict.ERROR) or (strict and verdict is Verdict.WARN)


def _notes(before: Report, after: Report) -> list[str]:
    urls = [str(report.target.get("base_url", "")) for report in (before, after)]
    same = {
        f"different targets: {urls[0]} and {urls[1]}": urls[0] == urls[1],
        f"different levels: {before.level} and {after.level}": before.level == after.level,
        "judged over different selections": before.partial == after.partial,
        f"different versions of wfconform: {before.tool.get('version')} and {after.tool.get('version')}": before.tool
        == after.tool,
        "the earlier run was interrupted": not before.interrupted,
        "the later run was interrupted": not after.interrupted,
        f"the earlier run could not be judged as a whole (exit {before.exit_code})": not before.problems,
        f"the later run could not be judged as a whole (exit {after.exit_code})": not after.problems,
    }
    return [note for note, fine in same.items() if not fine]
