"""Placeholders in prompts and messages (§4)."""

from hypothesis import given
from hypothesis import strategies as st

from wfconform.reference.variables import render


def test_both_kinds_are_replaced() -> None:
    """`{{x}}` is dynamic, `[[x]]` is runtime, and spaces inside do not matter."""
    assert render("{{x}} [[x]] {{ x }}", dynamic={"x": "d"}, runtime={"x": 7}) == "d 7 d"


def test_an_unknown_name_stays() -> None:
    """What nobody has set is left as it is written."""
    assert render("{{a}} [[b]] {{}}", dynamic={}, runtime={}) == "{{a}} [[b]] {{}}"


@given(st.text())
def test_values_are_not_rendered_again(value: str) -> None:
    """A value that looks like a placeholder is text: no user reads other variables with it."""
    assert render("[[said]]", dynamic={"key": "secret"}, runtime={"said": value}) == value
