"""`wfconform capacity` as a command, run on a simulated target: what it prints, writes, records and refuses."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import jsonschema
import pytest
from tests.capacity.searching import TEN
from tests.capacity.simulated import Target
from tests.report.browser import audited, seen
from tests.report.pages import Page

from wfconform.commands.capacity import CapacityCall, capacity
from wfconform.commands.outputs import Outputs
from wfconform.config import Overrides
from wfconform.errors import UsageError
from wfconform.load.capacity.running import Until
from wfconform.load.measured import Measured
from wfconform.load.plan import ENDLESS, Plan
from wfconform.report.capacity_json import schema_text
from wfconform.shipped import read_contract

WORKFLOW = "conversation=5eb7cf5a86d9755df3a6c593"
CALL = CapacityCall(
    overrides=Overrides(target="http://127.0.0.1:9/v1/workflows", workflows=(WORKFLOW,)),
    outputs=Outputs({}),
    slos=("turn.p95 < 500ms",),
    budget="170s",
    target_sessions=1000.0,
    no_color=True,
)
_WRITER = "from wfconform.report.capacity_json import schema_text; print(schema_text(), end='')"


@dataclass(frozen=True)
class Ended:
    """A command that has ended; the files it wrote are in `folder`."""

    code: int
    out: str
    err: str
    folder: Path
    steps: int

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def _key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WFCONFORM_API_KEY", "a-key-that-nothing-asks-for")
        yield


@pytest.fixture(scope="module", name="whole")
def _whole(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One whole run, all its reports and its record; files stand for the terminal."""
    folder = tmp_path_factory.mktemp("whole")
    paths = {kind: str(folder / f"c.{kind}") for kind in ("json", "html", "markdown")}
    call = replace(CALL, outputs=Outputs(paths), resume=folder / "c.jsonl")
    target = Target(TEN)
    with pytest.MonkeyPatch.context() as patch, (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        code = capacity(call, run_step=target)
    return Ended(code, (folder / "out").read_text(), (folder / "err").read_text(), folder, len(target.calls))


def _answer(whole: Ended) -> dict[str, object]:
    found: dict[str, object] = json.loads(whole.read("c.json"))["capacity"]
    return found


def test_the_last_line_is_the_answer(whole: Ended) -> None:
    """Sessions, interval, objective, saturation, replicas, what limits it, exit code; the same sentence as in JSON."""
    last = whole.out.splitlines()[-1]
    assert whole.code == 0
    assert last == f"{_answer(whole)['sentence']} (exit 0: determined)"
    for said in (
        "concurrent sessions (95 %: ",
        "at turn p95 under 500 ms",
        "it saturates at ",
        "for 1,000 sessions plan ",
    ):
        assert said in last
    assert "contention is the limit, not coherency" in last


def test_each_step_is_told_as_it_ends(whole: Ended) -> None:
    """A line for each, with the edge so far and the load time left."""
    lines = [line for line in whole.err.splitlines() if " turns/s, p95 " in line]
    assert len(lines) == whole.steps
    assert all("s left" in line for line in lines)
    assert "edge not enclosed yet" in lines[0]
    assert "; edge " in lines[-1]


def test_the_json_report_keeps_its_schema(whole: Ended) -> None:
    """And a report without its interval, or with a word for a number, does not."""
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    report = json.loads(whole.read("c.json"))
    validator.validate(report)
    for name, wrong in (("sessions_interval", "wide"), ("verdict", "perhaps"), ("steps", [{"level": 1}])):
        assert not validator.is_valid({**report, "capacity": {**report["capacity"], name: wrong}})
    del report["capacity"]["sessions_interval"]
    assert not validator.is_valid(report)


def test_the_json_report_has_the_documented_fields(whole: Ended) -> None:
    """Those of the design; every number beside its interval."""
    found = json.loads(whole.read("c.json"))["capacity"]
    low, high = found["sessions_interval"]
    assert found["verdict"] == "determined"
    assert found["reason"] == ""
    assert low <= found["sessions"] <= high
    assert found["saturation_turns_per_s"] == pytest.approx(200, rel=0.05)
    assert [slo["expression"] for slo in found["slo"]] == ["turn.p95 < 500ms", "violations == 0"]
    assert found["model"]["best"] == "queue"
    assert len(found["steps"]) == whole.steps
    assert found["replicas"]["replicas"] == -(-1000 // int(low))


def test_the_committed_schema_is_current() -> None:
    """What contracts/ holds is what the report is made of."""
    assert read_contract("capacity.schema.json") == schema_text(), (
        f'rewrite it: python -c "{_WRITER}" > contracts/capacity.schema.json'
    )


def test_markdown_has_the_answer_and_a_row_for_each_step(whole: Ended) -> None:
    """A heading, a table, the assumptions as bullets."""
    text = whole.read("c.markdown")
    heading, *_ = text.splitlines()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert heading.startswith("## wfconform capacity: ")
    assert "concurrent sessions \\(95 %: " in heading
    assert rows[0] == "| sessions | turns/s | p50 ms | p95 ms | p99 ms | turns | verdict |"
    assert len(rows) == whole.steps + 1
    assert {row.count("|") for row in rows} == {8}
    assert "- Each replica is a deployment like the measured one" in text


def test_the_page_is_whole_and_loads_nothing(whole: Ended) -> None:
    """Closed elements, labels that exist, no script, no address; the sentence is the heading, each step has a row."""
    page = Page.of(whole.read("c.html"))
    names = {tag for tag, _ in page.tags}
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    labels = {id for _, attributes in page.tags for id in attributes.get("aria-labelledby", "").split()}
    assert (page.wrong, page.twice) == ([], [])
    assert labels <= ids
    assert names.isdisjoint({"script", "iframe", "object", "embed", "img", "base", "form"})
    assert str(_answer(whole)["sentence"]) in page.words
    assert len(page.attributes("tr")) == whole.steps + 1
    assert "dashed below: the limit, turn.p95 < 500ms" in page.words


def test_the_chart_names_what_it_draws_and_needs_no_mathtext(whole: Ended) -> None:
    """The fit, saturation, three percentiles and the limit; ticks in plain numbers; the page's own colours."""
    svg = re.search(r"<svg.*?</svg>", whole.read("c.html"), re.DOTALL)
    assert svg is not None
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", svg[0])
    for said in ("fit: queue", "saturation", "measured", "p50", "p95", "p99", "500 ms", "sessions", "turns/s", "100"):
        assert said in texts
    assert not [text for text in texts if "$" in text or "{" in text]
    assert not set(re.findall(r"#[0-9a-f]{6}", svg[0])) - {"#000000", "#ffffff"}
    assert "var(--c1)" in svg[0]


def test_a_browser_shows_it_without_complaint(whole: Ended) -> None:
    """Chromium builds the page on a narrow screen, and logs nothing on its console."""
    shown = seen(whole.read("c.html"), width=390)
    assert shown.console == ()
    assert Page.of(shown.document).attributes("svg")


@pytest.mark.parametrize(("width", "dark"), [(1100, True), (390, False)])
def test_axe_finds_nothing(whole: Ended, width: int, dark: bool) -> None:
    """axe-core in Chromium: no violation in the dark nor on a phone, where the page is no wider than the window."""
    found = audited(whole.read("c.html"), width=width, dark=dark)
    assert found.violations == ()
    assert (found.too_wide, found.dark) == (0, dark)


def test_a_whole_record_runs_nothing_again(whole: Ended, tmp_path: Path) -> None:
    """The same answer, from the record alone."""
    record = tmp_path / "again.jsonl"
    record.write_text(whole.read("c.jsonl"))
    target = Target(TEN)
    call = replace(CALL, outputs=Outputs({"json": str(tmp_path / "again.json")}), resume=record, quiet=True)
    assert capacity(call, run_step=target) == 0
    assert target.calls == []
    assert json.loads((tmp_path / "again.json").read_text())["capacity"] == _answer(whole)


def test_a_record_of_the_embedded_reference_goes_on(tmp_path: Path) -> None:
    """It is served on another port each time; the record is of the reference."""
    call = replace(CALL, overrides=Overrides(), embedded=True, resume=tmp_path / "c.jsonl", quiet=True)
    first, second = Target(TEN), Target(TEN)
    assert (capacity(call, run_step=first), capacity(call, run_step=second)) == (0, 0)
    assert first.calls
    assert second.calls == []


def test_a_record_cut_off_in_a_line_goes_on_from_the_step_before(whole: Ended, tmp_path: Path) -> None:
    """A process that was killed while it wrote: that step is run again, and the record is whole afterwards."""
    lines = whole.read("c.jsonl").splitlines(keepends=True)
    record = tmp_path / "cut.jsonl"
    record.write_text("".join(lines[:-1]) + lines[-1][:40])
    target = Target(TEN)
    capacity(replace(CALL, resume=record, quiet=True), run_step=target)
    assert target.calls == [json.loads(lines[-1])["level"]]
    assert [json.loads(line)["level"] for line in record.read_text().splitlines()[1:]] == [
        json.loads(line)["level"] for line in lines[1:]
    ]


def _damaged(lines: list[str]) -> dict[str, tuple[str, str]]:
    head, first, *rest = lines
    other = json.loads(head)
    other["slo"] = ["turn.p95 < 1s"]
    second = json.loads(rest[0])
    second["level"] = 17.0
    return {
        "no JSON": ("hello\n", "is no record of a capacity run"),
        "JSON of something else": ('{"kind": "a shopping list"}\n', "is no record of a capacity run"),
        "a list": ("[1, 2]\n", "is no record of a capacity run"),
        "bytes": ("\x00\x01\n", "is no record of a capacity run"),
        "a damaged step": (head + first[: len(first) // 2] + "\n" + rest[0], "line 2"),
        "a step without its level": (head + '{"purpose": "rise"}\n', "line 2"),
        "another search": (json.dumps(other) + "\n" + first, "is the record of another search (slo differ)"),
        "a step at another level": (head + first + json.dumps(second) + "\n", "step 2 was run at 17, not at 16"),
    }


@pytest.mark.parametrize("damage", _damaged(['{"slo": []}', "{}", '{"level": 1}']))
def test_a_bad_record_is_told_and_left_as_it_is(damage: str, whole: Ended, tmp_path: Path) -> None:
    """What is wrong, where, what to do; no step is run, no byte of the file changes."""
    text, said = _damaged(whole.read("c.jsonl").splitlines(keepends=True))[damage]
    record = tmp_path / "bad.jsonl"
    record.write_bytes(text.encode())
    target = Target(TEN)
    with pytest.raises(UsageError) as told:
        capacity(replace(CALL, resume=record, quiet=True), run_step=target)
    assert "--resume" in str(told.value)
    assert said in str(told.value)
    assert told.value.hint
    assert target.calls == []
    assert record.read_bytes() == text.encode()


def test_a_record_that_cannot_be_read_or_written_is_told_before_any_load(tmp_path: Path) -> None:
    """A directory, and a path below a file."""
    (tmp_path / "file").write_text("")
    target = Target(TEN)
    for path in (tmp_path, tmp_path / "file" / "below.jsonl"):
        with pytest.raises(UsageError, match="--resume"):
            capacity(replace(CALL, resume=path, quiet=True), run_step=target)
    assert target.calls == []


def test_a_record_that_can_no_longer_be_written_ends_nothing(
    whole: Ended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its folder vanishes during the first step: that is told once, and the answer is the same."""
    folder, target = tmp_path / "gone", Target(TEN)

    def run_step(plan: Plan, until: Until) -> Measured:
        shutil.rmtree(folder, ignore_errors=True)
        return target(plan, until)

    call = replace(CALL, resume=folder / "c.jsonl", outputs=Outputs({"json": str(tmp_path / "c.json")}), quiet=True)
    assert capacity(call, run_step=run_step) == 0
    assert capsys.readouterr().err.count("the record could not be written") == 1
    assert json.loads((tmp_path / "c.json").read_text())["capacity"] == _answer(whole)


def test_no_answer_is_told_with_its_reason_and_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty seconds are too few; every report says so, and the JSON keeps its schema."""
    paths = {kind: str(tmp_path / f"c.{kind}") for kind in ("json", "html", "markdown")}
    code = capacity(replace(CALL, budget="20s", outputs=Outputs(paths), quiet=True), run_step=Target(TEN))
    report = json.loads((tmp_path / "c.json").read_text())
    jsonschema.validate(report, json.loads(schema_text()))
    assert (code, report["exit_code"]) == (3, 3)
    assert (report["capacity"]["sessions"], report["capacity"]["replicas"]) == (None, None)
    said = "not determined: the edge was not enclosed before the search ended"
    assert said in capsys.readouterr().out
    assert said in (tmp_path / "c.html").read_text()
    assert said in (tmp_path / "c.markdown").read_text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"slos": ("turn.p95 > 1s",)}, "no limit that more sessions come up against"),
        ({"budget": "soon"}, "--budget"),
        ({"budget": "0s"}, r"--budget: too short for a step \(needs at least 14 s\)"),
        ({"budget": "13s"}, "too short for a step"),
        ({"embedded": True}, "--embedded and a target were both given"),
    ],
    ids=["slo", "budget", "no budget", "short budget", "embedded"],
)
def test_a_wrong_option_is_told_before_any_load(changes: dict[str, object], said: str) -> None:
    """What, and where."""
    target = Target(TEN)
    with pytest.raises(UsageError, match=said):
        capacity(replace(CALL, **changes), run_step=target)  # type: ignore[arg-type]
    assert target.calls == []


def test_a_should_that_is_not_met_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three times in each step, and nothing breaks."""
    target = Target(TEN, violations_from=1, violated="EVT-005")
    call = replace(CALL, budget="25s", outputs=Outputs({"json": str(tmp_path / "c.json")}))
    capacity(call, run_step=target)
    said = f"EVT-005 (SHOULD) was not met {3 * len(target.calls)} times: a warning, no limit"
    assert json.loads((tmp_path / "c.json").read_text())["notes"] == [said]
    assert f"note: {said}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "turns", "one_each"),
    [
        ({}, ENDLESS, True),
        ({"turns": "3-8"}, (3, 8), True),
        ({"slos": ("turn.p95 < 500ms", "session.p95 < 9s")}, (5, 5), True),
        ({"slos": ("turn.first.p95 < 500ms",)}, (5, 5), True),
        ({"arrivals": True, "max_level": 100.0}, (5, 5), False),
    ],
    ids=["by default", "as told", "an SLO on sessions", "an SLO on first turns", "arrivals"],
)
def test_sessions_last_as_long_as_a_step_unless_something_speaks_of_their_ends(
    changes: dict[str, object], turns: tuple[int, int], one_each: bool
) -> None:
    """So that N sessions are N open runs, whose turns are a think time apart, as the closed queue's law has it."""
    target, plans = Target(TEN), list[Plan]()

    def run_step(plan: Plan, until: Until) -> Measured:
        plans.append(plan)
        return target(plan, until)

    capacity(replace(CALL, budget="25s", quiet=True, **changes), run_step=run_step)  # type: ignore[arg-type]
    assert {(plan.turns, plan.one_each) for plan in plans} == {(turns, one_each)}
