"""Load runs in a process of their own against loopback targets, as `wfconform load` starts them."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
from hdrh.histogram import HdrHistogram
from tests.load import deployments as on

from wfconform.errors import HarnessError, NotTestable, UsageError
from wfconform.load.child import Child, start
from wfconform.load.coordinating import WRITTEN_DOWN_EVERY_S, Output
from wfconform.load.encoding import to_json
from wfconform.load.job import Job
from wfconform.load.measured import Measured, Tick
from wfconform.load.plan import ENDLESS, SCENARIOS, Stage
from wfconform.load.tally import Delta
from wfconform.load.validity import invalid_reasons
from wfconform.reference import DEVELOPMENT_KEY, describe, embedded_app, serving
from wfconform.target import Access, Secret, Target, Versioned, Workflows


def _reference(base_url: str) -> Target:
    roles = describe(base_url)["workflows"]
    told = roles.pop("versioned")
    versioned = Versioned(told["id"], {int(number): text for number, text in told["versions"].items()}, told["active"])
    return Target(Access(base_url, api_key=Secret(DEVELOPMENT_KEY)), Workflows(**roles, versioned=versioned))


def _adds_up(result: Measured) -> None:
    """Each session that was started has become something."""
    outcomes = {name: count for name, count in result.sessions.items() if name != "started"}
    assert result.sessions["started"] == sum(outcomes.values())


def test_every_kind_of_session_is_clean_on_the_reference(tmp_path: Path) -> None:
    """All seven kinds at once, closed and then open: nothing broken, nothing lost, nothing left open."""
    stages = (*on.closed(7, 1.5), Stage("arrivals", "open", "steady", 1.0, 15, 15))
    with serving(embedded_app()) as base_url:
        result = on.measured(_reference(base_url), on.plan(*SCENARIOS, stages=stages), tmp_path)
    assert result.violations == {}
    assert (result.sessions["lost"], result.left_open, result.failed) == (0, 0, 0)
    assert {"VER-002", "CAN-002", "TRN-005", "STS-009", "EVT-008", "RUN-002"} <= set(result.exercised)
    assert set(result.latency) >= {"turn first", "turn next", "stop", "session"}
    assert result.health.requested_sessions == result.health.achieved_sessions > 0
    _adds_up(result)


@pytest.mark.parametrize(
    ("defect", "shown"),
    [
        (on.CountsAllTogether, "TRN-002"),
        (on.MixesUpTexts, "EVT-008"),
        (on.GivesIdsTwice, "RUN-002"),
        (on.ForgetsSessions, "LOD-002"),
    ],
)
def test_a_defect_that_only_load_shows_is_found(defect: type[on.Overlapping], shown: str, tmp_path: Path) -> None:
    """One session alone is fine; thirty at once show the defect, with the turns of a session that shows it."""
    stages = (*on.closed(1, 0.8), *on.closed(30, 0.7))
    with on.served(defect()) as base_url:
        crowd = on.measured(on.target_at(base_url), on.plan(stages=stages), tmp_path)
    assert crowd.violations[shown] > 0
    assert min(violation.at_s for violation in crowd.first_violations) >= 0.8
    kept = next(violation for violation in crowd.first_violations if violation.id == shown)
    assert kept.turns
    assert kept.reproducer is None or kept.reproducer.startswith("#!")
    _adds_up(crowd)


def test_users_say_the_texts_that_are_given(tmp_path: Path) -> None:
    """Texts of a file instead of marks, beyond ASCII, too, and nothing else but the text that ends a conversation."""
    listening = on.Listening()
    texts = ("where is my order", "größer, bitte", "明日届く？")
    with on.served(listening) as base_url:
        result = on.measured(on.target_at(base_url), on.plan(stages=on.closed(5, 0.8), texts=texts), tmp_path)
    assert listening.heard == {*texts, "goodbye"}
    assert (result.violations, result.sessions["lost"]) == ({}, 0)


def test_a_stall_shows_in_the_corrected_latency_alone(tmp_path: Path) -> None:
    """Few turns meet a stall of 0.6 s, but many were due in it: the raw p99 does not tell, the corrected one does."""
    with on.served(on.sound(stall="2,0.6")) as base_url:
        what = on.plan("abandon", stages=on.closed(4, 2.2), think_s=0.004, turns=60, leave_open=True)
        result = on.measured(on.target_at(base_url), what, tmp_path)
    raw, corrected = (HdrHistogram.decode(rows["turn next"]) for rows in (result.latency, result.corrected))
    assert raw.get_value_at_percentile(99) < 100_000
    assert corrected.get_value_at_percentile(99) > 300_000


def test_the_totals_of_two_processes_are_what_the_target_counted(tmp_path: Path) -> None:
    """Turns, stops, sessions and requests add up exactly, and no connection was opened in vain."""
    with on.served(on.sound()) as base_url:
        what = on.plan("complete", "cancel", "abandon", stages=on.closed(20, 1.5))
        result = on.measured(on.target_at(base_url), what, tmp_path, processes=2)
        told = on.counts(base_url)
    mine = (result.turns, result.stops, result.sessions["started"], result.requests)
    assert mine == (told["turns"], told["stops"], told["sessions"], told["requests"])
    assert told["open"] == result.left_open == 0
    assert [worker["state"] for worker in result.workers] == ["ended", "ended"]
    assert result.health.connections_opened == told["connections"] - 1  # the one that asked for the counts
    _adds_up(result)


@pytest.mark.parametrize(("others", "timed"), [(("abandon",), False), ((), True)])
def test_turns_that_are_slow_by_design_are_timed_only_alone(
    others: tuple[str, ...], timed: bool, tmp_path: Path
) -> None:
    """Beside sessions of one turn each, none of theirs is in a latency; all of them are counted in any case."""
    with on.served(on.sound()) as base_url:
        what = on.plan("cancel-in-flight", *others, stages=on.closed(4, 0.8), turns=1)
        result = on.measured(on.target_at(base_url), what, tmp_path)
        told = on.counts(base_url)
    assert ("turn next" in result.latency, "turn next" in result.corrected, "2" in result.by_turn) == (timed,) * 3
    assert result.turns == told["turns"] > 0


def test_a_master_shares_its_plan_out_to_a_worker_of_its_own_start(tmp_path: Path) -> None:
    """The worker has the target and its key, the master the plan and the figures."""
    with on.served(on.sound()) as base_url:
        target, what = on.target_at(base_url), on.plan("complete", stages=on.closed(5, 1.0))
        nothing = on.plan("abandon", stages=on.closed(1, 1.0))
        with start(Job(target, what, tmp_path / "master", role="master")) as master:
            port = master.job.master_port
            with start(Job(target, nothing, tmp_path / "worker", role="worker", master_port=port)) as worker:
                result = master.result()
                assert worker.wait() == 0
        told = on.counts(base_url)
    assert result.turns == told["turns"] > 0
    assert result.sessions["abandoned"] == 0
    assert on.KEY not in (tmp_path / "master" / "job.json").read_text()


def test_a_worker_that_is_killed_is_named(tmp_path: Path) -> None:
    """The run goes on to its end with the other one; the lost one is marked, with how far its numbers go."""
    with on.served(on.sound()) as base_url:
        what = on.plan("abandon", stages=on.closed(4, 5.0))
        with start(Job(on.target_at(base_url), what, tmp_path, processes=2)) as child:
            killed = False
            for tick in child.ticks():
                if tick.turns and not killed:
                    os.kill(_children(child.process.pid)[0], signal.SIGKILL)
                    killed = True
            result = child.result()
    states = sorted(str(worker["state"]) for worker in result.workers)
    assert states == ["ended", "lost"]
    assert any("was lost in second" in note for note in result.notes)


def test_what_a_killed_generator_had_counted_is_told(tmp_path: Path) -> None:
    """Killed in the middle: figures, series and the reason are there, and the run is not valid."""
    with on.served(on.sound()) as base_url:
        what = on.plan("abandon", stages=on.closed(4, 60.0), think_s=0.05)
        with start(Job(on.target_at(base_url), what, tmp_path)) as child:
            for tick in child.ticks():
                if tick.second == WRITTEN_DOWN_EVERY_S:
                    os.kill(child.process.pid, signal.SIGKILL)
            result = child.result()
    assert result.turns == result.steady_turns > 0
    assert len(result.series) == WRITTEN_DOWN_EVERY_S + 1
    assert [worker["state"] for worker in result.workers] == ["lost"]
    assert any(
        "was killed by signal 9: runs that it had open may not have been stopped" in note for note in result.notes
    )
    assert invalid_reasons(result, what) == ("lost in mid-run, with its last figures: worker this process",)


def test_no_violation_that_was_shown_is_taken_back(tmp_path: Path) -> None:
    """Killed a moment after violations were shown: they are reported, and the series tells no more than the totals."""
    with on.served(on.CountsAllTogether()) as base_url:
        what = on.plan(stages=on.closed(30, 60.0))
        with start(Job(on.target_at(base_url), what, tmp_path)) as child:
            shown = 0
            for tick in child.ticks():
                shown += tick.violations
                if tick.second == WRITTEN_DOWN_EVERY_S + 2:
                    os.kill(child.process.pid, signal.SIGKILL)
            result = child.result()
    assert shown > 0
    assert sum(result.violations.values()) >= shown
    assert sum(tick.violations for tick in result.series) == shown


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    """What a full disk tore off is lost; the seconds before and behind it are not."""
    job = Job(on.target_at("http://127.0.0.1:1"), on.plan("abandon", stages=on.closed(1, 1.0)), tmp_path)
    output, line = Output(job), to_json(Tick(0, "s", "steady", 1, 1, 0, 3, 0, 0, 0, 0, 1.0, 0))
    output.job.ticks_path.write_bytes(line + b"\n" + line[:20] + line + b"\n" + line + b"\n")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        assert [tick.turns for tick in Child(job, process).new_ticks()] == [3, 3]


def test_a_generator_that_fails_midway_loses_nothing(tmp_path: Path) -> None:
    """An error of our own in mid-run: what was counted is told, with the failure."""
    job = Job(on.target_at("http://127.0.0.1:1"), on.plan("abandon", stages=on.closed(1, 1.0)), tmp_path)
    output = Output(job)
    gathering = output.gathering()
    gathering.join("this process")
    gathering.take("this process", Delta(0, "s", "steady", latency={"turn 1": {100: 3}}))
    output.failed(ZeroDivisionError("by nothing"), gathering)
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(4)"]) as process:
        result = Child(job, process).result()
    assert (result.turns, len(result.series)) == (3, 1)
    assert result.failure == "the load generator failed: ZeroDivisionError('by nothing')"


def test_a_master_does_not_wait_for_ever(tmp_path: Path) -> None:
    """Workers that do not come end the run, and it is told how many did."""
    job = Job(on.target_at("http://127.0.0.1:1"), on.plan("abandon", stages=on.closed(1, 1.0)), tmp_path)
    said = r"only 0 of 2 workers came within 0\.5 s"
    led = replace(job, role="master", expect_workers=2, workers_wait_s=0.5)
    with start(led) as master, pytest.raises(NotTestable, match=said):
        master.result()


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(number) for number in text.split()]


def test_an_interrupted_run_tidies_up_and_tells_what_it_has(tmp_path: Path) -> None:
    """SIGINT in the middle: open sessions are stopped at the target, the result is written."""
    with on.served(on.sound()) as base_url:
        what = on.plan("abandon", stages=on.closed(10, 60.0), think_s=0.3)
        with start(Job(on.target_at(base_url), what, tmp_path)) as child:
            next(child.ticks())
            child.interrupt()
            result = child.result()
        told = on.counts(base_url)
    assert result.interrupted
    assert result.turns == told["turns"] > 0
    assert told["open"] == result.left_open == 0


@pytest.mark.parametrize("turns", [(3, 3), ENDLESS], ids=["three turns", "endless"])
def test_slots_of_one_session_each_hold_so_many_runs_and_think_after_every_turn(
    turns: tuple[int, int], tmp_path: Path
) -> None:
    """As the closed queue's law has it: never more than six runs are open, and turns are 100 ms apart, no less."""
    runs = on.Crowd()
    with on.served(runs) as base_url:
        what = on.plan("abandon", stages=on.closed(6, 2.0), think_s=0.1, one_each=True)
        result = on.measured(on.target_at(base_url), replace(what, turns=turns), tmp_path)
        told = on.counts(base_url)
    assert 40 <= result.turns / 2.0 <= 76  # 60 in the mean, and what chance adds: pauses are drawn
    assert runs.most_open == 6
    assert (told["open"], result.left_open, result.violations) == (0, 0, {})
    assert (told["sessions"] == 6) is (turns == ENDLESS)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_while_the_generator_starts_is_not_lost(processes: int, tmp_path: Path) -> None:
    """SIGINT before anything listens to it: an empty result, and no process is left."""
    with on.served(on.sound()) as base_url:
        what = on.plan("abandon", stages=on.closed(10, 60.0))
        with start(Job(on.target_at(base_url), what, tmp_path, processes=processes)) as child:
            child.interrupt()
            result = child.result()
            with pytest.raises(ProcessLookupError):
                os.killpg(child.process.pid, 0)
        told = on.counts(base_url)
    assert result.interrupted
    assert told["open"] == result.left_open == 0


def test_each_of_many_sessions_has_one_connection(tmp_path: Path) -> None:
    """1,200 waiting sessions, beyond the 1,024 descriptors that select() can test, open 1,200 connections."""
    stages = (Stage("up", "closed", "steady", 2.5, 1200, 1200),)
    with on.served(on.sound()) as base_url:
        what = on.plan("abandon", stages=stages, think_s=1.0, leave_open=True)
        result = on.measured(on.target_at(base_url), what, tmp_path)
        told = on.counts(base_url)
    assert result.health.connections_opened == 1200 == told["connections"] - 1
    assert max(tick.sessions_open for tick in result.series) == 1200
    assert result.health.connections_reused > 0


def test_a_refused_start_is_waited_out(tmp_path: Path) -> None:
    """429 is counted, and nothing is held against the target."""
    runs = on.Refusing()
    with on.served(runs) as base_url:
        result = on.measured(on.target_at(base_url), on.plan(stages=on.closed(4, 1.0)), tmp_path)
    assert result.refused == runs.refused > 0
    assert (result.violations, result.sessions["lost"]) == ({}, 0)


def test_a_stop_without_an_answer_is_tried_again(tmp_path: Path) -> None:
    """Runs that were left are closed at the end, though the first stop of each fails; the failures are violations."""
    runs = on.StopsAtTheSecondTry()
    with on.served(runs) as base_url:
        result = on.measured(on.target_at(base_url), on.plan("abandon", stages=on.closed(6, 1.0)), tmp_path)
        told = on.counts(base_url)
    assert told["open"] == result.left_open == 0
    assert result.violations["EXE-008"] == len(runs.tried) == told["stops"] > 0


def test_what_the_target_lacks_is_said_at_the_start(tmp_path: Path) -> None:
    """A mix that needs the role slow is refused with the role's name."""
    bare = on.target_at("http://127.0.0.1:9")
    target = replace(bare, workflows=replace(bare.workflows, slow=None))
    job = Job(target, on.plan("cancel-in-flight", stages=on.closed(1, 1.0)), tmp_path)
    with start(job) as child, pytest.raises(UsageError, match="the role slow"):
        child.result()


def test_a_generator_that_dies_is_told_with_its_log(tmp_path: Path) -> None:
    """No result and no word from it: an error of the harness that shows the end of the log."""
    with start(Job(on.target_at("http://127.0.0.1:9"), on.plan(stages=on.closed(1, 60.0)), tmp_path)) as child:
        while not child.job.log_path.read_text():
            sleep(0.02)
        child.kill()
        with pytest.raises(HarnessError, match="signal 9"):
            child.result()


def test_no_secret_is_written(tmp_path: Path) -> None:
    """Neither the key nor a header's value is in the job, the ticks, the result or the log."""
    with on.served(on.ForgetsSessions()) as base_url:
        target = on.target_at(base_url, headers={"teamid": Secret("planted-team-value")})
        result = on.measured(target, on.plan(stages=on.closed(20, 0.5)), tmp_path)
    assert result.violations
    written = "".join(path.read_text() for path in tmp_path.iterdir() if path.is_file())
    assert on.KEY not in written
    assert "planted-team-value" not in written
