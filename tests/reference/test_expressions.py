"""Edge conditions: what they mean, and that no text gets more out of the parser than an ExpressionError."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfconform.reference.expressions import MAX_DEPTH, ExpressionError, parse

VARIABLES: dict[str, Any] = {
    "age": 36, "price": 2.5, "name": "Ada", "blank": "", "none": [], "gone": None, "yes": True, "no": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[age]] < 50", True),
        ("[[age]] < 50 AND isPresent([[name]])", True),
        ("[[age]] >= 36 and not [[age]] > 36", True),
        ("[[age]] = 36.0", True),
        ("[[price]] <= -1", False),
        ('[[name]] == "Ada"', True),
        ("[[name]] != 'Ada'", False),
        ("[[name]] < 'B'", True),
        (r"'it\'s' = " + '"it\'s"', True),
        ("[[age]] = '36'", False),
        ("[[yes]] = 1", False),
        ("[[yes]]", True),
        ("[[gone]] = null", True),
        ("isPresent([[gone]])", False),
        ("isAbsent([[unset]])", True),
        ("isEmpty([[blank]]) AND isEmpty([[none]]) AND isEmpty([[unset]])", True),
        ("isNonEmpty([[age]])", True),
        ("[[no]] OR [[yes]] AND [[no]]", False),
        ("([[no]] OR [[yes]]) AND [[yes]]", True),
        ("NOT ([[no]] OR [[no]])", True),
        ("isPresent([[unset]]) AND [[unset]] > 3", False),
        ("[[yes]] OR [[unset]] > 3", True),
        ("[[ age ]]=36", True),
    ],
)
def test_a_condition_has_its_meaning(text: str, expected: bool) -> None:
    """Precedence, types, tests and short circuits are as written in the module's grammar."""
    assert parse(text).holds(VARIABLES) is expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[unset]] = 1", "[[unset]] is not set"),
        ("NOT [[unset]]", "[[unset]] is not set"),
        ("[[age]] < 'x'", "a number < a string cannot be compared"),
        ("[[yes]] < 2", "a boolean < a number cannot be compared"),
        ("[[none]] > 1", "a list > a number cannot be compared"),
        ("[[age]]", "a condition must be true or false, not a number"),
        ("[[gone]] AND [[yes]]", "a condition must be true or false, not null"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error(text: str, reason: str) -> None:
    """A condition without a value is never guessed to be false."""
    with pytest.raises(ExpressionError) as raised:
        parse(text).holds(VARIABLES)
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    "text",
    ["", "   ", "AND", "[[a]] =", "= 1", "([[a]]", "[[a]])", "[[a]] [[b]]", "isPresent(1)", "isPresent [[a]]", "'open",
     "[[a]] = 1 = 1", "import os", "[[a]] & [[b]]", "1.2.3 = 1", "[[]] = 1", "9e99 = 1", "__import__('os')"],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text: str) -> None:
    """Every malformed text is an ExpressionError, with a place in it."""
    with pytest.raises(ExpressionError, match="character"):
        parse(text)


@pytest.mark.parametrize("text", ["(" * 100_000, "NOT " * 2_000 + "[[a]]", "(" * 4_000 + "[[a]]" + ")" * 4_000])
def test_nesting_is_bounded(text: str) -> None:
    """Deep nesting is refused, it does not exhaust the stack."""
    with pytest.raises(ExpressionError):
        parse(text)


def test_long_flat_conditions_are_fine() -> None:
    """A chain is not nesting: hundreds of ANDs parse and evaluate."""
    assert parse(" AND ".join(["[[yes]]"] * 500)).holds(VARIABLES)


def test_nesting_up_to_the_bound_is_fine() -> None:
    """The bound itself is allowed."""
    assert parse("(" * MAX_DEPTH + "[[yes]]" + ")" * MAX_DEPTH).holds(VARIABLES)


def test_a_condition_knows_its_variables() -> None:
    """The names come once each, in the order of the text."""
    assert parse("[[b]] = 1 OR isAbsent([[a]]) AND [[b]] = 2").names == ("b", "a")


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No text raises anything but ExpressionError."""
    with contextlib.suppress(ExpressionError):
        parse(text)


@given(st.lists(st.sampled_from(["[[a]]", "AND", "OR", "NOT", "(", ")", "=", "<", "1", "'x'", "isEmpty", "null"])))
def test_any_sequence_of_tokens_is_parsed_or_refused(tokens: list[str]) -> None:
    """Texts that are nearly conditions raise nothing but ExpressionError either, parsed or evaluated."""
    with contextlib.suppress(ExpressionError):
        parse(" ".join(tokens)).holds({"a": True})


def _joined(word: str, parts: list[tuple[str, bool]]) -> tuple[str, bool]:
    meaning = all if word == "AND" else any
    return "(" + f" {word} ".join(text for text, _ in parts) + ")", meaning(value for _, value in parts)


_LEAVES = st.one_of(
    st.sampled_from(
        [("[[yes]]", True), ("[[no]]", False), ("isAbsent([[unset]])", True), ("isEmpty([[name]])", False)]
    ),
    st.integers(-99, 99).map(lambda number: (f"[[age]] > {number}", number < 36)),
)
_CONDITIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda part: (f"NOT ({part[0]})", not part[1])),
        st.builds(_joined, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=4)),
    ),
    max_leaves=12,
)


@given(_CONDITIONS)
def test_composed_conditions_mean_what_their_parts_mean(condition: tuple[str, bool]) -> None:
    """Any nesting of AND, OR and NOT has the value that Python gives to the same nesting."""
    text, expected = condition
    assert parse(text).holds(VARIABLES) is expected
