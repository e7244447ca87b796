"""`wfconform load` as a program: real runs of a few seconds against the reference in a process of its own."""

import csv
import json
import os
import select
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import jsonschema
import pytest
from tests.report.pages import Page

from wfconform.commands.load import _Ending
from wfconform.commands.reference_process import reference_process
from wfconform.load.child import Child
from wfconform.reference import DEVELOPMENT_KEY
from wfconform.report.csv import FIGURE_COLUMNS, SECOND_COLUMNS

_ROOT = Path(__file__).parents[2]
_WFCONFORM = (sys.executable, "-c", "from wfconform.cli import main; main()")
PROFILE = """
think = { distribution = "constant", mean_s = 0.05 }
turns = [3, 4]
slo = ["violations == 0", "lost == 0"]
mix = { complete = 2, cancel = 1, double-submit = 1 }
[[stage]]
sessions = 4
duration_s = 2
"""


def _environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WFCONFORM_", "LOCUST_"))}
    path = os.pathsep.join(filter(None, (str(_ROOT / "src"), os.environ.get("PYTHONPATH", ""))))
    return {**kept, "PYTHONPATH": path, **changes}


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended."""

    code: int
    out: str
    err: str
    folder: Path

    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.folder / "r.json").read_text())
        return found


def _load(folder: Path, *arguments: str, **environment: str) -> Ended:
    (folder / "tiny.toml").write_text(PROFILE)
    done = subprocess.run(
        [*_WFCONFORM, "load", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=_environment(**environment),
        timeout=90,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, folder)


@pytest.fixture(scope="module", name="whole")
def _whole(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One run with every report, and an SLO that cannot be met."""
    reports = ("--json", "r.json", "--html", "r.html", "--csv", "r.csv", "--junit", "r.xml", "--markdown", "r.md")
    folder = tmp_path_factory.mktemp("load")
    return _load(folder, "--profile", "tiny.toml", "--slo", "turn.p50 < 1us", *reports)


def test_a_run_without_a_target_loads_the_reference(whole: Ended) -> None:
    """The invariants hold; the SLO that nothing can meet makes it 5 (3 where a busy machine made the run invalid)."""
    valid = whole.json()["load"]["valid"]  # type: ignore[index]
    said = "HOLDS UNDER LOAD, MISSES AN SLO" if valid else "NO VERDICT, the load run is not valid"
    assert whole.code == (5 if valid else 3), whole.err
    assert "MISSED  turn.p50 < 1us" in whole.out
    assert said in whole.out.splitlines()[-1]
    assert "loading http://127.0.0.1:" in whole.err


def test_the_json_report_keeps_its_schema(whole: Ended) -> None:
    """The load part is whole: figures, histograms, seconds, the generator's health."""
    report = whole.json()
    jsonschema.validate(report, json.loads((_ROOT / "contracts" / "report.schema.json").read_text()))
    load = report["load"]
    assert isinstance(load, dict)
    assert load["turns"] > 10
    assert load["valid"] is not bool(load["invalid_reasons"])
    assert load["sessions"]["started"] > 4
    assert load["latency_ms"]["turn"]["count"] > 10
    assert load["slo"][-1]["met"] is False
    verdicts = {result["id"]: result["verdict"] for result in report["requirements"]}  # type: ignore[attr-defined]
    assert (verdicts["LOD-001"], verdicts["LOD-002"], verdicts["TRN-002"]) == ("pass", "pass", "pass")


def test_the_csv_files_have_their_columns(whole: Ended) -> None:
    """A row for each second, and the figures beside them."""
    with (whole.folder / "r.csv").open() as file:
        seconds = list(csv.DictReader(file))
    with (whole.folder / "r.figures.csv").open() as file:
        figures = list(csv.DictReader(file))
    assert tuple(seconds[0]) == SECOND_COLUMNS
    assert sum(int(row["turns"]) for row in seconds) == whole.json()["load"]["turns"]  # type: ignore[index]
    assert tuple(figures[0]) == FIGURE_COLUMNS
    assert {"count", "sessions", "latency", "slo", "generator"} <= {row["kind"] for row in figures}


def test_the_other_reports_tell_the_same(whole: Ended) -> None:
    """JUnit has a case for each SLO, Markdown and HTML show them."""
    cases = {case.get("name"): case for case in ET.parse(whole.folder / "r.xml").iter("testcase")}
    assert cases["turn.p50 < 1us"].find("failure") is not None
    assert cases["violations == 0"].find("failure") is None
    assert "| `turn.p50 < 1us` | **missed** |" in (whole.folder / "r.md").read_text()
    page = Page.of((whole.folder / "r.html").read_text())
    assert page.wrong == []
    assert "turn.p50 < 1us ✗ missed" in page.words


def test_a_fault_that_shows_under_load_ends_the_run(tmp_path: Path) -> None:
    """Two turns at once that count once: found, with its turns; with --abort long before the run is over."""
    with reference_process(faults=("lost-update",)) as served:
        ended = _load(
            tmp_path,
            served.target.access.base_url,
            "--workflow",
            f"conversation={served.target.workflows.conversation}",
            *("--profile", "tiny.toml", "--mix", "double-submit=1", "--duration", "60s", "--abort", "--no-rerun"),
            *("--json", "r.json"),
            WFCONFORM_API_KEY=DEVELOPMENT_KEY,
        )
    assert ended.code == 1, ended.err
    assert "violations == 0: " in ended.err
    report = ended.json()
    results = {result["id"]: result for result in report["requirements"]}  # type: ignore[attr-defined]
    assert results["TRN-005"]["verdict"] == "fail"
    assert len(results["TRN-005"]["evidence"][0]["turns"]) >= 2
    assert results["LOD-001"]["verdict"] == "fail"
    assert report["load"]["duration_s"] < 40  # type: ignore[index]
    assert DEVELOPMENT_KEY not in (tmp_path / "r.json").read_text() + ended.out + ended.err


@pytest.mark.parametrize(
    ("key", "said"), [("wrong-key", "the target refuses the key (401)"), (None, "cannot be reached")]
)
def test_what_cannot_be_used_is_told_before_any_load(tmp_path: Path, key: str | None, said: str) -> None:
    """A wrong key and a closed port end in 3, with the words of a check."""
    with reference_process() as served:
        url, flows = served.target.access.base_url, served.target.workflows
        target = url if key else "http://127.0.0.1:9"
        ended = _load(
            tmp_path, target, "--workflow", f"conversation={flows.conversation}", WFCONFORM_API_KEY=key or "any"
        )
    assert ended.code == 3, ended.err
    assert said in ended.out
    assert "COULD NOT BE TESTED" in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--slo", "turn.p95 < 5"), "            ^"),
        (("--profile", "smokey"), "there is no profile 'smokey'"),
        (("--sessions", "5", "--arrivals", "2"), "--sessions and --arrivals were both given"),
        (("--master", "--worker"), "--master and --worker were both given"),
        (("--text-file", "none.txt"), "--text-file: none.txt: no such file"),
        (("--text-file", "none.txt"), "a file with one text a line"),
        (("http://127.0.0.1:9", "--embedded"), "--embedded and a target were both given: http://127.0.0.1:9"),
    ],
)
def test_a_wrong_call_is_told_without_a_run(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Usage errors end in 2 with what to do, and no traceback."""
    ended = _load(tmp_path, *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


# --- what is left


@contextmanager
def _going_on(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A run of a minute that has told of its first seconds; it and all that it started is gone afterwards."""
    (folder / "tiny.toml").write_text(PROFILE)
    with subprocess.Popen(
        [*_WFCONFORM, "load", "--profile", "tiny.toml", "--duration", "60s", "--json", "r.json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
    ) as process:
        try:
            assert process.stderr is not None
            assert any(" 1 s steady:" in line for line in process.stderr)
            yield process
        finally:
            process.kill()


def _started_by(process: "subprocess.Popen[str]") -> list[int]:
    """Handles of the processes that a run has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [os.pidfd_open(int(pid)) for pid in children]


def _all_end(handles: list[int]) -> bool:
    """Wait until each of them has ended, at most 10 s each."""
    ended = [bool(select.select([handle], [], [], 10)[0]) for handle in handles]
    for handle in handles:
        os.close(handle)
    return all(ended)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_interrupted_run_reports_and_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C: open sessions are stopped, what was found until then is reported, exit 130."""
    with _going_on(tmp_path) as process:
        started = _started_by(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert len(started) == 2
    assert process.returncode == 130, err
    assert "NO VERDICT, interrupted" in out.splitlines()[-1]
    assert json.loads((tmp_path / "r.json").read_text())["interrupted"] is True
    assert _all_end(started)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_run_leaves_nothing(tmp_path: Path) -> None:
    """Even where nothing can be tidied up, generator and reference end with the run that started them."""
    with _going_on(tmp_path) as process:
        started = _started_by(process)
        process.kill()
        process.communicate(timeout=60)
    assert len(started) == 2
    assert _all_end(started)


def test_an_abort_and_ctrl_c_are_one_end() -> None:
    """The generator is told once: told twice, it would leave the runs that it has open."""
    told: list[str] = []
    ending = _Ending(cast(Child, SimpleNamespace(interrupt=lambda: told.append("end"))))
    ending.begin()
    ending.begin()
    assert told == ["end"]
