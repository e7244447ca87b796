"""Two reports side by side: what is new, fixed, still failing; latencies and what chance explains of them."""

import io
import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from rich.console import Console
from tests.certificate.bundles import a_load_bundle
from tests.cli.conftest import Command, _own_environment, wfconform
from tests.report.loads import a_load_run
from tests.report.runs import HOSTILE, a_full_run, a_result, a_run

from wfconform.outcomes import Run, Verdict
from wfconform.report import comparison_text
from wfconform.report.comparison import Became, Comparison, compare
from wfconform.report.json import render, report
from wfconform.report.latency_change import latency_changes

__all__ = ["_own_environment", "wfconform"]


def _compared(before: Run, after: Run) -> Comparison:
    return compare(report(before), report(after))


@pytest.mark.parametrize(
    ("before", "after", "became", "code"),
    [
        (Verdict.PASS, Verdict.FAIL, Became.NEW, 1),
        (Verdict.NOT_TESTED, Verdict.FAIL, Became.NEW, 1),
        (Verdict.EXPECTED_FAILURE, Verdict.FAIL, Became.NEW, 1),
        (Verdict.PASS, Verdict.ERROR, Became.NEW, 1),
        (Verdict.FAIL, Verdict.FAIL, Became.STILL, 0),
        (Verdict.FAIL, Verdict.PASS, Became.FIXED, 0),
        (Verdict.FAIL, Verdict.EXPECTED_FAILURE, Became.FIXED, 0),
        (Verdict.FAIL, Verdict.NOT_TESTED, Became.UNTESTED, 0),
        (Verdict.PASS, Verdict.NOT_TESTED, Became.UNTESTED, 0),
        (Verdict.PASS, Verdict.WARN, Became.WARNS, 0),
        (Verdict.WARN, Verdict.PASS, Became.SILENT, 0),
        (Verdict.PASS, Verdict.PASS, None, 0),
        (Verdict.NOT_TESTED, Verdict.PASS, None, 0),
    ],
)
def test_each_pair_of_verdicts_is_told_as_what_it_is(
    before: Verdict, after: Verdict, became: Became | None, code: int
) -> None:
    """A failure is newly failing unless it failed before; what is no longer tested is never called fixed."""
    found = _compared(a_full_run(AUT_005=before), a_full_run(AUT_005=after))
    assert [(change.id, change.became) for change in found.changes] == ([("AUT-005", became)] if became else [])
    assert found.exit_code == code


def test_under_strict_a_new_warning_is_newly_failing() -> None:
    """What fails is what each run's own strictness says."""
    strict = a_run(a_result("AUT-005", Verdict.WARN), strict=True)
    assert _compared(a_run(a_result("AUT-005")), strict).exit_code == 1


def test_a_requirement_that_one_report_lacks_counts_as_not_tested() -> None:
    """A selection that leaves out what passed before is told as no longer tested."""
    found = _compared(a_run(a_result("TRN-001"), a_result("TRN-002")), a_run(a_result("TRN-001"), partial=True))
    assert [(change.id, change.became) for change in found.changes] == [("TRN-002", Became.UNTESTED)]
    assert "judged over different selections" in found.notes


def test_reports_that_are_not_comparable_are_compared_with_a_note() -> None:
    """Another target, level or version is told."""
    other = a_run(a_result("TRN-001"), target={"base_url": "https://b"}, level="full", tool={"version": "9"})
    notes = " ".join(_compared(a_run(a_result("TRN-001")), other).notes)
    assert all(word in notes for word in ("different targets", "different levels", "different versions"))


def _load(scale: float, count: int, *, seed: int) -> dict[str, Any]:
    chance, histogram = random.Random(seed), HdrHistogram(1, 3_600_000_000, 3)
    for _ in range(count):
        histogram.record_value(round(1000 * scale * chance.lognormvariate(3, 0.5)))
    return {"latency_ms": {"turn": {"p50": 20.0 * scale}}, "histograms": {"turn": histogram.encode().decode()}}


def test_a_slower_run_is_significantly_slower_and_the_same_one_is_not() -> None:
    """Two fifths more latency over 4,000 turns is no chance; another draw from the same latencies is."""
    base = _load(1, 4000, seed=1)
    slower, same = _load(1.4, 4000, seed=2), _load(1, 4000, seed=3)
    assert [one.significant for one in latency_changes(base, slower)] == [True, True, True]
    assert [one.significant for one in latency_changes(base, same)] == [False, False, False]


def test_chance_is_called_a_change_as_seldom_as_promised() -> None:
    """Over 30 pairs of equal runs, at most a few percentiles are called significant: intervals that do not meet."""
    loads = [_load(1, 600, seed=seed) for seed in range(31)]
    found = [one.significant for a, b in pairwise(loads) for one in latency_changes(a, b)]
    assert found.count(True) <= 2


def test_with_few_samples_or_without_histograms_nothing_is_called_significant() -> None:
    """p99 of 100 samples has no upper bound, and plain figures have none at all."""
    few = latency_changes(_load(1, 100, seed=1), _load(3, 100, seed=2))
    assert {one.percentile: one.significant for one in few} == {50.0: True, 95.0: True, 99.0: None}
    plain = latency_changes({"latency_ms": {"turn": {"p50": 1}}}, {"latency_ms": {"turn": {"p50": 9}}})
    assert [(one.before_ms, one.after_ms, one.significant) for one in plain] == [(1.0, 9.0, None)]


@pytest.mark.parametrize("broken", [{"latency_ms": 3}, {"latency_ms": {"turn": 3}}, {"histograms": {"turn": "x"}}, {}])
def test_a_load_part_of_another_form_is_passed_over(broken: dict[str, Any]) -> None:
    """What cannot be read is not compared, and breaks nothing."""
    assert all(one.significant is None for one in latency_changes(broken, broken))
    both = {"latency_ms": {"turn": {"p50": 1}}, "histograms": {"turn": "AAAA"}}
    assert [one.significant for one in latency_changes(both, both)] == [None]


def _console_text(found: Comparison) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    comparison_text.show(found, console)
    return console.export_text()


def test_a_hostile_message_acts_on_nothing() -> None:
    """Console and Markdown show what a target said, and do nothing with it."""
    found = _compared(a_run(a_result("TRN-001")), a_run(a_result("TRN-001", Verdict.FAIL, HOSTILE)))
    assert "\x1b" not in _console_text(found)
    assert "[red]x[/red]" in _console_text(found)
    assert "\\x1b" in comparison_text.markdown(found)
    assert "\n| newly failing | **TRN-001**" in comparison_text.markdown(found)


def _written(name: str, run: Run) -> str:
    Path(name).write_text(render(run))
    return name


def test_diff_ends_with_1_when_something_is_newly_failing(wfconform: Command) -> None:
    """The exit code gates a pull request, the Markdown goes into its comment."""
    good, bad = _written("a.json", a_full_run()), _written("b.json", a_full_run(TRN_002=Verdict.FAIL))
    worse = wfconform("diff", good, bad, "--markdown", "c.md")
    assert (worse.exit_code, "newly failing TRN-002" in worse.stdout) == (1, True)
    assert "**TRN-002** MUST" in Path("c.md").read_text()
    better = wfconform("diff", bad, good)
    assert (better.exit_code, better.stdout.splitlines()[-1]) == (0, "1 fixed (exit 0)")
    assert wfconform("diff", good, good, "--quiet").stdout == "no verdict changed, nothing fails (exit 0)\n"


def test_diff_reads_the_load_part_of_a_report(wfconform: Command) -> None:
    """Latencies of two load runs are compared from their histograms."""
    for name, load in {"a.json": _load(1, 2000, seed=1), "b.json": _load(2, 2000, seed=2)}.items():
        report = json.loads(render(a_load_run(seconds=4)))
        Path(name).write_text(json.dumps({**report, "load": {**report["load"], "histograms": load["histograms"]}}))
    shown = wfconform("diff", "a.json", "b.json").stdout
    assert "turn p50:" in shown
    assert "3 latencies significantly higher" in shown


def test_a_check_and_a_load_run_are_not_compared(wfconform: Command) -> None:
    """Most requirements of the one are not put to the test by the other: 2, and which file is of what."""
    check, load = _written("check.json", a_full_run()), _written("load.json", a_load_run(seconds=4))
    for pair in ((check, load), (load, check)):
        refused = wfconform("diff", *pair)
        assert refused.exit_code == 2
        said = " ".join(refused.stderr.split())
        assert "reports of different kinds" in said
        assert "load.json is of `wfconform load`" in said


@pytest.mark.parametrize("content", ["", "{}", "[]", "nonsense", '{"schema_version": "2"}', "[" * 100_000])
def test_what_is_no_report_is_a_usage_error(wfconform: Command, content: str) -> None:
    """A file of another kind ends with 2, and with what to give instead."""
    Path("bad.json").write_text(content)
    good = _written("a.json", a_full_run())
    refused = wfconform("diff", good, "bad.json")
    assert (refused.exit_code, "bad.json is no report" in refused.stderr) == (2, True)
    assert wfconform("matrix", good, "missing.json").exit_code == 2


def test_the_matrix_shows_each_target_in_a_column(wfconform: Command) -> None:
    """Targets side by side: what one fails and the other passes is in one row."""
    one = _written("one.json", a_full_run())
    two = _written("two.json", a_full_run(TRN_002=Verdict.FAIL))
    shown = wfconform("matrix", one, two, "--markdown", "m.md")
    assert shown.exit_code == 0
    row = next(line for line in shown.stdout.splitlines() if line.startswith("TRN-002"))
    assert row.split()[1:3] == ["✓", "✗"]
    assert "61 of 61 MUSTs passed" in shown.stdout
    assert "60 of 61 MUSTs passed" in shown.stdout
    text = Path("m.md").read_text()
    assert "| **TRN-002** MUST" in text
    assert "| pass | **FAIL** |" in next(line for line in text.splitlines() if "**TRN-002**" in line)
    assert "`acme (one)`" in text


def test_the_report_of_a_load_certificate_is_counted_by_what_it_certifies(wfconform: Command) -> None:
    """MUSTs of level full and those under load; storage was not asked for."""
    Path("report.json").write_bytes(a_load_bundle()["report.json"])
    shown = wfconform("matrix", _written("one.json", a_full_run()), "report.json")
    assert "exit 0 at level load, 63 of 63 MUSTs passed" in shown.stdout


def test_markdown_on_stdout_is_nothing_else(wfconform: Command) -> None:
    """- pipes the page alone; the console goes to stderr."""
    one = _written("one.json", a_full_run())
    assert wfconform("matrix", one, "--markdown", "-").stdout.startswith("## wfconform: 1 targets")
    assert wfconform("diff", one, one, "--markdown", "-").stdout.startswith("## wfconform diff:")
