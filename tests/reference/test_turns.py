"""Sessions over the endpoint, called in-process: turns, roles, versions, pauses, stops."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.reference.deployment import CONVERSATION, INTAKE, OTHER_KEY, ROLES, Answer, Deployment, run_input

from wfconform.reference.sessions import CLAIM_S

pytestmark = pytest.mark.anyio
TEXTS = [
    "hello",
    "",
    "😀 family 👨‍👩‍👧",
    "שלום עולם \u202eabc",
    "quotes \" ' back\\slash",
    "line\r\nends\n\tand\u2028more",
    "nul \x00 and \x7f",
    "{{company}} [[said]]",
    "x" * 16_384,
]
FULL_FORM: dict[str, Any] = {
    "run_input": {
        "dynamic_variables": {}, "runtime_variables": {}, "miscellaneous": {}, "command": "start", "workflow_id": None,
        "version_number": 0, "run_by": None, "workflow_run_id": None, "team_id": None, "start_node_logical_id": None,
        "initial_state": None, "welcome_message": None,
        "thread_to_node_inputs": {"0": {"node_run_inputs": [{
            "dynamic_variables": {}, "runtime_variables": {}, "miscellaneous": {}, "type": "llm",
            "node_logical_id": None,
            "messages": [{"content": "hello", "additional_kwargs": {}, "response_metadata": {}, "type": "human",
                          "name": None, "id": None}]}]}},
    }
}  # fmt: skip


async def test_a_session_lives_and_ends(deployment: Deployment) -> None:
    """Turns count from 1, the run_id stays, the declared text completes the run (§5, TRN-001, TRN-002)."""
    first = await deployment.start()
    answers = [first, *[await deployment.say(first, text) for text in ("a", "b", "goodbye")]]
    assert [(a["turn_number"], a["status"], a["run_id"]) for a in answers] == [
        (1, "waiting_for_user_input", first["run_id"]),
        (2, "waiting_for_user_input", first["run_id"]),
        (3, "waiting_for_user_input", first["run_id"]),
        (4, "completed", first["run_id"]),
    ]
    assert [(a["is_waiting_for_input"], a["is_completed"]) for a in answers] == [(True, False)] * 3 + [(False, True)]


async def test_an_answer_has_the_contract_fields(deployment: Deployment) -> None:
    """§7's fields and the newer ones; the hint is this turn's own busy_wait event (STS-008, STS-014)."""
    answer = await deployment.start()
    assert sorted(answer.body) == [
        "error", "events", "has_active_companions", "has_background_work", "is_completed", "is_waiting_for_input",
        "next_input_hint", "run_id", "status", "turn_number",
    ]  # fmt: skip
    assert answer["next_input_hint"] == answer["events"][-1]
    assert answer["error"] is None
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("text", TEXTS)
async def test_texts_come_back_whole(deployment: Deployment, text: str) -> None:
    """The conversation repeats every text verbatim (EXE-013)."""
    run = await deployment.start()
    assert (await deployment.say(run, text)).said == [text]


async def test_the_full_client_body_works(deployment: Deployment) -> None:
    """The body that generated clients send, first turn and later turn alike (EXE-012, RUN-004)."""
    first = await deployment.post({"run_id": None, **FULL_FORM})
    later = await deployment.post({"run_id": first["run_id"], **FULL_FORM})
    assert (first["turn_number"], later["turn_number"], later.said) == (1, 2, ["hello"])


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "hi"},
        {"type": "human", "content": [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]},
        {"type": "human", "content": "hi", "additional_kwargs": {"deep": [1]}, "unknown": {}},
    ],
)
async def test_messages_come_in_several_forms(deployment: Deployment, message: dict[str, Any]) -> None:
    """The last message counts, whichever client wrote it (§4)."""
    run = await deployment.start()
    inputs = {"0": {"node_run_inputs": [{"messages": [{"type": "human", "content": "earlier"}, message]}]}, "1": {}}
    answer = await deployment.post({"run_id": run["run_id"], "run_input": {"thread_to_node_inputs": inputs}})
    assert answer.said == ["hi"]


@pytest.mark.parametrize("command", ["start", "data", "resume", None])
async def test_every_resuming_command_resumes(deployment: Deployment, command: str | None) -> None:
    """A run_id beside `start` is a resume too, and null is `start` (RUN-011)."""
    run = await deployment.start()
    body = {"run_id": run["run_id"], "run_input": run_input("hi", command=command)}
    assert (await deployment.post(body))["turn_number"] == 2


async def test_upper_case_run_ids_are_the_same_run(deployment: Deployment) -> None:
    """The id is normalised (RUN-003, RUN-012)."""
    run = await deployment.start()
    assert (await deployment.say(run["run_id"].upper(), "hi"))["run_id"] == run["run_id"]


async def test_events_are_never_repeated(deployment: Deployment) -> None:
    """Over three turns all ids and times differ, though the clock stands (EVT-004, EVT-009)."""
    run = await deployment.start()
    events = [*run["events"], *(await deployment.say(run, "a"))["events"], *(await deployment.say(run, "b"))["events"]]
    assert (
        len({event["logical_id"] for event in events}) == len({event["timestamp"] for event in events}) == len(events)
    )


@pytest.mark.parametrize(
    ("role", "status", "last_event"),
    [
        ("completes", "completed", "end_workflow"),
        ("fails", "failed", "workflow_error"),
        ("loops", "aborted_looping_risk", "end_workflow"),
        ("pauses", "paused", "pause_event"),
        ("slow", "waiting_for_user_input", "busy_wait_for_user_message"),
    ],
)
async def test_each_role_behaves_as_declared(deployment: Deployment, role: str, status: str, last_event: str) -> None:
    """The first turn ends as the target file says (STS-010, EVT-003), an error is there only when it failed."""
    answer = await deployment.start(ROLES[role])
    assert (answer["status"], answer.event_types[-1]) == (status, last_event)
    assert bool(answer["error"]) == (status == "failed")


async def test_a_paused_run_is_run_on(deployment: Deployment) -> None:
    """Resumed, it goes on to wait for the user (STS-011)."""
    run = await deployment.start(ROLES["pauses"])
    answer = await deployment.say(run, None, command="resume", workflow=ROLES["pauses"])
    assert (answer["status"], answer["turn_number"]) == ("waiting_for_user_input", 2)


async def test_slow_turns_take_a_second(deployment: Deployment) -> None:
    """Every later turn of the role slow sleeps 1.0 s, the first does not."""
    run = await deployment.start(ROLES["slow"])
    assert deployment.sleep.slept == []
    for _ in range(2):
        await deployment.say(run, "hi", workflow=ROLES["slow"])
    assert sum(deployment.sleep.slept) == 2.0


@pytest.mark.parametrize(("version", "text"), [(None, "version-1"), (0, "version-0"), (1, "version-1")])
async def test_a_session_keeps_its_version(deployment: Deployment, version: int | None, text: str) -> None:
    """The first turn chooses, absent is the active one, later turns stay (VER-001, VER-002, VER-004)."""
    asked = {} if version is None else {"version": version}
    first = await deployment.start(ROLES["versioned"]["id"], params=asked)
    later = [
        await deployment.say(first, "x", workflow=ROLES["versioned"]["id"], params={"version": other})
        for other in (0, 1, 7, 2**63)
    ]
    assert [answer.said for answer in (first, *later)] == [[text]] * 5


async def test_version_number_selects_nothing(deployment: Deployment) -> None:
    """Clients send `version_number: 0` without having chosen (VER-005)."""
    answer = await deployment.post({"run_input": run_input(version_number=0)}, workflow=ROLES["versioned"]["id"])
    assert answer.said == ["version-1"]


async def test_variables_reach_the_workflow(deployment: Deployment) -> None:
    """The richer workflow: dynamic variables, a worker, three conditions, a second question."""
    first = await deployment.post({"run_input": run_input(dynamic_variables={"company": "Zed"})}, workflow=INTAKE)
    again = await deployment.say(first, "name=Ada", workflow=INTAKE)
    last = await deployment.say(first, "age=36", workflow=INTAKE)
    assert [first.said, again.said, last.said] == [
        ["Welcome to Zed."],
        ["Thank you."],
        ["Thank you.", "Ada, you may come in."],
    ]
    assert [again["status"], last["status"]] == ["waiting_for_user_input", "completed"]


@pytest.mark.parametrize("role", ["conversation", "pauses"])
async def test_a_stop_cancels(deployment: Deployment, role: str) -> None:
    """The run is cancelled and takes no turn, and a second stop answers the same (CAN-001, CAN-003, TRN-006)."""
    run = await deployment.start(ROLES[role])
    first = await deployment.stop(run, workflow=ROLES[role])
    second = await deployment.stop(run, workflow=ROLES[role])
    fields = ("status", "turn_number", "is_completed", "is_waiting_for_input", "error", "next_input_hint")
    assert [first[name] for name in fields] == ["cancelled", 1, True, False, None, None]
    assert second.body == first.body


@pytest.mark.parametrize("role", ["completes", "fails", "loops"])
@pytest.mark.parametrize("command", ["start", "data", "resume", "pause", "stop"])
async def test_an_ended_run_takes_no_more(deployment: Deployment, role: str, command: str) -> None:
    """Every command on a terminal run is a conflict, and nothing changes (STS-009, CAN-005)."""
    run = await deployment.start(ROLES[role])
    before = deployment.runs.find_one()
    answer = await deployment.say(run, "hi", command=command, workflow=ROLES[role])
    assert answer.code == 409
    assert deployment.runs.find_one() == before


@pytest.mark.parametrize("command", ["start", "data", "resume", "pause"])
async def test_a_cancelled_run_takes_no_turn(deployment: Deployment, command: str) -> None:
    """After a stop only a stop is answered (CAN-002)."""
    run = await deployment.start()
    await deployment.stop(run)
    assert (await deployment.say(run, "hi", command=command)).code == 409


async def test_pause_parks_a_run_without_a_turn(deployment: Deployment) -> None:
    """A waiting run becomes paused; the next message resumes it where it stood."""
    run = await deployment.start()
    paused = await deployment.say(run, None, command="pause")
    resumed = await deployment.say(run, "hi")
    assert [(a["status"], a["turn_number"]) for a in (paused, resumed)] == [
        ("paused", 1),
        ("waiting_for_user_input", 2),
    ]
    assert resumed.said == ["hi"]


async def test_a_stop_wins_over_the_turn_in_flight(deployment: Deployment) -> None:
    """It is answered at once; the turn it cut off says cancelled, and so does the run ever after (CAN-006)."""
    slow = ROLES["slow"]
    run = await deployment.start(slow)
    deployment.sleep.hold = True
    turn = asyncio.create_task(deployment.say(run, "hi", workflow=slow))
    waiting = asyncio.create_task(deployment.say(run, "me too", workflow=slow))
    await deployment.sleep.asleep.wait()
    stopped = await deployment.stop(run, workflow=slow)
    deployment.sleep.wake.set()
    cut = await turn
    assert [(a["status"], a["turn_number"]) for a in (stopped, cut)] == [("cancelled", 1), ("cancelled", 2)]
    assert (cut["is_waiting_for_input"], cut["is_completed"], cut["next_input_hint"]) == (False, True, None)
    assert (await waiting).code == 409
    assert deployment.runs.find_one()["status"] == "cancelled"
    assert (await deployment.stop(run, workflow=slow)).body == stopped.body


async def test_another_process_may_stop_the_run(deployment: Deployment) -> None:
    """A stop that another process wrote during the turn wins as well: the turn's write finds a newer revision."""
    slow = ROLES["slow"]
    neighbour = Deployment(mongo=deployment.mongo)
    run = await deployment.start(slow)
    deployment.sleep.hold = True
    turn = asyncio.create_task(deployment.say(run, "hi", workflow=slow))
    await deployment.sleep.asleep.wait()
    await neighbour.stop(run, workflow=slow)
    deployment.sleep.wake.set()
    assert ((await turn)["status"], deployment.runs.find_one()["status"]) == ("cancelled", "cancelled")


async def test_another_process_waits_for_the_turn(deployment: Deployment) -> None:
    """Turns of one run go one after another across processes, too: the second waits for the first one's claim."""
    slow = ROLES["slow"]
    neighbour = Deployment(mongo=deployment.mongo)
    run = await deployment.start(slow)
    deployment.sleep.hold = neighbour.sleep.hold = True
    turn = asyncio.create_task(deployment.say(run, "hi", workflow=slow))
    await deployment.sleep.asleep.wait()
    second = asyncio.create_task(neighbour.say(run, "ho", workflow=slow))
    await neighbour.sleep.asleep.wait()
    deployment.sleep.hold = neighbour.sleep.hold = False
    deployment.sleep.wake.set()
    assert (await turn)["turn_number"] == 2
    neighbour.sleep.wake.set()
    assert ((await second)["turn_number"], (await second).said) == (3, ["ho"])


async def test_a_crashed_process_holds_a_run_no_longer_than_its_claim(deployment: Deployment) -> None:
    """When the claim has ended another process takes the turn; the first one, should it live, writes nothing."""
    slow = ROLES["slow"]
    neighbour = Deployment(mongo=deployment.mongo)
    run = await deployment.start(slow)
    deployment.sleep.hold = True
    turn = asyncio.create_task(deployment.say(run, "hi", workflow=slow))
    await deployment.sleep.asleep.wait()
    neighbour.clock.now += CLAIM_S + 0.5
    assert (await neighbour.say(run, "first", workflow=slow))["turn_number"] == 2
    deployment.sleep.wake.set()
    assert (await turn).code == 409
    assert deployment.runs.find_one()["turn_number"] == 2


async def test_a_run_that_stays_claimed_is_a_conflict(deployment: Deployment) -> None:
    """Nobody waits for ever: a claim that is renewed again and again makes the second turn a 409."""
    slow = ROLES["slow"]
    neighbour = Deployment(mongo=deployment.mongo)
    run = await deployment.start(slow)
    deployment.sleep.hold = True
    turn = asyncio.create_task(deployment.say(run, "hi", workflow=slow))
    await deployment.sleep.asleep.wait()
    assert (await neighbour.say(run, "first", workflow=slow)).code == 409
    assert sum(neighbour.sleep.slept) > CLAIM_S
    deployment.sleep.wake.set()
    assert (await turn)["turn_number"] == 2


async def test_concurrent_turns_follow_one_another(deployment: Deployment) -> None:
    """Thirty turns at once get thirty numbers in a row (TRN-005)."""
    run = await deployment.start()
    answers = await asyncio.gather(*(deployment.say(run, f"mark {number}") for number in range(30)))
    assert sorted(answer["turn_number"] for answer in answers) == list(range(2, 32))
    assert [answer.said for answer in answers] == [[f"mark {number}"] for number in range(30)]


async def test_a_session_survives_a_restart(deployment: Deployment) -> None:
    """A new application on the same database goes on with the next turn and the same version (DUR-003)."""
    versioned = ROLES["versioned"]["id"]
    run = await deployment.start(versioned, params={"version": 0})
    answer = await Deployment(mongo=deployment.mongo).say(run, "hi", workflow=versioned)
    assert (answer["turn_number"], answer.said) == (2, ["version-0"])


async def test_the_record_is_what_was_answered(deployment: Deployment) -> None:
    """Each turn and stop is flushed before it is answered (DUR-001, DUR-002, DUR-004)."""
    run = await deployment.start()
    calls: list[Callable[[], Awaitable[Answer]]] = [
        lambda: deployment.say(run, "hi"),
        lambda: deployment.stop(run),
    ]
    for revision, call in enumerate(calls, start=2):
        answered = await call()
        record = deployment.runs.find_one()
        assert (str(record["_id"]), record["workflow_id"], record["tenant"]) == (run["run_id"], CONVERSATION, "first")
        assert (record["status"], record["turn_number"]) == (answered["status"], answered["turn_number"])
        assert (record["revision"], json.loads(record["events"])) == (revision, answered["events"])


async def test_the_record_tells_its_times(deployment: Deployment) -> None:
    """`created_at` stays, `updated_at` moves with each turn."""
    run = await deployment.start()
    deployment.clock.now += 5
    await deployment.say(run, "hi")
    record = deployment.runs.find_one()
    assert record["updated_at"] - record["created_at"] == 5


async def test_tenants_do_not_meet(deployment: Deployment) -> None:
    """With its own key the second tenant has its own session, and cannot find the first's (AUT-003, AUT-006)."""
    run = await deployment.start()
    other = await deployment.start(key=OTHER_KEY)
    body = {"run_id": run["run_id"], "run_input": run_input("hi", team_id="first", run_by="first")}
    assert (await deployment.say(other, "hi", key=OTHER_KEY)).code == 200
    assert (await deployment.post(body, key=OTHER_KEY)).code == 404
    assert (await deployment.stop(run, key=OTHER_KEY)).code == 404
    assert (await deployment.say(run, "hi"))["turn_number"] == 2
