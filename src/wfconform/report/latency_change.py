"""Latencies of two load runs side by side, with what chance alone would explain.

A percentile read off n samples lies, with 95 % confidence, between the values whose ranks are 1.96 binomial standard
deviations below and above its own. Where the intervals of the two runs do not meet, the change is called significant.
Turns of one session follow each other and are not quite independent, so this says "not by chance", not "by how much".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

PERCENTILES = (50.0, 95.0, 99.0)
_Z = 1.96
_BEYOND_AT_LEAST = 5  # samples above the percentile; with fewer, the interval has no upper end
_US_PER_MS = 1000


@dataclass(frozen=True, slots=True)
class LatencyChange:
    """One percentile of one step in both runs, in milliseconds; significant: None when it cannot be told."""

    step: str
    percentile: float
    before_ms: float
    after_ms: float
    significant: bool | None

    @property
    def ratio(self) -> float | None:
        """After over before, None when before is nothing."""
        return self.after_ms / self.before_ms if self.before_ms else None


def latency_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[LatencyChange, ...]:
    """Return the percentiles that both load parts have, from their histograms, else from their plain figures."""
    changes: list[LatencyChange] = []
    for step in _steps(before):
        if step in _steps(after):
            pair = [_histogram(part, step) for part in (before, after)]
            changes += _measured(step, *pair) if all(pair) else _told(step, before, after)
    return tuple(changes)


def _steps(part: Mapping[str, Any]) -> list[str]:
    found = part.get("latency_ms")
    return list(found) if isinstance(found, dict) else []


def _histogram(part: Mapping[str, Any], step: str) -> Any:
    """Return a step's histogram (whole microseconds), None where there is none that can be read."""
    texts = part.get("histograms")
    text = texts.get(step) if isinstance(texts, dict) else None
    if not isinstance(text, str):
        return None
    from hdrh.histogram import HdrHistogram

    try:
        found = HdrHistogram.decode(text)
    except Exception:  # whatever the library makes of a text that is no histogram
        return None
    return found if found.get_total_count() else None


def _measured(step: str, before: Any, after: Any) -> list[LatencyChange]:
    return [_of_percentile(step, percentile, before, after) for percentile in PERCENTILES]


def _of_percentile(step: str, percentile: float, before: Any, after: Any) -> LatencyChange:
    spans = [_interval(histogram, percentile) for histogram in (before, after)]
    values = [histogram.get_value_at_percentile(percentile) / _US_PER_MS for histogram in (before, after)]
    significant = None
    if spans[0] is not None and spans[1] is not None:
        significant = spans[0][1] < spans[1][0] or spans[1][1] < spans[0][0]
    return LatencyChange(step, percentile, values[0], values[1], significant)


def _interval(histogram: Any, percentile: float) -> tuple[int, int] | None:
    """Return between which values (microseconds) the percentile lies, None with too few samples."""
    count, share = histogram.get_total_count(), percentile / 100
    if count * (1 - share) < _BEYOND_AT_LEAST:
        return None
    spread = _Z * sqrt(count * share * (1 - share))
    low, high = max(1, int(count * share - spread)), min(count, ceil(count * share + spread) + 1)
    return (
        histogram.get_value_at_percentile(100 * low / count),
        histogram.get_value_at_percentile(100 * high / count),
    )


def _told(step: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[LatencyChange]:
    """Return what the plain figures say, of which nobody can tell how sure they are."""
    changes = []
    for percentile in PERCENTILES:
        values = [_figure(part, step, f"p{percentile:g}") for part in (before, after)]
        if values[0] is not None and values[1] is not None:
            changes.append(LatencyChange(step, percentile, values[0], values[1], None))
    return changes


def _figure(part: Mapping[str, Any], step: str, name: str) -> float | None:
    row = part["latency_ms"][step]
    value = row.get(name) if isinstance(row, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
