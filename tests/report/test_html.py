"""The HTML report: one file, the verdict first, what a target sends stays text, nothing by colour alone."""

import re
import subprocess
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from tests.report.browser import audited, seen
from tests.report.loads import a_load_run
from tests.report.pages import Page
from tests.report.runs import HOSTILE, UNREACHABLE, a_full_run, a_result, a_run, a_turn, an_evidence

from wfconform.outcomes import Certification, Run, Verdict
from wfconform.report import html
from wfconform.report.html_findings import packed, readable
from wfconform.requirements import catalogue

MARKUP = "</pre></code></style><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}<!--" + HOSTILE
LONG = "Flow-" * 60
_CERTIFIED = Certification(f"ACME {LONG}", 61, (1, 2, 3), "0" * 64, "2027-01-02T03:04:05Z")
RUNS = {
    "signed": replace(a_full_run(), certified=_CERTIFIED, load=a_load_run().load),
    "unsigned": replace(a_full_run(), certified=replace(_CERTIFIED, signed_by=None)),
    "conforming": a_full_run(),
    "failing": a_full_run(TRN_002=Verdict.FAIL, EXE_011=Verdict.WARN),
    "unreachable": a_run(problems=(UNREACHABLE,)),
    "load": a_load_run(),
}

_SCRIPT = "".join(
    f"call {at} first_key '/v1/workflows/{at * 7919:024x}/execute' # {at * 104729}\n" for at in range(120)
)


def _everything_failed(script: str) -> Run:
    """Every requirement with five failures of sixteen long turns and a reproducer each."""
    turns = tuple(a_turn(request_body="q" * 2000, response_body="<" * 2000) for _ in range(16))
    evidence = an_evidence(turns=turns, at_turn=15, reproducer=script, reproduced="reproduced", actual="&" * 2000)
    return a_run(*(a_result(id, Verdict.FAIL, "x" * 500, *[evidence] * 5) for id in catalogue()), level="full")


@cache
def _rendered(name: str) -> str:
    return html.render(RUNS[name])


@pytest.fixture(params=RUNS, name="page")
def _page(request: pytest.FixtureRequest) -> Page:
    return Page.of(_rendered(request.param))


def test_the_page_is_whole(page: Page) -> None:
    """Every element is closed, no id is given twice, every reference leads somewhere."""
    assert page.wrong == []
    assert page.twice == []
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = {attributes["href"][1:] for attributes in page.attributes("a")}
    labels = {id for _, attributes in page.tags for id in attributes.get("aria-labelledby", "").split()}
    assert links | labels <= ids


def test_nothing_is_loaded_and_nothing_runs(page: Page) -> None:
    """No script, no handler, no address outside of the file, and a policy that forbids them."""
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint({"script", "iframe", "object", "embed", "img", "base", "form"})
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    addresses = [attributes[name] for _, attributes in page.tags for name in ("href", "src") if name in attributes]
    assert all(address.startswith(("#", "data:,")) for address in addresses)
    policies = [one["content"] for one in page.attributes("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_a_screen_reader_finds_its_way(page: Page) -> None:
    """Language, one main heading, landmarks, a link past the head, headings in order, tables with header cells."""
    names = [tag for tag, _ in page.tags]
    assert page.attributes("html")[0]["lang"] == "en"
    assert [names.count(tag) for tag in ("h1", "main", "header", "footer", "nav")] == [1, 1, 1, 1, 1]
    assert page.attributes("a")[0]["href"] == "#main"
    levels = [int(tag[1]) for tag in names if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all("scope" in attributes for attributes in page.attributes("th"))
    assert names.count("caption") == names.count("table")


def test_the_verdict_comes_first() -> None:
    """The heading says it in words, with the numbers and the exit code below."""
    page = Page.of(_rendered("failing"))
    assert "✗ DOES NOT CONFORM at level full" in page.words[:200]
    assert "exit 1: does not conform" in page.words[:400]


def test_a_failure_is_explained() -> None:
    """The requirement's sentence, expected, actual and where, the turns, the reproducer and what became of it."""
    evidence = an_evidence(reproducer="#!/bin/sh\nKEY=${ACME_KEY:-}\nexit 1", reproduced="reproduced")
    words = Page.of(html.render(a_run(a_result("TRN-001", Verdict.FAIL, "it began at 5", evidence)))).words
    for said in (
        "✗ FAIL TRN-001",
        catalogue()["TRN-001"].statement,
        "it began at 5",
        "Expected turn_number 3",
        "at $.turn_number turn_number 5",
        "answered 200 after 12 ms",
        '{"turn_number": 5}',
        "Reproducer: reproduced",
        "in its environment, ACME_KEY",
    ):
        assert said in words


def test_every_requirement_has_a_row_with_level_and_clause() -> None:
    """The table is by group and says each verdict as a word with a sign."""
    page = Page.of(_rendered("failing"))
    assert all(f"{requirement.level.value}, {requirement.clause}" in page.words for requirement in catalogue().values())
    assert sum(one.get("scope") == "row" for one in page.attributes("th")) == len(catalogue())
    assert "TRN: turn_number" in page.words
    assert "TRN-002 ✗ FAIL" in page.words
    assert "TRN-001 ✓ pass" in page.words


def test_what_a_target_sends_stays_text() -> None:
    """Markup, template syntax and control characters in every place that a target reaches are shown, not obeyed."""
    turn = a_turn(request=MARKUP, request_body=MARKUP, response_body=MARKUP)
    evidence = an_evidence(expected=MARKUP, actual=MARKUP, path=MARKUP, scenario=MARKUP, turns=(turn,))
    hostile = a_run(
        a_result("TRN-001", Verdict.FAIL, MARKUP, evidence),
        target={"name": MARKUP, "base_url": MARKUP},
        notes=(MARKUP,),
        problems=(type(UNREACHABLE)(3, MARKUP, MARKUP),),
    )
    source = html.render(hostile)
    page = Page.of(source)
    assert page.wrong == []
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img"})
    assert "{{ 7*7 }}" in page.words
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", source)


def test_a_hostile_stage_name_stays_text() -> None:
    """Names of a profile go through matplotlib into a chart, and through the template into tables."""
    name = "</text><script>alert(1)</script>$\\frac{1"
    run = a_load_run(workers=({"name": name, "state": name},), failures={name: 1})
    assert run.load is not None
    series = tuple(replace(second, stage=name) for second in run.load.series)
    source = html.render(replace(run, load=replace(run.load, series=series)))
    assert Page.of(source).wrong == []
    assert "<script" not in source


def test_a_report_of_all_requirements_is_small() -> None:
    """At its worst, everything failed with long evidence that escaping makes longer, it stays under 400 KiB."""
    source = html.render(_everything_failed(_SCRIPT))
    assert len(source.encode()) < 400 * 1024
    assert source.count("turn_number 3") == len(catalogue())


def test_many_failures_keep_their_reproducers() -> None:
    """Of thirty failures each one is still a paste away."""
    evidence = an_evidence(reproducer=_SCRIPT, reproduced="reproduced", turns=(a_turn(),) * 3)
    failed = a_run(*(a_result(id, Verdict.FAIL, "", evidence) for id in list(catalogue())[:30]))
    source = html.render(failed)
    assert source.count("<summary>Reproducer") == 30
    assert len(source.encode()) < 400 * 1024


def test_a_load_report_is_small() -> None:
    """With charts of two hours it stays under 1 MiB; each chart takes some 12 KiB."""
    source = html.render(a_load_run(seconds=7200))
    assert len(source.encode()) < 1024 * 1024
    sizes = [len(svg) for svg in re.findall(r"<svg.*?</svg>", source, flags=re.DOTALL)]
    assert len(sizes) == 7
    assert max(sizes) < 24 * 1024


def test_a_load_report_tells_its_figures() -> None:
    """Throughput, percentiles, SLOs with their sign and word, and whether the figures can be trusted."""
    words = Page.of(_rendered("load")).words
    assert "✗ DOES NOT HOLD UNDER LOAD" in words
    assert "turn.p95 < 500ms ✓ met 95.0 ms" in words
    assert "turn.p50 < 1ms ✗ missed 50.0 ms" in words
    assert "stop.p95 < 1s ✗ missed no samples" in words


def test_a_run_that_is_not_valid_says_so_first() -> None:
    """Why its figures cannot be trusted stands above them, also where nothing was measured at all."""
    words = Page.of(html.render(a_load_run(steady_turns=0, series=(), by_turn={}, latency={}, corrected={}))).words
    assert "The figures cannot be trusted no turn was answered" in words


def test_each_chart_has_words_and_numbers() -> None:
    """A picture alone tells nothing to who does not see it: title, description and a table stand beside it."""
    page = Page.of(_rendered("load"))
    pictures = page.attributes("svg")
    assert [one["role"] for one in pictures] == ["img"] * 7
    assert all(len(one["aria-labelledby"].split()) == 2 for one in pictures)
    titles = ("Throughput", "Turn latency over time", "Sessions", "Violations", "Latency by turn index")
    assert all(f"The numbers: {title}" in page.words for title in titles)


def test_charts_take_the_colours_of_the_page() -> None:
    """No colour of its own stays in a picture, so that both schemes apply."""
    pictures = re.findall(r"<svg.*?</svg>", _rendered("load"), flags=re.DOTALL)
    assert all("var(--c1)" in svg for svg in pictures)
    assert not [
        svg for svg in pictures if re.search(r"#[0-9a-fA-F]{6}\b(?!\w)", re.sub(r'href="#\w+"|url\(#\w+\)', "", svg))
    ]


def test_the_same_run_makes_the_same_page() -> None:
    """Nothing in it depends on when or where it was made."""
    assert html.render(RUNS["load"]) == _rendered("load")


@pytest.mark.parametrize("paste", [readable, packed])
def test_a_reproducer_is_one_paste(paste: object, tmp_path: Path) -> None:
    """Pasted into a shell it runs, ends with the script's code and leaves the shell alive."""
    text = paste("TRN-001", "echo \"it's\" '$HOME'\nexit 1")  # type: ignore[operator]
    done = subprocess.run(
        ["sh", "-c", f"{text}\necho then $?"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "it's $HOME\nthen 1\n"


# --- contrast


def _luminance(color: str) -> float:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough(scheme: str) -> None:
    """WCAG AA in both schemes: 4.5 for text on each ground that it stands on, 3 for the lines of charts."""
    style = (Path(html.__file__).parent / "templates" / "report.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)[:2]
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))
    grounds = [colors[name] for name in ("page", "card", "good-bg", "bad-bg", "warn-bg")]
    for text in ("ink", "ink-2", "good", "bad", "warn", "link"):
        assert min(_contrast(colors[text], ground) for ground in grounds[:2]) >= 4.5, text
    assert min(_contrast(colors[text], ground) for ground in grounds for text in ("ink", "ink-2")) >= 4.5
    lines = [colors[name] for name in ("c1", "c2", "c3")]
    assert min(_contrast(line, colors[ground]) for line in lines for ground in ("page", "shade")) >= 3


# --- a browser


@pytest.mark.parametrize("name", ["failing", "load"])
def test_a_browser_shows_it_without_complaint(name: str) -> None:
    """Chromium builds the page, and logs nothing on its console."""
    shown = seen(_rendered(name), width=390)
    assert shown.console == ()
    assert Page.of(shown.document).attributes("h1")


@pytest.mark.parametrize("name", ["failing", "signed", "unsigned", "load"])
@pytest.mark.parametrize(("width", "dark"), [(1100, True), (390, False)])
def test_axe_finds_nothing(name: str, width: int, dark: bool) -> None:
    """axe-core in Chromium: no violation in the dark nor on a phone, where the page is no wider than the window."""
    found = audited(_rendered(name), width=width, dark=dark)
    assert found.violations == ()
    assert found.passes > 10
    assert (found.too_wide, found.dark) == (0, dark)


def test_axe_would_find_something() -> None:
    """The audit sees what it is there for: grey on grey, a table head without a word."""
    spoiled = _rendered("load").replace("</style>", ".sub { color: #bbb !important }</style>")
    spoiled = spoiled.replace('<th scope="col">Of a</th>', '<th scope="col"></th>')
    found = {one.partition(":")[0] for one in audited(spoiled).violations}
    assert {"color-contrast", "empty-table-header"} <= found
