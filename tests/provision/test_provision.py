"""`wfconform provision` against the reference, over a loopback port."""

import asyncio
import os
import signal
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from wfconform.cli.commands import app
from wfconform.commands.provision_fixtures import PREFIX, RESTS, fixture
from wfconform.reference import DEVELOPMENT_KEY, SECOND_DEVELOPMENT_KEY, embedded_app, serving
from wfconform.reference.calls import Call, Handler, Reply, refusal
from wfconform.reference.parts import Change, around


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WFCONFORM_API_KEY", DEVELOPMENT_KEY)
    monkeypatch.delenv("WFCONFORM_SECOND_API_KEY", raising=False)


@pytest.fixture
def url() -> Iterator[str]:
    with serving(embedded_app()) as base_url:
        yield base_url


def provision(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["provision", *arguments])


def listed(url: str, key: str = DEVELOPMENT_KEY) -> list[str]:
    headers = {"authorization": f"Bearer {key}"}
    found = httpx.get(f"{url}/v1/workflows", params={"search": PREFIX, "size": 100}, headers=headers).json()
    return sorted(one["name"] for one in found["items"])


def written() -> Any:
    return tomllib.loads(Path("wfconform.toml").read_text(encoding="utf-8"))


def test_the_reference_is_provided_with_every_role_that_can_be_made(url: str) -> None:
    """The target file names them; what the API cannot make is told with the reason, and nothing runs on."""
    result = provision(url)
    assert result.exit_code == 0, result.output
    flows = written()["workflows"]
    assert set(RESTS) <= set(flows)
    assert (flows["conversation_end"], flows["echoes"], "versioned" in flows) == ("goodbye", True, False)
    assert "versioned      not configured: this API has no way to add a version" in result.stdout
    assert listed(url) == sorted(PREFIX + role for role in RESTS)
    headers = {"authorization": f"Bearer {DEVELOPMENT_KEY}"}
    runs = httpx.get(f"{url}/v1/workflow-runs", params={"size": 100}, headers=headers).json()["items"]
    assert {one["status"] for one in runs} <= {"completed", "failed", "cancelled", "aborted_looping_risk"}
    assert DEVELOPMENT_KEY not in Path("wfconform.toml").read_text(encoding="utf-8")


def test_what_was_provided_can_be_checked_and_is_taken_away(url: str) -> None:
    """The written file is complete; --remove leaves neither workflows nor file."""
    assert provision(url).exit_code == 0
    checked = CliRunner().invoke(app, ["check", "--only", "STS-010,TRN-002", "--no-rerun", "-q"])
    assert checked.exit_code == 0, checked.output
    assert provision(url, "--remove").exit_code == 0
    assert (listed(url), Path("wfconform.toml").exists()) == ([], False)


def test_what_somebody_else_made_is_never_removed(url: str) -> None:
    """A workflow under another name stays, and so does the file."""
    assert provision(url).exit_code == 0
    text = Path("wfconform.toml").read_text(encoding="utf-8")
    theirs = "5eb7cf5a86d9755df3a6c593"
    Path("wfconform.toml").write_text(text.replace(written()["workflows"]["conversation"], theirs), encoding="utf-8")
    result = provision(url, "--remove")
    assert (result.exit_code, f"conversation   {theirs} kept" in result.stdout) == (0, True)
    assert (listed(url), Path("wfconform.toml").exists()) == ([PREFIX + "conversation"], True)


def _completes_all(call: Call, status: str) -> bool:
    return call.path.endswith("/execute") and status == "paused"


async def _never_paused(call: Call, go: Handler) -> Reply:
    reply = await go(call)
    return reply.with_json(status="completed") if _completes_all(call, reply.answer.get("status", "")) else reply


def test_a_role_that_does_not_behave_is_told_and_removed() -> None:
    """A deployment that cannot pause has no role pauses."""
    with serving(embedded_app(changes=[around(_never_paused)])) as url:
        result = provision(url)
        assert "pauses         not configured: its first turn came to rest as completed, not as paused" in result.stdout
        assert (result.exit_code, "pauses" in written()["workflows"]) == (0, False)
        assert PREFIX + "pauses" not in listed(url)


def _without(path: str, reply: Reply) -> Change:
    async def layer(call: Call, go: Handler) -> Reply:
        return reply if call.path == path and call.method == "POST" else await go(call)

    return around(layer)


def test_a_deployment_without_the_api_is_told() -> None:
    """Exit 3, and no file."""
    with serving(embedded_app(changes=[_without("/v1/workflows", refusal(404, "Not Found"))])) as url:
        result = provision(url)
    assert (result.exit_code, "has no POST /v1/workflows (404)" in result.stderr) == (3, True)
    assert Path("wfconform.toml").exists() is False


def test_a_failure_midway_leaves_nothing_behind() -> None:
    """What was made before is removed."""
    made: list[int] = []

    async def third_fails(call: Call, go: Handler) -> Reply:
        if call.path == "/v1/workflows" and call.method == "POST":
            made.append(1)
            if len(made) == 3:
                return refusal(500, "no more")
        return await go(call)

    with serving(embedded_app(changes=[around(third_fails)])) as url:
        result = provision(url)
        assert (result.exit_code, listed(url)) == (3, [])
    assert "was answered 500" in result.stderr


def test_what_was_not_processed_is_sent_again() -> None:
    """429, and 503 with Retry-After: later, and each workflow is made once."""
    told: list[int] = []

    async def busy_first(call: Call, go: Handler) -> Reply:
        if call.method == "POST" and len(told) < 2:
            told.append(1)
            return replace(refusal(429 if len(told) == 1 else 503, "later"), headers={"retry-after": "0"})
        return await go(call)

    with serving(embedded_app(changes=[around(busy_first)])) as url:
        result = provision(url)
        assert (result.exit_code, len(told), listed(url)) == (0, 2, sorted(PREFIX + role for role in RESTS))


def test_an_unavailable_deployment_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Retry-After beyond the patience, and a 503 that promises nothing: told at once."""
    for headers in ({"retry-after": "3600"}, {}):
        told: list[Call] = []

        async def never(call: Call, go: Handler, told: list[Call] = told, headers: Any = headers) -> Reply:
            told.append(call)
            return replace(refusal(503, "maintenance"), headers=headers)

        with serving(embedded_app(changes=[around(never)])) as url:
            result = provision(url)
        assert (result.exit_code, len([call for call in told if call.method == "POST"])) == (3, 1), result.output


def test_an_interrupt_takes_back_what_is_known() -> None:
    """What was being made when it came may have been made: its name is told, for its id was not heard."""
    made: list[int] = []

    async def interrupted(call: Call, go: Handler) -> Reply:
        reply = await go(call)
        if call.path == "/v1/workflows" and call.method == "POST":
            made.append(1)
            if len(made) == 3:
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(0.5)  # its answer comes too late
        return reply

    with serving(embedded_app(changes=[around(interrupted)])) as url:
        result = provision(url)
        assert (result.exit_code, listed(url)) == (130, [PREFIX + "fails"])
    assert f"perhaps left behind: a workflow called '{PREFIX}fails'" in result.stderr
    assert not Path("wfconform.toml").exists()


def test_usage_errors(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign file is not replaced, a missing key is told."""
    Path("wfconform.toml").write_text("[target]\n", encoding="utf-8")
    assert (provision(url).exit_code, listed(url)) == (2, [])
    monkeypatch.delenv("WFCONFORM_API_KEY")
    assert provision(url, "--write-config", "x.toml").exit_code == 2


def test_a_fixture_is_in_the_platforms_shape() -> None:
    """Nothing in it names it for the reference."""
    for role in RESTS:
        document = fixture(role)
        assert document["workflow_config"]["name"] == PREFIX + role
        assert "workflow_id" not in str(document["workflow_config"])


def test_a_file_for_another_deployment_removes_nothing(url: str) -> None:
    """TARGET must be the file's base URL: elsewhere the workflows are not, and the file alone knows their ids."""
    assert provision(url).exit_code == 0
    other = url.replace("127.0.0.1", "localhost")
    result = provision(other, "--remove")
    assert (result.exit_code, f"wfconform.toml is for {url}, not {other}" in result.stderr) == (2, True)
    assert (len(listed(url)), Path("wfconform.toml").exists()) == (len(RESTS), True)


def test_remove_finds_the_deployment_in_the_file(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither TARGET nor the key's variable need be said again."""
    monkeypatch.setenv("ACME_KEY", DEVELOPMENT_KEY)
    monkeypatch.delenv("WFCONFORM_API_KEY")
    assert provision(url, "--api-key-env", "ACME_KEY").exit_code == 0
    result = provision("--remove")
    assert (result.exit_code, Path("wfconform.toml").exists()) == (0, False), result.output


def test_remove_tells_what_it_did_not_find(url: str) -> None:
    """One that is gone is told with its id, the others are removed, and the file has served."""
    assert provision(url).exit_code == 0
    gone = written()["workflows"]["slow"]
    httpx.delete(f"{url}/v1/workflows/{gone}", headers={"authorization": f"Bearer {DEVELOPMENT_KEY}"})
    result = provision("--remove")
    assert (result.exit_code, f"slow           {gone} not found" in result.stdout) == (0, True)
    assert (listed(url), Path("wfconform.toml").exists()) == ([], False)


def test_with_another_tenants_key_nothing_is_found_and_the_file_stays(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When none is there, it is rather the wrong key than a clean deployment."""
    assert provision(url).exit_code == 0
    monkeypatch.setenv("WFCONFORM_API_KEY", SECOND_DEVELOPMENT_KEY)
    result = provision("--remove")
    assert (result.exit_code, result.stdout.count(" not found")) == (3, len(RESTS))
    assert (len(listed(url)), Path("wfconform.toml").exists()) == (len(RESTS), True)


def test_what_cannot_be_removed_keeps_the_file() -> None:
    """The others are removed all the same, and the end is 3."""

    async def no_deleting_slow(call: Call, go: Handler) -> Reply:
        kept = call.method == "DELETE" and call.path.endswith(written()["workflows"]["slow"])
        return refusal(500, "no") if kept else await go(call)

    with serving(embedded_app(changes=[around(no_deleting_slow)])) as url:
        assert provision(url).exit_code == 0
        result = provision("--remove")
        assert (result.exit_code, listed(url)) == (3, [PREFIX + "slow"])
    assert f"slow           {written()['workflows']['slow']} not removed" in result.stderr


def test_a_second_provision_is_refused(url: str) -> None:
    """The file alone knows the first workflows' ids: it is not written over."""
    assert provision(url).exit_code == 0
    before = Path("wfconform.toml").read_bytes()
    result = provision(url)
    assert (result.exit_code, "already provisioned" in result.stderr) == (2, True)
    assert "`wfconform provision --remove` first" in result.stderr
    assert (len(listed(url)), Path("wfconform.toml").read_bytes()) == (len(RESTS), before)


def test_no_target_and_no_file() -> None:
    """What is missing is told with where to get it."""
    removing, providing = provision("--remove"), provision()
    assert (removing.exit_code, "wfconform.toml: no such file" in removing.stderr) == (2, True)
    assert "give the file that provision wrote (--write-config)" in removing.stderr
    assert (providing.exit_code, "TARGET is missing" in providing.stderr) == (2, True)


def test_a_closed_port_is_told_as_by_check(free_tcp_port: int) -> None:
    """The same words and the same hint."""
    url = f"http://127.0.0.1:{free_tcp_port}"
    result = provision(url)
    checked = CliRunner().invoke(app, ["check", url, "--workflow", "conversation=5eb7cf5a86d9755df3a6c593"])
    for said in (f"{url} cannot be reached: ", "is the server running, on that host and port?"):
        assert (said in result.stderr, said in checked.output) == (True, True), checked.output
    assert result.exit_code == 3


def test_the_second_tenant_is_given_a_conversation(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a second key the file says where that tenant runs its own session; a check can use it, --remove takes it."""
    monkeypatch.setenv("WFCONFORM_SECOND_API_KEY", SECOND_DEVELOPMENT_KEY)
    assert provision(url).exit_code == 0
    assert listed(url, SECOND_DEVELOPMENT_KEY) == [PREFIX + "conversation"]
    checked = CliRunner().invoke(app, ["check", "--only", "AUT-003,AUT-006", "--no-rerun", "-q"])
    assert checked.exit_code == 0, checked.output
    monkeypatch.delenv("WFCONFORM_SECOND_API_KEY")
    refused = provision("--remove")
    assert (refused.exit_code, len(listed(url)), Path("wfconform.toml").exists()) == (2, len(RESTS), True)
    monkeypatch.setenv("WFCONFORM_SECOND_API_KEY", SECOND_DEVELOPMENT_KEY)
    assert provision("--remove").exit_code == 0
    assert (listed(url), listed(url, SECOND_DEVELOPMENT_KEY)) == ([], [])


def test_a_second_tenant_that_is_refused_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first tenant's workflows stay, and nothing of the second is written."""
    monkeypatch.setenv("OTHER_KEY", "of-nobody")
    result = provision(url, "--second-api-key-env", "OTHER_KEY")
    assert (result.exit_code, "second tenant  not configured: the deployment refuses" in result.stdout) == (0, True)
    assert {"second_workflow", "second_api_key_env"}.isdisjoint(written()["target"])


def test_the_same_key_twice_is_no_second_tenant(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told before anything is made."""
    monkeypatch.setenv("WFCONFORM_SECOND_API_KEY", DEVELOPMENT_KEY)
    assert (provision(url).exit_code, listed(url)) == (2, [])


def test_remove_with_a_refused_key_keeps_the_file(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal says nothing of the workflow's name: each is told as not removed."""
    assert provision(url).exit_code == 0
    monkeypatch.setenv("WFCONFORM_API_KEY", "of-nobody")
    result = provision("--remove")
    assert (result.exit_code, result.stderr.count(" not removed: it cannot be looked at (")) == (3, len(RESTS))
    assert (len(listed(url)), Path("wfconform.toml").exists()) == (len(RESTS), True)


def test_remove_at_a_closed_port_is_told_once() -> None:
    """With the hint, and the file is kept."""
    with serving(embedded_app()) as url:
        assert provision(url).exit_code == 0
    result = provision("--remove")
    assert (result.exit_code, result.stderr.count("cannot be reached")) == (3, 1)
    assert "is the server running, on that host and port?" in result.stderr
    assert Path("wfconform.toml").exists()
