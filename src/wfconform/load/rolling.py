"""SLOs while the run goes on: which of them is missed so clearly that going on would show nothing more.

The rule, over the last WINDOW steady seconds of one stage:
- a count with an upper bound (`violations == 0`) ends the run once it is above it: it never comes down again;
- a percentile or the maximum of turns ends it when MISSES of the WINDOW seconds miss it, each with turns of its own;
- a share or a rate ends it when the window as a whole misses it.
Nothing is judged before a stage has WINDOW seconds, so no single second ends a run. What a second does not tell
(corrected and session latencies, lost sessions) is judged at the end alone.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wfconform.load.measured import Tick
from wfconform.load.slo import Slo

WINDOW = 10
MISSES = 8

_PLACE = {"p50": 0, "p95": 1, "p99": 2, "max": 3}
_UPPER = ("<", "<=", "==")
_COUNTED: Mapping[str, Callable[[Tick], int]] = {
    "violations": lambda tick: tick.violations,
    "refused": lambda tick: tick.refused,
    "failed": lambda tick: tick.failed,
    "turns": lambda tick: tick.turns,
    "sessions": lambda tick: tick.sessions_ended,
}


@dataclass(frozen=True, slots=True)
class Miss:
    """An SLO that ends the run; said: what was seen, for the user."""

    slo: Slo
    at_s: float
    said: str


class Watch:
    """Takes each second as it comes and says when an SLO is missed for good."""

    def __init__(self, slos: Sequence[Slo]) -> None:
        self._slos = tuple(slos)
        self._recent: deque[Tick] = deque(maxlen=WINDOW)
        self._counts = dict.fromkeys(_COUNTED, 0)

    def take(self, tick: Tick) -> Miss | None:
        """Return the first SLO that this second makes certain to be missed, None while all may still be met."""
        for name, counted in _COUNTED.items():
            self._counts[name] += counted(tick)
        if tick.phase != "steady" or (self._recent and self._recent[-1].stage != tick.stage):
            self._recent.clear()
        if tick.phase == "steady":
            self._recent.append(tick)
        found = ((slo, self._missed(slo)) for slo in self._slos)
        return next((Miss(slo, float(tick.second), said) for slo, said in found if said), None)

    def _missed(self, slo: Slo) -> str:
        if slo.kind == "count":
            return self._count_passed(slo)
        if len(self._recent) < WINDOW:
            return ""
        return self._seconds_missed(slo) if slo.kind == "latency" else self._window_missed(slo)

    def _count_passed(self, slo: Slo) -> str:
        count = self._counts.get(slo.figure)
        bounded = slo.operator in _UPPER and slo.figure in ("violations", "refused", "failed")
        if count is None or not bounded or count < slo.threshold or slo.met_by(count):
            return ""
        return f"{count} {slo.figure} by then"

    def _seconds_missed(self, slo: Slo) -> str:
        name, statistic = slo.latency
        if name != "turn" or statistic not in _PLACE:
            return ""
        seen = [tick.turn_us[_PLACE[statistic]] / 1000 for tick in self._recent if tick.turn_us is not None]
        missed = [value for value in seen if not slo.met_by(value)]
        return f"missed in {len(missed)} of {WINDOW} seconds" if len(missed) >= MISSES else ""

    def _window_missed(self, slo: Slo) -> str:
        counted = slo.figure.removesuffix(".rate")
        if counted not in _COUNTED:
            return ""
        number = sum(_COUNTED[counted](tick) for tick in self._recent)
        if slo.kind == "per second":
            return "" if slo.met_by(number / WINDOW) else f"{number / WINDOW:.1f}/s over {WINDOW} s"
        whole = sum(_part_of(counted, tick) for tick in self._recent)
        share = 100 * number / whole if whole else 0.0
        return "" if slo.met_by(share) else f"{share:.2f} % over {WINDOW} s"


def _part_of(counted: str, tick: Tick) -> int:
    return tick.turns if counted == "violations" else tick.turns + tick.stops + tick.refused + tick.failed
