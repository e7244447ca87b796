import json
import logging
import os
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.conftest import Command
from tests.cli.faked import CONVERSATION, FAILING, TARGET, Suite
from tests.report.runs import UNREACHABLE, a_result, a_run

from wfconform.errors import NotTestable
from wfconform.outcomes import Verdict

SECRET = "sk-live-0123456789"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", SECRET)


def test_without_a_target_the_reference_is_served_over_http_and_tested_in_full(
    wfconform: Command, suite: Suite
) -> None:
    suite.call_target = True
    result = wfconform("check")
    assert result.exit_code == 0, result.stderr
    assert suite.health == 200
    assert suite.target is not None
    assert suite.options is not None
    assert suite.target.access.base_url.startswith("http://127.0.0.1:")
    assert suite.options.level == "full"
    assert suite.target.offers >= {
        "conv", "end", "echo", "key2", "completes", "fails", "loops", "pauses", "slow", "versioned", "active"
    }  # fmt: skip


def test_a_given_target_is_tested_at_level_core(wfconform: Command, suite: Suite) -> None:
    result = wfconform("check", *TARGET)
    assert suite.options is not None
    assert suite.options.level == "core"
    assert "CONFORMS at level core" in result.stdout.splitlines()[-1]


def test_options_reach_the_suite(wfconform: Command, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFCONFORM_CONCURRENCY", "3")
    wfconform(
        "check", *TARGET, "--level", "full", "--only", "TRN, exe-001", "--only", "RUN", "--skip", "TRN-007", "--strict",
        "--seed", "42", "--timeout", "2.5", "-H", "teamid:t1", "--insecure",
    )  # fmt: skip
    options, target = suite.options, suite.target
    assert options is not None
    assert target is not None
    assert (options.level, options.strict, options.seed, options.concurrency) == ("full", True, 42, 3)
    assert (options.only, options.skip) == (("TRN", "exe-001", "RUN"), ("TRN-007",))
    assert (target.access.timeout_s, target.access.verify_tls) == (2.5, False)
    assert target.access.headers["teamid"].reveal() == "t1"
    assert target.workflows.conversation == CONVERSATION


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (0, {}),
        (1, {"results": (a_result("TRN-001", Verdict.FAIL),)}),
        (3, {"problems": (UNREACHABLE,)}),
        (4, {"results": (a_result("TRN-001", Verdict.ERROR),)}),
        (130, {"interrupted": True}),
    ],
)
def test_the_exit_code_is_that_of_the_run(
    wfconform: Command, suite: Suite, code: int, changes: dict[str, object]
) -> None:
    suite.run = a_run(a_result("TRN-001")) if not changes else a_run(**changes)
    assert wfconform("check", *TARGET).exit_code == code


def test_a_wrong_level_in_the_environment_is_named(
    wfconform: Command, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says which variable it came from."""
    monkeypatch.setenv("WFCONFORM_LEVEL", "foo")
    result = wfconform("check")
    assert result.exit_code == 2
    assert "WFCONFORM_LEVEL" in result.stderr
    assert suite.target is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--nope",), "No such option"),
        (("--concurrency", "0"), "--concurrency"),
        (("--only", "NOPE"), "unknown requirement 'NOPE'"),
        (("--skip", "TRN-999"), "unknown requirement 'TRN-999'"),
        (("--only", ","), "--only: names no requirement"),
        (("--only", "TRN", "--skip", "TRN"), "leave nothing to test"),
        (("--level", "platinum"), "'platinum'; one of: core, full, durable"),
        (("--config", "none.toml"), "none.toml: no such file"),
        (("--json", "a", "--junit", "./a"), "--json and --junit both write to ./a"),
        (("--json", "-", "--markdown", "-"), "--json and --markdown both write to -"),
        (("--json", "/proc/nowhere/report.json"), "--json: cannot write /proc/nowhere/report.json"),
        (("--json", "."), "--json: cannot write .: it is a directory"),
    ],
)
def test_a_wrong_call_ends_with_2_before_anything_is_run(
    wfconform: Command, suite: Suite, arguments: tuple[str, ...], said: str
) -> None:
    result = wfconform("check", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert suite.target is None


def test_a_target_without_a_conversation_says_how_to_give_one(wfconform: Command, suite: Suite) -> None:
    result = wfconform("check", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "--workflow conversation=<24 hex digits>" in result.stderr


def test_a_target_error_is_told_with_its_hint(wfconform: Command, suite: Suite) -> None:
    suite.error = NotTestable("nothing answers", hint="start it")
    result = wfconform("check", *TARGET)
    assert result.exit_code == 3
    assert result.stderr.endswith("error: nothing answers\n  start it\n")


def test_an_unexpected_error_is_one_line_without_traceback_or_its_message(wfconform: Command, suite: Suite) -> None:
    suite.error = KeyError(SECRET)
    result = wfconform("check", *TARGET)
    assert result.exit_code == 4
    last = result.stderr.splitlines()[-1]
    assert last.startswith("internal error: KeyError in faked.py:")
    assert last.endswith("re-run with WFCONFORM_DEBUG=1 for the traceback")
    assert "Traceback" not in result.stderr
    assert SECRET not in result.output


def test_the_traceback_is_there_for_the_asking(
    wfconform: Command, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFCONFORM_DEBUG", "1")
    suite.error = KeyError("detail")
    result = wfconform("check", *TARGET)
    assert result.exit_code == 4
    assert "Traceback" in result.stderr


def test_reports_are_written_whole_into_new_directories(wfconform: Command, suite: Suite, tmp_path: Path) -> None:
    suite.run = FAILING
    result = wfconform(
        "check", *TARGET, "--json", "out/deep/r.json", "--junit", "out/r.xml", "--markdown", "out/r.md"
    )  # fmt: skip
    assert result.exit_code == 1
    assert json.loads((tmp_path / "out/deep/r.json").read_text())["exit_code"] == 1
    assert ElementTree.parse(tmp_path / "out/r.xml").getroot().get("failures") == "1"
    assert (tmp_path / "out/r.md").read_text().startswith("## wfconform: DOES NOT CONFORM")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["deep", "r.md", "r.xml"]


def test_a_report_has_the_usual_permissions_and_replaces_the_old_one(
    wfconform: Command, suite: Suite, tmp_path: Path
) -> None:
    (tmp_path / "r.json").write_text("old")
    before = os.umask(0o022)
    try:
        wfconform("check", *TARGET, "--json", "r.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == 0o644
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == 0


def test_an_old_report_is_left_alone_by_a_run_that_could_not_be_done(
    wfconform: Command, suite: Suite, tmp_path: Path
) -> None:
    (tmp_path / "r.json").write_text("old")
    suite.error = NotTestable("nothing answers")
    wfconform("check", *TARGET, "--json", "r.json")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("r.json", "old")]


def test_a_link_and_a_device_are_written_through(wfconform: Command, suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "real.json").touch()
    (tmp_path / "link.json").symlink_to("real.json")
    result = wfconform("check", *TARGET, "--json", "link.json", "--junit", "/dev/null")
    assert result.exit_code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())["exit_code"] == 0
    assert Path("/dev/null").is_char_device()


def test_a_report_on_stdout_has_stdout_for_itself(wfconform: Command, suite: Suite) -> None:
    result = wfconform("check", *TARGET, "--json", "-")
    assert json.loads(result.stdout)["exit_code"] == 0
    assert "CONFORMS" in result.stderr


def test_piped_output_is_plain_and_progress_goes_to_stderr(wfconform: Command, suite: Suite) -> None:
    result = wfconform("check", *TARGET)
    assert "\x1b" not in result.output
    assert result.stderr.splitlines() == [
        "checking http://127.0.0.1:9 at level core, seed 1",
        "TRN-001 broken in long\\x1b[31m_session",
        "2 of 8 scenarios done, the last one scenario 2",
        "4 of 8 scenarios done, the last one scenario 4",
        "6 of 8 scenarios done, the last one scenario 6",
        "8 of 8 scenarios done, the last one scenario 8",
    ]


def test_quiet_prints_the_verdict_alone(wfconform: Command, suite: Suite) -> None:
    result = wfconform("check", *TARGET, "--quiet")
    assert result.stdout.splitlines() == [
        "CONFORMS at level core: 47 of 47 MUSTs tested, 0 failed, 0 warnings, 7 not tested (exit 0: conforms)"
    ]
    assert result.stderr == ""


@pytest.mark.parametrize("no_colour", ["--no-color", "NO_COLOR"])
def test_colour_can_be_switched_off_on_a_terminal(
    wfconform: Command, suite: Suite, monkeypatch: pytest.MonkeyPatch, no_colour: str
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in wfconform("check", *TARGET, "-q").stdout
    if no_colour == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
        result = wfconform("check", *TARGET, "-q")
    else:
        result = wfconform("check", *TARGET, "-q", "--no-color")
    assert "\x1b[" not in result.output


def test_notes_of_the_configuration_are_in_the_report(wfconform: Command, suite: Suite) -> None:
    result = wfconform("check", *TARGET, "--insecure", "--json", "-")
    assert json.loads(result.stdout)["notes"] == ["TLS certificates are not verified"]


def test_a_planted_secret_is_nowhere(
    wfconform: Command,
    suite: Suite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("WFCONFORM_SECOND_API_KEY", f"{SECRET}-b")
    result = wfconform(
        "check", *TARGET, "-H", f"x-token:{SECRET}-c", "--json", "r.json", "--junit", "r.xml", "--markdown", "r.md"
    )  # fmt: skip
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert result.exit_code == 0
    assert SECRET not in result.output + written + caplog.text
