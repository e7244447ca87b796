"""Whatever a text holds, the shell takes it for that text and runs nothing of it."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wfconform.reproduce.script import _UNPACK
from wfconform.reproduce.shell import comment, is_plain, packed, quoted, word

HOSTILE = "'; touch pwned; $(touch pwned) `touch pwned` \" \\ \n ${IFS} * ~ ! # & | > pwned END_OF_PYTHON\n%s"
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
NASTY = st.text(st.sampled_from("'\"\\$`(){};&|<>*?~!#% \n\ta0"), max_size=40)
few = settings(max_examples=30, deadline=None)


def sh(script: str, shell: str = "sh", **env: str) -> bytes:
    done = subprocess.run(
        [shell], input=script.encode(), env={"PATH": os.environ["PATH"], **env}, capture_output=True, check=True
    )
    return done.stdout


@few
@given(TEXTS | NASTY)
def test_a_quoted_text_is_one_word(text: str) -> None:
    """printf gets it back byte for byte, in the shell and in bash."""
    for shell in ("sh", "bash"):
        assert sh(f"printf '%s' {quoted(text)}", shell) == text.encode()


@few
@given(NASTY, NASTY, st.sampled_from(["0123456789abcdef", "run'$(id)"]))
def test_variables_stand_where_the_literals_stood(before: str, after: str, literal: str) -> None:
    """Only what is meant to be replaced is expanded, to the variable's value as it is."""
    made = word(before + literal + after, {literal: "$run1"})
    told = sh(f"printf '%s' {made}", run1="*'$(id)\"")
    assert told == (before.replace(literal, "*'$(id)\"") + "*'$(id)\"" + after).encode()


@settings(max_examples=15, deadline=None)
@given(before=st.binary(max_size=80), after=st.binary(max_size=20))
def test_any_bytes_can_be_packed(before: bytes, after: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """NULs, broken UTF-8 and all; the run_id of the replay stands where that of then stood."""
    folder = tmp_path_factory.mktemp("packed")
    id = "5f0000000000000000000001"
    content, words = packed(before + id.encode() + after, {id: "$run1"})
    assert words == ("$run1",)
    sh(f'dir={folder}\n{_UNPACK}\nrun1=new\nunpack 1 {quoted(content)} "$run1"')
    assert Path(folder, "1.body").read_bytes() == before + b"new" + after


def test_a_large_body_is_packed_small() -> None:
    """Repetitive bodies of a megabyte do not make scripts of a megabyte."""
    body = b"long " * 180_000
    assert not is_plain(body)
    assert len(packed(body, {})[0]) < 10_000


@few
@given(TEXTS | NASTY)
def test_a_comment_stays_a_comment(text: str) -> None:
    """A line end in it does not end it."""
    assert sh(f"{comment(text)}\nprintf ok") == b"ok"


def test_the_hostile_text_is_only_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that it names is run."""
    monkeypatch.chdir(tmp_path)
    assert sh(f"printf '%s' {quoted(HOSTILE)}") == HOSTILE.encode()
    assert list(tmp_path.iterdir()) == []
