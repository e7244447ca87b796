"""The figures of a load run by the names that SLOs use: merged histograms, counts, shares and rates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

from wfconform.load.measured import Measured, violations_in
from wfconform.load.slo import BASE_UNIT, Slo
from wfconform.outcomes import LatencySummary, SloOutcome

LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3
_STEPS: Mapping[str, tuple[str, ...]] = {
    "turn": ("turn first", "turn next"),
    "turn.first": ("turn first",),
    "turn.next": ("turn next",),
    "turn.refused": ("turn refused",),
    "stop": ("stop",),
    "session": ("session",),
}
_CORRECTED = ("turn first", "turn next")
_SPECTRUM = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999)


def new_histogram() -> HdrHistogram:
    """Return an empty histogram of microseconds, up to an hour, to three significant digits."""
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def merged(encoded: Iterable[str]) -> HdrHistogram:
    """Return the sum of histograms in their base64 form; nothing is lost."""
    whole = new_histogram()
    for text in encoded:
        whole.add(HdrHistogram.decode(text))
    return whole


def summary(histogram: HdrHistogram) -> LatencySummary:
    """Return what a histogram of microseconds says, in milliseconds."""
    count = histogram.get_total_count()
    if not count:
        return LatencySummary()
    p50, p95, p99 = (statistic(histogram, name) for name in ("p50", "p95", "p99"))
    return LatencySummary(count, p50, p95, p99, statistic(histogram, "max"), statistic(histogram, "mean"))


def statistic(histogram: HdrHistogram, name: str) -> float | None:
    """Return `max`, `mean` or a percentile (`p99.9`) in milliseconds; None without samples."""
    if not histogram.get_total_count():
        return None
    if name == "mean":
        return round(float(histogram.get_mean_value()) / 1000, 3)
    if name == "max":
        return float(histogram.get_max_value()) / 1000
    return float(histogram.get_value_at_percentile(float(name[1:]))) / 1000


def spectrum(histogram: HdrHistogram) -> tuple[tuple[float, float], ...]:
    """Return (percentile, milliseconds) points as far out as the samples carry."""
    count = histogram.get_total_count()
    carried = [share for share in _SPECTRUM if count and (100 - share) / 100 * count >= 1]
    points = [(share, float(histogram.get_value_at_percentile(share)) / 1000) for share in carried]
    return (*points, (100.0, float(histogram.get_max_value()) / 1000)) if count else ()


@dataclass(frozen=True, slots=True)
class Figures:
    """All that an SLO can be about; made once from what was measured."""

    latencies: Mapping[str, HdrHistogram]
    counts: Mapping[str, int]
    steady_s: float
    steady_turns: int
    steady_sessions: int

    @classmethod
    def of(cls, measured: Measured) -> "Figures":
        """Return the figures of a run."""
        latencies = {name: _steps(measured.latency, steps) for name, steps in _STEPS.items()}
        latencies["turn.corrected"] = _steps(measured.corrected, _CORRECTED)
        steady = [tick for tick in measured.series if tick.phase == "steady"]
        return cls(
            latencies=latencies,
            counts=_counts(measured),
            steady_s=measured.steady_s,
            steady_turns=measured.steady_turns,
            steady_sessions=sum(tick.sessions_ended for tick in steady),
        )

    def actual(self, slo: Slo) -> float | None:
        """Return the figure that an SLO names, in its base unit; None when there was nothing to measure."""
        if slo.kind == "latency":
            name, what = slo.latency
            return statistic(self.latencies[name], what)
        if slo.kind == "per second":
            number = self.steady_turns if slo.figure == "turns.rate" else self.steady_sessions
            return number / self.steady_s if self.steady_s > 0 and self.counts["calls"] else None
        counted = slo.figure.removesuffix(".rate")
        whole = self.counts[_WHOLE[counted]]
        if not whole:
            return None
        return 100 * self.counts[counted] / whole if slo.kind == "share" else float(self.counts[counted])

    def judge(self, slo: Slo, *, missed_at_s: float | None = None) -> SloOutcome:
        """Return whether an SLO was met; one that ended the run was not, whatever the figure came to be."""
        actual = self.actual(slo)
        return SloOutcome(
            expression=str(slo),
            metric=slo.figure,
            unit=BASE_UNIT[slo.kind],
            threshold=slo.threshold,
            actual=None if actual is None else round(actual, 6),
            met=slo.met_by(actual) and missed_at_s is None,
            missed_at_s=missed_at_s,
        )


_WHOLE: Mapping[str, str] = {
    "violations": "turns",
    "lost": "sessions",
    "refused": "calls",
    "failed": "calls",
    "turns": "calls",
    "stops": "calls",
    "sessions": "sessions",
}
"""What each count is a part of: without any of it there was nothing to measure."""


def _steps(encoded: Mapping[str, str], steps: tuple[str, ...]) -> HdrHistogram:
    return merged(encoded[step] for step in steps if step in encoded)


def _counts(measured: Measured) -> dict[str, int]:
    return {
        "violations": violations_in(measured.violations),
        "lost": measured.sessions.get("lost", 0),
        "refused": measured.refused,
        "failed": measured.failed,
        "turns": measured.turns,
        "stops": measured.stops,
        "sessions": measured.sessions.get("started", 0),
        "calls": measured.turns + measured.stops + measured.refused + measured.failed,
    }
