"""Latency of a step: its histograms, and their correction for coordinated omission.

A user who waits for a stalled answer asks nothing meanwhile, so a closed run sees a stall once for each session,
however many turns would have fallen into it. The correction is HdrHistogram's: a turn that took longer than the usual
time between two turns of a session stands for the turns that were held up behind it. The usual time is the mean think
time plus the median turn at the same level, so a queue that is merely long corrects nothing: only what lasts twice as
long as usual does. (Lateness against a schedule drawn in advance, which a load run reports too, would not do here: in
a saturated closed queue each session falls ever further behind such a schedule, at any level.)
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from wfconform.load.measured import Measured

TURNS = ("turn first", "turn next")
_LOWEST_US, _HIGHEST_US, _DIGITS = 1, 3_600_000_000, 3
_MOST_HELD_UP = 500


def histogram(encoded: Iterable[str] = ()) -> Any:
    """Return the sum of histograms given in their base64 form."""
    from hdrh.histogram import HdrHistogram

    whole = HdrHistogram(_LOWEST_US, _HIGHEST_US, _DIGITS)
    for text in encoded:
        whole.decode_and_add(text)
    return whole


def of_turns(latency: Mapping[str, str]) -> Any:
    """Return first and later turns together."""
    return histogram(latency[row] for row in TURNS if row in latency)


def corrected(measured: Measured, *, think_s: float) -> Measured:
    """Return the measurements with the latency of turns corrected for omission."""
    usual_us = (think_s + median_s(of_turns(measured.latency))) * 1e6
    rows = {row: _corrected(text, usual_us) for row, text in measured.latency.items() if row in TURNS}
    return replace(measured, latency={**measured.latency, **rows})


def percentiles_ms(turns: Any) -> tuple[float, float, float]:
    """Return p50, p95 and p99 in milliseconds."""
    reached = _reached(turns)
    p50, p95, p99 = (_value_at(turns, reached, share) / 1000 for share in (0.5, 0.95, 0.99))
    return p50, p95, p99


def median_s(turns: Any) -> float:
    """Return the median in seconds, 0 when there are none."""
    return _value_at(turns, _reached(turns), 0.5) / 1e6


def mean_s(turns: Any) -> float:
    """Return the mean in seconds, 0 when there are none."""
    total = turns.get_total_count()
    return sum(value * count for value, count in _recorded(turns)) / 1e6 / total if total else 0.0


def share_beyond(turns: Any, limit_s: float) -> float:
    """Return the share of values over a limit, 0 when there are none."""
    total = turns.get_total_count()
    reach = range(turns.counts_len)
    within = bisect_left(reach, True, key=lambda index: turns.get_value_from_index(index) > limit_s * 1e6)
    return 1 - sum(turns.counts[:within]) / total if total else 0.0


def _counts(turns: Any) -> Any:
    """Return the histogram's counts, by index, as numpy sees them."""
    import numpy as np

    return np.ctypeslib.as_array(turns.counts)


def _reached(turns: Any) -> Any:
    return _counts(turns).cumsum()


def _value_at(turns: Any, reached: Any, share: float) -> int:
    """Return what the library's get_value_at_percentile does, in a hundredth of its time."""
    if not turns.get_total_count():
        return 0
    index = int(reached.searchsorted(max(int(share * turns.get_total_count() + 0.5), 1)))
    value: int = turns.get_highest_equivalent_value(turns.get_value_from_index(index))
    return value


def _corrected(encoded: str, usual_us: float) -> str:
    raw = histogram([encoded])
    if raw.get_max_value() < 2 * usual_us:
        return encoded
    whole = histogram()
    for longest, count in _recorded(raw):
        for value in _with_held_up(longest, max(int(usual_us), longest // _MOST_HELD_UP)):
            whole.record_value(value, count)
    text: str = whole.encode().decode()
    return text


def _with_held_up(value_us: int, usual_us: int) -> Iterator[int]:
    """Yield a latency, and those of the turns held up behind it that would have taken the usual time or longer."""
    yield value_us
    held_up = value_us - usual_us
    while held_up >= usual_us:
        yield held_up
        held_up -= usual_us


def _recorded(turns: Any) -> Iterator[tuple[int, int]]:
    """Yield each value that was recorded, and how often (a tenth of the time that the library's own iterator takes)."""
    counts = _counts(turns)
    for index in counts.nonzero()[0].tolist():
        yield turns.get_value_from_index(index), int(counts[index])
