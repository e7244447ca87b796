"""keygen, certify and verify on the command line."""

import json
import os
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.certificate.bundles import a_bundle, loaded, written
from tests.cli.conftest import Command
from tests.cli.faked import CONVERSATION, Suite
from tests.report.pages import Page
from tests.report.runs import UNREACHABLE, a_full_run, a_result, a_run, an_evidence

from wfconform.commands.load import LoadCall
from wfconform.config import Configured
from wfconform.conformance.options import DEFAULT_EXAMPLES
from wfconform.load.plan import Plan
from wfconform.outcomes import Phase, Problem, Run, Verdict

CERTIFY = ("certify", "--embedded", "--vendor", "ACME", "--product", "Flow", "--version", "2.1", "--quiet")


@pytest.fixture
def key(wfconform: Command) -> str:
    assert wfconform("keygen", "--out", "acme").exit_code == 0
    return "acme"


def test_keygen_writes_a_pair_that_only_its_owner_can_sign_with(wfconform: Command) -> None:
    """NAME is readable by its owner alone, NAME.pub by anybody; neither is ever overwritten."""
    assert wfconform("keygen", "--out", "keys/acme").exit_code == 0
    assert stat.S_IMODE(Path("keys/acme").stat().st_mode) == 0o600
    assert "PRIVATE" not in Path("keys/acme.pub").read_text()
    before = Path("keys/acme").read_bytes()
    again = wfconform("keygen", "--out", "keys/acme")
    assert (again.exit_code, Path("keys/acme").read_bytes()) == (2, before)
    assert "exists already" in again.stderr


def test_a_signed_certificate_verifies_and_a_changed_one_does_not(wfconform: Command, suite: Suite, key: str) -> None:
    """From keygen over certify to verify; then one byte of a report is changed, and named."""
    made = wfconform(*CERTIFY, "--out", "bundle", "--key", key)
    assert made.exit_code == 0, made.output
    assert "CERTIFIED at level full: ACME Flow 2.1" in made.stdout
    good = wfconform("verify", "bundle", "--key", "acme.pub")
    assert (good.exit_code, good.stdout.splitlines()[-1]) == (0, "VALID")
    report = Path("bundle/evidence/seed-2.json")
    report.write_text(report.read_text().replace('"calls": 40', '"calls": 41'))
    bad = wfconform("verify", "bundle", "--key", "acme.pub")
    assert (bad.exit_code, bad.stdout.splitlines()[-1]) == (1, "NOT VALID")
    assert "evidence/seed-2.json: was changed" in bad.stdout


def test_an_archive_is_written_and_verified(wfconform: Command, suite: Suite, key: str) -> None:
    """--zip writes one archive that verifies as it is."""
    assert wfconform(*CERTIFY, "--out", "bundle", "--key", key, "--zip").exit_code == 0
    with zipfile.ZipFile("bundle.zip") as archive:
        assert {"certificate.json", "signature.json", "report.json", "report.html", "junit.xml", "badge.svg"} <= set(
            archive.namelist()
        )
    assert wfconform("verify", "bundle.zip", "--key", "acme.pub").exit_code == 0


def test_three_seeds_are_run_and_named(wfconform: Command, suite: Suite) -> None:
    """The certificate holds every seed, with the report of its run."""
    made = wfconform(*CERTIFY, "--out", "bundle", "--seed", "4", "--seed", "5", "--seed", "6")
    assert made.exit_code == 0, made.output
    assert suite.options is not None
    assert (suite.options.seed, suite.options.level) == (6, "full")
    assert (suite.options.scripted, suite.options.examples) == (True, DEFAULT_EXAMPLES)
    assert {path.name for path in Path("bundle/evidence").iterdir()} == {"seed-4.json", "seed-5.json", "seed-6.json"}


@pytest.mark.parametrize("seeds", [("1", "2"), ("1", "1", "2"), ("1", "2", "3", "3")])
def test_fewer_than_three_different_seeds_are_refused(wfconform: Command, suite: Suite, seeds: tuple[str, ...]) -> None:
    """One lucky seed, named thrice, certifies nothing."""
    asked = [part for seed in seeds for part in ("--seed", seed)]
    assert wfconform(*CERTIFY, "--out", "bundle", *asked).exit_code == 2
    assert suite.options is None


def test_an_unsigned_certificate_says_so_everywhere(wfconform: Command, suite: Suite) -> None:
    """Without a key: on the console, in the certificate, on the badge, and by verify."""
    made = wfconform(*CERTIFY, "--out", "bundle")
    assert "not signed" in made.stderr
    assert json.loads(Path("bundle/certificate.json").read_text())["signed_by"] is None
    assert "unsigned" in Path("bundle/badge.svg").read_text()
    verified = wfconform("verify", "bundle")
    assert (verified.exit_code, verified.stdout.splitlines()[-1]) == (0, "VALID, but not signed")
    assert "not who wrote them" in verified.stdout


def test_the_key_can_come_from_the_environment(
    wfconform: Command, suite: Suite, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipeline keeps the key in a variable, its line ends written as \\n or as they are."""
    pem = Path(key).read_text()
    for number, value in enumerate((pem, pem.replace("\n", "\\n"))):
        monkeypatch.setenv("WFCONFORM_SIGNING_KEY", value)
        assert wfconform(*CERTIFY, "--out", f"bundle{number}").exit_code == 0
        assert wfconform("verify", f"bundle{number}", "--key", "acme.pub").exit_code == 0


@pytest.mark.parametrize(
    "content", ["", "rubbish sk-secret", "-----BEGIN PRIVATE KEY-----\nsk-secret\n-----END PRIVATE KEY-----\n"]
)
def test_a_key_that_is_none_is_refused_and_not_repeated(wfconform: Command, suite: Suite, content: str) -> None:
    """The error names the file, never what is in it; nothing is run."""
    Path("key").write_text(content)
    refused = wfconform(*CERTIFY, "--out", "bundle", "--key", "key")
    assert refused.exit_code == 2
    assert "sk-secret" not in refused.output
    assert suite.options is None


def test_keys_taken_for_each_other_are_told_apart(wfconform: Command, suite: Suite, key: str) -> None:
    """Signing with the public key, or verifying with the private one, is a mistake with a hint."""
    assert "is a public key" in wfconform(*CERTIFY, "--out", "b", "--key", "acme.pub").stderr
    written(a_bundle(), Path("bundle"))
    assert "is a private key" in wfconform("verify", "bundle", "--key", "acme").stderr


@pytest.mark.parametrize(
    ("verdicts", "problems", "code"),
    [
        ({"TRN_002": Verdict.FAIL}, (), 1),
        ({}, (UNREACHABLE,), 3),
        ({"TRN_002": Verdict.ERROR}, (), 4),
        ({"TRN_002": Verdict.NOT_TESTED}, (), 3),
        ({"TRN_002": Verdict.EXPECTED_FAILURE}, (), 3),
    ],
)
def test_what_does_not_pass_gets_no_certificate(
    wfconform: Command, suite: Suite, verdicts: dict[str, Verdict], problems: tuple[Problem, ...], code: int
) -> None:
    """A failure, a MUST that was not tested or is expected to fail, an unreachable target: an exit code, no bundle."""
    suite.run = replace(a_full_run(**verdicts), problems=problems)
    refused = wfconform(*CERTIFY, "--out", "bundle")
    assert refused.exit_code == code
    assert "no certificate" in refused.output
    assert not Path("bundle").exists()


def test_a_failing_run_says_how_to_get_its_script_and_ends_with_the_verdict(wfconform: Command, suite: Suite) -> None:
    """The reproducer itself is printed by `check --show-reproducers` alone."""
    shown = replace(an_evidence(), reproducer="curl --the-whole-script", reproduced="broken again")
    suite.run = a_run(a_result("TRN-001", Verdict.FAIL, "it began at 5", shown))
    refused = wfconform(*CERTIFY, "--out", "bundle")
    assert refused.exit_code == 1
    assert "--the-whole-script" not in refused.output
    assert "--level full --seed 1 --show-reproducers" in " ".join(refused.stdout.split())
    assert refused.stdout.splitlines()[-1] == "no certificate: the run with seed 1 ended with 1"


def test_the_generated_phases_of_all_runs_are_counted_together(wfconform: Command, suite: Suite) -> None:
    """The bundle's report has each phase once, over the three seeds."""
    phase = Phase(name="valid", examples=25, requests=30, sessions=10, findings=0, duration_s=1.5, note="out of time")
    suite.run = replace(a_full_run(), phases=(phase,))
    assert wfconform(*CERTIFY, "--out", "bundle").exit_code == 0
    (row,) = json.loads(Path("bundle/report.json").read_text())["phases"]
    told = [row[name] for name in ("name", "requests", "sessions", "duration_s", "note")]
    assert told == ["valid", 90, 30, 4.5, "out of time"]


def test_a_bundle_of_another_key_is_told_in_one_line(wfconform: Command, suite: Suite, key: str) -> None:
    """It is signed: nothing says that it is not, or that its signature is no good."""
    assert wfconform(*CERTIFY, "--out", "bundle", "--key", key).exit_code == 0
    assert wfconform("keygen", "--out", "other").exit_code == 0
    told = wfconform("verify", "bundle", "--key", "other.pub")
    about = [line for line in told.stdout.splitlines() if "sign" in line]
    assert (told.exit_code, len(about), told.stdout.splitlines()[-1]) == (1, 1, "NOT VALID")
    assert "signed by another key: " in about[0]


def test_the_help_offers_the_levels_that_can_be_certified(wfconform: Command) -> None:
    """All three, and what level load is told."""
    shown = wfconform("certify", "--help").stdout
    assert "full|durable|load" in shown
    assert "--sessions" in shown


def _target_file(**tables: str) -> None:
    Path("t.toml").write_text(
        '[target]\nbase_url = "http://127.0.0.1:9"\napi_key_env = "ACME_API_KEY"\n'
        f'[workflows]\nconversation = "{CONVERSATION}"\n' + "".join(tables.values())
    )


def test_what_the_target_file_already_rules_out_is_refused_before_any_call(
    wfconform: Command, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A MUST that is expected to fail, or that no role can show, is told at once."""
    monkeypatch.setenv("ACME_API_KEY", "a-long-key")
    _target_file()
    asked = (*(part for part in CERTIFY if part != "--embedded"), "--config", "t.toml", "--out", "bundle")
    lacking = wfconform(*asked)
    assert (lacking.exit_code, "the target file lacks what" in lacking.stderr) == (3, True)
    assert " need\n" in lacking.stderr
    _target_file(expected='[expected_failures]\n"TRN-002" = "known"\n')
    expected = wfconform(*asked)
    assert (expected.exit_code, "TRN-002 is expected to fail" in expected.stderr) == (2, True)
    assert suite.options is None


@pytest.mark.parametrize("level", ["core", "gold"])
def test_a_level_that_cannot_be_certified_is_refused(wfconform: Command, suite: Suite, level: str) -> None:
    """What this version cannot test all of, or what is no level of a certificate, is refused before any call."""
    refused = wfconform(*CERTIFY, "--out", "bundle", "--level", level)
    assert (refused.exit_code, suite.options) == (2, None)
    assert level in refused.stderr


# --- level load

TINY = """
think = { distribution = "constant", mean_s = 0.05 }
turns = [2, 2]
[[stage]]
sessions = 4
duration_s = 2
"""
UNDER_LOAD = (*CERTIFY, "--out", "bundle", "--level", "load")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((*UNDER_LOAD, "--slo", "turn.p95 < 1s"), "--sessions: level load certifies"),
        ((*UNDER_LOAD, "--sessions", "4", "--profile", "tiny.toml"), "--slo: level load certifies"),
        ((*UNDER_LOAD, "--sessions", "4", "--slo", "turn.p95 < soon"), "turn.p95 < soon"),
        ((*UNDER_LOAD, "--sessions", "0"), "--sessions: must be above 0"),
        ((*UNDER_LOAD, "--sessions", "4", "--profile", "none"), "none"),
        ((*CERTIFY, "--out", "bundle", "--sessions", "4"), "level full runs no load"),
        ((*CERTIFY, "--out", "bundle", "--profile", "steady"), "level full runs no load"),
    ],
)
def test_a_load_that_is_not_stated_is_refused_before_any_call(
    wfconform: Command, suite: Suite, asked: tuple[str, ...], said: str
) -> None:
    """Level load needs a number of sessions and an objective; other levels take neither."""
    Path("tiny.toml").write_text(TINY)
    refused = wfconform(*asked)
    assert (refused.exit_code, suite.options) == (2, None), refused.output
    assert said in refused.stderr


def test_level_load_runs_the_check_at_full_and_then_the_load(
    wfconform: Command, suite: Suite, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three checks, one load run of the stated sessions; verify and the page tell what was loaded."""
    made: list[LoadCall] = []

    def run_once(call: LoadCall, configured: Configured, plan: Plan) -> Run:
        made.append(call)
        return replace(loaded(), target=suite.run.target)

    monkeypatch.setattr("wfconform.commands.load.run_once", run_once)
    done = wfconform(*UNDER_LOAD, "--key", key, "--sessions", "5", "--slo", "turn.p95 < 500ms")
    assert done.exit_code == 0, done.output
    assert "CERTIFIED at level load: ACME Flow 2.1, 63 MUSTs passed with 3 seeds" in done.stdout
    assert suite.options is not None
    assert (suite.options.level, made[0].profile, made[0].changes.sessions) == ("full", "steady", 5)
    verified = wfconform("verify", "bundle", "--key", "acme.pub")
    assert (verified.exit_code, verified.stdout.splitlines()[-1]) == (0, "VALID"), verified.stdout
    assert "under load: 5 sessions at once for 10 s (profile a test), met turn.p95 < 500ms" in verified.stdout
    words = Page.of(Path("bundle/report.html").read_text()).words
    assert "✓ CERTIFIED at level load: ACME Flow 2.1" in words
    assert "turn.p95 < 500ms ✓ met" in words


def test_a_load_that_misses_its_slo_gets_no_certificate(wfconform: Command, suite: Suite) -> None:
    """A real load of four sessions on the reference: the code is the load run's, and there is no bundle."""
    Path("tiny.toml").write_text(TINY)
    asked = ("--sessions", "4", "--profile", "tiny.toml", "--slo", "turn.p50 < 1us")
    refused = wfconform(*UNDER_LOAD, *asked)
    assert refused.exit_code in (3, 5), refused.output  # 3: a busy machine made the run invalid
    assert f"no certificate: the load run ended with {refused.exit_code}" in refused.stdout
    assert not Path("bundle").exists()


def test_a_page_of_a_bundle_says_what_it_certifies_and_who_signed(wfconform: Command, suite: Suite, key: str) -> None:
    """The report names the subject and the key; without a key it warns in words, and so does JUnit."""
    assert wfconform(*CERTIFY, "--out", "signed", "--key", key).exit_code == 0
    assert wfconform(*CERTIFY, "--out", "unsigned").exit_code == 0
    signed, unsigned = (Page.of(Path(name, "report.html").read_text()).words for name in ("signed", "unsigned"))
    fingerprint = json.loads(Path("signed/certificate.json").read_text())["signed_by"]
    assert "✓ CERTIFIED at level full: ACME Flow 2.1" in signed
    assert f"signed by the key {fingerprint}" in signed
    assert "! CERTIFIED at level full: ACME Flow 2.1" in unsigned
    assert "NOT SIGNED" in unsigned
    assert 'name="signed_by" value="nobody"' in Path("unsigned/junit.xml").read_text()
    assert any("not signed" in note for note in json.loads(Path("unsigned/report.json").read_text())["notes"])


def test_what_is_there_is_never_overwritten(wfconform: Command, suite: Suite) -> None:
    """A bundle, or anything else of its name, stays as it is."""
    Path("bundle").mkdir()
    refused = wfconform(*CERTIFY, "--out", "bundle")
    assert (refused.exit_code, list(Path("bundle").iterdir())) == (2, [])


def test_a_subject_that_acts_on_terminals_is_refused(wfconform: Command, suite: Suite) -> None:
    """A vendor's name is printable text."""
    asked = tuple("AC\x1b[31mME" if part == "ACME" else part for part in CERTIFY)
    assert wfconform(*asked, "--out", "bundle").exit_code == 2


def test_a_rerun_tells_what_is_no_longer_so(wfconform: Command, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """--rerun tests the target again and names each requirement that no longer passes."""
    monkeypatch.setenv("ACME_API_KEY", "a-long-key")
    _target_file()
    written(a_bundle(), Path("bundle"))
    asked = ("verify", "bundle", "--rerun", "http://127.0.0.1:9", "--config", "t.toml", "--quiet")
    same = wfconform(*asked)
    assert (same.exit_code, "STILL AS CERTIFIED" in same.stdout) == (0, True), same.output
    suite.run = a_full_run(TRN_002=Verdict.FAIL)
    assert suite.options is not None
    assert suite.options.examples == DEFAULT_EXAMPLES
    other = wfconform(*asked)
    assert (other.exit_code, "TRN-002 passed, now: fail" in other.stdout) == (1, True)
    assert "NO LONGER AS CERTIFIED" in other.stdout


def test_verifying_is_offline_quick_and_loads_no_client(tmp_path: Path) -> None:
    """verify takes well below a second of processor time, and loads neither an HTTP client nor a server."""
    written(a_bundle(), tmp_path / "bundle")
    code = (
        "import sys, socket\n"
        "def refuse(*_): sys.exit('opened a socket')\n"
        "socket.socket.connect = refuse\n"
        "sys.argv = ['wfconform', 'verify', sys.argv[1]]\n"
        "from wfconform.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print('exit', end.code)\n"
        "print('loaded', {'httpx', 'uvicorn', 'starlette', 'asyncio', 'pymongo', 'matplotlib'} & set(sys.modules))"
    )
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "bundle")], capture_output=True, text=True, timeout=60, check=False
    )
    after = os.times()
    assert done.stdout.splitlines()[-2:] == ["exit 0", "loaded set()"], done.stdout + done.stderr
    assert after.children_user + after.children_system - before.children_user - before.children_system < 2.0
