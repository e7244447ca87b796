"""Secrets planted everywhere are in no artefact: console, reports, reproducers, bundles, errors, tracebacks."""

import base64
import html
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.certificate.bundles import a_call, runs
from tests.cli.conftest import Command, _own_environment, wfconform
from tests.cli.faked import CONVERSATION
from tests.secrecy.echoing import COOKIE, KEY, SECOND_KEY, Echoing, Says, leaks, padded
from tests.servers.target import describe

from wfconform.commands.certify import bundle
from wfconform.config import dumps
from wfconform.conformance.scrub import scrubbed
from wfconform.outcomes import Run, Verdict
from wfconform.redactor import Redactor
from wfconform.reference import serving

__all__ = ["_own_environment", "wfconform"]

HEADER, TEAM = "tenant-header-value-5512", "team-identity-8841"
SECOND_TEAM, SENT_COOKIE = "second-team-identity-1177", "session=sent-cookie-9021-3346"
PLANTED = (KEY, SECOND_KEY, HEADER, TEAM, COOKIE, SECOND_TEAM, SENT_COOKIE)
REPORTS = {"r.json": "--json", "r.xml": "--junit", "r.md": "--markdown", "r.sarif": "--sarif", "r.html": "--html"}
OUTPUTS = (*(part for name, option in REPORTS.items() for part in (option, name)), "--show-reproducers")
PIECE = 9  # characters of a secret that may not be seen either


def _found_in(text: str) -> set[str]:
    """Return the planted secrets, or pieces of them at either end, that stand in a text."""
    lowered = text.lower()
    return {
        piece
        for secret in PLANTED
        for piece in (secret, secret[:PIECE + 3], secret[-PIECE - 3:], *_in_base64(secret))
        if piece.lower() in lowered
    }  # fmt: skip


def _in_base64(secret: str) -> list[str]:
    """Return how the secret looks in base64, alone and after `Bearer `."""
    return [base64.b64encode(f"{before}{secret}".encode()).decode()[10:-4] for before in ("", "Bearer ")]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A target file and keys for a server that gives everything away."""
    monkeypatch.setenv("ACME_KEY", KEY)
    monkeypatch.setenv("ACME_SECOND", SECOND_KEY)
    with serving(Echoing(leaks)) as url:
        description = describe(None, base_url=url)
        description["target"] |= {
            "api_key_env": "ACME_KEY",
            "second_api_key_env": "ACME_SECOND",
            "headers": {"teamid": TEAM, "X-Tenant": HEADER, "Cookie": SENT_COOKIE},
            "second_headers": {"teamid": SECOND_TEAM, "X-Tenant": HEADER, "Cookie": SENT_COOKIE},
        }
        Path("t.toml").write_text(dumps(description))
        yield url


@pytest.mark.parametrize(("says", "only"), [(leaks, "EXE,STS,TRN-001,AUT-004"), (padded, "TRN,AUT,RUN")])
def test_nothing_that_a_check_writes_holds_a_secret(wfconform: Command, server: str, says: Says, only: str) -> None:
    """A server that echoes keys and headers into every field: no report, script or line of the console has them."""
    with serving(Echoing(says)) as url:
        done = wfconform("check", url, "--config", "t.toml", "--only", only, *OUTPUTS, "--no-rerun")
    assert done.exit_code == 1, done.output
    assert "***" in done.output
    artefacts = {"console": done.output} | {str(one): one.read_text() for one in Path().rglob("*") if one.is_file()}
    del artefacts["t.toml"]
    assert len(artefacts) >= 7
    assert {name: found for name, text in artefacts.items() if (found := _found_in(text))} == {}
    assert json.loads(artefacts["r.json"])["exit_code"] == 1


def test_nothing_that_a_load_run_writes_holds_a_secret(wfconform: Command, server: str) -> None:
    """The same server under load: figures, first violations and their scripts are told without what it gave away."""
    Path("tiny.toml").write_text("turns = [2, 2]\n[[stage]]\nsessions = 2\nduration_s = 1\n")
    asked = tuple(part for part in OUTPUTS if part not in ("--sarif", "r.sarif"))
    with serving(Echoing(leaks)) as url:
        done = wfconform("load", url, "--config", "t.toml", "-p", "tiny.toml", *asked, "--csv", "r.csv", "--no-rerun")
    assert done.exit_code in (1, 3), done.output
    artefacts = {"console": done.output} | {str(one): one.read_text() for one in Path().rglob("*") if one.is_file()}
    del artefacts["t.toml"]
    assert {"r.json", "r.html", "r.xml", "r.md", "r.csv"} <= set(artefacts)
    assert {name: found for name, text in artefacts.items() if (found := _found_in(text))} == {}


def test_a_refused_first_contact_holds_no_secret_either(wfconform: Command, server: str) -> None:
    """What the first call was answered is told without what it held."""
    with serving(Echoing(leaks, status=302)) as url:
        done = wfconform("check", url, "--config", "t.toml", "--json", "r.json", "--only", "TRN-001", "--no-rerun")
    assert done.exit_code == 3
    assert _found_in(done.output + Path("r.json").read_text()) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", f"https://user:{KEY}@api.example.com"),
        ("check", f"https://{SECOND_KEY}@api.example.com"),
        ("check", f"http://api.example.com/?key={KEY}"),
        ("check", "https://api.example.com", "--api-key-env", KEY),
        ("check", "https://api.example.com", "--api-key-env", "sk_live_first_0123456789abcdef"),
        ("check", "https://api.example.com", "-H", f"teamid={KEY}"),
        ("check", "https://api.example.com", "-H", f"Authorization: Bearer {KEY}"),
        ("check", "https://api.example.com", "-H", f"x-tenant: {KEY}\x01a"),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(
    wfconform: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """URL userinfo, a key where its variable's name belongs, a header that cannot be: refused without the value."""
    monkeypatch.setenv("WFCONFORM_API_KEY", "another-key-000")
    done = wfconform(*arguments, "--workflow", f"conversation={CONVERSATION}")
    assert done.exit_code == 2
    assert _found_in(done.output) == set()
    assert "0123456789abcdef" not in done.output


@pytest.mark.parametrize(
    "line",
    [
        f'api_key = "{KEY}"',
        f'api_key_env = "{KEY}"',
        f'headers = {{ teamid = ["{KEY}"] }}',
        f'headers = {{ "x y" = "{KEY}" }}',
        f'base_url = "https://u:{KEY}@h"',
    ],
)
def test_a_secret_in_the_target_file_is_not_repeated(wfconform: Command, line: str) -> None:
    """Complaints about the target file name the key of the table, not what is there."""
    Path("t.toml").write_text(f'[target]\n{line}\n[workflows]\nconversation = "{CONVERSATION}"\n')
    done = wfconform("check", "--config", "t.toml")
    assert done.exit_code == 2
    assert _found_in(done.output) == set()


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_traceback_holds_no_secret(
    wfconform: Command, server: str, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    """An unexpected error whose message repeats keys: neither the short form nor the traceback shows them."""

    async def fails(*_arguments: object, **_options: object) -> None:
        raise RuntimeError(f"it broke with {KEY} and {SECOND_KEY!r} and {HEADER.upper()}: {TEAM[:12]}")

    monkeypatch.setattr("wfconform.conformance.run_check", fails)
    monkeypatch.setenv("WFCONFORM_DEBUG", debug)
    done = wfconform("check", "--config", "t.toml")
    assert done.exit_code == 4
    assert ("Traceback" in done.stderr) is bool(debug)
    assert _found_in(done.output) - {TEAM[:12]} == set()


def test_a_bundle_holds_no_secret() -> None:
    """What certify seals was redacted before: verdicts, reports, and no configured header."""
    prepared = {
        path: scrubbed(run, PLANTED)
        for path, run in runs(AUT_005=Verdict.WARN).items()
    }  # fmt: skip
    leaky = {path: _leaking(run) for path, run in prepared.items()}
    whole = {path: scrubbed(run, PLANTED) for path, run in leaky.items()}
    assert any(_found_in(str(run)) for run in leaky.values())
    files = bundle(a_call(), whole, None)
    assert {path: found for path, content in files.items() if (found := _found_in(content.decode()))} == {}


def _leaking(run: Run) -> Run:
    results = tuple(replace(result, message=f"{result.message} {' '.join(PLANTED)}") for result in run.results)
    return replace(run, results=results, notes=(f"a note with {KEY}",), target={**run.target, "name": f"acme {KEY}"})


# --- the redactor itself


@pytest.mark.parametrize("secret", [KEY, SECOND_KEY, 'q"uo\\ted<&>key', "ключ-секрет-12345"])
def test_a_secret_is_found_in_every_form(secret: str) -> None:
    """As it is, in other letters, in JSON, in a URL, in HTML, in base64."""
    redact = Redactor([secret])
    forms = [
        secret, secret.upper(), secret.swapcase(), json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""), html.escape(secret), base64.b64encode(secret.encode()).decode().rstrip("="),
        secret[:-1],
    ]  # fmt: skip
    for form in forms:
        assert form not in redact(f"before {form} after"), form
        assert redact(f"before {form} after").startswith("before ***")


def test_a_secret_that_was_cut_is_found_at_the_cut() -> None:
    """What is left of a secret at the end of a text, or before an ellipsis, is taken away; from six characters on."""
    redact = Redactor([KEY])
    for length in range(6, len(KEY)):
        assert KEY[:6] not in redact(f"said: {KEY[:length]}")
        assert KEY[:6] not in redact(f"said: {KEY[:length]}… and more")
        assert KEY[:6] not in redact(f"said: '{KEY[:length]}'")
        assert KEY[-6:] not in redact(f"…{KEY[-length:]} and more")
        assert KEY[:6].upper() not in redact(f"İ said: {KEY[:length].upper()}")


def test_a_text_without_secrets_stays_as_it_is() -> None:
    """Redaction changes nothing else, and short values are no secrets."""
    text = 'POST {"run_id": "65a1"} … said: sk-live is a prefix'
    assert Redactor([KEY])(text) == text
    assert Redactor(["t1", "", "abc"])("t1 abc") == "t1 abc"
    assert Redactor([])(text) == text


def test_redaction_of_a_hostile_text_takes_no_time() -> None:
    """A megabyte of beginnings and ellipses is read in linear time."""
    redact = Redactor([KEY, SECOND_KEY, HEADER, TEAM])
    begun = os.times().user
    assert KEY not in redact(f"{KEY[:-1]}…" * 30_000)
    assert os.times().user - begun < 5


# --- --redact-bodies

CANARY = re.compile(r"canary|wfm[0-9a-f]{12}n", re.IGNORECASE)


def _canaries(_sent: dict[str, str], asked: str) -> dict[str, object]:
    return {
        "error": "canary in error",
        "canary_key": ["canary one", {"canary two": "canary 'three' \"four\" …"}],
        "turn_number": "canary five",
        "status": "canary-six",
        "echo": asked,
        "next_input_hint": "canary seven " * 30,
    }


def test_with_redact_bodies_no_text_is_in_any_report(wfconform: Command, server: str) -> None:
    """Strings of requests and responses become hashes everywhere; the verdicts stay, scripts are left out."""
    asked = ("--only", "EXE,STS,TRN,EVT", "--no-rerun", *OUTPUTS)
    with serving(Echoing(_canaries)) as url:
        plain = wfconform("check", url, "--config", "t.toml", *asked)
        shown = plain.output + "".join(Path(name).read_text() for name in REPORTS)
        before = {row["id"]: row["verdict"] for row in json.loads(Path("r.json").read_text())["requirements"]}
        redacted = wfconform("check", url, "--config", "t.toml", *asked, "--redact-bodies")
    assert CANARY.search(shown)
    after = {row["id"]: row["verdict"] for row in json.loads(Path("r.json").read_text())["requirements"]}
    assert after == before
    artefacts = {"console": redacted.output} | {name: Path(name).read_text() for name in REPORTS}
    assert {name: found.group() for name, text in artefacts.items() if (found := CANARY.search(text))} == {}
    assert "sha256:" in artefacts["r.json"]
    assert not list(Path().glob("r.repro/*.sh"))
