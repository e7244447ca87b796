"""From a violation, and the traffic that showed it, to its reproducer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wfconform.reproduce.calls import calls_for, is_race
from wfconform.reproduce.predicates import Case, predicate
from wfconform.reproduce.script import KEYS, NEVER, About, render
from wfconform.session import Broken
from wfconform.target import Access
from wfconform.wire import Exchange

IN_PROCESS = "not run: in-process"
BESIDE = "not run: it shows in the storage, or after a restart"


@dataclass(frozen=True, slots=True)
class Reproducer:
    """A script, and the predicate that it ends with as JSON values; `race` there: what it shows depends on timing.

    reproduced: why it will not be run again, None when it can be.
    """

    script: str
    predicate: Mapping[str, Any]
    reproduced: str | None = None


def reproducer(
    id: str, broken: Broken, judged: Exchange, log: Sequence[Exchange], *, scenario: str, access: Access
) -> Reproducer:
    """Return the reproducer of a violation; `log` is what its scenario has sent so far, in order."""
    calls = calls_for(id, judged, log)
    shown = next(call for call in calls if call.exchange is judged)
    asked = predicate(Case(id, broken, shown, calls, KEYS))
    about = About(id, scenario, broken.expected, broken.actual)
    return Reproducer(
        script=render(calls, asked, access, about),
        predicate={**asked.as_data(), "race": is_race(calls)},
        reproduced=BESIDE if id.startswith("DUR-") else IN_PROCESS if access.base_url == NEVER else None,
    )
