"""The pytest plugin, in processes of its own: items, selection, xdist, beside other plugins, secrets."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest

_ROOT = Path(__file__).parents[2]
_INSTALLED = any(one.value == "wfconform.pytest_plugin" for one in entry_points(group="pytest11"))
_FEW = ("--wf-only", "TRN-001,TRN-002,STS-001,AUT-005")
KEY = "sk-plugin-0123456789"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose application is the reference, with a target file, and one test of its own."""
    (tmp_path / "served.py").write_text(
        "import os\n"
        "from wfconform.reference import embedded_app\n"
        f"whole = embedded_app(api_key='{KEY}', second_api_key='another-key-000')\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        with open('checks.txt', 'a') as log: log.write(f'{os.getpid()}\\n')\n"
        "    await whole(scope, receive, send)\n"
        "async def broken(scope, receive, send):\n"
        "    async def altered(message):\n"
        "        if message['type'] == 'http.response.body' and b'turn_number' in message['body']:\n"
        "            key = dict(scope['headers'])[b'authorization']\n"
        "            body = message['body'].replace(b'\"turn_number\":1', b'\"turn_number\":7')\n"
        "            body = body.replace(b'\"error\":null', b'\"error\":\"' + key + b'\"')\n"
        "            message = {**message, 'body': body}\n"
        "        elif message['type'] == 'http.response.start':\n"
        "            kept = [h for h in message['headers'] if h[0] != b'content-length']\n"
        "            message = {**message, 'headers': kept}\n"
        "        await send(message)\n"
        "    await whole(scope, receive, altered)\n"
    )
    (tmp_path / "wfconform.toml").write_text(
        '[target]\nbase_url = "http://127.0.0.1:9"\n[workflows]\nconversation = "5eb7cf5a86d9755df3a6c593"\n'
    )
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    """Run pytest in the project, with the plugin."""

    def started(*arguments: str, key: str | None = KEY, others: bool = False) -> "subprocess.CompletedProcess[str]":
        names = ("PYTEST_", "WFCONFORM_", "COV_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(project), os.environ.get("PYTHONPATH", ""))))
        if key is not None:
            environment["WFCONFORM_API_KEY"] = key
        if not others:  # they take longer to load than the rest together
            environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        loaded = () if _INSTALLED and others else ("-p", "wfconform.pytest_plugin")
        command = [sys.executable, "-m", "pytest", *loaded, "-p", "no:cacheprovider", "-rA"]
        return subprocess.run(
            [*command, *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return started


def _sums(done: "subprocess.CompletedProcess[str]") -> dict[str, int]:
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    return {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|warnings?|xfailed)", last)}


def test_without_an_option_the_plugin_adds_nothing(run: Run) -> None:
    """Installed and not asked, it leaves a project's tests alone."""
    done = run()
    assert (done.returncode, _sums(done)) == (0, {"passed": 1}), done.stdout + done.stderr


def test_each_requirement_is_an_item_beside_the_projects_own_tests(run: Run, project: Path) -> None:
    """Four requirements, the run as a whole and the project's own test; level and clause are in the JUnit report."""
    done = run("--wf-app", "served:app", *_FEW, "--junit-xml", "r.xml")
    assert (done.returncode, _sums(done)) == (0, {"passed": 6}), done.stdout + done.stderr
    cases = {case.get("name"): case for case in ElementTree.parse(project / "r.xml").iter("testcase")}
    properties = {one.get("name"): one.get("value") for one in cases["TRN-002"].iter("property")}
    assert properties["level"] == "MUST"
    assert "§" in str(properties["clause"])


def test_items_are_selected_with_k(run: Run) -> None:
    """-k takes an ID, a group, or all of them by the plugin's name."""
    asked = ("--wf-app", "served:app", *_FEW)
    for words, number in (("TRN-001", 1), ("TRN", 2), ("wfconform", 5)):
        listed = run(*asked, "-k", words, "--collect-only", "-q").stdout
        assert listed.count("wfconform::") == number, listed


def test_a_broken_requirement_fails_with_its_story_and_without_secrets(run: Run) -> None:
    """Sentence, expected, actual and the calls; no traceback, and not the key, though the server gives it away."""
    done = run("--wf-app", "served:broken", "--wf-only", "TRN-001,STS-012", "--tb=long", "--showlocals")
    assert (done.returncode, _sums(done)["failed"]) == (1, 2), done.stdout + done.stderr
    assert "expected: 1" in done.stdout
    assert "actual: 7 $.turn_number" in done.stdout
    assert KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout
    redacted = run("--wf-app", "served:broken", "--wf-only", "TRN-001", "--wf-redact-bodies")
    assert "sha256:" in redacted.stdout


@pytest.mark.parametrize("dist", ["load", "worksteal"])
def test_under_xdist_one_check_is_made_for_all_workers(run: Run, project: Path, dist: str) -> None:
    """Whichever workers have items: the first one makes the check, the others read what came of it."""
    done = run("--wf-app", "served:app", *_FEW, "-p", "xdist", "-n", "2", "--dist", dist)
    assert (done.returncode, _sums(done)) == (0, {"passed": 6}), done.stdout + done.stderr
    assert len((project / "checks.txt").read_text().split()) == 1


def test_the_plugin_stands_beside_those_of_locust_and_schemathesis(run: Run) -> None:
    """Neither option nor fixture names clash: all three are loaded, and each shows its own."""
    assert {"schemathesis", "locust"} <= {one.name for one in entry_points(group="pytest11")}
    done = run("--wf-app", "served:app", "--wf-only", "TRN-001", others=True)
    assert (done.returncode, _sums(done)) == (0, {"passed": 3}), done.stdout + done.stderr
    loaded = next(line for line in done.stdout.splitlines() if line.startswith("plugins:"))
    assert {"schemathesis", "locust"} <= set(re.findall(r"[a-z]+", loaded))


def test_what_is_wrong_with_the_options_is_told_without_a_traceback(run: Run) -> None:
    """A mistake of the call is a usage error of pytest; a missing key fails the items with the hint."""
    wrongs = ("--wf-only XYZ", "--wf-level gold", "--wf-seed x", "--wf-url http://127.0.0.1:9", "--wf-config nope.toml")
    for wrong in map(str.split, wrongs):
        done = run("--wf-app", "served:app", *wrong)
        assert done.returncode == 4, (wrong, done.stdout)
        assert "Traceback" not in done.stdout + done.stderr
    keyless = run("--wf-app", "served:app", *_FEW, key=None)
    assert (keyless.returncode, "no API key" in keyless.stdout) == (1, True), keyless.stdout
    assert "WFCONFORM_API_KEY" in keyless.stdout
    nothing = run("--wf-app", "served:nothing", *_FEW)
    assert _sums(nothing) == {"passed": 1, "failed": 1, "skipped": 4}
    assert "cannot be imported: module 'served' has no attribute 'nothing'" in nothing.stdout


def test_a_target_that_cannot_be_reached_fails_the_run_and_skips_the_rest(run: Run) -> None:
    """Nothing is green on nothing: the run's own item fails and says why."""
    done = run("--wf-url", "http://127.0.0.1:9", *_FEW)
    assert (done.returncode, _sums(done)) == (1, {"passed": 1, "failed": 1, "skipped": 4}), done.stdout
    assert "cannot be reached" in done.stdout
    few = run("--wf-url", "http://127.0.0.1:9", *_FEW, "-k", "TRN")
    assert (few.returncode, _sums(few)["failed"], "cannot be reached" in few.stdout) == (1, 2, True), few.stdout


def test_the_fixture_checks_an_application_once(run: Run, project: Path) -> None:
    """wf_target takes what wfconform.check takes, and makes the same check once for all tests that ask."""
    (project / "test_own.py").write_text(
        "import pytest\n"
        "from served import app\n"
        f"FLOWS = {{'conversation': '5eb7cf5a86d9755df3a6c593'}}\n"
        f"ASKED = dict(workflows=FLOWS, api_key='{KEY}', only='TRN-001,TRN-002')\n"
        "@pytest.mark.parametrize('id', ['TRN-001', 'TRN-002'])\n"
        "def test_requirement(wf_target, id):\n"
        "    run = wf_target(app, **ASKED)\n"
        "    assert {one.id: one.verdict for one in run.results}[id] == 'pass'\n"
    )
    done = run()
    assert (done.returncode, _sums(done)) == (0, {"passed": 2}), done.stdout + done.stderr
    assert len((project / "checks.txt").read_text().split()) == 1
