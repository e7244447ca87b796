"""`wfconform audit` on files: good ones, broken ones, hostile ones; exit codes and what is told."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.audit.recordings import RUN, Row, answer, as_har, row, session
from tests.cli.conftest import Command, _own_environment, wfconform

from wfconform.audit import reading

__all__ = ["_own_environment", "wfconform"]

_ROOT = Path(__file__).parents[2]
BAD = [*session()[:2], row(3, answer(2))]


def _lines(rows: list[Row]) -> str:
    return "".join(f"{json.dumps(one)}\n" for one in rows)


def _file(name: str, content: str | bytes) -> str:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


@pytest.mark.parametrize("name", ["traffic.har", "traffic.json"])
def test_a_har_file_is_judged(wfconform: Command, name: str) -> None:
    """A conforming recording ends with 0, a broken one with 1, and with the session, the ID and the entry."""
    assert wfconform("audit", _file(name, as_har(session()))).exit_code == 0
    broken = wfconform("audit", _file(name, as_har(BAD)))
    assert broken.exit_code == 1
    assert f"session {RUN}" in broken.stdout
    told = next(line for line in broken.stdout.splitlines() if "TRN-002 (MUST" in line)
    assert " entry 3: " in told


def test_the_line_in_the_documentation_is_a_recording(wfconform: Command) -> None:
    """The example of docs/audit.md is read, and breaks no MUST."""
    document = (_ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    line = document.partition("```json\n")[2].partition("\n```")[0]
    told = wfconform("audit", _file("example.ndjson", line), "--json", "-")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["exercised"]["TRN-001"] == 1


@pytest.mark.parametrize("name", ["traffic.ndjson", "traffic.jsonl", "traffic.log"])
def test_lines_of_json_are_judged(wfconform: Command, name: str) -> None:
    """The documented lines are taken whatever the file is called; the line that showed a violation is named."""
    assert wfconform("audit", _file(name, _lines(session()))).exit_code == 0
    broken = wfconform("audit", _file(name, "\n" + _lines(BAD)))
    assert (broken.exit_code, "line 4" in broken.stdout) == (1, True)


def test_a_broken_should_counts_under_strict_only(wfconform: Command) -> None:
    """A SHOULD is told in any case, and fails with --strict."""
    upper = [{**one, "response": {**one["response"], "run_id": RUN.upper()}} for one in session()]
    file = _file("t.ndjson", _lines(upper))
    told = wfconform("audit", file)
    assert (told.exit_code, "RUN-012 (SHOULD" in told.stdout) == (0, True)
    assert wfconform("audit", file, "--strict").exit_code == 1


def test_the_json_report_has_every_session(wfconform: Command) -> None:
    """--json - writes sessions, violations and what was put to the test, and nothing else to stdout."""
    written = wfconform("audit", _file("t.ndjson", _lines(BAD)), "--json", "-")
    document = json.loads(written.stdout)
    assert document["exit_code"] == 1
    assert [one["id"] for one in document["sessions"][0]["violations"]] == ["TRN-002", "EVT-004"]
    assert document["exercised"]["TRN-002"] == 2


def test_a_recording_without_a_call_of_the_endpoint_ends_with_3(wfconform: Command) -> None:
    """Nothing is green on nothing."""
    other = [{**one, "url": "https://example.com/"} for one in session()]
    nothing = wfconform("audit", _file("t.ndjson", _lines(other)))
    assert (nothing.exit_code, "NOTHING TO JUDGE" in nothing.stdout) == (3, True)
    assert wfconform("audit", _file("e.har", '{"log": {"entries": []}}')).exit_code == 3


def test_entries_without_times_are_passed_over_and_counted(wfconform: Command) -> None:
    """What cannot be put in order is not judged, and that is told."""
    rows = [*session(), {**row(9, answer(1)), "at": "yesterday"}, {**row(9, answer(1)), "duration_ms": -1}]
    told = wfconform("audit", _file("t.ndjson", _lines(rows)))
    assert (told.exit_code, "2 entries passed over: without a start or a duration" in told.stdout) == (0, True)


def test_a_bound_that_is_none_is_not_told(wfconform: Command) -> None:
    """A count that goes backwards: what may be missing from the recording has no number, so neither has the message."""
    rows = [row(0, answer(4), run_id=None), row(2, answer(5)), row(4, answer(4))]
    told = wfconform("audit", _file("t.ndjson", _lines(rows)))
    assert told.exit_code == 1
    assert "expected 6 or more, got 4" in told.stdout
    assert "10000" not in told.stdout


def test_one_of_a_kind_is_told_in_the_singular(wfconform: Command) -> None:
    """One call among one entry, and two among two."""
    rows = session()
    assert "1 call of the endpoint among 1 entry\n" in wfconform("audit", _file("t.ndjson", _lines(rows[:1]))).stdout
    assert "2 calls of the endpoint among 2 entries\n" in wfconform("audit", _file("t.ndjson", _lines(rows[:2]))).stdout


def test_bodies_in_base64_are_read(wfconform: Command) -> None:
    """A HAR entry or a line may carry its response in base64; what is no base64 is an answer that says nothing."""
    packed = base64.b64encode(json.dumps(answer(2)).encode()).decode()
    one = {**row(3, None), "response_base64": packed}
    assert wfconform("audit", _file("t.ndjson", _lines([*session()[:2], one]))).exit_code == 1
    har = json.loads(as_har(BAD))
    content = har["log"]["entries"][2]["response"]["content"]
    har["log"]["entries"][2]["response"]["content"] = {
        "encoding": "base64",
        "text": base64.b64encode(content["text"].encode()).decode(),
    }
    assert wfconform("audit", _file("t.har", json.dumps(har))).exit_code == 1
    har["log"]["entries"][2]["response"]["content"]["text"] = "***"
    assert wfconform("audit", _file("t.har", json.dumps(har))).exit_code == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b'{"log": 3}',
        b'{"log": {"entries": {}}}',
        b"[1, 2",
        b'{"log": {"entries": [NaN]}}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        "{}".encode("utf-16"),
        b"\xff\xfe\x00",
        b"PK\x03\x04 a zip",
        b"\x1f\x8b gzip",
    ],
    ids=lambda content: repr(content[:12]),
)
@pytest.mark.parametrize("name", ["bad.har", "bad.ndjson", "bad"])
def test_a_file_that_is_no_recording_is_a_clear_error(wfconform: Command, name: str, content: bytes) -> None:
    """Whatever is in it: exit code 2 (3: lines of JSON that are no calls), the file named, no traceback."""
    refused = wfconform("audit", _file(name, content))
    assert refused.exit_code in (2, 3)
    assert "Traceback" not in refused.output
    assert "internal error" not in refused.output
    assert name in refused.output or refused.exit_code == 3


@pytest.mark.parametrize(
    "entry",
    [
        3, None, "text", [], {}, {"request": 3, "response": 3}, {"request": {"method": 3, "url": []}},
        {"request": {"method": "POST", "url": "x", "headers": [3, {"name": 3}], "postData": 3},
         "response": {"status": "x", "content": {"text": 3}}, "startedDateTime": "2026-01-01T00:00:00Z", "time": 1},
        {"request": {"method": "POST", "url": "u" * 100_000}, "startedDateTime": 1e400, "time": 1},
        {"request": {"method": "POST", "url": "http://a/v1/workflows/x/execute", "postData": {"text": "\ud800"}},
         "response": {"status": 10**400, "content": {"text": "\ud800"}}, "startedDateTime": 1, "time": 1},
    ],
)  # fmt: skip
def test_entries_of_any_other_form_are_passed_over(wfconform: Command, entry: Any) -> None:
    """What is no call, or no readable one, takes nothing away from the others."""
    har = json.loads(as_har(BAD))
    har["log"]["entries"].insert(0, entry)
    told = wfconform("audit", _file("t.har", json.dumps(har).replace("Infinity", "1e400")))
    assert (told.exit_code, "entry 4" in told.stdout) == (1, True), told.output


def test_a_huge_file_is_refused_before_it_is_read(wfconform: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is bounded, and so is the memory."""
    monkeypatch.setattr(reading, "LARGEST_BYTES", 1000)
    refused = wfconform("audit", _file("t.ndjson", _lines(session())))
    assert (refused.exit_code, "is larger than" in refused.stderr) == (2, True)
    Path("directory").mkdir()
    assert wfconform("audit", "directory").exit_code == 2
    assert wfconform("audit", "missing.har").exit_code == 2


def test_credentials_of_a_recording_are_in_no_output(wfconform: Command) -> None:
    """Keys and cookies that were recorded, and come back in an answer, are stars on the console and in the JSON."""
    leaky = [*BAD[:2], row(3, answer(2, error="key sk-recorded-0123456789 cookie crumbs-98765"))]
    har = json.loads(as_har(leaky))
    har["log"]["entries"][0]["response"]["headers"] = [{"name": "Set-Cookie", "value": "sid=crumbs-98765; Path=/"}]
    told = wfconform("audit", _file("t.har", json.dumps(har)), "--json", "audit.json")
    output = told.output + Path("audit.json").read_text()
    assert told.exit_code == 1
    assert "STS-012" in output
    assert "***" in output
    assert "sk-recorded" not in output
    assert "crumbs" not in output
