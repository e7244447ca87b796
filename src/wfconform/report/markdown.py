"""The Markdown report: a short summary and a table of what failed, fit for a pull request comment."""

import re

from wfconform.outcomes import LatencySummary, LoadOutcome, RequirementResult, Run, Verdict
from wfconform.report.load_console import milliseconds, quantity
from wfconform.report.text import clipped, plain
from wfconform.report.verdicts import WORDS, exit_meaning, summary_line
from wfconform.requirements import catalogue

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_LIMIT = 300
_SHOWN = (Verdict.ERROR, Verdict.FAIL, Verdict.WARN, Verdict.EXPECTED_FAILURE)


def render(run: Run) -> str:
    """Return the report as Markdown; whatever came from the target is in code spans."""
    sections = [
        f"## wfconform: {prose(summary_line(run))}",
        _about(run),
        _bullets("Problems", [f"{p.message} {p.hint}".strip() for p in run.problems]),
        _load(run.load) if run.load else "",
        _findings(run),
        _untested(run),
        _phases(run),
        _bullets("Notes", list(run.notes)),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _about(run: Run) -> str:
    target = code_span(str(run.target.get("base_url", "")))
    return (
        f"Target {target} · seed {run.seed} · {run.calls} calls in {run.sessions} sessions · "
        f"{run.duration_s:.1f} s · {prose(exit_meaning(run))}"
    )


def _load(load: LoadOutcome) -> str:
    """Return the load part: why it is not valid, the SLOs, the latencies."""
    rows = []
    for name, key in {"turn": "turn", "turn, corrected": "turn_corrected", "session": "session"}.items():
        one = load.latency_ms.get(key, LatencySummary())
        values = " | ".join(milliseconds(value) for value in (one.p50, one.p95, one.p99, one.max))
        rows.append(f"| {name} | {one.count:,} | {values} |")
    latency = "\n".join(["| latency | count | p50 | p95 | p99 | max |", "|---|--:|--:|--:|--:|--:|", *rows])
    slos = [
        f"| {code_span(slo.expression)} | {'met' if slo.met else '**missed**'} "
        f"| {prose(quantity(slo.actual, slo.unit))} |"
        for slo in load.slo
    ]
    table = "\n".join(["| SLO | | measured |", "|---|---|--:|", *slos]) if slos else ""
    parts = [_bullets("The figures cannot be trusted", list(load.invalid_reasons)), table, latency]
    return "\n\n".join(part for part in parts if part)


def _findings(run: Run) -> str:
    found = [result for verdict in _SHOWN for result in run.results if result.verdict is verdict]
    if not found:
        return ""
    head = "| requirement | verdict | what it asks | expected | actual |\n|---|---|---|---|---|"
    return "\n".join([head, *map(_row, found)])


def _row(result: RequirementResult) -> str:
    requirement = catalogue()[result.id]
    first = result.evidence[0] if result.evidence else None
    actual = f"{first.actual} at {first.path}" if first and first.path else first.actual if first else result.message
    cells = [
        f"**{result.id}** {requirement.level.value} {requirement.clause}",
        f"{WORDS[result.verdict]}, {prose(first.reproduced)}" if first and first.reproduced else WORDS[result.verdict],
        prose(requirement.statement),
        code_span(first.expected) if first else "",
        code_span(actual),
    ]
    return f"| {' | '.join(cells)} |"


def _untested(run: Run) -> str:
    ids: dict[str, list[str]] = {}
    for result in run.results:
        if result.verdict is Verdict.NOT_TESTED:
            ids.setdefault(result.message or "no reason given", []).append(result.id)
    return _bullets("Not tested", [f"{', '.join(found)}: {reason}" for reason, found in ids.items()])


def _phases(run: Run) -> str:
    if not run.phases:
        return ""
    head = "| generated phase | requests | sessions | findings | seconds | |\n|---|---|---|---|---|---|"
    rows = (
        f"| {one.name} | {one.requests} | {one.sessions} | {one.findings} | {one.duration_s:.1f} "
        f"| {code_span(one.note)} |"
        for one in run.phases
    )
    return "\n".join([head, *rows])


def _bullets(title: str, items: list[str]) -> str:
    return "\n".join([f"**{title}**", "", *(f"- {prose(item)}" for item in items)]) if items else ""


def prose(text: str) -> str:
    """Escape a text of our own; an @ mentions nobody."""
    return _PUNCTUATION.sub(r"\\\1", plain(text)).replace("@", "@\u200b")


def code_span(text: str) -> str:
    """Return text as a code span that survives backticks, and pipes in a table."""
    shown = clipped(text, _LIMIT).replace("|", "\\|")
    if not shown.strip():
        return ""
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}" if longest else f"{fence}{shown}{fence}"
