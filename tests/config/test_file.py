from pathlib import Path

import pytest
from tests.config.files import COMPLETE, CONVERSATION, MINIMAL, OTHER, SECRET, write

from wfconform.config import Overrides, resolve
from wfconform.errors import ConfigError
from wfconform.target import RestartAccess, Secret, StorageAccess, Target, Versioned


def _target(directory: Path, content: str) -> Target:
    configured = resolve(Overrides(config=write(directory, content)))
    assert configured is not None
    return configured.target


def _complaint(directory: Path, content: str) -> str:
    with pytest.raises(ConfigError) as raised:
        _target(directory, content)
    return f"{raised.value} // {raised.value.hint}"


def test_a_minimal_file_is_a_target(tmp_path: Path) -> None:
    target = _target(tmp_path, MINIMAL)
    assert target.access.base_url == "https://api.example.com/workflows"
    assert target.access.api_key == Secret(SECRET)
    assert (target.access.timeout_s, target.access.verify_tls, target.access.auth) == (30.0, True, "bearer")
    assert target.workflows.conversation == CONVERSATION
    assert target.offers >= {"conv"}


def test_every_value_of_a_complete_file_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY_B", "another-key")
    target = _target(tmp_path, COMPLETE)
    access = target.access
    assert target.name == "acme staging"
    assert access.second_api_key == Secret("another-key")
    assert access.headers == {"teamid": Secret("t1"), "uuid": Secret("u1")}
    assert access.second_headers == {"teamid": Secret("t2")}
    assert (access.timeout_s, access.verify_tls) == (12.5, False)
    assert (target.second_workflow, target.session_ttl_s) == (OTHER, 3600)
    assert target.workflows.versioned == Versioned(OTHER, {0: "version-0", 1: "version-1"}, 1)
    assert target.offers >= {"conv", "end", "echo", "completes", "versioned", "active", "key2"}
    assert target.input.with_text("hi") == {"threads": [{"said": "user: hi"}]}
    assert target.input.without_text() == {"threads": []}
    assert target.expected_failures == {"AUT-005": "gateway strips the header, ticket OPS-12"}


def test_storage_and_restart_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL comes from the environment; without it the records are not looked at, and a note says so."""
    monkeypatch.setenv("ACME_API_KEY_B", "another-key")
    configured = resolve(Overrides(config=write(tmp_path, COMPLETE)))
    assert configured is not None
    assert {"mongo", "restart"} & configured.target.offers == {"restart"}
    note = "[storage]: the environment variable ACME_MONGO_URL is not set: the records are not looked at"
    assert {note, "TLS certificates are not verified"} <= set(configured.notes)
    monkeypatch.setenv("ACME_MONGO_URL", "mongodb://u:p@h/")
    configured = resolve(Overrides(config=write(tmp_path, COMPLETE)))
    assert configured is not None
    url = Secret("mongodb://u:p@h/")
    assert configured.target.storage == StorageAccess(url, "workflows", "workflow_runs", "status")
    restart = RestartAccess("docker compose restart api", "https://api.example.com/healthz")
    assert (configured.target.restart, note in configured.notes) == (restart, False)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    assert _target(tmp_path, "\ufeff" + MINIMAL).workflows.conversation == CONVERSATION


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("api_key_env =", "api_key_evn =", "target.api_key_evn: unknown key; did you mean target.api_key_env?"),
        ("[workflows]", "[workflow]", "workflow: unknown key; did you mean workflows?"),
        ("[workflows]", "echoes = true\n[workflows]", "target.echoes: unknown key; did you mean workflows.echoes?"),
        ("[workflows]", "frobnicate = 1\n[workflows]", "known keys here: name, base_url"),
        ("https://", "ftp://", "target.base_url: must begin with http:// or https://"),
        ("https://api.example.com", "api.example.com", "must begin with http:// or https://"),
        ("workflows/", "workflows?x=1", "must not have a query or a fragment"),
        ("workflows/", "workflows#x", "must not have a query or a fragment"),
        ("api.example.com", "", "target.base_url: must name a host"),
        ("api.example.com", "api.example.com:port", "target.base_url: is not a URL"),
        ("api.example.com", "api example.com", "must not hold spaces"),
        ("workflows/", f"v1/workflows/{CONVERSATION}/execute", "must end before /v1/workflows/…/execute"),
        (CONVERSATION, "abc", "workflows.conversation: must be a workflow id, 24 hexadecimal characters"),
        (CONVERSATION, CONVERSATION.upper(), f"must be in lower case: {CONVERSATION}"),
        (CONVERSATION, CONVERSATION + "\\n", "must be a workflow id"),
        ("[workflows]", "timeout_s = 0\n[workflows]", "target.timeout_s: must be a number of seconds greater than 0"),
        ("[workflows]", "timeout_s = inf\n[workflows]", "target.timeout_s: must be a number of seconds greater than 0"),
        ("[workflows]", "session_ttl_s = -1\n[workflows]", "target.session_ttl_s: must be a number of seconds"),
        ("[workflows]", 'timeout_s = "1"\n[workflows]', "target.timeout_s: must be a number"),
        ("[workflows]", "verify_tls = 1\n[workflows]", "target.verify_tls: must be true or false"),
        ("[workflows]", 'auth = "basic"\n[workflows]', "target.auth: must be 'bearer' or 'none'"),
        ("[workflows]", 'headers = { "a b" = "x" }\n[workflows]', "is not a header name: 'a b'"),
        ("[workflows]", 'headers = { Content-Length = "1" }\n[workflows]', "must not set Content-Length"),
        ("[workflows]", 'headers = { a = "x\\r\\ny" }\n[workflows]', "target.headers.a: must have a value of visible"),
        ("[workflows]", 'headers = { Authorization = "x" }\n[workflows]', "the header Authorization cannot be set"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place_and_the_cure(tmp_path: Path, old: str, new: str, said: str) -> None:
    complaint = _complaint(tmp_path, MINIMAL.replace(old, new, 1))
    assert said in complaint
    assert SECRET not in complaint


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("versioned = { versions = { 0 = 'a' } }", "workflows.versioned.id: is missing"),
        (f"versioned = {{ id = '{OTHER}', versions = {{}} }}", "workflows.versioned.versions: must not be empty"),
        (f"versioned = {{ id = '{OTHER}', versions = {{ x = 'a' }} }}", "version numbers (0, 1, …) as keys, not 'x'"),
        (f"versioned = {{ id = '{OTHER}', versions = {{ 0 = 'a' }}, active = 3 }}", "active is 3, which is none of"),
        (f"versioned = {{ id = '{OTHER}', versions = {{ 0 = 'v1', 1 = 'v10' }} }}", "they cannot be told apart"),
        ("conversation_end = ' '", "workflows.conversation_end: must not be empty"),
        ("echoes = 'yes'", "workflows.echoes: must be true or false"),
        ("[input]\ntemplate = { text = 'hi' }", 'input.template: must contain "{text}"'),
        ("[input]\ntemplate = { '{text}' = 'hi' }", 'input.template: must contain "{text}"'),
        ("[input]\nstart = { at = 2026-01-01 }", "input.start: holds a date, which JSON cannot express"),
        ("[input]\nstart = { at = [nan] }", "input.start: holds nan, which JSON cannot express"),
        ("[input]\nstart = 1", "input.start: must be a table"),
        ("[storage]\nmongo_url = 'mongodb://u:p@h'", "storage.mongo_url: a secret is never written"),
        ("[storage]\ndatabase = 'd'", "storage.mongo_url_env: is missing"),
        ("[restart]\ncommand = ''", "restart.command: must not be empty"),
        (
            "[expected_failures]\n'AUT-999' = 'x'",
            "expected_failures.AUT-999: is not a requirement ID; did you mean AUT-00",
        ),
        ("[expected_failures]\n'AUT-005' = ' '", "expected_failures.AUT-005: must give the reason"),
    ],
)
def test_the_other_tables_are_checked_too(tmp_path: Path, added: str, said: str) -> None:
    assert said in _complaint(tmp_path, MINIMAL + added)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    complaint = _complaint(tmp_path, MINIMAL.replace("https", "ftp").replace(CONVERSATION, "x"))
    assert len(complaint.splitlines()) == 2


@pytest.mark.parametrize("key", ["api_key", "second_api_key", "token", "password", "secret"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    complaint = _complaint(tmp_path, MINIMAL.replace("[workflows]", f'{key} = "{SECRET}"\n[workflows]'))
    assert f"target.{key}: a secret is never written in the target file" in complaint
    assert "put it in an environment variable and name that one" in complaint
    assert SECRET not in complaint


@pytest.mark.parametrize("pasted", [SECRET, "abcdef0123456789"])
def test_a_key_pasted_for_its_variable_is_not_repeated(tmp_path: Path, pasted: str) -> None:
    complaint = _complaint(tmp_path, MINIMAL.replace("ACME_API_KEY", pasted))
    assert "target.api_key_env" in complaint
    assert pasted not in complaint


def test_credentials_in_the_url_are_refused_and_not_repeated(tmp_path: Path) -> None:
    complaint = _complaint(tmp_path, MINIMAL.replace("https://", f"https://user:{SECRET}@"))
    assert "target.base_url: must not hold credentials" in complaint
    assert SECRET not in complaint


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    complaint = _complaint(tmp_path, "[target]\nbase_url = https://x\n")
    assert "target.toml: is not valid TOML" in complaint
    assert "line 2" in complaint


def test_a_file_that_is_missing_unreadable_or_no_text_is_told(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'name = "\xe9"')
    for path, said in ((tmp_path / "none.toml", "no such file"), (tmp_path, "cannot be read"), (latin, "is not UTF-8")):
        with pytest.raises(ConfigError, match=said):
            resolve(Overrides(config=path))


@pytest.mark.parametrize(
    ("lost", "said"),
    [("base_url", "target.base_url: is missing"), ("conversation", "workflows.conversation: is missing")],
)
def test_what_a_target_needs_is_told_with_how_to_give_it(tmp_path: Path, lost: str, said: str) -> None:
    content = "\n".join(line for line in MINIMAL.splitlines() if not line.startswith(lost))
    complaint = _complaint(tmp_path, content)
    assert said in complaint
    assert "wfconform" in complaint.partition("//")[2]
