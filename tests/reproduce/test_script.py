"""A script holds no secret and runs nothing that a target or a text put into it."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.reproduce.exchanges import RUN, WORKFLOW, answer, first, later, sent
from tests.reproduce.replaying import needs_curl, run_script
from tests.reproduce.test_shell import HOSTILE

from wfconform.reproduce import environment, reproducer
from wfconform.reproduce.script import _WHO, header_names, with_key_names
from wfconform.session import Broken, Kind
from wfconform.target import Access, Secret
from wfconform.wire import Credential, Exchange, Request

KEY, SECOND, TEAM = "sk-live-0123456789", "sk-live-9876543210", "team-'\"-77"
ACCESS = Access(
    base_url="http://127.0.0.1:9",
    api_key=Secret(KEY),
    second_api_key=Secret(SECOND),
    headers={"TeamID": Secret(TEAM)},
    timeout_s=2.0,
)
BROKEN = Broken("3", "5", "$.turn_number")


def script_for(*log: Exchange, id: str = "TRN-002", broken: Broken = BROKEN, access: Access = ACCESS) -> str:
    return reproducer(id, broken, log[-1], log, scenario="twelve_turns", access=access).script


def test_no_secret_is_in_it() -> None:
    """Keys and header values are read from the environment, even where a body, a path or an answer held them."""
    named = {"run_id": RUN, "run_input": {"team_id": "plain", "run_by": KEY, "text": f"Bearer {SECOND}"}}
    log = (first(), later(1, json=named, headers=(("x-debug", KEY),), path=f"/v1/workflows/{WORKFLOW}/{KEY}"))
    broken = Broken(f"3 with {KEY}", f"5 with {SECOND} and {TEAM}", "$.turn_number")
    script = script_for(*log, broken=broken)
    assert not [secret for secret in (KEY, SECOND, TEAM, KEY[:-1]) if secret in script]
    assert '"WFCONFORM_HEADER_TEAMID"' not in script
    assert "set WFCONFORM_HEADER_TEAMID to the value of the header teamid" in script


@needs_curl
def test_no_key_is_on_a_command_line(tmp_path: Path) -> None:
    """A curl that notes its arguments sees neither key nor header value; it gets them over stdin."""
    noted = tmp_path / "noted"
    bin = tmp_path / "bin"
    bin.mkdir()
    fake = bin / "curl"
    fake.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >>{noted}.argv\ncat >>{noted}.stdin\nexit 7\n")
    fake.chmod(0o755)
    env = {**environment(ACCESS), "PATH": f"{bin}:{os.environ['PATH']}"}
    ran = run_script(script_for(first(), later(1)), tmp_path, **env)
    assert ran.code == 2
    assert f"Authorization: Bearer {KEY}\n" in Path(f"{noted}.stdin").read_text()
    assert f"TeamID: {TEAM}\n" in Path(f"{noted}.stdin").read_text()
    assert not [secret for secret in (KEY, TEAM) if secret in Path(f"{noted}.argv").read_text()]


@needs_curl
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_nothing_hostile_in_it_is_run(shell: str, tmp_path: Path) -> None:
    """Texts, queries, headers, run_ids, answers and messages with shell in them stay data."""
    log = (
        first(query=(("version", HOSTILE),)),
        later(1, json={"run_id": RUN, "run_input": {"text": HOSTILE}}),
        sent(Request(Kind.TURN, WORKFLOW, raw=HOSTILE.encode() + b"\0\xff", token="a" * 12, run_id=RUN), 2),
        later(3, headers=(("content-type", "text/plain; $(touch pwned)"),), mark=HOSTILE),
    )
    script = script_for(*log, id="STS-099", broken=Broken(HOSTILE, HOSTILE, "$.status"))
    ran = run_script(script, tmp_path, shell=shell, BASE_URL="http://127.0.0.1:9", **_only_keys())
    assert ran.code == 2, ran.said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reproducer.sh"]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_it_is_valid_shell_whatever_the_answers_were(shell: str, tmp_path: Path) -> None:
    """The shell reads it to its end without running it."""
    odd = answer(run_id=HOSTILE, status=HOSTILE, turn_number=True, events=[HOSTILE, None])
    for id in ("RUN-001", "RUN-002", "TRN-002", "STS-003", "EVT-004", "EVT-008", "XXX-999"):
        path = tmp_path / f"{id}.sh"
        path.write_text(script_for(first(body=odd), later(1), id=id), encoding="utf-8")
        assert subprocess.run([shell, "-n", str(path)], check=False, capture_output=True).stderr == b""


def _only_keys() -> dict[str, str]:
    return {name: value for name, value in environment(ACCESS).items() if name.startswith("WFCONFORM_")}


def test_the_run_id_of_the_replay_takes_the_place_of_the_one_of_then() -> None:
    """Whole, cut, lengthened, as a number: what was made of it is made of the new one."""
    log = (
        first(),
        *(later(n, json={"run_id": id, "run_input": {}}) for n, id in enumerate((RUN, RUN[:-1], [RUN + "0"]), 1)),
        later(5, json={"run_id": int(RUN, 16), "run_input": {}}),
    )
    script = script_for(*log)
    assert RUN[:-1] not in script.partition("# --- the calls")[2].partition("END_OF_PYTHON")[0]
    assert str(int(RUN, 16)) not in script
    for made in ('"$run1"', '"${run1%?}"', '"$run1"\'0"]', '"$run1_number"'):
        assert made in script


def test_keys_can_come_from_the_variables_that_the_target_file_names() -> None:
    """The names change where the script reads them, and nowhere else."""
    script = script_for(first(), later(1, credential=Credential.SECOND))
    renamed = with_key_names(script, "ACME_KEY", "ACME_KEY_B")
    assert "KEY=${ACME_KEY:-}" in renamed
    assert "SECOND_KEY=${ACME_KEY_B:-}" in renamed
    assert "set ACME_KEY to the API key" in renamed
    assert "WFCONFORM_API_KEY" not in renamed
    assert with_key_names(renamed, "X", "Y") == renamed


def test_every_credential_is_known() -> None:
    """A scenario may send as anybody that a driver can send as."""
    assert set(_WHO) == set(Credential)


def test_a_target_in_process_has_no_url_to_go_to() -> None:
    """The script asks for one, and is not run again."""
    made = reproducer(
        "TRN-002", BROKEN, (log := (first(), later(1)))[1], log, scenario="s", access=Access("http://wfconform.invalid")
    )
    assert "set BASE_URL to the base URL of the target" in made.script
    assert made.reproduced == "not run: in-process"


def test_headers_have_variables_of_their_own() -> None:
    """A header's name makes its variable's."""
    assert header_names(ACCESS) == {"teamid": "WFCONFORM_HEADER_TEAMID"}
    assert environment(ACCESS)["WFCONFORM_HEADER_TEAMID"] == TEAM
