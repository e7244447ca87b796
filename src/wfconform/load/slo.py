"""SLOs: `turn.p95 < 500ms` as a value, read with errors that point at the character, and printed again.

    slo    := figure operator number unit
    figure := latency "." ( "p" percentile | "max" | "mean" )  |  a name of COUNTS, SHARES or PER_SECOND

Latencies want one of us, ms, s, min; shares %; rates per s (`/s`); counts no unit.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from types import MappingProxyType

from wfconform.errors import SloError

LATENCIES = ("turn", "turn.corrected", "turn.first", "turn.next", "turn.refused", "stop", "session")
COUNTS = ("violations", "lost", "refused", "failed", "turns", "stops", "sessions")
SHARES = ("violations.rate", "lost.rate", "refused.rate", "failed.rate")
PER_SECOND = ("turns.rate", "sessions.rate")

OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<=": le, ">=": ge, "==": eq, "<": lt, ">": gt}
)
_MILLISECONDS = MappingProxyType({"us": 0.001, "ms": 1.0, "s": 1000.0, "min": 60_000.0})
_UNITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"latency": tuple(_MILLISECONDS), "share": ("%",), "per second": ("/s",), "count": ("",)}
)
_ALL_UNITS = frozenset(unit for units in _UNITS.values() for unit in units)
BASE_UNIT: Mapping[str, str] = MappingProxyType({"latency": "ms", "share": "%", "per second": "/s", "count": ""})

_SPACE = re.compile(r"[ \t]*")
_FIGURE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_OPERATOR = re.compile("|".join(map(re.escape, OPERATORS)))
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,12})?")
_UNIT = re.compile(r"/[ \t]*s\b|per[ \t]+s\b|%|[A-Za-z/]+")
_STATISTIC = re.compile(r"max|mean|p(?P<share>[0-9]{1,3}(?:\.[0-9]{1,4})?)")
_NAMES = (
    f"figures: {', '.join(LATENCIES)} with .p50, .p95, .p99 (any percentile), .max or .mean; "
    f"{', '.join((*COUNTS, *SHARES, *PER_SECOND))}"
)


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective. kind: latency, share, per second or count; value: in `unit`, as it was written."""

    figure: str
    operator: str
    value: float
    unit: str

    @property
    def kind(self) -> str:
        """What kind of figure it is about."""
        return _kind(self.figure) or ""

    @property
    def threshold(self) -> float:
        """The value in the kind's base unit: ms, %, /s, or nothing."""
        return self.value * _MILLISECONDS.get(self.unit, 1.0)

    @property
    def latency(self) -> tuple[str, str]:
        """The latency and its statistic, of an SLO about a latency."""
        return _latency(self.figure) or ("", "")

    def met_by(self, actual: float | None) -> bool:
        """Tell whether a figure in the base unit meets it; no samples (None) never do."""
        return actual is not None and OPERATORS[self.operator](actual, self.threshold)

    def __str__(self) -> str:
        return f"{self.figure} {self.operator} {_digits(self.value)}{self.unit}"


def parse_slo(text: str) -> Slo:
    """Read one SLO; raises SloError with the text and a caret under the character that is wrong."""
    place = _skip(text, 0)
    figure, after_figure = _take(text, place, _FIGURE, "the name of a figure", _NAMES)
    kind = _kind(figure)
    if kind is None:
        raise _error(text, place + _wrong_from(figure), f"there is no figure {figure[:60]!r}", _NAMES)
    place = _skip(text, after_figure)
    operator, place = _take(text, place, _OPERATOR, "an operator", f"one of: {', '.join(OPERATORS)}")
    place = _skip(text, place)
    number, place = _take(text, place, _NUMBER, "a number", "for example turn.p95 < 500ms")
    place = _skip(text, place)
    unit, place = _unit(text, place, kind, figure)
    end = _skip(text, place)
    if end < len(text):
        raise _error(text, end, "nothing may follow here", "give each SLO a --slo (or an entry of slo) of its own")
    return Slo(figure, operator, float(number), unit)


def _unit(text: str, place: int, kind: str, figure: str) -> tuple[str, int]:
    found = _UNIT.match(text, place)
    written = found.group() if found else ""
    unit = "/s" if written.startswith(("per", "/")) and written.endswith("s") else written
    if unit in _UNITS[kind]:
        return unit, found.end() if found else place
    if kind == "count" and unit not in _ALL_UNITS:
        return "", place
    if kind == "count":
        raise _error(text, place, f"{figure} is a count and takes no unit", "for example violations == 0")
    said = f"{figure} needs a unit" if not written else f"{written[:20]!r} is no unit of {figure}"
    example = {"latency": "500ms", "share": "1%", "per second": "100/s"}[kind]
    raise _error(text, place, said, f"one of: {', '.join(_UNITS[kind])}; for example {example}")


def _take(text: str, place: int, pattern: re.Pattern[str], wanted: str, hint: str) -> tuple[str, int]:
    found = pattern.match(text, place)
    if found is None:
        said = f"{wanted} is missing" if place >= len(text) else f"{wanted} is expected here"
        raise _error(text, place, said, hint)
    return found.group(), found.end()


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _error(text: str, at: int, said: str, hint: str) -> SloError:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    indent = " " * sum(_columns(char) for char in shown[:at])
    return SloError(f"SLO: {said}\n  {shown}\n  {indent}^", at=at, hint=hint)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _kind(figure: str) -> str | None:
    tables = {"count": COUNTS, "share": SHARES, "per second": PER_SECOND}
    named = next((kind for kind, names in tables.items() if figure in names), None)
    return named or ("latency" if _latency(figure) else None)


def _latency(figure: str) -> tuple[str, str] | None:
    for name in LATENCIES:
        statistic = figure.removeprefix(f"{name}.")
        found = _STATISTIC.fullmatch(statistic) if statistic != figure else None
        if found and 0 < float(found["share"] or 1) <= 100:
            return name, statistic
    return None


def _wrong_from(figure: str) -> int:
    """Return where a figure's name goes wrong: behind the longest part that begins a name."""
    parts = figure.split(".")
    for count in range(len(parts) - 1, 0, -1):
        begun = ".".join(parts[:count])
        if any(name == begun or name.startswith(f"{begun}.") for name in (*LATENCIES, *COUNTS)):
            return len(begun) + 1
    return 0


def _digits(value: float) -> str:
    return format(Decimal(repr(value)).normalize(), "f")
