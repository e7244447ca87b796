"""Running a reproducer before it is shown."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.report.runs import a_result, a_run, an_evidence
from tests.reproduce.replaying import needs_curl

from wfconform.outcomes import Verdict
from wfconform.reproduce import rerun, rerun_failures, write_scripts
from wfconform.reproduce.rerun import in_words
from wfconform.target import Access

ENV = {"PATH": os.environ["PATH"]}
ACCESS = Access("http://127.0.0.1:9")


@needs_curl
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", "reproduced"),
        ("exit 0", "not reproduced"),
        ("echo one; echo 'could not be replayed: call 2 got no answer'; exit 2", "not run: call 2 got no answer"),
        ("echo 'set KEY to the key' >&2; exit 2", "not run: set KEY to the key"),
        ("exit 77", "not run: it ended with 77"),
    ],
)
def test_the_exit_code_says_what_it_showed(script: str, said: str) -> None:
    """1 is reproduced, 0 is not, and anything else is no verdict."""
    assert asyncio.run(rerun(script, ENV)) == said


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (["reproduced", "not reproduced", "reproduced"], "reproduced in 2 of 3"),
        (["not reproduced", "not run: late"], "reproduced in 0 of 1"),
        (["not run: late", "not run: late"], "not run: late"),
        (["not reproduced"], "not reproduced"),
    ],
)
def test_several_runs_are_told_as_k_of_n(outcomes: list[str], said: str) -> None:
    """Runs that did not get to a verdict do not count."""
    assert in_words(outcomes) == said


@needs_curl
def test_a_script_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """It gets a moment to stop what it opened; nothing of it is left running."""
    script = f"trap 'echo stopped >{tmp_path}/trap; exit 2' TERM\necho $$ >{tmp_path}/pid\nsleep 60 & wait"
    begun_s = time.monotonic()
    assert asyncio.run(rerun(script, ENV, timeout_s=0.5)).startswith("not run: not finished in")
    assert time.monotonic() - begun_s < 10
    assert (tmp_path / "trap").read_text() == "stopped\n"
    _ended(int((tmp_path / "pid").read_text()))


@needs_curl
def test_a_child_that_ignores_the_end_of_its_script_is_ended_too(tmp_path: Path) -> None:
    """The script is gone at the first signal, what it left behind at the second."""
    script = f"echo $$ >{tmp_path}/pid\n(trap '' TERM; while :; do sleep 1; done) & wait"
    assert asyncio.run(rerun(script, ENV, timeout_s=0.5)).startswith("not run: not finished in")
    _ended(int((tmp_path / "pid").read_text()))


def _ended(group: int) -> None:
    """Wait until no process of a group is left; whoever inherits orphans may take a moment to bury them."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"processes of group {group} are left")


def test_without_curl_nothing_is_run() -> None:
    """The reason takes the place of a verdict."""
    assert asyncio.run(rerun("exit 1", {"PATH": "/nowhere"})) == "not run: curl is not installed"


@needs_curl
def test_the_first_reproducer_of_each_failure_is_run() -> None:
    """A race several times; what did not fail, or has no script, not at all."""
    race = an_evidence(reproducer="exit 1", predicate={"race": True})
    plain = an_evidence(reproducer="exit 0", predicate={"race": False})
    run = a_run(
        a_result("TRN-001"),
        a_result("TRN-002", Verdict.FAIL, "", plain, race),
        a_result("TRN-005", Verdict.FAIL, "", race),
        a_result("RUN-008", Verdict.WARN, "", an_evidence()),
    )
    again = asyncio.run(rerun_failures(run, ACCESS))
    told = [[one.reproduced for one in result.evidence] for result in again.results]
    assert told == [[], ["not reproduced", None], ["reproduced in 5 of 5"], [None]]


@needs_curl
def test_all_reruns_together_stay_within_the_budget() -> None:
    """What had no time left says so."""
    slow = an_evidence(reproducer="sleep 30", predicate={"race": False})
    run = a_run(*(a_result(f"TRN-00{n}", Verdict.FAIL, "", slow) for n in range(1, 5)))
    begun_s = time.monotonic()
    again = asyncio.run(rerun_failures(run, ACCESS, budget_s=0.5, at_once=1))
    assert time.monotonic() - begun_s < 10
    assert {str(result.evidence[0].reproduced)[:8] for result in again.results} == {"not run:"}


def test_scripts_are_written_beside_the_report(tmp_path: Path) -> None:
    """One for each failure, executable; those of an earlier run go, other files stay."""
    folder = tmp_path / "r.repro"
    folder.mkdir()
    for name in ("EXE-001.sh", "mine.sh"):
        (folder / name).touch()
    run = a_run(a_result("TRN-002", Verdict.FAIL, "", an_evidence(reproducer="exit 1")), a_result("TRN-001"))
    assert write_scripts(run, tmp_path / "r.json") == folder
    assert sorted(path.name for path in folder.iterdir()) == ["TRN-002.sh", "mine.sh"]
    assert os.access(folder / "TRN-002.sh", os.X_OK)
    assert write_scripts(a_run(a_result("TRN-001")), tmp_path / "r.json") is None
