"""The HTML report: one self-contained file without script, the verdict first.

All text goes through the template's escaping after having been made plain; the SVG of our own charts alone is taken as
it is. What a target sends stays text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wfconform.outcomes import RequirementResult, Run, Verdict
from wfconform.report.html_findings import IN_DETAIL, Finding, findings
from wfconform.report.html_load import LoadPage, load_page
from wfconform.report.text import plain
from wfconform.report.verdicts import WORDS, exit_meaning, headline, summary_line
from wfconform.report.words import Word, word_of
from wfconform.requirements import catalogue, groups


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement in the table; linked: its finding is told above."""

    id: str
    level: str
    clause: str
    statement: str
    message: str
    word: Word
    exercised: str
    linked: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The requirements with the same three letters."""

    name: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All that the template shows, as text that is already plain."""

    style: Markup
    about: str
    target: str
    headline: str
    numbers: str
    exit_meaning: str
    tone: str
    sign: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[tuple[str, str], ...]
    problems: tuple[Any, ...]
    load: LoadPage | None
    findings: tuple[Finding, ...]
    groups: tuple[Group, ...]
    counts: str
    notes: tuple[str, ...]
    footer: str


def render(run: Run) -> str:
    """Return the report as one HTML document."""
    return _environment().get_template("report.html.j2").render(page=_page(run)) + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("wfconform.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = Markup  # of our own charts, whose only foreign text matplotlib escapes
    return environment


def _page(run: Run) -> Page:
    found = findings(run)
    linked = frozenset(finding.id for finding in found)
    load = load_page(run.load) if run.load else None
    tone = _tone(run)
    return Page(
        style=Markup(_style()),  # noqa: S704 - our own file
        about="certificate" if run.certified is not None else "report",
        target=plain(str(run.target.get("name") or run.target.get("base_url", ""))),
        headline=plain(headline(run)),
        numbers=plain(summary_line(run).removeprefix(f"{headline(run)}: ")),
        exit_meaning=plain(exit_meaning(run)),
        tone=tone,
        sign=_SIGNS[tone],
        facts=tuple(_facts(run)),
        sections=tuple(_sections(run, found=bool(found))),
        problems=tuple({"message": plain(one.message), "hint": plain(one.hint)} for one in run.problems),
        load=load,
        findings=found,
        groups=tuple(_groups(run, linked)),
        counts=_counts(run),
        notes=tuple(map(plain, run.notes)),
        footer=plain(f"{run.tool.get('name', 'wfconform')} {run.tool.get('version', '')}, begun {run.started_at}"),
    )


_SIGNS = {"good": "✓", "warn": "!", "bad": "✗"}


def _tone(run: Run) -> str:
    """Return how the verdict looks; a certificate that nobody signed is no good one."""
    if run.exit_code in (3, 5, 130) or (run.certified is not None and run.certified.signed_by is None):
        return "warn"
    return "good" if run.exit_code == 0 else "bad"


@cache
def _style() -> str:
    return (files("wfconform.report") / "templates" / "report.css").read_text(encoding="utf-8")


def _facts(run: Run) -> list[tuple[str, str]]:
    certified, load = run.certified, run.load
    rows = {
        "Base URL": str(run.target.get("base_url", "")),
        "Level": run.level if load is None or certified is not None else "",
        "Load profile": load.profile if load is not None else "",
        "Valid until": certified.valid_until if certified is not None else "",
        "Seed": str(run.seed) if certified is None else "",
        "Begun": run.started_at,
        "Took": f"{run.duration_s:,.1f} s",
        "Calls": f"{run.calls:,} in {run.sessions:,} sessions",
    }
    return [(name, plain(value)) for name, value in rows.items() if value]


def _sections(run: Run, *, found: bool) -> list[tuple[str, str]]:
    there = {
        ("problems", "Problems"): bool(run.problems),
        ("findings", "What was found"): found,
        ("load", "Under load"): run.load is not None,
        ("requirements", "Requirements"): True,
        ("notes", "Notes"): bool(run.notes),
    }
    return [section for section, shown in there.items() if shown]


def _groups(run: Run, linked: frozenset[str]) -> list[Group]:
    made = []
    for name, results in groupby(run.results, key=lambda result: result.id[:3]):
        rows = tuple(_row(result, linked=result.id in linked) for result in results)
        made.append(Group(name, plain(groups().get(name, "")), rows))
    return made


def _row(result: RequirementResult, *, linked: bool) -> Row:
    requirement = catalogue()[result.id]
    told = "" if linked or result.verdict in IN_DETAIL else result.message
    return Row(
        id=result.id,
        level=result.level.value,
        clause=requirement.clause,
        statement=plain(requirement.statement),
        message=plain(told),
        word=word_of(result.verdict),
        exercised=f"{result.exercised:,}" if result.exercised else "–",
        linked=linked,
    )


def _counts(run: Run) -> str:
    parts: Sequence[str] = [f"{count} {WORDS[Verdict(name)]}" for name, count in run.summary.items() if count]
    return ", ".join(parts)
