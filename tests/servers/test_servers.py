"""The conforming base server does what §5 to §8 say; each variant converses, and each broken server starts."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from starlette.types import ASGIApp
from tests.servers.broken import BROKEN
from tests.servers.conforming import CONFORMING
from tests.servers.conforming_wire import Plain
from tests.servers.model import END_TEXT, WORKFLOWS
from tests.servers.target import SECRETS, Broken, Conforming, describe

CATALOGUE = yaml.safe_load((Path(__file__).parents[2] / "contracts" / "requirements.yaml").read_text(encoding="utf-8"))
LEVELS: dict[str, str] = {entry["id"]: entry["level"] for entry in CATALOGUE["requirements"]}
KEY_ONE, KEY_TWO = SECRETS.values()


class Caller:
    """Calls an application's endpoint as a tenant, in process; not processed means sent again."""

    def __init__(self, app: ASGIApp, target: dict[str, Any] | None = None) -> None:
        described = (target or describe())["target"]
        self.base_url = described["base_url"]
        headers = {"Authorization": f"Bearer {KEY_ONE}", **described.get("headers", {})}
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), headers=headers)

    async def post(self, role: str, body: Any, *, version: int | None = None, key: str = KEY_ONE) -> httpx.Response:
        url = f"{self.base_url}/v1/workflows/{WORKFLOWS[role]}/execute"
        params = {} if version is None else {"version": version}
        headers = {"Content-Type": "application/json"}
        if key != KEY_ONE:
            headers["Authorization"] = f"Bearer {key}"
        for _ in range(3):
            response = await self.http.post(url, content=json.dumps(body), params=params, headers=headers)
            if response.status_code not in (429, 503):
                break
        return response

    async def start(self, role: str = "conversation", **options: Any) -> dict[str, Any]:
        return self.body(await self.post(role, {"run_input": said(None)}, **options))

    async def say(self, run_id: str, text: str, role: str = "conversation", **options: Any) -> httpx.Response:
        return await self.post(role, {"run_id": run_id, "run_input": said(text)}, **options)

    async def stop(self, run_id: str, role: str = "conversation", **options: Any) -> httpx.Response:
        return await self.post(role, {"run_id": run_id, "run_input": {"command": "stop", **said(None)}}, **options)

    @staticmethod
    def body(response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body


def said(text: str | None) -> dict[str, Any]:
    """A run_input with a user's text, or none."""
    inputs = [] if text is None else [{"type": "llm", "messages": [{"type": "human", "content": text}]}]
    return {"thread_to_node_inputs": {"0": {"node_run_inputs": inputs}}}


def against(app: ASGIApp, talk: Callable[[Caller], Awaitable[None]], target: dict[str, Any] | None = None) -> None:
    """Run a conversation with an application."""

    async def run() -> None:
        caller = Caller(app, target)
        async with caller.http:
            await talk(caller)

    asyncio.run(run())


def outline(body: dict[str, Any]) -> tuple[str, int, bool, bool]:
    """Status, turn and flags of an answer."""
    return body["status"], body["turn_number"], body["is_waiting_for_input"], body["is_completed"]


def test_a_conversation_waits_echoes_and_ends() -> None:
    """§5: turns are counted from 1, the text comes back, the end text completes the run."""

    async def talk(caller: Caller) -> None:
        first = await caller.start()
        later = caller.body(await caller.say(first["run_id"], "hello ☂"))
        ended = caller.body(await caller.say(first["run_id"], END_TEXT))
        assert [outline(body) for body in (first, later, ended)] == [
            ("waiting_for_user_input", 1, True, False),
            ("waiting_for_user_input", 2, True, False),
            ("completed", 3, False, True),
        ]
        assert {body["run_id"] for body in (first, later, ended)} == {first["run_id"]}
        assert "hello ☂" in json.dumps(later["events"], ensure_ascii=False)
        assert later["next_input_hint"] in later["events"]
        assert (await caller.say(first["run_id"], "more")).status_code == 409

    against(Plain(), talk)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("completes", ("completed", 1, False, True)),
        ("fails", ("failed", 1, False, True)),
        ("loops", ("aborted_looping_risk", 1, False, True)),
        ("pauses", ("paused", 1, False, False)),
    ],
)
def test_each_role_ends_its_first_turn_as_declared(role: str, expected: tuple[str, int, bool, bool]) -> None:
    """§8: the resting statuses, each with its flags; an error with failed only."""

    async def talk(caller: Caller) -> None:
        body = await caller.start(role)
        assert outline(body) == expected
        assert bool(body["error"]) == (role == "fails")

    against(Plain(), talk)


def test_a_stop_cancels_for_good() -> None:
    """§6: cancelled, again when asked again, and no turn afterwards."""

    async def talk(caller: Caller) -> None:
        run_id = (await caller.start())["run_id"]
        for _ in range(2):
            assert outline(caller.body(await caller.stop(run_id))) == ("cancelled", 1, False, True)
        assert (await caller.say(run_id, "anyone there?")).status_code == 409

    against(Plain(), talk)


def test_a_stop_in_flight_cuts_the_turn_off() -> None:
    """§6: the stop is answered at once, and the turn answers cancelled."""

    async def talk(caller: Caller) -> None:
        run_id = (await caller.start("slow"))["run_id"]
        turn = asyncio.create_task(caller.say(run_id, "take your time", "slow"))
        await asyncio.sleep(0.02)
        busy = await caller.say(run_id, "me too", "slow")
        stopped = caller.body(await caller.stop(run_id, "slow"))
        assert (busy.status_code, outline(stopped)) == (409, ("cancelled", 1, False, True))
        assert outline(caller.body(await turn)) == ("cancelled", 2, False, True)

    against(Plain(slow_s=30), talk)


def test_the_first_turn_chooses_the_version() -> None:
    """§3: named, 0 included, or the active one; a later turn's version is ignored."""

    async def talk(caller: Caller) -> None:
        for version, expected in ((0, "version-0"), (1, "version-1"), (None, "version-1")):
            first = await caller.start("versioned", version=version)
            later = await caller.say(first["run_id"], "hi", "versioned", version=1)
            assert all(expected in json.dumps(body) for body in (first, caller.body(later)))
        assert (await caller.post("versioned", {"run_input": said(None)}, version=7)).status_code == 404

    against(Plain(), talk)


def test_a_run_belongs_to_its_tenant_and_its_workflow() -> None:
    """§2: a key opens its own tenant's runs; a run is found under its workflow only."""

    async def talk(caller: Caller) -> None:
        run_id = (await caller.start())["run_id"]
        await caller.start(key=KEY_TWO)
        refused = [
            await caller.say(run_id, "mine?", key=KEY_TWO),
            await caller.stop(run_id, key=KEY_TWO),
            await caller.say(run_id, "here?", "completes"),
            await caller.stop(run_id, "completes"),
        ]
        assert [response.status_code for response in refused] == [404] * 4
        assert (await caller.say(run_id, "hi", key="key-none")).status_code == 401
        assert outline(caller.body(await caller.say(run_id, "hi")))[1] == 2

    against(Plain(), talk)


_RUN_IDS: list[Any] = ["", "abc", 7, True, [], {"$ne": None}, "z" * 24]
_BODIES: list[Any] = [
    *([], "text", None, 7, {}),
    *({"run_input": None}, {"run_input": []}, {"run_input": {"command": "dance"}}),
    {"run_input": {"command": "stop", **said(None)}},
    *({"run_id": run_id, "run_input": said("hi")} for run_id in _RUN_IDS),
]


@pytest.mark.parametrize("body", _BODIES, ids=repr)
def test_invalid_bodies_are_refused(body: Any) -> None:
    """§4, §10: refused with a sentence, and no run is made."""

    async def talk(caller: Caller) -> None:
        response = await caller.post("conversation", body)
        assert response.status_code == 422
        assert isinstance(response.json()["detail"], str)

    app = Plain()
    against(app, talk)
    assert app.runs == {}


@pytest.mark.parametrize("case", CONFORMING, ids=lambda case: case.name)
def test_each_variant_holds_a_conversation(case: Conforming) -> None:
    """Every conforming server starts, echoes, completes and cancels; nothing of it is a fault."""

    async def talk(caller: Caller) -> None:
        first = await caller.start()
        later = caller.body(await caller.say(first["run_id"], "mark-1f0c"))
        ended = caller.body(await caller.say(first["run_id"], END_TEXT))
        assert [body["turn_number"] for body in (first, later, ended)] == [1, 2, 3]
        assert [body["status"] for body in (first, later, ended)] == [*["waiting_for_user_input"] * 2, "completed"]
        assert "mark-1f0c" in json.dumps(later["events"])
        assert (await caller.say(first["run_id"], "more")).status_code < 500
        other = (await caller.start())["run_id"]
        assert caller.body(await caller.stop(other))["status"] == "cancelled"
        assert (await caller.stop(other)).status_code < 500

    against(case.make(), talk, describe(case))


_STATUS_AT_START = {"first-turn-is-201": 201}


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_each_broken_server_answers_a_first_turn(case: Broken) -> None:
    """A defect is a single one: the first turn is answered with a JSON value, whatever is wrong inside."""

    async def talk(caller: Caller) -> None:
        response = await caller.post("conversation", {"run_input": said(None)})
        assert response.status_code == _STATUS_AT_START.get(case.name, 200)
        assert b"run_id" in response.content

    against(case.make(), talk, describe(case))


def test_the_tables_cite_the_catalogue() -> None:
    """Expected requirements exist and lie outside storage and load; warnings are SHOULDs."""
    expected = {requirement for case in BROKEN for requirement in case.expected}
    warned = {requirement for case in CONFORMING for requirement in case.warns}
    assert expected <= set(LEVELS)
    assert not {requirement for requirement in expected if requirement[:3] in ("DUR", "LOD")}
    assert {LEVELS[requirement] for requirement in warned} == {"SHOULD"}
    assert all(case.expected for case in BROKEN)


def test_every_requirement_outside_storage_and_load_has_a_broken_server() -> None:
    """No requirement can go unproved."""
    expected = {requirement for case in BROKEN for requirement in case.expected}
    assert {requirement for requirement in LEVELS if requirement[:3] not in ("DUR", "LOD")} - expected == set()


def test_names_are_unique_and_every_server_says_what_it_is() -> None:
    """A name in a report leads to one server and its sentence."""
    every: list[Conforming | Broken] = [*CONFORMING, *BROKEN]
    names = Counter(case.name for case in every)
    assert [name for name, count in names.items() if count > 1] == []
    assert [case.name for case in every if not case.says.endswith((".", "`."))] == []


def test_applications_share_nothing() -> None:
    """Each make() is a fresh server."""

    async def talk(caller: Caller) -> None:
        run_id = (await caller.start())["run_id"]
        other = Caller(CONFORMING[0].make())
        async with other.http:
            assert (await other.say(run_id, "hello?")).status_code == 404

    against(CONFORMING[0].make(), talk)
