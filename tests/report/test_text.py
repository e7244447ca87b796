from hypothesis import given
from hypothesis import strategies as st
from tests.report.runs import HOSTILE

from wfconform.report.text import clipped, lines, plain, sentence


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_plain_text_is_printable_whatever_the_target_sent(text: str) -> None:
    shown = plain(text)
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in shown)
    shown.encode("utf-8")


def test_ordinary_text_is_left_as_it_is() -> None:
    assert plain("grüße 你好 🙂 § →") == "grüße 你好 🙂 § →"


def test_escapes_are_shown_as_text() -> None:
    assert plain("a\x1b[31m\n\u202e\ud800\U000e0001") == "a\\x1b[31m\\n\\u202e\\ud800\\U000e0001"


def test_clipped_text_never_exceeds_its_limit() -> None:
    assert clipped("abcdef", 4) == "abc…"
    assert clipped("abcd", 4) == "abcd"
    assert len(clipped("\x1b" * 50, 10)) == 10


def test_lines_are_kept_apart_and_made_plain() -> None:
    assert lines("one\ntwo\x07") == ["one", "two\\x07"]


def test_a_sentence_is_the_first_clause() -> None:
    assert sentence("is refused. Probes: many", 100) == "is refused"


def test_the_hostile_sample_holds_what_it_should() -> None:
    assert plain(HOSTILE).isprintable()
