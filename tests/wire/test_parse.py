"""Bodies are strict RFC 8259 JSON (EXE-001, EXE-002); nothing that a server sends makes the parser raise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.exchanges import answer, broken, came_back, first, later

from wfconform.wire import parse

TEXT = json.dumps(answer())


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": 1, "b": 2, "a": 3}', "key 'a' given twice"),
        (b'{"x": {"a": 1, "a": 1}}', "key 'a' given twice"),
        (b'\xef\xbb\xbf{"a": 1}', "a byte order mark"),
        (b'{"a": "\xff"}', "not UTF-8: byte 0xff at 7"),
        (b"", "an empty body"),
        (b" \n", "an empty body"),
        (b"[" * 100_000, "nested more than 400 levels deep"),
    ],
    ids=["NaN", "-Infinity", "a key twice", "a key twice inside", "BOM", "bad byte", "empty", "blank", "deep"],
)
def test_what_is_not_strict_is_named(body: bytes, fault: str) -> None:
    """The fault says what it is."""
    assert parse(body).fault == fault


@pytest.mark.parametrize(
    "body", [b"{", b"{'a': 1}", b'{"a": 1,}', b'{"a": 1} x', b"<html></html>", b'{"a": 01}', b'"\t"']
)
def test_what_is_no_json_has_no_value(body: bytes) -> None:
    """Nothing to go on with."""
    assert parse(body).value is None
    assert parse(body).fault.startswith("not JSON: ")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' {"a": 1} ', {"a": 1}),
        (b"[]", []),
        (b"null", None),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        (b'{"a": 1e2, "b": -0.5}', {"a": 100.0, "b": -0.5}),
        (b"[" * 400 + b"]" * 400, json.loads("[" * 400 + "]" * 400)),
        (b'"' + b"[" * 1000 + b'"', "[" * 1000),
    ],
)
def test_what_is_strict_has_no_fault(body: bytes, value: object) -> None:
    """The value is what any JSON reader gives."""
    assert (parse(body).value, parse(body).fault) == (value, "")


def test_an_integer_that_python_would_not_convert_is_no_integer() -> None:
    """A number of 100,000 digits is valid JSON, but no turn_number."""
    body = TEXT.replace('"turn_number": 1', '"turn_number": 1' + "0" * 100_000).encode()
    assert parse(body).fault == ""
    assert "EXE-002" in broken(came_back(first(), 200, body))


@pytest.mark.parametrize(
    "body",
    [
        TEXT.replace("null", "NaN").encode(),
        TEXT.replace('"turn_number": 1', '"turn_number": 1, "turn_number": 1').encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
    ],
    ids=["NaN", "a key twice", "BOM"],
)
def test_a_lax_body_breaks_the_first_turn_and_goes_on(body: bytes) -> None:
    """EXE-001 alone on a first turn, EXE-002 on a later one; the answer is read all the same."""
    assert "EXE-001" in broken(came_back(first(), 200, body))
    assert "TRN-001" not in broken(came_back(first(), 200, body))
    second = body.replace(b'"turn_number": 1', b'"turn_number": 2').replace(b"event_1", b"event_2")
    found = broken(came_back(first()), came_back(later(), 200, second))
    assert "EXE-002" in found
    assert not found & {"EXE-001", "TRN-002"}


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"null", b"17", b'{"run_id": "\xff"}', b"[" * 1000, b"{"])
def test_a_200_without_an_object_breaks_the_turn(body: bytes) -> None:
    """EXE-001 on a first turn; a later one breaks EXE-002 and is no turn."""
    assert broken(came_back(first(), 200, body)) == {"EXE-001"}
    assert broken(came_back(first()), came_back(later(), 200, body)) == {"EXE-002", "TRN-002"}


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_parse_never_raises(body: bytes) -> None:
    """Whatever the bytes are, there is a value or a fault."""
    parsed = parse(body)
    assert parsed.fault or parsed.value is not None or body.strip(b" \t\r\n") == b"null"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_what_python_writes_is_read_back(value: object) -> None:
    """Strict JSON loses nothing."""
    body = json.dumps(value).encode()
    assert (parse(body).value, parse(body).fault) == (value, "")
