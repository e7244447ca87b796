"""What the command line changes of a profile: `--sessions 50 --think exponential:2s --mix complete=3,cancel=1`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import Any, get_args

from wfconform.errors import UsageError
from wfconform.load.plan import SCENARIOS, Distribution, Model, Plan, Stage, Think
from wfconform.load.slo import parse_slo
from wfconform.scenarios.sessions import VISITS

MOST_SESSIONS = 1_000_000
MOST_TURNS = 10_000
LONGEST_S = 7 * 24 * 3600.0

_SAID = {"end": "conversation_end"}
_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SPAN = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(?P<unit>ms|min|s|m|h|)")
_TURNS = re.compile(r"(?P<least>[0-9]{1,5})(?:-(?P<most>[0-9]{1,5}))?")
_THINK_HINT = "for example 2s, exponential:2s, uniform:2s,1s (half the width), lognormal:2s,0.5 (sigma), or 0"


@dataclass(frozen=True, slots=True)
class Changes:
    """What the command line says about the plan, each as it was written; None or (): nothing."""

    sessions: int | None = None
    arrivals: float | None = None
    duration: str | None = None
    think: str | None = None
    turns: str | None = None
    mix: str | None = None
    slos: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    seed: int | None = None
    refusal_wait: str | None = None
    abort: bool = False
    leave_open: bool = False


def changed(plan: Plan, changes: Changes) -> Plan:
    """Return a plan with the changes; raises UsageError that names the option."""
    if changes.sessions is not None and changes.arrivals is not None:
        raise UsageError(
            "--sessions and --arrivals were both given",
            hint="--sessions keeps so many going at once, --arrivals starts so many per second: choose one",
        )
    for apply in _LEVELS:
        plan = apply(plan, changes)
    written = {field: (getattr(changes, option), read) for field, (option, read) in _READ.items()}
    values: dict[str, Any] = {field: read(text) for field, (text, read) in written.items() if text is not None}
    kept = {"texts": changes.texts, "seed": changes.seed, "abort": changes.abort, "leave_open": changes.leave_open}
    values |= {field: value for field, value in kept.items() if value not in (None, (), False)}
    slos = tuple(dict.fromkeys((*plan.slos, *(str(parse_slo(text)) for text in changes.slos))))
    return replace(plan, slos=slos, **values)


def lacks(name: str, offers: frozenset[str]) -> list[str]:
    """Return what a target lacks for a kind of session, in the words of the target file."""
    return sorted(_SAID.get(need, need) for need in VISITS[name].needs - offers)


def fitted(plan: Plan, offers: frozenset[str], *, asked: bool) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan without the scenarios that the target cannot show, and their names.

    asked: the user named the mix, so leaving one out is a UsageError; it is one, too, when nothing is left.
    """
    left_out = tuple(name for name, _ in plan.mix if not VISITS[name].needs <= offers)
    if not left_out:
        return plan, ()
    mix = tuple((name, weight) for name, weight in plan.mix if name not in left_out)
    if asked or not mix:
        lacking = sorted({need for name in left_out for need in lacks(name, offers)})
        raise UsageError(
            f"the target cannot show {', '.join(left_out)}: it has no {', '.join(lacking)}",
            hint="configure it under [workflows] of the target file, or leave the scenario out of the mix",
        )
    return replace(plan, mix=mix), left_out


def span_s(text: str, *, where: str) -> float:
    """Return a span of time (`90s`, `1.5min`, `2h`, `500ms`, `30`) in seconds."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{where}: {text[:40]!r} is no span of time", hint="for example 30s, 500ms, 10min or 2h")
    seconds = float(found["number"]) * _SECONDS[found["unit"]]
    if seconds > LONGEST_S:
        raise UsageError(f"{where}: {text[:40]} is longer than a week", hint="give less")
    return seconds


def think(text: str) -> Think:
    """Return a think time: `2s` (exponential), `constant:1s`, `uniform:2s,1s`, `exponential:2s`, `lognormal:2s,0.5`."""
    name, colon, rest = text.strip().partition(":")
    if not colon:
        mean_s = span_s(name, where="--think")
        return Think("exponential" if mean_s else "constant", mean_s)
    if name not in get_args(Distribution):
        raise UsageError(f"--think: unknown distribution {name[:40]!r}", hint=_THINK_HINT)
    mean, comma, spread = rest.partition(",")
    mean_s = span_s(mean, where="--think")
    if not comma:
        return think_of(name, mean_s, 0.0, where="--think")
    width = span_s(spread, where="--think")
    return think_of(name, mean_s, width, where="--think")


def think_of(name: str, mean_s: float, spread: float, *, where: str) -> Think:
    """Return a think time; raises UsageError for one that would reach below zero or has no use for its spread."""
    distribution: Distribution = next(known for known in get_args(Distribution) if known == name)
    if spread and distribution in ("constant", "exponential"):
        raise UsageError(f"{where}: {name} takes no second number", hint=_THINK_HINT)
    if distribution == "uniform" and spread > mean_s:
        raise UsageError(f"{where}: uniform: half the width is more than the mean", hint=_THINK_HINT)
    if distribution == "lognormal" and spread > 5:
        raise UsageError(f"{where}: lognormal: a sigma above 5 makes waits of hours", hint=_THINK_HINT)
    return Think(distribution, mean_s, spread)


def turns(text: str) -> tuple[int, int]:
    """Return the least and the most turns of a session: `5`, or `3-8`."""
    found = _TURNS.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"--turns: {text[:40]!r} is no number of turns", hint="for example 5, or 3-8")
    least = int(found["least"])
    most = int(found["most"] or least)
    return turns_of(least, most, where="--turns")


def turns_of(least: int, most: int, *, where: str) -> tuple[int, int]:
    """Return the least and the most turns of a session, checked."""
    if not 1 <= least <= most <= MOST_TURNS:
        raise UsageError(
            f"{where}: {least}-{most} is no range of turns", hint=f"from 1 to {MOST_TURNS}, the least first"
        )
    return least, most


def mix(text: str) -> tuple[tuple[str, float], ...]:
    """Return the weights of the scenarios: `complete=3,cancel=1`."""
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, number = (word.strip() for word in part.partition("="))
        if equals and not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", number):
            raise UsageError(f"--mix: {part[:60]!r}: the weight is no number", hint="for example complete=3,cancel=1")
        weights[name] = float(number) if equals else 1.0
    return mix_of(weights, where="--mix")


def mix_of(weights: Mapping[str, float], *, where: str) -> tuple[tuple[str, float], ...]:
    """Return the weights of the scenarios, checked; those of weight 0 are left out."""
    for name in weights:
        if name not in SCENARIOS:
            near = get_close_matches(name, SCENARIOS, n=1)
            said = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{where}: unknown scenario {name[:40]!r}{said}", hint=f"one of: {', '.join(SCENARIOS)}")
    chosen = tuple((name, float(weight)) for name, weight in weights.items() if weight > 0)
    if not chosen:
        raise UsageError(f"{where}: no scenario has a weight", hint="for example complete=3,cancel=1")
    return chosen


def texts_of(content: str, *, where: str) -> tuple[str, ...]:
    """Return the texts of a file, one a line, without the empty ones."""
    found = tuple(line.strip() for line in content.splitlines() if line.strip())
    if not found:
        raise UsageError(f"{where}: holds no text", hint="one text a line, in UTF-8")
    return found


def _levelled(plan: Plan, changes: Changes) -> Plan:
    """Scale the stages so that the highest has the asked level, in the asked model."""
    wanted: tuple[Model, float] | None = None
    if changes.sessions is not None:
        wanted = ("closed", float(_within("--sessions", changes.sessions, MOST_SESSIONS)))
    if changes.arrivals is not None:
        wanted = ("open", _within("--arrivals", changes.arrivals, MOST_SESSIONS))
    return plan if wanted is None else replace(plan, stages=_scaled(plan.stages, *wanted))


def _scaled(stages: Sequence[Stage], model: Model, level: float) -> tuple[Stage, ...]:
    highest = max(max(stage.start, stage.end) for stage in stages)

    def to(value: float) -> float:
        scaled = value / highest * level if highest else level
        return float(round(scaled)) or float(value > 0) if model == "closed" else scaled

    return tuple(replace(stage, model=model, start=to(stage.start), end=to(stage.end)) for stage in stages)


def _within(option: str, value: float, most: float) -> float:
    if not 0 < value <= most:
        said = f"{option}: must be above 0 and at most {most:,.0f}, not {value:g}"
        raise UsageError(said, hint=f"for example {option} 50")
    return value


def _lasting(plan: Plan, changes: Changes) -> Plan:
    """Stretch the steady stages to the asked duration; warm-up and drain stay as they are."""
    if changes.duration is None:
        return plan
    wanted_s = span_s(changes.duration, where="--duration")
    if wanted_s < 1:
        raise UsageError("--duration: must be at least 1 s", hint="figures come from the steady stages alone")
    steady_s = sum(stage.duration_s for stage in plan.stages if stage.phase == "steady")
    return replace(
        plan,
        stages=tuple(
            replace(stage, duration_s=stage.duration_s * wanted_s / steady_s) if stage.phase == "steady" else stage
            for stage in plan.stages
        ),
    )


_LEVELS: tuple[Callable[[Plan, Changes], Plan], ...] = (_levelled, _lasting)
_READ: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "think": ("think", think),
    "turns": ("turns", turns),
    "mix": ("mix", mix),
    "refusal_wait_s": ("refusal_wait", partial(span_s, where="--refusal-wait")),
}
"""Field of the plan to the option that changes it, and how its text is read."""
