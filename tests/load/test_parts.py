"""The parts of the load engine, each by itself."""

import json
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from tests.load.quickly import reply_of, shared_of
from tests.session.shapes import EPOCH_S

from wfconform.errors import UsageError
from wfconform.load.connection import Connection, Reply
from wfconform.load.encoding import from_json, public_target, secrets_of, target_of, to_json
from wfconform.load.gathering import Gathering
from wfconform.load.generator import refuse_unplayable
from wfconform.load.job import JOB_VARIABLE, Job, read_job, write_job
from wfconform.load.measured import Tick
from wfconform.load.ordinary import exercised_ids
from wfconform.load.pacing import arrivals, level, share_of, thinker
from wfconform.load.plan import Distribution, Plan, Stage, Think
from wfconform.load.playing import Playing
from wfconform.load.tally import Delta, cell, percentile
from wfconform.load.totals import encoded
from wfconform.load.uniqueness import SeenIds
from wfconform.scenarios.sessions import VISITS, Visit
from wfconform.target import Access, Secret, Target, Versioned, Workflows
from wfconform.wire import Failure

WORKFLOW = "5eb7cf5a86d9755df3a6c593"
RAMP = Stage("ramp", "open", "steady", 100.0, 0.0, 20.0)
FULL = Target(
    Access("https://h/p", api_key=Secret("the-key"), headers={"teamid": Secret("the-team")}, verify_tls=False),
    Workflows(WORKFLOW, conversation_end="bye", echoes=True, versioned=Versioned("a" * 24, {0: "v0", 1: "v1"}, 1)),
    name="full",
    session_ttl_s=60.0,
)


@given(st.integers(1, 3_600_000_000))
def test_a_cell_is_the_histogram_s_own(us: int) -> None:
    """Counting in cells loses nothing that the histogram would keep."""
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    assert histogram.get_lowest_equivalent_value(us) == cell(us)


def test_histograms_survive_their_encoding() -> None:
    """What is recorded in cells is what the decoded histogram tells."""
    cells = {cell(us): us % 7 + 1 for us in range(1, 500_000, 777)}
    decoded = HdrHistogram.decode(encoded(cells))
    assert decoded.get_total_count() == sum(cells.values())
    low = decoded.get_lowest_equivalent_value(decoded.get_value_at_percentile(95))
    assert low == percentile(cells, 0.95)


@given(st.lists(st.binary(min_size=12, max_size=12), max_size=300))
def test_an_id_is_seen_once(ids: list[bytes]) -> None:
    """The flat table answers as a set does, through its growth."""
    seen, known = SeenIds(slots=8), set[bytes]()
    for id in ids:
        assert seen.add(id) is (id in known)
        known.add(id)


def test_ids_beyond_the_bound_are_forgotten_and_said_so() -> None:
    """Memory stays bounded; the newest ids are still known."""
    seen = SeenIds(slots=8, most_slots=16)
    ids = [bytes([number]) * 12 for number in range(60)]
    assert not any(seen.add(id) for id in ids)
    assert seen.forgot
    assert seen.add(ids[-1])


@pytest.mark.parametrize("kind", ["constant", "uniform", "exponential", "lognormal"])
def test_think_times_have_the_mean_they_are_given(kind: Distribution) -> None:
    """20,000 draws of each distribution come within 5 % of the mean, and none is negative."""
    think = thinker(Think(kind, 2.0, 0.5), Random(1))
    draws = [think() for _ in range(20_000)]
    assert min(draws) >= 0
    assert sum(draws) / len(draws) == pytest.approx(2.0, rel=0.05)


def test_arrivals_of_a_ramp_follow_it() -> None:
    """A ramp from 0 to 20 a second over 100 s brings 1,000 sessions, a quarter of them in its first half."""
    times = [at for seed in range(20) for at in arrivals(RAMP, chance=Random(seed), share=1.0)]
    assert len(times) / 20 == pytest.approx(1000, rel=0.03)
    assert sum(at < 50 for at in times) / len(times) == pytest.approx(0.25, abs=0.01)
    assert level(RAMP, 50.0) == 10.0


def test_shares_of_processes_add_up() -> None:
    """Seven sessions over three processes are 3, 2 and 2."""
    assert [share_of(7, index=index, count=3) for index in range(3)] == [3, 2, 2]


def test_a_target_travels_without_its_secrets() -> None:
    """The JSON has neither key nor header; with the environment it is the same target again."""
    text = to_json(public_target(FULL)).decode()
    assert "the-key" not in text
    assert "the-team" not in text
    assert target_of(json.loads(text), secrets_of(FULL)) == FULL


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Target, plan and processes come back from the file."""
    job = Job(FULL, Plan("p", (RAMP,), turns=(2, 7), texts=("hi",)), tmp_path, processes=3)
    write_job(job)
    assert read_job({JOB_VARIABLE: str(job.path), **secrets_of(FULL)}) == job


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mix": (("cancel-in-flight", 1.0),)}, "the role slow"),
        ({"mix": (("pinned-version", 1.0),)}, "the role versioned"),
        ({"mix": (("complete", 1.0),)}, "conversation_end"),
        ({"mix": (("dance", 1.0),)}, "'dance'"),
        ({"mix": (("abandon", 0.0),)}, "no session in its mix"),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(changes: dict[str, object], said: str) -> None:
    """A role, a text or a kind of session that is not there."""
    plan = Plan("p", (RAMP,), **changes)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=said):
        refuse_unplayable(plan, Target(Access("http://h"), Workflows(WORKFLOW)))


def test_two_processes_with_one_run_id_are_found_out() -> None:
    """RUN-002 over processes: each has the id once, together they have it twice."""
    gathering = Gathering(lambda _: None)
    for name in ("one", "two"):
        gathering.join(name)
    for name in ("one", "two"):
        gathering.take(name, Delta(0, "s", "steady", run_ids=b"\x6a" * 12))
    assert gathering.measured(duration_s=1.0, interrupted=False).violations == {"RUN-002": 1}


def test_a_second_is_told_when_all_have_told_it() -> None:
    """The tick of a second waits for the process that is behind, and adds up both."""
    ticks: list[Tick] = []
    gathering = Gathering(ticks.append)
    for name in ("one", "two"):
        gathering.join(name)
    gathering.take("one", Delta(0, "s", "steady", latency={"turn 1": {100: 3}}))
    assert ticks == []
    gathering.take("two", Delta(0, "s", "steady", latency={"turn 1": {200: 1}}))
    assert [(tick.second, tick.turns, tick.turn_us) for tick in ticks] == [(0, 4, (100, 200, 200, 200))]


def test_the_cpu_is_that_of_the_busiest_process() -> None:
    """One process at its limit is not hidden by another that rests."""
    gathering = Gathering(lambda _: None)
    for name, cpu in (("one", 0.98), ("two", 0.1)):
        gathering.join(name)
        gathering.take(name, Delta(0, "w", "warm-up", cpu=0.5))
        gathering.take(name, Delta(1, "s", "steady", cpu=cpu))
        gathering.take(name, Delta(2, "s", "steady", cpu=cpu, seconds=0.5))
    assert gathering.measured(duration_s=2.5, interrupted=False).health.cpu == 0.98


def test_figures_come_from_steady_stages_only() -> None:
    """A warm-up counts in the totals, not in the latencies."""
    gathering = Gathering(lambda _: None)
    gathering.join("one")
    gathering.take("one", Delta(0, "w", "warm-up", latency={"turn 1": {9000: 5}}))
    gathering.take("one", Delta(1, "s", "steady", latency={"turn 1": {10: 2}, "turn 2": {20: 1}}))
    measured = gathering.measured(duration_s=2.0, interrupted=False)
    assert (measured.turns, measured.steady_turns) == (8, 3)
    assert HdrHistogram.decode(measured.latency["turn first"]).get_max_value() == 10
    assert from_json(to_json(measured), type(measured)) == measured


def _first_answer(**changes: object) -> dict[str, object]:
    wait = {"type": "busy_wait_for_user_message", "logical_id": "w1", "timestamp": EPOCH_S + 1.5}
    return {
        "run_id": f"{int(EPOCH_S):08x}" + "0" * 16,
        "status": "waiting_for_user_input",
        "turn_number": 1,
        "events": [wait],
        "is_waiting_for_input": True,
        "is_completed": False,
        "next_input_hint": wait,
        **changes,
    }


def _quickly(target: Target, body: dict[str, object] | bytes) -> int:
    shared = shared_of(target)
    return shared.ordinary.accepts(shared.client.session().start(), reply_of(body, sent_s=1.0, received_s=2.0))


KEYED = Target(Access("http://h", api_key=Secret("key-0123456789")), Workflows(WORKFLOW))


def test_a_plain_answer_takes_the_quick_way() -> None:
    """What the next tests change is accepted unchanged, with the key's requirement."""
    assert "AUT-004" in exercised_ids(_quickly(KEYED, _first_answer()))


@pytest.mark.parametrize(
    "body",
    [
        _first_answer(note="key-0123456789"),
        _first_answer(note="wfm0123456789abn0001z"),
        json.dumps(_first_answer(note="@")).encode().replace(b"@", b"\xff"),
        json.dumps(_first_answer()).encode()[:-1] + b', "x": NaN}',
        b"\xef\xbb\xbf" + json.dumps(_first_answer()).encode(),
    ],
    ids=["the key", "another session's mark", "no UTF-8", "NaN", "a byte order mark"],
)
def test_what_the_bytes_show_is_left_to_the_ledger(body: dict[str, object] | bytes) -> None:
    """A leaked key, a foreign mark and lax JSON never take the quick way."""
    assert _quickly(KEYED, body) == 0


@pytest.mark.parametrize(
    ("failure", "outcome", "lost"), [(Failure.CLOSED_IDLE, "unfinished", 0), (Failure.TORN, "lost", 1)]
)
def test_a_session_that_crossed_an_idle_close_is_not_lost(failure: Failure, outcome: str, lost: int) -> None:
    """Its end is unknown, which is nobody's fault; an answer that was broken off is the target's."""
    shared = shared_of()
    silent = SimpleNamespace(call=lambda _: Reply(1, 2, failure=failure, detail="closed"), close=lambda: None)
    shared.borrow = lambda: cast(Connection, silent)  # type: ignore[method-assign]
    visit = Visit(shared.client, 3, lambda: 0.0, lambda _: None, 1)
    playing = Playing(shared, "abandon", VISITS["abandon"], visit, patience_s=1.0)
    assert playing.play() == outcome
    assert shared.tally.violations["LOD-002"] == lost
