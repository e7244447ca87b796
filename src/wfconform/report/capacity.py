"""A capacity run in words: the sentence, the table of steps, Markdown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wfconform.outcomes.capacity import Capacity, CapacityStep, Interval
from wfconform.report.text import plain

_LIMIT = re.compile(r"(?P<figure>[\w.]+) <=? (?P<value>[\d.]+)(?P<unit>[a-z%]*)")
COLUMNS = ("level", "turns/s", "p50 ms", "p95 ms", "p99 ms", "turns", "verdict")
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_MEANINGS = {
    0: "determined",
    1: "an invariant breaks at the least load",
    3: "not determined",
    5: "an SLO is missed at the least load",
    130: "interrupted",
}


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """A capacity run and what it was made of."""

    tool: Mapping[str, str]
    target: Mapping[str, object]
    seed: int
    started_at: str
    capacity: Capacity
    notes: tuple[str, ...] = ()


def sentence(capacity: Capacity) -> str:
    """Return the answer in one sentence; every number in it comes with its interval."""
    if capacity.sessions is None:
        return f"not determined: {capacity.reason}"
    parts = [_held(capacity), _saturates(capacity), _planned(capacity), _law(capacity)]
    return "; ".join(part for part in parts if part)


def exit_meaning(capacity: Capacity) -> str:
    """Return the exit code and what it means."""
    return f"exit {capacity.exit_code}: {_MEANINGS[capacity.exit_code]}"


def show(report: CapacityReport, console: Console, *, quiet: bool = False) -> None:
    """Print the steps and the answer; quiet: the answer alone."""
    capacity = report.capacity
    if not quiet:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for index, name in enumerate((capacity.unit, *COLUMNS[1:])):
            table.add_column(name, justify="left" if index == len(COLUMNS) - 1 else "right")
        for step in sorted(capacity.steps, key=lambda step: step.level):
            table.add_row(*map(Text, row(step)))
        console.print(table)
        for line in details(capacity):
            console.print(Text(plain(line)), soft_wrap=True)
        for note in report.notes:
            console.print(Text(f"note: {plain(note)}", style="dim"), soft_wrap=True)
    style = "bold green" if capacity.exit_code == 0 else "bold red"
    console.print(Text(f"{plain(sentence(capacity))} ({exit_meaning(capacity)})", style=style), soft_wrap=True)


def details(capacity: Capacity) -> list[str]:
    """Return what the sentence leaves out: what explains the data, the assumptions behind the replicas."""
    lines = [f"model: {capacity.model.explanation}"] if capacity.steps else []
    if capacity.replicas:
        lines.append(f"{capacity.replicas.replicas} replicas assume:")
        lines.extend(f"- {assumption}" for assumption in capacity.replicas.assumptions)
    return lines


def row(step: CapacityStep) -> tuple[str, ...]:
    """Return a step as cells."""
    return (
        f"{step.level:g}",
        f"{step.turns_per_s:.1f} ± {step.turns_per_s_error:.1f}",
        *(f"{value:.0f}" for value in step.turn_ms),
        f"{step.turns:,}",
        verdict(step),
    )


def verdict(step: CapacityStep) -> str:
    """Return what a step showed, in a few words."""
    if step.unfit:
        return f"left out: {step.unfit}"
    said = [f"{id} broken {count} times" for id, count in step.violations.items()]
    said += [f"missed {expression}" for expression in step.missed if expression != "violations == 0"]
    said += ["refused"] if not said and not step.holds else []
    return ", ".join(said or ["holds"]) + ("" if step.steady else " (not steady)")


def markdown(report: CapacityReport) -> str:
    """Return the report as Markdown."""
    capacity = report.capacity
    head = f"| {capacity.unit} | {' | '.join(COLUMNS[1:])} |\n|{'---:|' * (len(COLUMNS) - 1)}---|"
    rows = [f"| {' | '.join(map(_prose, row(step)))} |" for step in sorted(capacity.steps, key=lambda s: s.level)]
    bullets = [f"- {_prose(line.removeprefix('- '))}" for line in (*details(capacity), *report.notes)]
    about = (
        f"Target {_code(str(report.target.get('base_url', '')))} · seed {report.seed} · {capacity.spent_s:.0f} s of "
        f"load · {_prose(exit_meaning(capacity))}"
    )
    title = f"## wfconform capacity: {_prose(sentence(capacity))}"
    return "\n\n".join([title, about, "\n".join([head, *rows]), "\n".join(bullets)]) + "\n"


def _held(capacity: Capacity) -> str:
    limits = [said for slo in capacity.slo if (said := _limit(slo.expression))]
    at = f" at {' and '.join(limits)}" if limits else ""
    if not capacity.sessions:
        invariant = capacity.limited_by == "invariant"
        cause = f"{', '.join(capacity.broken)} broke" if invariant else "an objective is missed"
        return f"no concurrent session{at}: {cause} at the least load"
    noun = "sessions per second" if capacity.unit == "sessions/s" else "concurrent sessions"
    kept = "with no invariant broken"
    if capacity.limited_by == "invariant":
        kept = f"with no invariant broken; from {capacity.first_break:g} on {', '.join(capacity.broken)} breaks"
    elif capacity.limited_by == "refusals":
        kept = "before the target refuses more"
    elif capacity.first_break is not None:
        kept = f"with no invariant broken ({', '.join(capacity.broken)} breaks at {capacity.first_break:g})"
    return f"{_number(capacity.sessions)} {noun} ({_interval(capacity.sessions_interval)}){at} {kept}"


def _saturates(capacity: Capacity) -> str:
    if capacity.saturation_turns_per_s is None:
        return ""
    return f"it saturates at {capacity.saturation_turns_per_s:.4g} turns/s ({_interval(capacity.saturation_interval)})"


def _planned(capacity: Capacity) -> str:
    plan = capacity.replicas
    return f"for {_number(plan.target_sessions)} {capacity.unit} plan {plan.replicas} replicas" if plan else ""


def _law(capacity: Capacity) -> str:
    told = capacity.model.best and capacity.limited_by in ("slo", "saturation")
    return capacity.model.explanation.split(":", 1)[0] if told else ""


def _limit(expression: str) -> str:
    found = _LIMIT.fullmatch(expression)
    if found is None:
        return ""
    unit = found["unit"] if found["unit"] == "%" else f" {found['unit']}".rstrip()
    return f"{found['figure'].replace('.', ' ')} under {found['value']}{unit}"


def _interval(interval: Interval | None) -> str:
    low, high = interval or (0.0, 0.0)
    return f"95 %: {_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"


def _prose(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", plain(text)).replace("@", "@\u200b")


def _code(text: str) -> str:
    return f"`{plain(text).replace('`', '')}`"
