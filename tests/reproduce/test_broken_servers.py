"""A reproducer shows the violation at the server that has the defect, and shows nothing at one that conforms."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reproduce.replaying import KEYS, broken, evidence_of, needs_curl, run_script, script_of, target_of
from tests.servers.conforming_wire import Plain

from wfconform.reference import serving
from wfconform.reproduce import environment, rerun

pytestmark = needs_curl

CASES = (
    ("malformed-workflow-is-default", "EXE-003"),
    ("missing-input-is-empty", "EXE-005"),
    ("unknown-command-starts", "EXE-006"),
    ("extra-fields-forbidden", "EXE-007"),
    ("deep-nesting-crashes", "EXE-008"),
    ("silent-refusals", "EXE-009"),
    ("refusal-takes-a-turn", "EXE-010"),
    ("get-is-welcome", "EXE-011"),
    ("nan-in-body", "EXE-001"),
    ("flags-as-numbers", "EXE-002"),
    ("truncates-text", "EXE-013"),
    ("joins-lines", "EXE-013"),
    ("no-key-needed", "AUT-001"),
    ("stop-needs-no-key", "AUT-002"),
    ("any-tenant-resumes", "AUT-003"),
    ("key-in-headers", "AUT-004"),
    ("no-challenge", "AUT-005"),
    ("run-by-in-body", "AUT-006"),
    ("uuid-run-ids", "RUN-001"),
    ("new-run-id-each-turn", "RUN-003"),
    ("operators-reach-the-query", "RUN-006"),
    ("path-not-compared", "RUN-007"),
    ("counts-by-two", "TRN-002"),
    ("first-input-forever", "TRN-007"),
    ("aborted-is-not-completed", "STS-003"),
    ("stale-hint", "STS-007"),
    ("completed-runs-on", "STS-009"),
    ("loops-complete", "STS-010"),
    ("hint-of-its-own", "STS-014"),
    ("no-closing-event", "EVT-003"),
    ("all-events-again", "EVT-004"),
    ("backwards", "EVT-005"),
    ("ends-twice", "EVT-006"),
    ("last-text-in-header", "EVT-008"),
    ("second-stop-crashes", "CAN-003"),
    ("stop-without-run-resumable", "CAN-004"),
    ("stop-overwrites-end", "CAN-005"),
    ("stop-cancels-the-workflow", "CAN-007"),
    ("zero-is-absent", "VER-001"),
    ("version-of-the-workflow", "VER-006"),
)
BY_BASH = ("counts-by-two", "TRN-002")


@pytest.fixture(scope="module")
def conforming() -> Iterator[str]:
    """The base URL of a server that keeps the contract."""
    with serving(Plain(slow_s=1.0)) as url:
        yield url


@pytest.mark.parametrize(("name", "id"), CASES)
def test_it_shows_the_defect_and_only_the_defect(name: str, id: str, conforming: str, tmp_path: Path) -> None:
    """Run by plain sh, it ends with 1 at the broken server and with 0 at the conforming one."""
    script = script_of(name, id)
    with serving(broken(name).make(slow_s=1.0)) as url:
        there = run_script(script, tmp_path, BASE_URL=url)
    here = run_script(script, tmp_path, BASE_URL=conforming)
    assert (there.code, there.said.splitlines()[-1]) == (1, "reproduced"), there.said
    assert (here.code, here.said.splitlines()[-1]) == (0, "not reproduced"), here.said
    assert not any(key in there.said + here.said for key in KEYS.values())


def test_bash_runs_it_as_sh_does(conforming: str, tmp_path: Path) -> None:
    """Nothing in it is particular to one shell."""
    name, id = BY_BASH
    with serving(broken(name).make()) as url:
        assert run_script(script_of(name, id), tmp_path, shell="bash", BASE_URL=url).code == 1
    assert run_script(script_of(name, id), tmp_path, shell="bash", BASE_URL=conforming).code == 0


@pytest.mark.parametrize(
    ("name", "id"), [("double-submit-races", "TRN-005"), ("refused-double-takes-a-turn", "TRN-005")]
)
def test_a_race_is_reproduced_in_some_of_several_runs(name: str, id: str, conforming: str) -> None:
    """What shows itself among concurrent requests is told as k of n, and k is 0 at a server that conforms."""
    evidence = evidence_of(name, id)
    assert (evidence.predicate or {})["race"] is True
    with serving(broken(name).make()) as url:
        env = environment(target_of(broken(name), url).access)
        there = asyncio.run(rerun(evidence.reproducer or "", {**env, "BASE_URL": url}, times=5, timeout_s=60))
    here = asyncio.run(rerun(evidence.reproducer or "", {**env, "BASE_URL": conforming}, times=5, timeout_s=60))
    assert re.fullmatch(r"reproduced in [1-5] of 5", there)
    assert here == "reproduced in 0 of 5"


def test_it_leaves_no_run_open(tmp_path: Path) -> None:
    """Every run that it opened is stopped when it ends, whatever it showed."""
    server = broken("counts-by-two").server(slow_s=1.0)
    with serving(server) as url:
        run_script(script_of("counts-by-two", "TRN-002"), tmp_path, BASE_URL=url)
    assert [run.status for run in server.runs.values()] == ["cancelled"]
    assert [path.name for path in tmp_path.iterdir()] == ["reproducer.sh"]


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"BASE_URL": "http://127.0.0.1:9"}, "could not be replayed: call 1"),
        ({"WFCONFORM_API_KEY": ""}, "set WFCONFORM_API_KEY to the API key"),
        ({"WFCONFORM_API_KEY": "nobody's"}, "could not be replayed: call 1 gave no run_id (401"),
    ],
)
def test_what_cannot_be_replayed_is_not_taken_for_conforming(
    env: dict[str, str], said: str, conforming: str, tmp_path: Path
) -> None:
    """No target, no key or a wrong one: it ends with 2 and says why."""
    ran = run_script(script_of("counts-by-two", "TRN-002"), tmp_path, **{"BASE_URL": conforming, **env})
    assert ran.code == 2
    assert said in ran.said
