from pathlib import Path

import pytest
from tests.config.files import CONVERSATION, MINIMAL, OTHER, SECRET, write

from wfconform.config import Configured, Overrides, configure, parse_document, resolve
from wfconform.errors import ConfigError, UserError
from wfconform.target import Secret


def _resolved(overrides: Overrides) -> Configured:
    configured = resolve(overrides)
    assert configured is not None
    return configured


def test_nothing_configured_means_no_target() -> None:
    assert resolve(Overrides(timeout_s=3)) is None


def test_the_working_directory_file_is_read_unless_another_is_named(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL, "wfconform.toml")
    assert _resolved(Overrides()).target.workflows.conversation == CONVERSATION
    other = write(tmp_path, MINIMAL.replace(CONVERSATION, OTHER))
    assert _resolved(Overrides(config=other)).target.workflows.conversation == OTHER


def test_a_flag_is_over_the_environment_is_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, MINIMAL.replace("[workflows]", "timeout_s = 1\n[workflows]"))
    assert _resolved(Overrides(config=path)).target.access.timeout_s == 1
    monkeypatch.setenv("WFCONFORM_TIMEOUT_S", "2")
    assert _resolved(Overrides(config=path)).target.access.timeout_s == 2
    assert _resolved(Overrides(config=path, timeout_s=3)).target.access.timeout_s == 3


def test_every_variable_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "WFCONFORM_CONFIG": str(write(tmp_path, MINIMAL)),
        "WFCONFORM_NAME": "from the environment",
        "WFCONFORM_BASE_URL": "http://localhost:8080/",
        "WFCONFORM_API_KEY": "key-a",
        "WFCONFORM_SECOND_API_KEY": "key-b",
        "WFCONFORM_SESSION_TTL_S": "60",
        "WFCONFORM_VERIFY_TLS": "false",
        "WFCONFORM_WORKFLOW_CONVERSATION": OTHER,
        "WFCONFORM_WORKFLOW_SLOW": CONVERSATION,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    target = _resolved(Overrides()).target
    assert target.name == "from the environment"
    assert target.access.base_url == "http://localhost:8080"
    assert (target.access.api_key, target.access.second_api_key) == (Secret("key-a"), Secret("key-b"))
    assert (target.session_ttl_s, target.access.verify_tls) == (60, False)
    assert (target.workflows.conversation, target.workflows.slow) == (OTHER, CONVERSATION)


def test_an_empty_variable_counts_as_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFCONFORM_API_KEY", "")
    assert _resolved(Overrides(config=write(tmp_path, MINIMAL))).target.access.api_key == Secret(SECRET)


def test_the_key_of_the_environment_over_the_file_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFCONFORM_API_KEY", "key-a")
    configured = _resolved(Overrides(config=write(tmp_path, MINIMAL)))
    assert any("WFCONFORM_API_KEY, not of the variable" in note for note in configured.notes)
    assert not any("key-a" in note for note in configured.notes)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WFCONFORM_TIMEOUT_S", "soon", "WFCONFORM_TIMEOUT_S: must be a valid number"),
        ("WFCONFORM_TIMEOUT_S", "-1", "WFCONFORM_TIMEOUT_S: must be a number of seconds greater than 0"),
        ("WFCONFORM_BASE_URL", f"https://u:{SECRET}@h", "WFCONFORM_BASE_URL: must not hold credentials"),
        ("WFCONFORM_API_KEY", f"{SECRET}\n", "WFCONFORM_API_KEY: must be a key of visible ASCII characters"),
        ("WFCONFORM_AUTH", SECRET, "WFCONFORM_AUTH: must be 'bearer' or 'none'"),
        ("WFCONFORM_WORKFLOW_SLOW", "x", "WFCONFORM_WORKFLOW_SLOW: must be a workflow id"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as raised:
        resolve(Overrides())
    assert f"environment variable {said}" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_misspelt_variable_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFCONFORM_BASEURL", "http://x")
    monkeypatch.setenv("WFCONFORM_DEBUG", "")
    notes = _resolved(Overrides(config=write(tmp_path, MINIMAL))).notes
    assert notes == ("environment variable WFCONFORM_BASEURL is not read; did you mean WFCONFORM_BASE_URL?",)


def test_a_target_argument_overrides_the_base_url_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFCONFORM_BASE_URL", "http://elsewhere")
    target = _resolved(Overrides(target="http://127.0.0.1:9/x/", config=write(tmp_path, MINIMAL))).target
    assert target.access.base_url == "http://127.0.0.1:9/x"
    assert (target.workflows.conversation, target.access.api_key) == (CONVERSATION, Secret(SECRET))


def test_a_target_needs_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = Overrides(
        target="http://localhost:9",
        api_key_env="ACME_API_KEY",
        workflows=(f"conversation={CONVERSATION}", f"slow = {OTHER}"),
        headers=("teamid: t1", "X-Path:a:b"),
        insecure=True,
    )
    target = _resolved(overrides).target
    assert target.access.api_key == Secret(SECRET)
    assert target.access.headers == {"teamid": Secret("t1"), "X-Path": Secret("a:b")}
    assert not target.access.verify_tls
    assert target.offers >= {"conv", "slow"}


def test_a_header_flag_is_over_the_file_in_any_letter_case(tmp_path: Path) -> None:
    content = MINIMAL.replace(
        "[workflows]", 'headers = { teamid = "t1" }\nsecond_headers = { teamid = "t2" }\n[workflows]'
    )
    access = _resolved(Overrides(config=write(tmp_path, content), headers=("TeamId:t9", "x-canary:1"))).target.access
    assert access.headers == {"TeamId": Secret("t9"), "x-canary": Secret("1")}
    assert access.second_headers == {"teamid": Secret("t2"), "x-canary": Secret("1")}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (Overrides(target="http://h"), "workflows.conversation: is missing"),
        (Overrides(target="h:80", workflows=(f"conversation={CONVERSATION}",)), "TARGET: must begin with http://"),
        (Overrides(target="http://h", workflows=("talks=x",)), "unknown role 'talks'"),
        (Overrides(target="http://h", workflows=("x",)), "--workflow: must be written as role=id"),
        (Overrides(target="http://h", workflows=(f"versioned={OTHER}",)), "versioned needs more than an id"),
        (Overrides(target="http://h", workflows=("conversation=x",)), "--workflow conversation: must be a workflow id"),
        (Overrides(target="http://h", workflows=(f"conversation={CONVERSATION}",)), "no API key for the target"),
        (Overrides(insecure=True), "--insecure describes a target, and none is given"),
    ],
)
def test_flags_that_make_no_target_are_refused(overrides: Overrides, said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        resolve(overrides)
    assert raised.value.hint or "TARGET" in said or "--workflow conversation" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"headers": (SECRET,)}, "--header: must be written as name:value"),
        ({"headers": (f"a:{SECRET}\n\n{SECRET}",)}, "--header a: must have a value of visible ASCII"),
        ({"headers": ("authorization: x",)}, "the header Authorization cannot be set"),
        ({"timeout_s": float("nan")}, "--timeout: must be a number of seconds"),
        ({"api_key_env": SECRET}, "--api-key-env: must be the name of an environment variable"),
        ({"api_key_env": "ACME_OTHER"}, "--api-key-env: the environment variable ACME_OTHER is not set"),
        ({"second_api_key_env": "ACME_API_KEY"}, "the second API key is the same as the first"),
    ],
)
def test_a_wrong_flag_is_named_and_no_secret_is_repeated(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as raised:
        resolve(Overrides(config=write(tmp_path, MINIMAL), **changes))  # type: ignore[arg-type]
    assert said in str(raised.value)
    assert SECRET not in f"{raised.value} {raised.value.hint}"


def test_a_key_variable_that_is_not_set_is_named_with_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_API_KEY")
    with pytest.raises(ConfigError) as raised:
        resolve(Overrides(config=write(tmp_path, MINIMAL)))
    assert "target.api_key_env: the environment variable ACME_API_KEY is not set" in str(raised.value)
    assert raised.value.hint == "export ACME_API_KEY=<the key>"


def test_a_target_without_keys_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACME_API_KEY")
    content = MINIMAL.replace("[workflows]", 'auth = "none"\nheaders = { Authorization = "Basic x" }\n[workflows]')
    configured = _resolved(Overrides(config=write(tmp_path, content)))
    assert configured.target.access.api_key is None
    assert 'auth = "none": no key is sent, AUT-* is not tested' in configured.notes


def test_a_description_is_configured_with_keys_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFCONFORM_API_KEY", "not this one")
    description = {"target": {"base_url": "http://h", "api_key_env": "K"}, "workflows": {"conversation": CONVERSATION}}
    configured = configure(parse_document(description, source="x"), environ={"K": "mine"})
    assert configured.target.access.api_key == Secret("mine")


def test_what_is_overridden_in_the_file_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A placeholder that the command line or the environment replaces is no error; one that nothing replaces is."""
    text = MINIMAL.replace(CONVERSATION, "YOUR WORKFLOW ID").replace("https://", "ftp://")
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        resolve(Overrides(config=path))
    assert {"base_url", "conversation"} <= set(str(raised.value).replace(":", ".").split("."))
    flags = Overrides(target="https://h.test", config=path, workflows=(f"conversation={OTHER}",))
    assert _resolved(flags).target.workflows.conversation == OTHER
    monkeypatch.setenv("WFCONFORM_BASE_URL", "https://e.test")
    monkeypatch.setenv("WFCONFORM_WORKFLOW_CONVERSATION", CONVERSATION)
    assert _resolved(Overrides(config=path)).target.access.base_url == "https://e.test"
